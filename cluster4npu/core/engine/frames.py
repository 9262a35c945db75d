"""A frame on its way through the stages of a running segment."""

from __future__ import annotations

from dataclasses import dataclass, field

from cluster4npu.core.engine.feeder import Filled

NOBODY = -1  # no worker


@dataclass(slots=True)
class Visit:
    """One frame in one stage: who computes it, and when. Times are monotonic ns."""

    slot: int
    frame_id: int
    generation: int
    stage: int = 0
    worker: int = NOBODY
    queued_ns: int = 0
    started_ns: int = 0
    inferred_ns: int = 0
    finished_ns: int = 0
    result_bytes: int = 0
    deaths: int = 0
    error: str = ""


@dataclass(slots=True)
class Frame(Visit):
    """A frame, which is also its own visit to the first of its stages. It owns its slot until it is handed on.

    `number` counts the frames of its source, `frame_id` those of the whole segment. `open` counts its visits that
    have not ended; `over` when there is none left and none will follow. `failure` says why it will not be delivered.
    """

    number: int = 0
    inlet: int = 0
    filled: Filled = field(kw_only=True)
    open: int = 1
    over: bool = False
    failure: str = ""
    later: list[Visit] | None = None  # its visits to the other stages
    arrived: dict[int, int] | None = None  # of stages that take several: how many of those have finished

    def visits(self) -> list[Visit]:
        """Return all its visits that a worker has got."""
        return [visit for visit in (self, *(self.later or ())) if visit.worker != NOBODY]
