"""In words why all devices together are not faster than they are: who waited, and for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cluster4npu.core.bench.result import WorkerFigures
from cluster4npu.core.engine.messages import SegmentFinished

_WAITED = 0.1  # of the time; less is not worth a word
_SLOWED = 1.15  # service time beside the others over that alone
_SELDOM = 0.01  # of the frames: the source found no free slot


def why_not_more(
    workers: Sequence[WorkerFigures], told: Sequence[SegmentFinished], alone_ms: Mapping[str, float]
) -> tuple[str, ...]:
    """Return one sentence for each worker that waited or was slowed down, nothing where all were busy.

    `told` are the segments of all together, `alone_ms` the mean service time of each worker's device alone.
    """
    frames = sum(item.summary.frames_out for item in told)
    full = sum(item.summary.buffer_full_waits for item in told)
    limit = (
        "reading and decoding is the limit"
        if frames and full <= _SELDOM * frames
        else "frames were ready, but the others had to finish first: results are delivered in order"
    )
    found = []
    for worker in workers:
        if worker.busy is not None and 1.0 - worker.busy >= _WAITED:
            found.append(f"{worker.id} waited {1.0 - worker.busy:.0%} of the time for frames: {limit}.")
        before, now = alone_ms.get(worker.id), worker.latency_ms.mean
        if before and now and now / before >= _SLOWED:
            found.append(
                f"{worker.id} took {now / before:.2f} times as long for a frame as alone: "
                "it shares memory or cores with the others."
            )
    return tuple(found)
