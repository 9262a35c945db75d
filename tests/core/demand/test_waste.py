"""The waste report names what is computed for nobody, and its CPU time is the one that is really saved."""

from __future__ import annotations

import time

import pytest

from cluster4npu.core.demand import (
    DemandGraph,
    Execution,
    Input,
    Node,
    Source,
    VirtualClock,
    cpu_saved_s,
    waste_report,
)
from tests.core.demand.worked import counted, looking_away


def shares(style: str, mode: str) -> dict[str, int]:
    counts = counted(Execution(looking_away(), VirtualClock(), style, mode), 60)
    return {
        w.node: round(100 * w.share) for w in waste_report(counts, 60).nodes if w.share and w.node != "camera"
    }


def test_it_names_the_waste_of_the_worked_example() -> None:
    assert shares("push", "idle") == {"contrast": 94}
    assert shares("push", "active") == {"contrast": 70, "clip": 80, "eyes": 80}


@pytest.mark.parametrize("mode", ["idle", "active"])
def test_pull_wastes_nothing(mode: str) -> None:
    assert shares("pull", mode) == {}


def burn(ms: float) -> None:
    end = time.thread_time() + ms / 1000
    while time.thread_time() < end:
        pass


def test_cpu_time_is_charged_to_the_node_that_uses_it() -> None:
    fake = iter(range(0, 10**12, 2_000_000))  # everything takes two readings, 2 ms apart
    graph = DemandGraph(
        [
            Source("camera", read=lambda n: n, every_ms=10),
            Node("costly", lambda n: n, "camera"),
            Node("sink", lambda n: n, "costly", every_ms=100),
        ]
    )
    execution = Execution(graph, VirtualClock(), "push", cpu_ns=lambda: next(fake))
    execution.run(10)
    report = waste_report(execution.counts(), 10)
    assert {waste.node: waste.unused for waste in report.nodes} == {"camera": 900, "costly": 900, "sink": 0}
    assert report.wasted_cpu_s == pytest.approx(3.6)
    assert "costly: 90% of 1000 computations unused, 180.0 ms of CPU a second" in report.text()


def test_the_saving_that_the_counts_tell_is_the_one_of_the_process() -> None:
    graph = DemandGraph(
        [
            Source("camera", read=lambda n: n, every_ms=30),
            Node("contrast", lambda n: (burn(4), n)[1], "camera"),
            Node("movement", lambda two: (burn(2), two)[1], Input("contrast", 2), every_ms=500),
        ]
    )

    def measured(style: str) -> tuple[float, Execution]:
        execution = Execution(graph, VirtualClock(), style)
        started = time.process_time()
        execution.run(6)
        return time.process_time() - started, execution

    push_s, push = measured("push")
    pull_s, pull = measured("pull")
    assert push_s - pull_s == pytest.approx(cpu_saved_s(push.counts(), pull.counts()), rel=0.1)
