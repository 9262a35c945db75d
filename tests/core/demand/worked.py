"""The worked example in small: the nodes and rates of "is the viewer looking away", computing next to nothing."""

from __future__ import annotations

from typing import Any

from cluster4npu.core.demand import (
    DemandGraph,
    Execution,
    InARow,
    Input,
    Node,
    NodeCounts,
    Sampling,
    Source,
    VirtualClock,
)

NAMES = ("contrast", "movement", "head", "clip", "eyes", "distance")
TWICE_A_SECOND = Sampling(frames=2, apart_ms=100, every_ms=1000)


def looking_away(
    head_ms: float | None = 100,
    sampling: Sampling = TWICE_A_SECOND,
    away_from: int = 10**9,
    away_until: int = 10**9,
) -> DemandGraph:
    """Return the graph; frames are their own numbers, and from number `away_from` on the viewer looks away."""
    return DemandGraph(
        [
            Source("camera", read=lambda n: n, every_ms=30),
            Node("contrast", lambda frame: frame, "camera"),
            Node("movement", lambda two: two, Input("contrast", 2), every_ms=500, modes=("idle",)),
            Node("head", lambda frame: frame, "contrast", every_ms=head_ms, modes=("active",)),
            Node("clip", lambda frame: frame, "head"),
            Node("eyes", lambda frame: frame, "clip"),
            Node("distance", tuple, sampling.of("eyes"), every_ms=sampling.every_ms, modes=("active",)),
            Node("away", lambda samples: away_from <= min(samples) < away_until, "distance", push=True),
            Node("flag", InARow(5), "away", push=True),
        ]
    )


def counted(execution: Execution, seconds: float, warm_up_s: float = 3) -> dict[str, NodeCounts]:
    """Return the counts of `seconds` seconds after a warm-up."""
    execution.run(warm_up_s)
    before = execution.counts()
    execution.run(seconds)
    return {name: counts - before[name] for name, counts in execution.counts().items()}


def computes(style: str, mode: str, seconds: float, **changes: Any) -> tuple[int, ...]:
    """Return how often each of `NAMES` is computed in `seconds` seconds."""
    execution = Execution(looking_away(**changes), VirtualClock(), style, mode)
    counts = counted(execution, seconds)
    return tuple(counts[name].computes for name in NAMES)
