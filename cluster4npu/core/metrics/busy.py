"""How busy each worker was in each second, from the frames' stamps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_SECOND_NS = 1_000_000_000


def busy_by_second(traces: np.ndarray, workers: Sequence[str], origin_ns: int) -> dict[str, dict[int, float]]:
    """Return for each worker the part (0..1) of each second since the origin in which it worked on a frame.

    `traces` is a FRAME_TRACE array; frames of one worker may overlap (it took the next before the last was done), and
    such a stretch counts once. Seconds without any frame of any worker are left out.
    """
    done = traces[(traces["started_ns"] > 0) & (traces["finished_ns"] > traces["started_ns"])]
    if not len(done):
        return {}
    seconds = {
        int(s)
        for name in ("started_ns", "finished_ns")
        for s in np.unique((done[name] - origin_ns) // _SECOND_NS)
    }
    found: dict[str, dict[int, float]] = {}
    for index, worker in enumerate(workers):
        own = done[done["worker"] == index]
        spans = _merged(own["started_ns"] - origin_ns, own["finished_ns"] - origin_ns)
        cells = dict.fromkeys(sorted(seconds), 0.0)
        for first, last in spans:
            for second in range(first // _SECOND_NS, last // _SECOND_NS + 1):
                part = min(last, (second + 1) * _SECOND_NS) - max(first, second * _SECOND_NS)
                cells[second] = cells.get(second, 0.0) + part / _SECOND_NS
        if len(own):
            found[worker] = cells
    return found


def _merged(starts: np.ndarray, ends: np.ndarray) -> list[tuple[int, int]]:
    """Return stretches in order with those that overlap made one."""
    if not len(starts):
        return []
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], np.maximum.accumulate(ends[order])
    is_new = np.concatenate([[True], starts[1:] > ends[:-1]])
    last = np.concatenate([ends[:-1][is_new[1:]], ends[-1:]])
    return list(zip(starts[is_new].tolist(), last.tolist(), strict=True))
