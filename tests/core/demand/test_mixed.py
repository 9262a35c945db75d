"""Graphs in which some nodes cannot be asked, rates that are shared, and real time."""

from __future__ import annotations

import threading
import time

import pytest

from cluster4npu.core.demand import DemandGraph, Execution, Node, Source, VirtualClock
from cluster4npu.core.errors import RunFailed


def test_a_node_that_cannot_be_asked_gets_every_input_and_the_others_stay_on_demand() -> None:
    got: list[int] = []

    def opaque(number: int) -> int:
        got.append(number)
        return number

    graph = DemandGraph(
        [
            Source("camera", read=lambda n: n, every_ms=30),
            Node("resize", lambda n: n, "camera"),
            Node("shelf", opaque, "resize", push=True),
            Node("after", lambda n: n, "shelf"),
            Node("beside", lambda n: n, "camera"),
            Node("sink", lambda a, b: (a, b), ("after", "beside"), every_ms=500),
        ]
    )
    execution = Execution(graph, VirtualClock())
    execution.run(3)
    counts = {name: c.computes for name, c in execution.counts().items()}
    assert got == list(range(100))
    assert counts == {"camera": 100, "resize": 100, "shelf": 100, "after": 6, "beside": 6, "sink": 6}


def test_where_ways_part_and_meet_a_pushed_node_computes_once_and_from_one_frame() -> None:
    got: list[tuple[int, int]] = []
    graph = DemandGraph(
        [
            Source("camera"),
            Node("left", lambda n: n, "camera"),
            Node("right", lambda n: n, "camera"),
            Node("join", lambda a, b: got.append((a, b)), ("left", "right"), push=True),
        ]
    )
    execution = Execution(graph, VirtualClock())
    for number in range(3):
        execution.push("camera", number)
    assert got == [(0, 0), (1, 1), (2, 2)]


def test_two_sinks_of_different_rates_share_what_they_both_ask_for() -> None:
    graph = DemandGraph(
        [
            Source("camera", read=lambda n: n, every_ms=30),
            Node("detect", lambda n: n, "camera"),
            Node("slow", lambda n: n, "detect", every_ms=500),
            Node("fast", lambda n: n, "detect", every_ms=100),
        ]
    )
    execution = Execution(graph, VirtualClock())
    execution.run(3)
    assert execution.counts()["detect"].computes == 30


def test_a_source_ends_with_none() -> None:
    graph = DemandGraph([Source("camera", read=lambda n: n if n < 4 else None, every_ms=30)])
    execution = Execution(graph, VirtualClock())
    execution.run(3)
    assert execution.counts()["camera"].computes == 4


def test_in_real_time_the_rates_hold_and_what_is_late_falls_out() -> None:
    numbers: list[int] = []
    graph = DemandGraph(
        [
            Source("camera", read=lambda n: numbers.append(n) or n, every_ms=10),
            Node("slow", lambda n: time.sleep(0.05) or n, "camera", every_ms=100),
        ]
    )
    execution = Execution(graph)
    started = time.monotonic()
    execution.run(1)
    assert time.monotonic() - started >= 0.99
    counts = execution.counts()
    assert counts["slow"].computes + counts["slow"].missed == 10
    assert counts["camera"].computes + counts["camera"].missed == 100
    assert counts["camera"].missed >= 20  # four of every ten beats pass while `slow` sleeps
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 99  # the numbers keep to the time


def test_a_run_is_stopped_from_another_thread_and_goes_on_later() -> None:
    execution = Execution(DemandGraph([Source("camera", read=lambda n: n, every_ms=10)]))
    refused: list[str] = []

    def disturb() -> None:
        with pytest.raises(RunFailed) as caught:
            execution.run(1)
        refused.append(str(caught.value))
        execution.stop()

    threading.Timer(0.1, disturb).start()
    started = time.monotonic()
    execution.run(60)
    assert time.monotonic() - started < 30
    assert "runs already" in refused[0]
    seen = execution.counts()["camera"].computes
    execution.run(0.05)
    assert execution.counts()["camera"].computes > seen
