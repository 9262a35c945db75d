"""One family on one device: loaded, warmed up and timed, in a process in which nothing else has run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cluster4npu.core.devices import registry
from cluster4npu.core.devices.backend import Preparation, Session
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.errors import DeviceUnavailable, Problem
from cluster4npu.core.families.inputs import make_inputs
from cluster4npu.core.families.memory import PeakMemory
from cluster4npu.core.families.registry import family

LEAST_INFERENCES = 11  # so that there is a median
_WARM_UP_SHARE = 0.2  # of the measured time
_LEAST_WARM_UP = 3


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be measured; `device` is a settled id, `model` the file that it loads."""

    family: str
    size: str
    model: Path
    device: str
    batch: int
    seconds: float
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Timings:
    """What one process has measured. Times are cold for start and first inference, warm for `stamps_ns`.

    `stamps_ns` is N x 2: begin and end of each inference (time.monotonic_ns). `startup_ms` is from the first line
    that needs the runtime to the loaded model, the runtime's import included.
    """

    unit: str
    unit_detail: str
    sha256: str
    startup_ms: float
    first_inference_ms: float
    stamps_ns: np.ndarray = field(repr=False)
    baseline_bytes: int
    peak_bytes: int | None


def measure(task: Task) -> Timings:
    """Load, run once, warm up and time; raises what loading and inferring raise. For a fresh process."""
    inputs = make_inputs(family(task.family).inputs_of(task.size), task.batch, task.seed)
    memory, start = PeakMemory(), time.perf_counter()
    device = DeviceId.parse(task.device)
    backend, options = registry.backend(device.backend), registry.device_options(device)
    session = backend.load_named(task.model, device, options)
    startup_ms = (time.perf_counter() - start) * 1e3
    (first,) = _timed(session, inputs, 0.0, 1)
    _timed(session, inputs, task.seconds * _WARM_UP_SHARE, _LEAST_WARM_UP)
    stamps = _timed(session, inputs, task.seconds, LEAST_INFERENCES)
    found = Timings(
        unit=session.unit,
        unit_detail=session.unit_detail,
        sha256=session.info.sha256,
        startup_ms=startup_ms,
        first_inference_ms=float(first[1] - first[0]) / 1e6,
        stamps_ns=stamps,
        baseline_bytes=memory.baseline_bytes,
        peak_bytes=memory.bytes(),
    )
    session.close()
    return found


def _timed(session: Session, inputs: dict[str, np.ndarray], seconds: float, least: int) -> np.ndarray:
    """Infer for so long, and so often at least; return begin and end of each, N x 2."""
    offset = time.monotonic_ns() - time.perf_counter_ns()  # the finer clock, told in the one of all processes
    stamps: list[tuple[int, int]] = []
    until = time.perf_counter_ns() + int(seconds * 1e9)
    while len(stamps) < least or time.perf_counter_ns() < until:
        begin = time.perf_counter_ns()
        session.infer_named(inputs)
        stamps.append((begin, time.perf_counter_ns()))
    return np.array(stamps, np.int64) + offset


def prepare(model: Path, device: str) -> Path:
    """Return the file that the device loads in place of `model`, as its precision asks; for a process of its own.

    Raises DeviceUnavailable for a precision that is made with frames of a source, which a family has not.
    """
    wanted = DeviceId.parse(device)
    backend = registry.backend(wanted.backend)
    what = backend.preparation(wanted, model)
    if what is Preparation.CALIBRATE:
        raise DeviceUnavailable(
            Problem(
                "this precision is made with frames of a source, and a family has none",
                field="devices",
                found=device,
                allowed="int8 that is made without (on onnx: devices), or another precision",
                hint="Measure it in another precision, or on onnx:cpu.",
            )
        )
    return model if what is Preparation.NONE else backend.prepare(model, wanted, None)
