"""How fast each part of a run is by itself, from the stamps of its frames, with what chance makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cluster4npu.core.metrics.traces import STATUS_DROPPED, STATUS_PASSED

_BLOCKS = 16  # stretches of equal length; whole ones are drawn again, since neighbouring frames are alike
_RESAMPLES = 400
_SEED = 0


@dataclass(frozen=True, slots=True)
class PartRates:
    """Frames a second of each part of a run, one row for the measured stretch and one for each drawn one.

    `now` (R,) is what was delivered. The rest is what a part makes while it works and never waits: `workers` (R, W),
    the same with the model's part alone (`models`, R, W), and `reading` (R,), of all sources together. What did nothing
    has the rate 0; reading that took no time has inf.
    """

    now: np.ndarray
    workers: np.ndarray
    models: np.ndarray
    reading: np.ndarray


def part_rates(
    traces: np.ndarray, workers: Sequence[str], start_ns: int, end_ns: int, sources: int = 1
) -> PartRates:
    """Return the rates of each part between two moments (monotonic ns); `traces` are FRAME_TRACE rows."""
    alive = traces[traces["status"] != STATUS_DROPPED]
    frames, busy_s, model_s = _work(alive, len(workers), start_ns, end_ns)
    ended = alive[alive["status"] != STATUS_PASSED]  # one row for each frame
    out = _sums(ended["delivered_ns"], start_ns, end_ns)
    reading_s = _sums(
        ended["delivered_ns"], start_ns, end_ns, (ended["captured_ns"] - ended["scheduled_ns"]).clip(0) / 1e9
    )
    drawn = np.random.default_rng(_SEED).integers(0, _BLOCKS, (_RESAMPLES, _BLOCKS))
    rows = np.vstack((np.arange(_BLOCKS), drawn))  # the first: as it was
    span_s = max(end_ns - start_ns, 1) / 1e9
    return PartRates(
        out[rows].sum(axis=1) / span_s,
        _rate(frames[rows].sum(axis=1), busy_s[rows].sum(axis=1), 0.0),
        _rate(frames[rows].sum(axis=1), model_s[rows].sum(axis=1), 0.0),
        sources * _rate(out[rows].sum(axis=1), reading_s[rows].sum(axis=1), np.inf),
    )


def _work(
    rows: np.ndarray, workers: int, start_ns: int, end_ns: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, by block and worker: frames that were finished, seconds of work on them, seconds of the model's part."""
    frames, busy_s, model_s = (np.zeros((_BLOCKS, workers)) for _ in range(3))
    done = rows[rows["finished_ns"] > 0]
    for worker in range(workers):
        own = np.sort(done[done["worker"] == worker], order="finished_ns")
        if not len(own):
            continue
        before = np.concatenate(([0], own["finished_ns"][:-1]))  # frames of one batch are begun together
        begun = np.maximum(own["started_ns"], before)
        frames[:, worker] = _sums(own["finished_ns"], start_ns, end_ns)
        busy_s[:, worker] = _sums(own["finished_ns"], start_ns, end_ns, (own["finished_ns"] - begun) / 1e9)
        model = (own["inferred_ns"] - begun).clip(0) / 1e9
        model_s[:, worker] = _sums(own["finished_ns"], start_ns, end_ns, model)
    return frames, busy_s, model_s


def _sums(moments_ns: np.ndarray, start_ns: int, end_ns: int, values: np.ndarray | None = None) -> np.ndarray:
    """Return how many moments lie in each block, or the sum of their values."""
    inside = (moments_ns > start_ns) & (moments_ns <= end_ns)
    block = (moments_ns[inside] - start_ns - 1) * _BLOCKS // max(end_ns - start_ns, 1)
    weights = None if values is None else values[inside]
    return np.bincount(block, weights, _BLOCKS)


def _rate(count: np.ndarray, seconds: np.ndarray, idle: float) -> np.ndarray:
    return np.asarray(np.divide(count, seconds, out=np.full(count.shape, idle), where=seconds > 0))
