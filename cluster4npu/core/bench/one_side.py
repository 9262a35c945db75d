"""One side of a comparison measured by itself, and what two of them come to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cluster4npu.core.bench.inputs import BenchmarkInput
from cluster4npu.core.bench.legs import Leg
from cluster4npu.core.bench.result import SideFigures, Speedup
from cluster4npu.core.bench.statistics import bootstrap_speedup
from cluster4npu.core.errors import InputError, Problem


@dataclass(frozen=True, slots=True, eq=False)
class DeviceBenchmark:
    """Devices measured by themselves, on an input that is known by its checksum.

    `samples_ms` is each frame's end-to-end latency, from which `n`, `mean_ms`, `std_ms` and the percentiles of
    `figures` are computed; `work` is the digest of what was computed (without the devices).
    """

    devices: tuple[str, ...]
    figures: SideFigures
    legs: tuple[Leg, ...]
    data: BenchmarkInput
    work: str
    simulated: bool
    seed: int = 0
    samples_ms: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples_ms", np.concatenate([leg.latency_ms for leg in self.legs]))

    @property
    def n(self) -> int:
        """Return how many frames were counted."""
        return len(self.samples_ms)

    @property
    def fps(self) -> float:
        """Return completed frames over counted time."""
        return self.figures.fps

    @property
    def mean_ms(self) -> float | None:
        """Return the mean latency."""
        return self.figures.latency_ms.mean

    @property
    def std_ms(self) -> float | None:
        """Return the sample's standard deviation of the latency; None below two frames."""
        return float(np.std(self.samples_ms, ddof=1)) if self.n > 1 else None

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as JSON, without the samples."""
        latency = self.figures.latency_ms.as_dict()
        return {
            "devices": list(self.devices), "n": self.n, "fps": self.fps, "latency_ms": {**latency, "std": self.std_ms},
            "test_data": self.data.name, "checksum": self.data.checksum, "simulated": self.simulated,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class SpeedupMetrics:
    """How much faster several devices are: time of one over time of all, for the same frames.

    `speedup` has a 95% interval; `efficiency` is the speedup per device.
    """

    speedup: Speedup
    efficiency: float
    single: DeviceBenchmark = field(repr=False)
    multi: DeviceBenchmark = field(repr=False)

    @property
    def simulated(self) -> bool:
        """Tell whether any device was simulated."""
        return self.single.simulated or self.multi.simulated


def speedup_metrics(single: DeviceBenchmark, multi: DeviceBenchmark) -> SpeedupMetrics:
    """Compare two sides that were measured one after the other; raises InputError where they cannot be compared.

    Sides in turns, as `PerformanceBenchmarker.run` measures them, are surer: a machine that changes meanwhile counts
    here.
    """
    found = ""
    if single.work != multi.work:
        found = "other pipelines"
    elif single.data.checksum != multi.data.checksum or not single.data.checksum:
        found = "other inputs, or an input that is not the same twice"
    elif len(single.devices) != 1:
        found = f"{len(single.devices)} devices on the single side"
    elif min(len(single.legs), len(multi.legs)) < 2:
        found = "less than two legs"
    elif any(leg.frames == 0 or leg.seconds <= 0 for leg in (*single.legs, *multi.legs)):
        found = "a leg without frames"
    if found:
        raise InputError(
            Problem(
                "these two cannot be compared",
                found=found,
                allowed="one device and several, the same pipeline and input, two legs with frames each",
                hint="Measure both with the same options.",
            )
        )
    pairs = list(zip(single.legs, multi.legs, strict=False))
    speedup = bootstrap_speedup(pairs, single.seed)
    return SpeedupMetrics(speedup, speedup.ratio / len(multi.devices), single, multi)
