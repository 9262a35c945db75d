"""One family on one device: loaded, warmed up and timed, in a process in which nothing else has run."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cluster4npu.core.devices import registry
from cluster4npu.core.devices.backend import Calibration, Preparation, Session
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.families.inputs import make_inputs
from cluster4npu.core.families.memory import PeakMemory
from cluster4npu.core.families.registry import family

LEAST_INFERENCES = 11  # so that there is a median
_WARM_UP_SHARE = 0.2  # of the measured time
_LEAST_WARM_UP = 3
_CALIBRATED_WITH = 8  # inputs that static int8 takes its ranges from


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


def prepare(task: Task) -> Path:
    """Return the file that the device loads in place of the model, as its precision asks; for a process of its own.

    What takes ranges from a source gets what the family's input builder makes from other seeds than the measured one.
    Raises what `Backend.prepare` does.
    """
    wanted = DeviceId.parse(task.device)
    backend = registry.backend(wanted.backend)
    calibration = None
    if backend.preparation(wanted, task.model) is Preparation.CALIBRATE:
        tensors = family(task.family).inputs_of(task.size)
        seeds = range(task.seed + 1, task.seed + 1 + _CALIBRATED_WITH)
        calibration = Calibration([make_inputs(tensors, 1, seed) for seed in seeds])
    return backend.prepare(task.model, wanted, calibration)
