"""What may stand in `RunOptions`: kinds and bounds of every field, checked before anything is started."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from cluster4npu.core.engine.messages import RunOptions, Segment
from cluster4npu.core.engine.overload import OVERLOADS
from cluster4npu.core.errors import InputError, Problem, nearest
from cluster4npu.core.pipeline.config import PipelineConfig

_BOUNDS: dict[str, tuple[float, float]] = {
    "frames": (1, 10**12),
    "seconds": (0.01, 10**8),
    "target_fps": (0.001, 100_000),
    "window": (1, 10_000),
    "ring_slots": (2, 10_000),
    "in_flight": (1, 1_000),
    "frame_timeout_s": (0.05, 86_400),
    "load_timeout_s": (0.05, 86_400),
    "late_after_s": (0, 86_400),
    "max_width": (1, 1_000_000),
    "max_height": (1, 1_000_000),
}
_CHOICES: dict[str, tuple[str, ...]] = {"calibration": ("auto", "always", "never"), "overload": OVERLOADS}
_WORDS = {int: "a whole number", float: "a number", bool: "True or False", str: "a text", tuple: "device ids"}


def check_pipeline(pipeline: object) -> None:
    """Raise InputError for what is no pipeline: the path of a file, most likely."""
    if isinstance(pipeline, PipelineConfig):
        return
    raise InputError(
        Problem(
            "this is no pipeline",
            field="pipeline",
            found=repr(pipeline)[:100],
            allowed="what Pipeline.open returns",
            hint="Write Engine(Pipeline.open(PATH)).",
        )
    )


def check_options(options: object) -> None:
    """Raise InputError with every option that is of the wrong kind, out of its bounds, or an unknown choice."""
    if not isinstance(options, RunOptions):
        raise InputError(
            Problem(
                "these are no options of a run",
                field="options",
                found=repr(options)[:100],
                allowed="RunOptions or None",
                hint="Write Engine(pipeline, RunOptions(frames=100)).",
            )
        )
    hints = get_type_hints(RunOptions)
    problems = []
    for field in fields(options):
        name, value = field.name, getattr(options, field.name)
        problem = _of_kind(name, value, hints[name]) or _in_bounds(name, value) or _chosen(name, value)
        if problem is not None:
            problems.append(problem)
    if problems:
        raise InputError(*problems)


def named_devices(devices: object) -> tuple[str, ...]:
    """Return device ids as a tuple; a text is one id. Raises InputError for what is no list."""
    if isinstance(devices, str):
        return (devices,)  # Python would take it for a list of letters
    if isinstance(devices, Iterable):
        return tuple(devices)
    hint = 'Write devices=["onnx:cpu"].'
    raise InputError(
        Problem(
            "not of the right kind",
            field="devices",
            found=repr(devices)[:100],
            allowed="a list of device ids, or one id",
            hint=hint,
        )
    )


def check_size(**sides: object) -> None:
    """Raise InputError with every side of a picture that is no whole number of pixels above 0."""
    problems = [_of_kind(name, value, int) or _in_bounds(name, value) for name, value in sides.items()]
    found = [problem for problem in problems if problem is not None]
    if found:
        raise InputError(*found)


def check_segment(segment: Segment) -> None:
    """Raise InputError for a segment that would measure nothing."""
    problems = [_in_bounds(name, getattr(segment, name)) for name in ("frames", "seconds", "window")]
    found = [problem for problem in problems if problem is not None]
    if found:
        raise InputError(*found)


def _of_kind(name: str, value: Any, hint: Any) -> Problem | None:
    kinds = get_args(hint) if get_origin(hint) is not tuple and get_args(hint) else (hint,)
    if any(_is(value, kind) for kind in kinds):
        return None
    words = [_WORDS[get_origin(kind) or kind] for kind in kinds if kind is not NoneType]
    words += ["None"] * (NoneType in kinds)
    return Problem(
        "not of the right kind",
        field=name,
        found=repr(value)[:100],
        allowed=" or ".join(words),
        hint=f"Give {words[0]}.",
    )


def _is(value: Any, kind: Any) -> bool:
    if get_origin(kind) is tuple:
        return isinstance(value, tuple) and len(value) > 0 and all(isinstance(item, str) for item in value)
    if isinstance(value, bool) and kind is not bool:
        return False
    return isinstance(value, (int, float) if kind is float else kind)


def _in_bounds(name: str, value: Any) -> Problem | None:
    if value is None or name not in _BOUNDS:
        return None
    low, high = _BOUNDS[name]
    if low <= value <= high:
        return None
    allowed = f"{low} to {high}"
    return Problem("out of bounds", field=name, found=repr(value), allowed=allowed, hint="Correct it.")


def _chosen(name: str, value: Any) -> Problem | None:
    allowed = _CHOICES.get(name)
    if value is None or allowed is None or value in allowed:
        return None
    return Problem(
        "unknown choice",
        field=name,
        found=str(value),
        allowed=", ".join(allowed),
        hint=nearest(str(value), allowed),
    )
