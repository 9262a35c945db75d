"""What each worker did on the parallel side of a benchmark."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cluster4npu.core.bench.legs import Leg
from cluster4npu.core.bench.pool import BenchmarkPool
from cluster4npu.core.bench.result import WorkerFigures
from cluster4npu.core.engine.messages import SegmentFinished
from cluster4npu.core.metrics.statistics import LatencyStats
from cluster4npu.core.metrics.summary import DeviceSummary


def worker_figures(
    pool: BenchmarkPool, told: Sequence[SegmentFinished], legs: Sequence[Leg]
) -> tuple[WorkerFigures, ...]:
    """Return the figures of every worker over the counted parts of these legs.

    Utilisation and cold times are the engine's own; utilisation is the mean over the segments.
    """
    total = sum(leg.frames for leg in legs)
    seconds = sum(leg.seconds for leg in legs)
    found = []
    for member in pool.parallel:
        index = pool.union.index(member.settled)
        service = np.concatenate([leg.service_ms[leg.worker == index] for leg in legs])
        summaries = [s for item in told for s in item.summary.devices if s.settled_id == member.settled]
        first: DeviceSummary | None = summaries[0] if summaries else None
        found.append(
            WorkerFigures(
                id=member.id,
                settled_id=member.settled,
                unit=first.unit if first else "unknown",
                simulated=member.simulated,
                fps=len(service) / seconds if seconds > 0 else 0.0,
                share=len(service) / total if total else 0.0,
                busy=float(np.mean([s.busy for s in summaries])) if summaries else None,
                latency_ms=LatencyStats.of(service),
                startup_ms=first.startup_ms if first else None,
                first_inference_ms=first.first_inference_ms if first else None,
                batch_size=first.batch_size if first else None,
                name=member.name,
                kind=member.kind,
                failed=next((s.failed for s in summaries if s.failed), ""),
            )
        )
    return tuple(found)
