"""Weights in safetensors with the name of their network: no code is in the file, the network comes from a package.

The name stands in the file's own metadata, or in a JSON file of the same name beside it: `architecture` is the name of
an entry point of the group `cluster4npu.architectures`, or `torchvision:NAME`; `arguments` (a JSON object) go to it as
keywords; `input_shape` ([1, 3, height, width]), `names` and `task` say what the network takes and tells.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import stat
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from cluster4npu.core.devices.model_file import corrupt, model_error
from cluster4npu.core.errors import DeviceUnavailable, Problem, nearest, one_line

GROUP = "cluster4npu.architectures"
SUFFIX = ".safetensors"
_TORCHVISION = "torchvision:"
_MOST_JSON = 1 << 20
_OPEN = [None, 3, None, None]


def load_weights(path: Path, torch: Any, device: str) -> tuple[Any, tuple[int | None, ...], dict[str, Any]]:
    """Return (the network on `device`, its input's shape, what is told of it); raises InputError."""
    safetensors = _safetensors()
    try:
        with safetensors.safe_open(str(path), "pt") as file:
            header = dict(file.metadata() or {})
        weights = safetensors.torch.load_file(str(path))
    except (safetensors.SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise corrupt(path, one_line(error), "a whole safetensors file") from error
    told = _told(path, header)
    network = _network(path, told)
    kinds = {value.dtype for value in weights.values() if value.is_floating_point()}
    if kinds == {torch.float16}:  # the network computes in what its weights are; NumPy has no bfloat16
        network = network.half()
    try:
        network.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        raise model_error(
            "the weights do not fit the network",
            found=f"{path.name}, {told['architecture']}: {one_line(error)}",
            allowed="the weights of this very network, with the same arguments",
            hint="Check `architecture` and `arguments` (the number of classes) beside the weights.",
        ) from error
    return network.eval().to(device), _shape(path, told.get("input_shape", _OPEN)), told


def told_digest(path: Path, sha256: str) -> str:
    """Return the digest of the weights together with what is told beside them."""
    beside = _beside(path)
    return hashlib.sha256(f"{sha256} {beside}".encode()).hexdigest() if beside else sha256


def _beside(path: Path) -> str:
    """Return what is told beside the weights, "" where there is nothing; a link or a pipe is not followed."""
    file = path.with_suffix(".json")
    with contextlib.suppress(OSError):
        facts = file.lstat()
        if stat.S_ISREG(facts.st_mode) and facts.st_size <= _MOST_JSON:
            return file.read_text("utf-8", errors="replace")
    return ""


def _told(path: Path, header: Mapping[str, str]) -> dict[str, Any]:
    told: dict[str, Any] = {key: _json(value) for key, value in header.items()}
    beside = path.with_suffix(".json").name
    if "architecture" not in told:
        value = _json(_beside(path))
        told |= value if isinstance(value, dict) else {}
    if not isinstance(told.get("architecture"), str):
        raise model_error(
            "the file holds weights only, and does not name their network",
            found=path.name,
            allowed=f"`architecture` in its metadata, or in {beside} beside it",
            hint=f'Write {beside}: {{"architecture": "torchvision:resnet50", "input_shape": [1, 3, 224, 224]}}.',
        )
    return told


def _network(path: Path, told: Mapping[str, Any]) -> Any:
    name, arguments = str(told["architecture"]), told.get("arguments", {})
    if not isinstance(arguments, dict) or any(str(key).startswith("weights") for key in arguments):
        raise model_error(
            "the network's arguments are none",
            found=f"{path.name}: {arguments}",
            allowed="a JSON object of keywords, none of which names weights (they would be downloaded)",
            hint="Check `arguments` beside the weights.",
        )
    make = _torchvision(name) if name.startswith(_TORCHVISION) else _entry(name)
    try:
        return make(**arguments)
    except (
        Exception
    ) as error:  # someone else's code: whatever it raises is about this name and these arguments
        raise model_error(
            "the network cannot be made",
            found=f"{name}: {type(error).__name__}: {one_line(error)}",
            allowed="the network's own keywords in `arguments`",
            hint="Check `architecture` and `arguments` beside the weights.",
        ) from error


def _torchvision(name: str) -> Callable[..., Any]:
    try:
        from torchvision.models import get_model_builder, list_models
    except (ImportError, RuntimeError) as error:  # the latter from one that was built for another PyTorch
        raise DeviceUnavailable(
            Problem(
                "the package with this network is not here, or does not fit PyTorch",
                field="model",
                found=f"{name}: {one_line(error)}",
                hint="Install torchvision in the version that fits PyTorch.",
            )
        ) from error
    plain = name.removeprefix(_TORCHVISION)
    known = list_models()
    if plain not in known:
        raise _unknown(name, [_TORCHVISION + item for item in known])
    make: Callable[..., Any] = get_model_builder(plain)
    return make


def _entry(name: str) -> Callable[..., Any]:
    known = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in known:
        raise _unknown(name, [*known])
    make: Callable[..., Any] = known[name].load()
    return make


def _unknown(name: str, known: list[str]) -> Exception:
    return model_error(
        "there is no such network here",
        found=name,
        allowed=f"torchvision:NAME, or an entry point of the group {GROUP}",
        hint=nearest(name, known) or "Install the package that brings it.",
    )


def _shape(path: Path, value: Any) -> tuple[int | None, ...]:
    if isinstance(value, list) and all(
        size is None or (isinstance(size, int) and size > 0) for size in value
    ):
        return tuple(value)
    raise model_error(
        "the shape of the input is none",
        found=f"{path.name}: {value}",
        allowed="[1, 3, height, width]; null where it is open",
        hint="Check `input_shape` beside the weights.",
    )


def _json(text: str) -> Any:
    with contextlib.suppress(ValueError, RecursionError):
        return json.loads(text)
    return text


def _safetensors() -> Any:
    try:
        import safetensors
        import safetensors.torch
    except ImportError as error:
        raise DeviceUnavailable(
            Problem(
                "what reads safetensors is not installed",
                field="model",
                found=str(error),
                hint="Install cluster4npu[torch].",
            )
        ) from error
    return safetensors
