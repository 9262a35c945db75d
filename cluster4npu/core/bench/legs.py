"""What counts of one measured segment: its ramp and its drain are cut off, the rest is a leg."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cluster4npu.core.metrics.traces import STATUS_DELIVERED


@dataclass(frozen=True, slots=True, eq=False)
class Leg:
    """The counted part of a segment: frames delivered after `start_ns` up to `end_ns` (time.monotonic_ns).

    `at_s` are their times of delivery since `start_ns` (sorted), `latency_ms` is end to end, `service_ms` the time
    in the worker, `worker` the index into the run's workers; all four are 1-D and of equal length. `finished_s` are
    the times at which frames were finished in that span, in order or not (sorted).
    """

    start_ns: int
    end_ns: int
    at_s: np.ndarray = field(repr=False)
    latency_ms: np.ndarray = field(repr=False)
    service_ms: np.ndarray = field(repr=False)
    worker: np.ndarray = field(repr=False)
    finished_s: np.ndarray = field(repr=False)
    ramp_s: float = 0.0  # what was cut off before it

    @property
    def seconds(self) -> float:
        """Return the counted time."""
        return (self.end_ns - self.start_ns) / 1e9

    @property
    def frames(self) -> int:
        """Return the number of counted frames."""
        return len(self.at_s)

    @property
    def fps(self) -> float:
        """Return completed frames over counted time; 0 where nothing was counted."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0


def cut(traces: np.ndarray, ramp_s: float) -> Leg:
    """Return the leg of a segment's FRAME_TRACE rows.

    The ramp lasts at least `ramp_s`, until every worker that took part has finished a frame, and until as
    many frames have left as were under way at once: those entered an engine that was not full yet, so that
    their latency is not that of the steady state. The drain begins when the last frame was taken in. Both
    ends are moved to the delivery before them: results come in order and therefore in bursts, and a span that
    begins and ends with a burst counts whole ones only, so that its rate is free of rounding.
    """
    done = np.sort(traces[traces["status"] == STATUS_DELIVERED], order="delivered_ns", kind="stable")
    if not len(done):
        return _leg(done, 0, 0, 0.0)
    begin = int(traces["captured_ns"][traces["captured_ns"] > 0].min(initial=int(done["delivered_ns"][0])))
    taken_in = int(done["captured_ns"].max())
    delivered = done["delivered_ns"]
    ready = max(
        int(done["finished_ns"][done["worker"] == worker].min()) for worker in np.unique(done["worker"])
    )
    under_way = min(_most_under_way(done), len(done))
    settled = max(begin + int(ramp_s * 1e9), ready, int(delivered[under_way - 1]))
    start = _last_before(delivered, settled)
    end = _last_before(delivered, taken_in)
    return _leg(done, start, max(start, end), (start - begin) / 1e9)


def counted(traces: np.ndarray, start_ns: int, end_ns: int) -> Leg:
    """Return the leg of FRAME_TRACE rows between two moments that were kept with them."""
    done = np.sort(traces[traces["status"] == STATUS_DELIVERED], order="delivered_ns", kind="stable")
    return _leg(done, start_ns, end_ns, 0.0)


def _leg(done: np.ndarray, start_ns: int, end_ns: int, ramp_s: float) -> Leg:
    counted = done[(done["delivered_ns"] > start_ns) & (done["delivered_ns"] <= end_ns)]
    finished = (done["finished_ns"] - start_ns) / 1e9
    return Leg(
        start_ns,
        end_ns,
        (counted["delivered_ns"] - start_ns) / 1e9,
        (counted["delivered_ns"] - counted["scheduled_ns"]) / 1e6,
        (counted["finished_ns"] - counted["started_ns"]) / 1e6,
        counted["worker"].astype(np.int64),
        np.sort(finished[(finished > 0.0) & (finished <= (end_ns - start_ns) / 1e9)]),
        ramp_s,
    )


def _last_before(delivered_ns: np.ndarray, moment_ns: int) -> int:
    """Return the last delivery up to this moment (the first of all where there is none)."""
    index = int(np.searchsorted(delivered_ns, moment_ns, side="right")) - 1
    return int(delivered_ns[max(index, 0)])


def _most_under_way(done: np.ndarray) -> int:
    """Return how many frames were taken in and not delivered, at most, at one time."""
    taken = np.sort(done["captured_ns"])
    out = np.sort(done["delivered_ns"])
    return int(max(1, (np.arange(1, len(taken) + 1) - np.searchsorted(out, taken, side="right")).max()))


@dataclass(frozen=True, slots=True)
class Window:
    """One stretch of a side's legs laid end to end: its rate, and its mean latency (None: nothing came out)."""

    seconds: float
    fps: float
    latency_ms: float | None


def windows(legs: Sequence[Leg], count: int) -> list[Window]:
    """Lay the legs end to end and cut them into `count` windows of equal length.

    Frames are counted with fractions: between two deliveries the count grows evenly.
    """
    lengths = [leg.seconds for leg in legs]
    total = float(sum(lengths))
    if total <= 0:
        return []
    offsets = np.concatenate([[0.0], np.cumsum(lengths)])
    at = np.concatenate([leg.at_s + offset for leg, offset in zip(legs, offsets[:-1], strict=True)])
    latency = np.concatenate([leg.latency_ms for leg in legs])
    edges = np.linspace(0.0, total, count + 1)
    counts = np.diff(np.interp(edges, np.concatenate([[0.0], at]), np.arange(len(at) + 1)))
    found = []
    for number in range(count):
        inside = latency[(at > edges[number]) & (at <= edges[number + 1] + 1e-12)]
        mean = float(inside.mean()) if len(inside) else None
        found.append(Window(total / count, float(counts[number] * count / total), mean))
    return found


def block_rates(leg: Leg, count: int) -> np.ndarray:
    """Return the rates (frames/s) of `count` equal parts of one leg, counted with fractions.

    Counted where they are finished: deliveries come in bursts, whose rounding is no noise of the devices.
    """
    if leg.seconds <= 0:
        return np.zeros(count)
    edges = np.linspace(0.0, leg.seconds, count + 1)
    frames = np.interp(edges, np.concatenate([[0.0], leg.finished_s]), np.arange(len(leg.finished_s) + 1))
    return np.asarray(np.diff(frames) * count / leg.seconds)
