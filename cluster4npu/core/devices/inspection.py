"""Looking at a model file from anybody: in a child process with limits, so that no file can take the app with it."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

import psutil

from cluster4npu.core.devices import registry
from cluster4npu.core.devices.backend import Backend
from cluster4npu.core.devices.flops import onnx_flops
from cluster4npu.core.devices.model import ModelCost, ModelInfo, TensorShape
from cluster4npu.core.devices.model_file import external_files, model_error, read_model_file, shape_text
from cluster4npu.core.devices.model_package import model_bytes
from cluster4npu.core.devices.model_report import UNKNOWN, ModelReport, guess_task
from cluster4npu.core.devices.onnx_outline import Outline, read_outline
from cluster4npu.core.errors import Cluster4NPUError, DeviceUnavailable, Problem

_LOOK_S = 0.05
_IMAGE_AXES = 4
_MOST_NUMBERS = 2**31  # 8 GiB of float32: what a look may take


@dataclass(frozen=True, slots=True)
class Limits:
    """What a look may cost: seconds by the clock, and resident memory."""

    seconds: float = 60.0
    memory_bytes: int = 8 * 2**30


def inspect_model(
    path: Path,
    limits: Limits | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    *,
    named: bool = False,
) -> ModelReport:
    """Look at a model file without running it on a frame; takes a second or more.

    Models of pipelines take one image, and others are refused; with `named` they are not.

    Raises InputError for a file that is no model, that is damaged, or whose look goes over the limits or ends its
    process; DeviceUnavailable where nothing here reads such a file, or the user has `cancelled`.
    """
    limits = limits or Limits()
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(
        target=_inspect_main, args=(path, theirs, named), name="cluster4npu-inspect", daemon=True
    )
    child.start()
    theirs.close()
    try:
        answer = _answer(child, ours, path, limits, cancelled)
    finally:
        if child.is_alive():
            child.kill()
        child.join(5.0)
        ours.close()
    if isinstance(answer, Cluster4NPUError):
        raise answer
    return answer


def _answer(
    child: SpawnProcess, ours: Connection, path: Path, limits: Limits, cancelled: Callable[[], bool]
) -> ModelReport | Cluster4NPUError:
    until = time.monotonic() + limits.seconds
    while True:
        if ours in wait([ours, child.sentinel], _LOOK_S):
            with contextlib.suppress(EOFError, OSError):
                answer: ModelReport | Cluster4NPUError = ours.recv()
                child.join(1.0)
                return answer
        if not child.is_alive():
            child.join(1.0)
            return _over(path, f"looking at it ended the process (exit code {child.exitcode})")
        if time.monotonic() > until:
            return _over(path, f"looking at it took longer than {limits.seconds:.0f} s")
        if _resident(child) > limits.memory_bytes:
            return _over(
                path, f"looking at it took more than {limits.memory_bytes / 2**30:.1f} GiB of memory"
            )
        if cancelled():
            return DeviceUnavailable(Problem("the look at the model was cancelled", found=path.name))


def _over(path: Path, why: str) -> Cluster4NPUError:
    return model_error(
        "the model cannot be inspected",
        found=f"{path.name}: {why}",
        allowed="a model that loads within the limits",
        hint="The file may be damaged or made to do harm: take it from its source again, or leave it.",
    )


def _resident(child: SpawnProcess) -> int:
    try:
        return int(psutil.Process(child.pid).memory_info().rss)
    except psutil.Error:
        return 0


def _inspect_main(path: Path, connection: Connection, named: bool) -> None:
    from cluster4npu.core.engine.signals import leave_signals_to_the_app

    leave_signals_to_the_app()
    answer: ModelReport | Cluster4NPUError
    try:
        answer = _inspect(path, named)
    except Cluster4NPUError as error:
        answer = error
    except MemoryError:
        answer = _over(path, "it needs more memory than this machine has")
    except Exception as error:  # a runtime's own, of any kind: it becomes one message about the model
        answer = _over(path, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
    with contextlib.suppress(OSError):  # nobody waits any more
        connection.send(answer)
    connection.close()


def _inspect(path: Path, named: bool) -> ModelReport:
    backend, info, cost = _look(path, named)
    sha256 = read_model_file(path)  # the file's own, whatever it was made from
    outputs = tuple(map(TensorShape, info.output_names, info.output_shapes))
    onnx = path.suffix.lower() == ".onnx"
    outline = read_outline(path) if onnx else Outline()
    if onnx:
        cost = ModelCost(dict(outline.operators.most_common()), outline.parameters, onnx_flops(path))
    _require_room(path, (*info.takes, *outputs))
    takes_image = len(info.takes) == 1 and len(info.takes[0].shape) == _IMAGE_AXES
    task, layout = guess_task(info.output_shapes, info.labels, info.task) if takes_image else (UNKNOWN, "")
    return ModelReport(
        path=str(path),
        bytes=model_bytes(path),
        sha256=sha256,
        format="ONNX" if onnx else backend.title,
        inputs=info.takes,
        outputs=outputs,
        task=task,
        layout=layout,
        labels=info.labels,
        operators=cost.operators,
        parameters=cost.parameters,
        flops=cost.flops,
        external=tuple(file.name for file in external_files(path)) if onnx else (),
        producer=outline.producer,
        opset=outline.opset or None,
        description=info.description,
        made_from=info.sha256 if info.sha256 != sha256 else "",
    )


def _require_room(path: Path, tensors: Iterable[TensorShape]) -> None:
    """Refuse a model of which one input or output alone is larger than anybody's frame, before a run fails by it."""
    for tensor in tensors:
        size = math.prod(axis or 1 for axis in tensor.shape)
        if size > _MOST_NUMBERS:
            raise model_error(
                "one tensor of the model is larger than any frame or answer",
                found=f"{tensor.name} {shape_text(tensor.shape)} in {path.name}",
                allowed=f"at most {_MOST_NUMBERS:,} numbers",
                hint="Export the model for images of an ordinary size.",
            )


def _look(path: Path, named: bool) -> tuple[Backend, ModelInfo, ModelCost]:
    """Let the first backend that can do it look at the model; raises DeviceUnavailable where none can."""
    readers = [b for key, b in registry.backends().items() if not b.simulated and registry.reads(key, path)]
    refused: list[DeviceUnavailable] = []
    for backend in readers:
        try:
            looked = backend.look_named(path) if named else backend.look(path)
        except DeviceUnavailable as error:  # it lacks an operator: another may have it
            refused.append(error)
            continue
        if looked is not None:
            return backend, *looked
    if refused:
        raise refused[0]
    extras = " or ".join(b.extra for b in readers if b.extra)
    raise DeviceUnavailable(
        Problem(
            "nothing here reads such a file",
            field="model",
            found=path.name,
            allowed=", ".join(dict.fromkeys(s for b in registry.backends().values() for s in b.suffixes)),
            hint=f"Install {extras}." if extras else "Export the model to ONNX.",
        )
    )
