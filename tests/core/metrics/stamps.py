"""Stamps of made-up runs, computed by hand-made rules: who is slow is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cluster4npu.core.metrics.traces import FRAME_TRACE, STATUS_DELIVERED, STATUS_PASSED


def made_run(
    count: int,
    service_ms: Sequence[float],
    *,
    source_ms: float = 0.1,
    period_ms: float = 0.0,
    post_ms: float = 0.0,
    slots: int = 16,
) -> np.ndarray:
    """Return FRAME_TRACE rows: one source, a worker for each service time, whoever is free first, in order."""
    rows = np.zeros(count, FRAME_TRACE)
    free_ns = [0.0] * len(service_ms)
    read, handed = 1e6, 0.0
    for number in range(count):
        row = rows[number]
        ready = float(rows[number - slots]["delivered_ns"]) if number >= slots else 0.0
        due = max(number * period_ms * 1e6 + 1e6, ready) if period_ms else max(read, ready)
        read = max(due, read) + source_ms * 1e6
        worker = min(range(len(service_ms)), key=lambda w: max(free_ns[w], read) + service_ms[w] * 1e6)
        begun = max(read, free_ns[worker])
        inferred = begun + service_ms[worker] * 1e6
        free_ns[worker] = inferred + post_ms * 1e6
        handed = max(handed, free_ns[worker])
        row["frame_id"], row["worker"] = number, worker
        row["scheduled_ns"], row["captured_ns"], row["queued_ns"] = due, read, read
        row["started_ns"], row["inferred_ns"], row["finished_ns"] = begun, inferred, free_ns[worker]
        row["delivered_ns"] = handed
    return rows


def made_stages(count: int, stages: Sequence[Sequence[float]], *, slots: int = 32) -> np.ndarray:
    """Return FRAME_TRACE rows of frames that go through stages, each with a service time (ms) for each of its workers.

    One row for each frame and stage, as the engine keeps them; workers are numbered through all stages.
    """
    rows = np.zeros(count * len(stages), FRAME_TRACE)
    free_ns = [[0.0] * len(stage) for stage in stages]
    handed = np.zeros(count)
    for number in range(count):
        at = due = max(1e6, float(handed[number - slots])) if number >= slots else 1e6
        for index, (stage, free) in enumerate(zip(stages, free_ns, strict=True)):
            worker = min(range(len(stage)), key=lambda w: max(free[w], at) + stage[w] * 1e6)
            row = rows[number * len(stages) + index]
            begun = max(at, free[worker])
            row["frame_id"], row["worker"] = number, sum(len(s) for s in stages[:index]) + worker
            row["scheduled_ns"], row["captured_ns"], row["queued_ns"] = due, due, at
            at = free[worker] = begun + stage[worker] * 1e6
            row["started_ns"], row["inferred_ns"], row["finished_ns"] = begun, at, at
            row["status"] = STATUS_PASSED if index < len(stages) - 1 else STATUS_DELIVERED
        handed[number] = max(at, handed[number - 1] if number else 0.0)
        rows["delivered_ns"][number * len(stages) : (number + 1) * len(stages)] = handed[number]
    return rows
