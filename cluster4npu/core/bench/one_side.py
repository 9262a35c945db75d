"""One side of a comparison measured by itself, and what two of them come to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from cluster4npu.core.bench.inputs import BenchmarkInput
from cluster4npu.core.bench.legs import Leg
from cluster4npu.core.bench.result import SideFigures, Speedup
from cluster4npu.core.bench.statistics import bootstrap_speedup
from cluster4npu.core.devices.ids import DeviceId
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

    `speedup` has a 95% interval; it is against `single`, the fastest of those that were given. `efficiency` is the
    rate of all over the sum of each worker's device alone; None where one of them was not measured alone.
    """

    speedup: Speedup
    efficiency: float | None
    single: DeviceBenchmark = field(repr=False)
    multi: DeviceBenchmark = field(repr=False)

    @property
    def simulated(self) -> bool:
        """Tell whether any device was simulated."""
        return self.single.simulated or self.multi.simulated


def speedup_metrics(singles: Sequence[DeviceBenchmark], multi: DeviceBenchmark) -> SpeedupMetrics:
    """Compare several devices with the fastest single one; raises InputError where they cannot be compared.

    They were measured one after the other, and a machine that changes meanwhile counts. Sides in turns, as
    `PerformanceBenchmarker.run` measures them, are surer.
    """
    for side in (*singles, multi):
        if not isinstance(side, DeviceBenchmark):
            raise _not_comparable(type(side).__name__)
    found = next(
        filter(None, (_refusal(single, multi) for single in singles)), "" if singles else "no single side"
    )
    if found:
        raise _not_comparable(found)
    single = max(singles, key=lambda side: side.fps)
    alone = {_kind(side.devices[0]): side.fps for side in singles}
    rates = [alone.get(_kind(device)) for device in multi.devices]
    known = [rate for rate in rates if rate is not None]
    pairs = list(zip(single.legs, multi.legs, strict=False))
    return SpeedupMetrics(
        bootstrap_speedup(pairs, single.seed),
        multi.fps / sum(known) if len(known) == len(rates) else None,
        single,
        multi,
    )


def _kind(device: str) -> DeviceId:
    return replace(DeviceId.parse(device), replica=1)


def _refusal(single: DeviceBenchmark, multi: DeviceBenchmark) -> str:
    """Return why these two cannot be compared, "" where they can."""
    if single.work != multi.work:
        return "other pipelines"
    if single.data.checksum != multi.data.checksum or not single.data.checksum:
        return "other inputs, or an input that is not the same twice"
    if len(single.devices) != 1:
        return f"{len(single.devices)} devices on the single side"
    if multi.devices == single.devices:
        return f"{single.devices[0]} with itself"
    if min(len(single.legs), len(multi.legs)) < 2:
        return "less than two legs"
    if any(leg.frames == 0 or leg.seconds <= 0 for leg in (*single.legs, *multi.legs)):
        return "a leg without frames"
    return ""


def _not_comparable(found: str) -> InputError:
    return InputError(
        Problem(
            "these cannot be compared",
            found=found,
            allowed="one device and several, the same pipeline and input, two legs with frames each",
            hint="Measure all with the same options.",
        )
    )
