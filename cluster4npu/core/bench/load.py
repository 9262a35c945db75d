"""What a device or a pool makes of frames that come on a schedule: how many are late, and in which stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from cluster4npu.core.engine.arrivals import Arrivals
from cluster4npu.core.metrics.statistics import SAMPLE_FLOOR
from cluster4npu.core.metrics.traces import STATUS_DELIVERED

RATE, STREAMS = "frames/s", "streams"
MOST_LATE = 0.01  # of the frames of each stream: its p99 lies within the limit


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One stretch under load, of which every frame counts that was due in it: delivered, late or never.

    `frames` is the number due in all streams, `latency_ms` holds those of each stream from the moment each frame
    was due, infinite for a frame that never came. `held` tells whether the p99 of every stream kept the limit.
    """

    arrivals: Arrivals
    from_s: float
    to_s: float
    limit_ms: float
    frames: int
    worst_stream: int
    held: bool
    latency_ms: tuple[np.ndarray, ...] = field(repr=False)
    devices: tuple[str, ...] = ()
    stage: str = ""
    segment: int = -1  # of the run's segments, where its raw samples are

    def as_dict(self) -> dict[str, Any]:
        """Return the trial as it is kept; with the raw samples it can be computed again."""
        told = {name: getattr(self, name) for name in self.__slots__ if name != "latency_ms"}
        worst = self.latency_ms[self.worst_stream]
        counts = {"due": len(worst), "late": late(worst, self.limit_ms), "p99_ms": p99(worst)}
        return {**told, "arrivals": asdict(self.arrivals), "devices": list(self.devices), **counts}


@dataclass(frozen=True, slots=True)
class SideLoad:
    """What one side bears: `amount` frames/s (server) or streams; `refused` is the least that it did not bear, or None.

    `held` tells whether its last runs, `runs` of them, kept the limit: each of them with so many streams, all
    together at such a rate; `runs_held` did so by themselves. What follows is of the worst stream over all runs.
    """

    amount: float
    refused: float | None
    held: bool
    runs: int
    runs_held: int
    p99_ms: float | None
    worst_stream: int
    late: int
    due: int
    unserved: int


@dataclass(frozen=True, slots=True)
class LoadFigures:
    """The figures of a scheduled scenario. `sides` is keyed by device, "" for all together; `searched` tells whether
    the load was looked for or given. `rate` is that of one stream, None where the rate itself was searched.
    """

    unit: str  # RATE, STREAMS
    limit_ms: float
    rate: float | None
    searched: bool
    sides: dict[str, SideLoad]
    trials: tuple[Trial, ...] = field(default=(), repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Return the figures as the command line prints them."""
        return {
            "unit": self.unit,
            "limit_ms": self.limit_ms,
            "rate": self.rate,
            "searched": self.searched,
            "sides": {name: asdict(side) for name, side in self.sides.items()},
            "trials": [trial.as_dict() for trial in self.trials],
        }


def load_headline(load: LoadFigures) -> str:
    """Return the line on a load that was given: whether the last side of `sides` (all together) bears it."""
    side = next(reversed(load.sides.values()))
    worst = f" in stream {side.worst_stream + 1}, the worst" if load.unit == STREAMS else ""
    p99_text = "p99 not reported" if side.p99_ms is None else f"p99 {side.p99_ms:.1f} ms"
    if side.held:
        return f"{told_amount(load, side)} held: {p99_text}{worst}, within {load.limit_ms:g} ms"
    late = f"{side.late} of {side.due} frames late"
    return f"{told_amount(load, side)} NOT HELD: {late}{worst} (limit {load.limit_ms:g} ms)"


def load_explanation(load: LoadFigures, baseline: str, *, whole: bool) -> str:
    """Return the line under the headline: what each side bears."""
    alone = load.sides[baseline]
    if not load.searched:
        return f"{baseline} alone: {'held' if alone.held else 'not held'}." if whole else ""
    told = f"{told_amount(load, alone)} with {baseline} alone"
    if whole:
        told = f"{told_amount(load, load.sides[''])} together, {told}"
    runs = f"{'in each of' if load.unit == STREAMS else 'over'} {alone.runs} runs"
    return f"{told}: the most with p99 within {load.limit_ms:g} ms {runs}"


def told_amount(load: LoadFigures, side: SideLoad) -> str:
    """Return a load in words."""
    if load.unit != STREAMS:
        return f"{side.amount:.1f} frames/s"
    return f"{side.amount:.0f} stream{'' if side.amount == 1 else 's'} of {load.rate:g} frames/s"


def judge(traces: np.ndarray, arrivals: Arrivals, from_s: float, to_s: float, limit_ms: float) -> Trial:
    """Judge the frames that were due from `from_s` until the limit before `to_s`, when the source was closed.

    Latency counts from the schedule itself, not from what the engine took in: a frame that waited outside is as
    late as one that waited inside. `traces` are FRAME_TRACE rows of the whole stretch.
    """
    due_s = arrivals.schedule().until(to_s)
    index = np.flatnonzero((due_s >= from_s) & (due_s <= to_s - limit_ms / 1e3))
    latency = np.full(len(due_s), np.inf)
    done = traces[(traces["status"] == STATUS_DELIVERED) & (traces["frame_id"] < len(due_s))]
    latency[done["frame_id"]] = (done["delivered_ns"] - done["scheduled_ns"]) / 1e6
    streams = tuple(latency[index[index % arrivals.streams == one]] for one in range(arrivals.streams))
    worst = worst_of(streams, limit_ms)
    return Trial(
        arrivals,
        from_s,
        to_s,
        limit_ms,
        len(index),
        worst,
        len(streams[worst]) > 0 and late(streams[worst], limit_ms) <= MOST_LATE * len(streams[worst]),
        streams,
    )


def worst_of(streams: Sequence[np.ndarray], limit_ms: float) -> int:
    """Return the index of the stream with most late frames, of equal ones that with the largest p99."""

    def badness(latency_ms: np.ndarray) -> tuple[float, float]:
        if not len(latency_ms):
            return 0.0, 0.0
        part = late(latency_ms, limit_ms) / len(latency_ms)
        return part, float(np.percentile(latency_ms, 99, method="higher"))

    return max(range(len(streams)), key=lambda one: badness(streams[one]))


def side_load(amount: float, refused: float | None, trials: Sequence[Trial], held: bool) -> SideLoad:
    """Return what a side bears from its last trials (one at least), their streams laid end to end."""
    limit_ms = trials[0].limit_ms
    streams = [np.concatenate(parts) for parts in zip(*(t.latency_ms for t in trials), strict=True)]
    worst = worst_of(streams, limit_ms)
    return SideLoad(
        amount,
        refused,
        held,
        len(trials),
        sum(trial.held for trial in trials),
        p99(streams[worst]),
        worst,
        late(streams[worst], limit_ms),
        len(streams[worst]),
        int(np.isinf(streams[worst]).sum()),
    )


def late(latency_ms: np.ndarray, limit_ms: float) -> int:
    """Return how many frames came after the limit, or never."""
    return int((latency_ms > limit_ms).sum())


def p99(latency_ms: np.ndarray) -> float | None:
    """Return the p99 of latencies, some infinite; None below its sample floor, or where it is infinite."""
    if len(latency_ms) < SAMPLE_FLOOR[99]:
        return None
    value = float(np.percentile(latency_ms, 99, method="higher"))
    return value if np.isfinite(value) else None
