"""The worked example, a template of ordinary nodes: how often each computes, what it sees, and what is in vain."""

from __future__ import annotations

import importlib.util

import pytest

from cluster4npu.core.demand import waste_report
from cluster4npu.core.nodes.base import Delivery, SinkNode
from tests.core.engine.on_demand.looking_away import (
    LEAVES_S,
    LOOKS_AWAY_S,
    LOOKS_BACK_S,
    NAMES,
    running,
    template,
    window,
)

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("skimage") is None,
    reason="needs scikit-image: pip install 'cluster4npu[vision]'",
)


@pytest.mark.parametrize(
    ("execution", "idle_in_3_s", "active_in_3_s"),
    [
        ("push", (100, 6, 0, 0, 0, 0), (100, 0, 30, 30, 30, 3)),
        ("on_demand", (6, 6, 0, 0, 0, 0), (30, 0, 30, 6, 6, 3)),
    ],
)
def test_each_node_computes_exactly_as_often_as_it_should(
    execution: str, idle_in_3_s: tuple[int, ...], active_in_3_s: tuple[int, ...]
) -> None:
    run = running(template(execution))
    idle = window(run, 1, 3)
    assert run.mode == "idle"
    active = window(run, 6, 3)
    assert run.mode == "active"
    assert tuple(idle[name].computes for name in NAMES) == idle_in_3_s
    assert tuple(active[name].computes for name in NAMES) == active_in_3_s
    in_vain = {
        row.node: round(row.share, 2)
        for row in waste_report(idle, 3).nodes
        if row.unused > 0 and row.node in NAMES
    }
    assert in_vain == ({"contrast": 0.94} if execution == "push" else {})
    rows = {row.node: round(row.share, 2) for row in waste_report(active, 3).nodes if row.node in NAMES}
    wasted = {"contrast": 0.7, "clip": 0.8, "eyes": 0.8} if execution == "push" else {}
    assert {name: share for name, share in rows.items() if share} == wasted


def test_with_head_detection_on_demand_too_only_the_frames_that_are_asked_for_are_made() -> None:
    run = running(template("on_demand", head={"every_ms": None, "modes": []}))
    counts = window(run, 6, 3)
    assert tuple(counts[name].computes for name in NAMES) == (6, 0, 6, 6, 6, 3)
    assert counts["source"].computes == 6  # the other 94 frames are not even converted


def test_another_rate_of_head_detection_is_one_edit() -> None:
    run = running(template("on_demand", head={"every_ms": 87}))
    counts = window(run, 6, 4.35)
    assert counts["head"].computes == 50
    assert counts["clip"].computes == counts["eyes"].computes == 2 * counts["distance"].computes
    assert counts["distance"].computes in (4, 5)


def test_samples_for_500_ms_and_a_pause_of_800_ms_is_one_edit() -> None:
    run = running(template("on_demand", distance={"every_ms": 1300, "frames": 5}))
    counts = window(run, 6, 3.9)
    assert counts["distance"].computes == 3
    assert counts["clip"].computes == counts["eyes"].computes == 15
    assert counts["contrast"].computes == counts["head"].computes == 39


def test_it_sees_the_viewer_come_look_away_look_back_and_leave() -> None:
    flags: list[tuple[float, bool]] = []
    modes: list[tuple[str, float]] = []

    def take(node: SinkNode, delivery: Delivery) -> None:
        if node.id == "count":
            flags.append((run.elapsed_s, delivery.inputs["result"].value))

    run = running(template("on_demand"), take, lambda mode, at_s: modes.append((mode, at_s)))
    run.run(21)
    assert [mode for mode, _ in modes] == ["active", "idle"]
    assert 4.0 <= modes[0][1] <= 4.5  # within one period of movement
    assert LEAVES_S < modes[1][1] <= LEAVES_S + 2.5
    raised = next(at_s for at_s, flag in flags if flag)
    assert LOOKS_AWAY_S + 5 <= raised <= LOOKS_AWAY_S + 6
    lowered = next(at_s for at_s, flag in flags if not flag and at_s > raised)
    assert LOOKS_BACK_S < lowered <= LOOKS_BACK_S + 2.1
