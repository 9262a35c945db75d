"""Reading PyTorch's files: TorchScript, torch.export programs, safetensors, and why pickles are refused.

TorchScript is read by PyTorch's own C++ reader, which runs no Python; its operators that touch files are refused.
`torch.export.load` unpickles and may even load native code (so its documentation): it is called for trusted files only.
"""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cluster4npu.backends import torch_weights
from cluster4npu.core.devices.model import ModelInfo
from cluster4npu.core.devices.model_file import (
    check_input,
    corrupt,
    labels_from,
    model_error,
    read_model_file,
)
from cluster4npu.core.devices.trust import require_trust
from cluster4npu.core.errors import Cluster4NPUError

_WHOLE = "a whole TorchScript archive or torch.export program"
_SAFE = (
    "Save it as TorchScript, torch.jit.save(torch.jit.trace(model.eval(), example), PATH), or export it to ONNX, "
    "where the model was made."
)
_TOUCH_FILES = {"aten::from_file", "aten::save"}
_HIDDEN_CALLS = {
    "prim::CallMethod",
    "prim::CallFunction",
}  # left after inlining: interfaces, forked tasks
_OPEN = (None, 3, None, None)


@dataclass(frozen=True, slots=True)
class Program:
    """A loaded model: `run` takes and returns tensors on the device (any nesting of outputs)."""

    run: Any  # a module of PyTorch, called with a tensor
    info: ModelInfo


def load_program(path: Path, torch: Any, device: str) -> Program:
    """Read the file for `device` as PyTorch names it, and look at its shapes; raises InputError."""
    sha256 = read_model_file(path)
    kind = refuse_pickle(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that TorchScript is old is not the user's concern
            if kind == "export":
                require_trust(path, sha256, "torch.export.load unpickles what is in it")
                run, shapes, dtype, extra = _load_export(path, torch, device)
            elif kind == "weights":
                sha256 = torch_weights.told_digest(path, sha256)
                run, shapes, dtype, extra = _load_weights(path, torch, device)
            else:
                run, shapes, dtype, extra = _load_script(path, torch, device)
    except Cluster4NPUError:
        raise
    except Exception as error:  # PyTorch's readers and unpickler raise nearly anything for a damaged archive
        first = next(
            (line.strip() for line in str(error).splitlines() if line.strip()), "it does not say why"
        )
        raise corrupt(path, f"{type(error).__name__}: {first}", _WHOLE) from error
    check_input(path, shapes)
    ((name, shape),) = shapes.items()
    outputs = _shapes_of_outputs(path, run, shape, dtype, torch, device)
    info = ModelInfo(
        path=str(path),
        sha256=sha256,
        input_name=name,
        input_shape=shape,
        input_dtype=dtype,
        output_names=tuple(f"output{i}" for i in range(len(outputs))),
        output_shapes=outputs,
        labels=labels_from(extra),
        task=str(extra.get("task", "")),
    )
    return Program(run, info)


def tensors_in(outputs: Any) -> list[Any]:
    """Return the tensors of what a model returned, in order, out of tuples, lists and dicts."""
    if isinstance(outputs, Mapping):
        return [t for item in outputs.values() for t in tensors_in(item)]
    if isinstance(outputs, tuple | list):
        return [t for item in outputs for t in tensors_in(item)]
    return [outputs] if hasattr(outputs, "detach") else []


def refuse_pickle(path: Path) -> str:
    """Return "script", "export" or "weights" by what is in the file; raises InputError for a pickle, and for none."""
    kind = _kind_of(path)
    if kind == "pickle":
        raise model_error(
            "this file is a Python pickle, and loading it could run any code",
            found=path.name,
            allowed="TorchScript (torch.jit.save), torch.export (.pt2) or safetensors",
            hint=_SAFE,
        )
    return kind


def names_devices(module: Any, torch: Any) -> bool:
    """Tell whether a program says itself where some of it runs, beside where it was put."""
    if isinstance(module, torch.jit.ScriptModule):
        graph = str(module.inlined_graph)
        return 'value="cpu"' in graph or "aten::cpu" in graph
    if isinstance(module, torch.fx.GraphModule):
        cpu = torch.device("cpu")
        nodes = module.graph.nodes
        return any(cpu in (*node.args, *node.kwargs.values()) for node in nodes if node.op == "call_function")
    return False


def last_line(error: Exception) -> str:
    """Return what an error says in the end: TorchScript's begins with a traceback of its own."""
    return next(
        (line.strip() for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__
    )


def _kind_of(path: Path) -> str:
    """Return "script", "export", "weights" or "pickle" by what is in the file; raises InputError for none of them."""
    if path.suffix.lower() == torch_weights.SUFFIX:
        return "weights"
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            start = file.read(2)
        if start[:1] == b"\x80":  # how every pickle of protocol 2 and later begins
            return "pickle"
        raise corrupt(path, "not an archive of PyTorch", _WHOLE)
    with zipfile.ZipFile(path) as archive:
        names = {name.partition("/")[2] for name in archive.namelist()}
    if "constants.pkl" in names:
        return "script"
    if any(name.startswith("models/") for name in names):
        return "export"
    if "data.pkl" in names:
        return "pickle"
    raise corrupt(path, "not an archive of PyTorch", _WHOLE)


Loaded = tuple[Callable[[Any], Any], dict[str, tuple[int | None, ...]], str, dict[str, Any]]


def _load_script(path: Path, torch: Any, device: str) -> Loaded:
    extra: dict[str, Any] = {"config.txt": "", "names": "", "task": ""}
    with zipfile.ZipFile(path) as archive:
        traced = any(name.endswith("/traced_inputs.pkl") for name in archive.namelist())
    module = torch.jit.load(str(path), map_location=device, _extra_files=extra, _restore_shapes=traced).eval()
    _refuse_side_effects(path, module.inlined_graph)
    extra = {key: _text(value) for key, value in extra.items()}
    config = _json(extra.pop("config.txt"))  # what Ultralytics writes into its exports
    inputs = list(module.graph.inputs())[1:]
    size = config.get("imgsz")
    shapes: dict[str, tuple[int | None, ...]] = {}
    for item in inputs:
        sizes = item.type().sizes() if item.type().kind() == "TensorType" else None
        shapes[item.debugName().split(".")[0]] = tuple(sizes) if sizes else _OPEN
    if len(shapes) == 1 and isinstance(size, list) and len(size) == 2:
        shapes = {name: (None, 3, int(size[0]), int(size[1])) for name in shapes}
    known = [item.type().dtype() for item in inputs if item.type().kind() == "TensorType"]
    return (
        module,
        shapes,
        _dtype(known[0] if known else None),
        {**config, **{k: v for k, v in extra.items() if v}},
    )


def _load_export(path: Path, torch: Any, device: str) -> Loaded:
    extra: dict[str, Any] = {"names": "", "task": ""}
    program = torch.export.load(str(path), extra_files=extra)
    names = program.graph_signature.user_inputs
    values = {n.name: n.meta["val"] for n in program.graph.nodes if n.op == "placeholder" and n.name in names}
    shapes = {
        name: tuple(size if isinstance(size, int) else None for size in value.shape)
        for name, value in values.items()
        if hasattr(value, "shape")
    }
    dtype = _dtype(next(iter(values.values())).dtype) if shapes else "float32"
    module = program.module().to(device)
    return module, shapes, dtype, {key: _text(value) for key, value in extra.items()}


def _load_weights(path: Path, torch: Any, device: str) -> Loaded:
    network, shape, told = torch_weights.load_weights(path, torch, device)
    kinds = [value.dtype for value in network.parameters() if value.is_floating_point()]
    return network, {"image": shape}, _dtype(kinds[0] if kinds else None), told


def _shapes_of_outputs(
    path: Path, run: Callable[[Any], Any], shape: tuple[int | None, ...], dtype: str, torch: Any, device: str
) -> tuple[tuple[int | None, ...], ...]:
    """Return the shapes of one blank frame's outputs, () where the model leaves the frame's size open."""
    if None in shape[1:]:
        return ()
    blank = torch.from_numpy(np.zeros((1, *[size or 1 for size in shape[1:]]), dtype)).to(device)
    try:
        with torch.inference_mode():
            return tuple(tuple(t.shape) for t in tensors_in(run(blank)))
    except (RuntimeError, ValueError) as error:
        raise model_error(
            "the model cannot compute a frame",
            found=f"{path.name}: {str(error).split(chr(10))[0]}",
            allowed=f"a model that takes {dtype} images",
            hint="Export it again with an example of the shape that it takes.",
        ) from error


def _refuse_side_effects(path: Path, graph: Any) -> None:
    """Raise InputError for a model that touches files, or calls what cannot be looked into."""
    kinds = _operators(graph)
    touching = sorted(kinds & (_TOUCH_FILES | _HIDDEN_CALLS))
    if touching:
        reads = "the model reads or writes files, which is not allowed"
        hidden = "the model calls what cannot be looked into before it runs"
        raise model_error(
            reads if kinds & _TOUCH_FILES else hidden,
            found=f"{path.name}: {', '.join(touching)}",
            allowed="a model that only computes",
            hint="Export it without these operators, for example by tracing: torch.jit.trace(model, example).",
        )


def _operators(block: Any) -> set[str]:
    """Return the kinds of all operators, those in branches, loops and forked graphs too."""
    kinds: set[str] = set()
    for node in block.nodes():
        inner = [*node.blocks(), *(node.g(a) for a in node.attributeNames() if node.kindOf(a) == "g")]
        kinds |= {node.kind()}.union(*map(_operators, inner))
    return kinds


def _dtype(dtype: Any) -> str:
    return "float32" if dtype is None else str(dtype).removeprefix("torch.")


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
