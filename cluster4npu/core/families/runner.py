"""The runner: every family on every device, batch and precision, each in its own process; refusals are rows, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cluster4npu.core.devices import registry, truth
from cluster4npu.core.devices.backend import Preparation
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.errors import Cancelled, Cluster4NPUError, Problem
from cluster4npu.core.families import measuring
from cluster4npu.core.families.apart import apart
from cluster4npu.core.families.building import SPEED_ONLY, file_of
from cluster4npu.core.families.family import REDUCED, Family
from cluster4npu.core.families.measuring import Timings
from cluster4npu.core.metrics.statistics import LatencyStats

AS_IS = ""  # the precision of the model itself
_LIMIT_S = 600.0  # for one cell, beside its measured time


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be measured: each family with each of the others. `devices` are ids; `precisions` "" as the model."""

    families: tuple[Family[Any], ...]
    devices: tuple[str, ...]
    batches: tuple[int, ...] = (1,)
    precisions: tuple[str, ...] = (AS_IS,)
    size: str = REDUCED
    seconds: float = 3.0

    @property
    def cells(self) -> int:
        """Return how many there are."""
        return len(self.families) * len(self.devices) * len(self.batches) * len(self.precisions)


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One of them: `device` has batch and precision as options. `refusal` says why there are no figures, "" else.

    Latencies are those of one inference of the whole batch; `stamps_ns` (N x 2) is begin and end of each. Memory is
    resident: `peak_bytes` at its highest, `baseline_bytes` before the runtime was imported. None: not reported.
    """

    device: str
    batch: int
    precision: str
    settled: str = ""
    unit: str = truth.UNKNOWN
    refusal: str = ""
    startup_ms: float | None = None
    first_inference_ms: float | None = None
    baseline_bytes: int | None = None
    peak_bytes: int | None = None
    stamps_ns: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.int64), repr=False)

    @property
    def inferences(self) -> int:
        """Return how many were timed."""
        return len(self.stamps_ns)

    @property
    def latency_ms(self) -> LatencyStats:
        """Return mean and percentiles; None below the sample floor."""
        return LatencyStats.of((self.stamps_ns[:, 1] - self.stamps_ns[:, 0]) / 1e6)

    @property
    def wall_s(self) -> float | None:
        """Return the time from the first timed inference's begin to the last one's end."""
        return float(self.stamps_ns[-1, 1] - self.stamps_ns[0, 0]) / 1e9 if self.inferences else None

    @property
    def throughput(self) -> float | None:
        """Return inputs a second."""
        return self.inferences * self.batch / self.wall_s if self.wall_s else None

    @property
    def memory_bytes(self) -> int | None:
        """Return by how much the process grew at its highest."""
        if self.peak_bytes is None or self.baseline_bytes is None:
            return None
        return max(0, self.peak_bytes - self.baseline_bytes)

    @property
    def fell_back(self) -> bool:
        """Tell whether an accelerator was asked for, and the processor ran it all."""
        return not self.refusal and truth.fell_back(self.device, self.unit)

    def as_dict(self) -> dict[str, Any]:
        """Return it as the command line prints it."""
        return {
            "device": self.device,
            "batch": self.batch,
            "precision": self.precision or "as the model",
            "measured": not self.refusal,
            "refusal": self.refusal,
            "unit": self.unit,
            "fell_back": self.fell_back,
            "inferences": self.inferences,
            "throughput_per_s": self.throughput,
            "latency_ms": self.latency_ms.as_dict(),
            "startup_ms": self.startup_ms,
            "first_inference_ms": self.first_inference_ms,
            "memory_bytes": self.memory_bytes,
            "host_peak_bytes": self.peak_bytes,
            "host_baseline_bytes": self.baseline_bytes,
            "device_peak_bytes": None,  # no backend reports it
        }


@dataclass(frozen=True, slots=True, eq=False)
class FamilyRun:
    """What was measured of one family; `model` is its file."""

    family: Family[Any]
    size: str
    model: Path
    cells: tuple[Cell, ...]

    @property
    def measured(self) -> tuple[Cell, ...]:
        """Return the cells with figures."""
        return tuple(cell for cell in self.cells if not cell.refusal)

    def headline(self) -> str:
        """Return the best of it in one line, which says what it is worth."""
        best = max(self.measured, key=lambda cell: cell.throughput or 0.0, default=None)
        name = f"{self.family.id} ({self.size}), {SPEED_ONLY}"
        if best is None:
            return f"{name}: nothing was measured"
        return f"{name}: {best.throughput:.1f} inputs/s on {best.device}"


def run(
    plan: Plan,
    told: Callable[[int, str], None] = lambda _done, _what: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[FamilyRun]:
    """Measure family by family; `told` gets how many cells are done, and which is next.

    A device that is not here, or that refuses the model or the precision, gives a cell with the reason. Raises what
    `file_of` does, and Cancelled.
    """
    done = 0
    for item in plan.families:
        model, cells = file_of(item, plan.size), []
        for device, batch, precision in _each(plan):
            told(done, f"{item.id}  {device}  batch {batch}  {precision}".rstrip())
            cells.append(
                _cell(plan, item, model, _with(device, batch, precision), batch, precision, cancelled)
            )
            done += 1
        yield FamilyRun(item, plan.size, model, tuple(cells))


def _each(plan: Plan) -> Iterator[tuple[str, int, str]]:
    for device in plan.devices:
        for precision in plan.precisions:
            for batch in plan.batches:
                yield device, batch, precision


def _with(device: str, batch: int, precision: str) -> DeviceId:
    """Return the device with batch and precision as its options; raises InputError for what is no device id."""
    found = DeviceId.parse(device)
    if batch > 1 or "batch" in dict(found.options):
        found = found.with_option("batch", str(batch))
    if not precision:
        return found
    options = registry.backend(found.backend).Options.model_fields
    found = found.with_option("precision", precision)
    if precision == "int8" and "quantization" in options and "quantization" not in dict(found.options):
        found = found.with_option("quantization", "dynamic")  # as transformers usually are
    return found


def _cell(
    plan: Plan, item: Family[Any], model: Path, device: DeviceId, batch: int, precision: str,
    cancelled: Callable[[], bool],
) -> Cell:  # fmt: skip
    """Measure one cell; whatever a device says against it is its refusal."""
    cell = Cell(str(device), batch, precision or dict(device.options).get("precision", AS_IS))
    try:
        backend = registry.backend(device.backend)
        if backend.simulated:
            return replace(cell, refusal="a simulated device computes nothing, whatever the network is")
        registry.require_reader(device, model)
        registry.device_options(device)
        registry.require_available(device, model)
        (settled,) = registry.settle((device,))
        cell = replace(cell, settled=str(settled))
        task = measuring.Task(item.id, plan.size, model, str(settled), batch, plan.seconds)
        if backend.preparation(settled, model) is not Preparation.NONE:
            made = apart(measuring.prepare, task, limit_s=_LIMIT_S, cancelled=cancelled)
            task = replace(task, model=made)
        limit_s = _LIMIT_S + 2 * plan.seconds
        return _filled(cell, apart(measuring.measure, task, limit_s=limit_s, cancelled=cancelled))
    except Cancelled:
        raise
    except Cluster4NPUError as error:
        return replace(cell, refusal=_reason(error.problems[0], cell))


def _reason(problem: Problem, cell: Cell) -> str:
    """Return why there are no figures, in a sentence or two."""
    told = [problem.message]
    if problem.found and problem.found not in (cell.device, cell.settled):
        told.append(problem.found)
    return ". ".join(part for part in (": ".join(told), problem.hint) if part)


def _filled(cell: Cell, found: Timings) -> Cell:
    return replace(
        cell,
        unit=found.unit,
        startup_ms=found.startup_ms,
        first_inference_ms=found.first_inference_ms,
        baseline_bytes=found.baseline_bytes,
        peak_bytes=found.peak_bytes,
        stamps_ns=found.stamps_ns,
    )
