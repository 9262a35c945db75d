"""What a benchmark found: the figures of each side, the verdict, and the reason where it does not count."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cluster4npu.core.bench.load import LoadFigures, load_explanation, load_headline
from cluster4npu.core.devices.truth import fell_back
from cluster4npu.core.metrics.statistics import LatencyStats

FASTER, SLOWER, NO_GAIN, NOT_COMPARED, INVALID = "faster", "slower", "no gain", "not compared", "invalid"


@dataclass(frozen=True, slots=True)
class SideFigures:
    """One side of a comparison over all its legs: FPS is completed frames over counted time."""

    fps: float
    latency_ms: LatencyStats
    frames: int = 0
    measured_s: float = 0.0
    windows_fps: tuple[float, ...] = ()
    windows_latency_ms: tuple[float | None, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as the command line prints them."""
        return {
            "fps": self.fps,
            "latency_ms": self.latency_ms.as_dict(),
            "frames": self.frames,
            "measured_s": self.measured_s,
            "windows_fps": list(self.windows_fps),
            "windows_latency_ms": list(self.windows_latency_ms),
        }


@dataclass(frozen=True, slots=True)
class WorkerFigures:
    """One worker of the parallel side: its share of the frames, and its service time (ms)."""

    id: str
    settled_id: str
    unit: str
    simulated: bool
    fps: float
    share: float
    busy: float | None
    latency_ms: LatencyStats
    startup_ms: float | None = None
    first_inference_ms: float | None = None
    batch_size: int | None = None
    name: str = ""
    kind: str = ""
    failed: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as the command line prints them."""
        names = (
            "id",
            "settled_id",
            "unit",
            "simulated",
            "fps",
            "share",
            "busy",
            "startup_ms",
            "first_inference_ms",
            "batch_size",
            "name",
            "kind",
            "failed",
        )
        figures = {name: getattr(self, name) for name in names}
        return {
            **figures,
            "fell_back": fell_back(self.id, self.unit),
            "latency_ms": self.latency_ms.as_dict(),
        }


@dataclass(frozen=True, slots=True)
class Speedup:
    """Parallel over baseline: `ratio` with its 95% interval, and each pair's own ratio."""

    ratio: float
    low: float
    high: float
    pairs: tuple[float, ...] = ()

    @property
    def verdict(self) -> str:
        """Return FASTER, SLOWER, or NO_GAIN where the interval touches 1."""
        if self.low > 1.0:
            return FASTER
        return SLOWER if self.high < 1.0 else NO_GAIN


@dataclass(frozen=True, slots=True)
class BenchmarkResult:
    """A finished benchmark.

    `single` is keyed by the id as it was asked for; `measured_as` names, for each further worker on a device, the
    one whose figure it shares (in the JSON each of them has its figure). `baseline` is the side that parallel is
    compared with (`best_single`, unless another was asked for). `run_id` is "" where it was not stored.
    """

    scenario: str
    profile: str
    pipeline_name: str
    devices: tuple[str, ...]
    single: dict[str, SideFigures]
    parallel: SideFigures | None
    best_single: str
    baseline: str
    speedup: Speedup | None
    efficiency: float | None
    simulated: bool
    measured_as: dict[str, str] = field(default_factory=dict)
    workers: tuple[WorkerFigures, ...] = ()
    invalid_reason: str = ""
    warnings: tuple[str, ...] = ()
    parity: dict[str, Any] = field(default_factory=dict)
    conditions: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    wall_s: float = 0.0
    run_id: str = ""
    why: tuple[str, ...] = ()  # it is not more: what each worker waited for, in words
    load: LoadFigures | None = None  # of a scenario in which frames come on a schedule

    @property
    def valid(self) -> bool:
        """Tell whether the result may be quoted."""
        return not self.invalid_reason

    @property
    def verdict(self) -> str:
        """Return what it comes to: FASTER, SLOWER, NO_GAIN, NOT_COMPARED (one device) or INVALID."""
        if not self.valid:
            return INVALID
        return self.speedup.verdict if self.speedup else NOT_COMPARED

    def headline(self) -> str:
        """Return the one line that the user reads first. It does not say SIMULATED: see `simulated`."""
        if not self.valid:
            return f"INVALID: {self.invalid_reason}"
        if self.load is not None and not self.load.searched:
            return load_headline(self.load)
        if self.speedup is None:
            fps = self.single[self.best_single].fps if self.best_single else 0.0
            return f"{fps:.1f} FPS on one device"
        if self.speedup.verdict == NO_GAIN:
            return "no measurable gain"
        return f"{times(self.speedup.ratio)} {'FASTER' if self.speedup.verdict == FASTER else 'SLOWER'}"

    def explanation(self) -> str:
        """Return the line under the headline: against what, and how sure. An invalid result gets no ratio."""
        if not self.valid:
            return "This result is not a headline: the figures below are only for finding out why."
        if self.load is not None:
            return load_explanation(self.load, self.baseline, whole=self.speedup is not None)
        if self.speedup is None:
            return "With one device there is nothing to compare."
        against = "your best single device" if self.baseline == self.best_single else "the device you chose"
        low, high = f"{self.speedup.low:.2f}", f"{self.speedup.high:.2f}"
        return f"{self.speedup.ratio:.2f}x of {against}, {self.baseline} (95% CI {low}-{high})"

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `cluster4npu benchmark --json` prints."""
        shared = {name: self.single[one] for name, one in self.measured_as.items()}
        return {
            "run_id": self.run_id,
            "scenario": self.scenario,
            "profile": self.profile,
            "pipeline": self.pipeline_name,
            "devices": list(self.devices),
            "valid": self.valid,
            "invalid_reason": self.invalid_reason,
            "headline": self.headline(),
            "explanation": self.explanation(),
            "verdict": self.verdict,
            "single": {name: side.as_dict() for name, side in {**self.single, **shared}.items()},
            "measured_as": dict(self.measured_as),
            "parallel": self.parallel.as_dict() if self.parallel else None,
            "workers": [worker.as_dict() for worker in self.workers],
            "best_single": self.best_single,
            "baseline": self.baseline,
            "speedup": self.speedup.ratio if self.speedup else None,
            "speedup_ci95": [self.speedup.low, self.speedup.high] if self.speedup else None,
            "pair_ratios": list(self.speedup.pairs) if self.speedup else [],
            "efficiency": self.efficiency,
            "simulated": self.simulated,
            "warnings": list(self.warnings),
            "why": list(self.why),
            "parity": self.parity,
            "seed": self.seed,
            "wall_s": self.wall_s,
            "load": self.load.as_dict() if self.load else None,
        }


def times(ratio: float) -> str:
    """Return a ratio as people read it: 2.9x; two digits below 2, where the first says too little."""
    return f"{ratio:.1f}x" if ratio >= 2 else f"{ratio:.2f}x"
