"""Feeding on a thread and inline: exact counts, looping, pacing, and what a live source drops."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from cluster4npu.core.engine.arrivals import Arrivals
from cluster4npu.core.engine.feeder import FeedPlan, InlineFeeder, ThreadFeeder
from cluster4npu.core.engine.ring import Ring
from cluster4npu.core.errors import RunFailed
from cluster4npu.core.nodes.base import FrameInfo, FrameSpec, SourceNode, SourceParams


class Counting:
    """A source of `length` frames, each filled with its number; fails at `broken`."""

    def __init__(self, length: int | None, broken: int | None = None) -> None:
        self.spec = FrameSpec(2, 2, None, length)
        self.length, self.broken = length, broken
        self.at = 0
        self.gate: threading.Semaphore | None = None

    def read_into(self, slot: np.ndarray) -> FrameInfo | None:
        if self.gate:
            self.gate.acquire()
        if self.at == self.broken:
            raise RunFailed("the stream broke")
        if self.length is not None and self.at >= self.length:
            return None
        slot[:12] = self.at % 256
        self.at += 1
        return FrameInfo(2, 2, None)

    def rewind(self) -> None:
        self.at = 0

    def close(self) -> None:
        pass


class Node(SourceNode):
    type = "test_source"
    title = category = description = "test"

    def __init__(self, live: bool = False) -> None:
        super().__init__("source", SourceParams())
        self.live = live  # type: ignore[misc]

    def open(self) -> Counting:
        raise NotImplementedError


@pytest.fixture
def ring():
    ring = Ring.create(4, 12, [16])
    yield ring
    ring.unlink()


def feeder(kind, ring, source, plan, live=False):
    if kind == "inline":
        return InlineFeeder(Node(live), source, ring, plan)
    return ThreadFeeder(Node(live), source, ring, plan, wake=lambda: None)


def drain(feeder, ring, limit_s: float = 5.0) -> list[int]:
    """Take every frame, giving each slot back at once; return what was in them."""
    feeder.offer(range(4))
    seen: list[int] = []
    until = time.monotonic() + limit_s
    while not feeder.ended and time.monotonic() < until:
        for filled in feeder.take():
            assert filled.scheduled_ns <= filled.captured_ns
            seen.append(int(ring.frame(filled.slot)[0]))
            feeder.offer([filled.slot])
    return seen


@pytest.mark.parametrize("kind", ["inline", "thread"])
class TestBoth:
    def test_reads_to_the_end(self, kind, ring):
        assert drain(feeder(kind, ring, Counting(9), FeedPlan()), ring) == list(range(9))

    def test_frames_bound_it(self, kind, ring):
        assert drain(feeder(kind, ring, Counting(None), FeedPlan(frames=7)), ring) == list(range(7))

    def test_loops(self, kind, ring):
        seen = drain(feeder(kind, ring, Counting(3), FeedPlan(frames=8, loop=True)), ring)
        assert seen == [0, 1, 2, 0, 1, 2, 0, 1]

    def test_empty_source_does_not_loop_for_ever(self, kind, ring):
        assert drain(feeder(kind, ring, Counting(0), FeedPlan(loop=True)), ring) == []

    def test_broken_stream_ends_with_its_error_after_what_was_good(self, kind, ring):
        one = feeder(kind, ring, Counting(9, broken=4), FeedPlan())
        assert drain(one, ring) == [0, 1, 2, 3]
        assert "the stream broke" in str(one.error)

    def test_pacing(self, kind, ring):
        start = time.monotonic()
        plan = FeedPlan(frames=21, arrivals=Arrivals(100))
        assert len(drain(feeder(kind, ring, Counting(None), plan), ring)) == 21
        assert time.monotonic() - start >= 0.199


def test_live_source_drops_and_counts_when_no_slot_is_free(ring):
    source = Counting(None)
    source.gate = threading.Semaphore(0)
    live = feeder("thread", ring, source, FeedPlan(overload="drop_oldest"), live=True)
    live.offer([0, 1])
    source.gate.release(
        6
    )  # six frames come while two slots are there: one to hand on, one to keep reading into
    until = time.monotonic() + 5
    while live.dropped < 5 and time.monotonic() < until:
        threading.Event().wait(0.01)
    assert live.dropped == 5
    (filled,) = live.take(1)
    assert ring.frame(filled.slot)[0] == 0
    live.finish()
    source.gate.release()
    assert live.join(5)


def test_a_live_source_is_paced_by_letting_frames_go_by(ring):
    source = Counting(None)
    source.gate = threading.Semaphore(0)
    live = feeder("thread", ring, source, FeedPlan(frames=3, arrivals=Arrivals(20)), live=True)
    start = time.monotonic()
    seen = []
    while not live.ended:
        live.offer([0])
        while not (taken := live.take()):
            source.gate.release()
            threading.Event().wait(0.005)
        seen.append(int(ring.frame(taken[0].slot)[0]))
    assert time.monotonic() - start >= 0.1
    assert seen[0] == 0 and seen[1] > 1 and seen[2] > seen[1] + 1
    assert live.dropped == 0
