"""A frame on its way through the stages of a running segment.

Both classes are made once a frame or more: what rarely changes is an attribute of the class, and costs nothing to set.
"""

from __future__ import annotations

from cluster4npu.core.engine.feeder import Filled

NOBODY = -1  # no worker


class Visit:
    """One frame in one stage: who computes it, and when. Times are monotonic ns."""

    worker: int = NOBODY
    queued_ns: int = 0
    started_ns: int = 0
    inferred_ns: int = 0
    finished_ns: int = 0
    result_bytes: int = 0
    deaths: int = 0
    error: str = ""
    tried: tuple[int, ...] = ()  # workers whose model failed on it

    def __init__(self, slot: int, frame_id: int, generation: int, stage: int) -> None:
        self.slot, self.frame_id, self.generation, self.stage = slot, frame_id, generation, stage


class Frame(Visit):
    """A frame, which is also its own visit to the first of its stages. It owns its slot until it is handed on.

    `inlet` is the index of its source and `number` counts the frames of that, `frame_id` those of the whole segment.
    `open` counts its visits that have not ended; `over` when there is none left and none will follow. `failure` says
    why it will not be delivered. `later` are its visits to other stages, and `arrived` counts what has come for those
    that take results of several.
    """

    open: int = 1
    over: bool = False
    failure: str = ""
    later: tuple[Visit, ...] = ()
    arrived: dict[int, int] | None = None

    def __init__(
        self, filled: Filled, frame_id: int, generation: int, stage: int, inlet: int, number: int
    ) -> None:
        self.slot, self.frame_id, self.generation, self.stage = filled.slot, frame_id, generation, stage
        self.filled, self.inlet, self.number = filled, inlet, number

    def visits(self) -> list[Visit]:
        """Return all its visits that a worker has got."""
        return [visit for visit in (self, *self.later) if visit.worker != NOBODY]
