"""What nodes share that can be asked on demand: their own rates, and the base of computations without a model."""

from __future__ import annotations

from typing import ClassVar

from cluster4npu.core.nodes.base import NodeParams, WorkerNode, param

_LONGEST_MS = 86_400_000


class DemandParams(NodeParams):
    """Parameters of a node that may ask for results at a rate of its own."""

    every_ms: float | None = param(
        None,
        title="Asks every",
        description="Asks for itself so often; empty: only when asked, or on every input where a node has to.",
        unit="ms",
        ge=1,
        le=_LONGEST_MS,
    )
    modes: tuple[str, ...] = param(
        (),
        title="In modes",
        description="Its own rate holds in these modes only; empty: in every mode.",
        max_length=32,
        advanced=True,
    )


class ComputeParams(DemandParams):
    """Parameters of every computation without a model."""

    expires_ms: float | None = param(
        None,
        title="Expires after",
        description="An older answer is computed anew and never given out; empty: it holds until a new input.",
        unit="ms",
        ge=1,
        le=_LONGEST_MS,
        advanced=True,
    )


class ComputeNode(WorkerNode):
    """A computation without a model, on the processor.

    `process` may return no value for a port: then there is no answer, and nothing behind that port computes.
    `spreads` says that it looks at one frame and always has an answer, so it can stand in the workers of a model.
    `opaque` says that it cannot be asked: it computes on every input (it counts them, or is not ours to ask).
    """

    Params = ComputeParams
    spreads: ClassVar[bool] = True
    opaque: ClassVar[bool] = False

    def samples(self) -> tuple[int, float] | None:
        """Return how many values of its first input are taken, and how many ms apart; None: they come as they come."""
        return None

    def reset(self) -> None:
        """Forget what earlier frames have left behind; called when a run starts, and when its mode changes."""
