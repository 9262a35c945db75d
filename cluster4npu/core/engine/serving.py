"""A loaded worker at work: it takes what the manager sends, computes it, and answers, until it is told to quit."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from cluster4npu.core.engine.channel import AWAKE_NS, NO_FRAME, Channel, Control, Done, Record, Work
from cluster4npu.core.engine.ring import Ring, RingLayout

if TYPE_CHECKING:
    from cluster4npu.core.engine.worker import LoadedStage

_TOGETHER_NS = 200_000  # answers wait for each other so long at most
_NEXT_NS = 250_000  # in which the manager gets round to giving more to a quick worker that has run dry


class Serving:
    """Answers to quick frames are sent together, as long as more of them are at hand.

    Where several frames go into the model at once, those go that are at hand: none waits for others to come.
    """

    def __init__(self, stage: LoadedStage, channel: Channel) -> None:
        self._stage, self._channel = stage, channel
        self._ring: Ring | None = None
        self._todo: deque[Record] = deque()
        self._answers: list[Done] = []
        self._news: list[Control] = []
        self._quick = False  # the last frame took less than a wake-up
        self._going = True

    def run(self) -> None:
        """Work until told to quit; raises EOFError or OSError when the manager is gone."""
        while self._going:
            if self._quick:
                self._channel.stay_awake(_NEXT_NS)
            self._todo.extend(self._channel.receive())
            self._work_off()
        self._stage.session.close()

    def _work_off(self) -> None:
        begun = started = now = time.monotonic_ns()
        todo, answers, ring = self._todo, self._answers, self._ring
        stage, session = self._stage, self._stage.session
        while todo and self._going:
            record = todo.popleft()
            if not isinstance(record, Work) or ring is None:
                self._obey(record)
                ring = self._ring
                continue
            session.measuring = record.frame_id == NO_FRAME
            if stage.batch > 1:
                answers += self._work_together(ring, record)
            else:
                answers.append(stage.work(ring, record, now))
            _, _, _, started, _, now, _, _, _ = answers[-1]
            if now - begun > _TOGETHER_NS:
                self._send(now)
                begun = now = time.monotonic_ns()
        self._quick = now - started < AWAKE_NS
        self._send(now)

    def _work_together(self, ring: Ring, first: Work) -> list[Done]:
        """Compute this frame and those behind it that are at hand; return their answers."""
        while self._channel.has_more():
            self._todo.extend(self._channel.receive())
        group = [first]
        while len(group) < self._stage.batch and self._todo and isinstance(self._todo[0], Work):
            group.append(self._todo.popleft())  # type: ignore[arg-type]
        done = self._stage.work_together(ring, group)
        self._news += self._stage.notices
        self._stage.notices.clear()
        return done

    def _obey(self, record: Record) -> None:
        if isinstance(record, Control) and record.kind == "attach":
            self._ring = Ring.attach(RingLayout(**record.data))
            self._news.append(Control("ready", {}))
        elif isinstance(record, Control) and record.kind == "batch":
            self._stage.batch = int(record.data["frames"])
        else:
            self._going = False

    def _send(self, now_ns: int) -> None:
        """Send what there is to tell: first what is rare."""
        if (costs := self._stage.costs.news(now_ns)) is not None:
            self._news.append(Control("costs", costs))
        if self._news:
            self._channel.send(self._news)
            self._news.clear()
        if self._answers:
            self._channel.answer(self._answers)
            self._answers.clear()
