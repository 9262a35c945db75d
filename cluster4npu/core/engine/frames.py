"""A frame on its way through the stages of a running segment.

Both classes are made once a frame or more: what rarely changes is an attribute of the class, and costs nothing to set.
"""

from __future__ import annotations

from cluster4npu.core.nodes.base import FrameInfo

NOBODY = -1  # no worker


class Visit:
    """One frame in one stage: who computes it, and when. Times are monotonic ns."""

    worker: int = NOBODY
    queued_ns: int = 0
    started_ns: int = 0
    inferred_ns: int = 0
    finished_ns: int = 0
    result_bytes: int = 0
    deaths: int = 0  # of workers that had begun it,
    kills: int = 0  # and how many of them somebody else killed
    error: str = ""
    tried: tuple[int, ...] = ()  # workers whose model failed on it

    def __init__(self, slot: int, frame_id: int, generation: int, stage: int) -> None:
        self.slot, self.frame_id, self.generation, self.stage = slot, frame_id, generation, stage


class Frame(Visit):
    """A frame, which is also its own visit to the first of its stages. It owns its slot until it is handed on.

    `scheduled_ns`: when it was due (paced) or its turn came; `captured_ns`: its pixels were in the slot. `Intake`
    numbers it: `inlet` is the index of its source and `number` counts the frames of that, `frame_id` those of the
    whole segment.
    `open` counts its visits that have not ended; `over` when there is none left and none will follow. `failure` says
    why it will not be delivered. `later` are its visits to other stages, and `arrived` counts what has come for those
    that take results of several.
    """

    open: int = 1
    over: bool = False
    failure: str = ""
    later: tuple[Visit, ...] = ()
    arrived: dict[int, int] | None = None
    inlet: int
    number: int

    def __init__(self, slot: int, info: FrameInfo, scheduled_ns: int, captured_ns: int) -> None:
        self.slot, self.info = slot, info
        self.scheduled_ns, self.captured_ns = scheduled_ns, captured_ns

    def visits(self) -> list[Visit]:
        """Return all its visits that a worker has got."""
        return [visit for visit in (self, *self.later) if visit.worker != NOBODY]
