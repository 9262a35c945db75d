"""A benchmark's JSON, read for showing."""

from __future__ import annotations

from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from cluster4npu.core.bench import BenchmarkResult, SideFigures, Speedup, WorkerFigures
from cluster4npu.core.metrics.statistics import LatencyStats
from cluster4npu.ui.dialogs.comparison import NOT_REPORTED, Comparison, what_to_do
from cluster4npu.ui.dialogs.comparison_view import ComparisonView

LATENCY = LatencyStats(700, 10.0, 9.0, 12.0, 13.0, None)


def result(**changes: Any) -> BenchmarkResult:
    values: dict[str, Any] = {
        "scenario": "offline",
        "profile": "quick",
        "pipeline_name": "P",
        "devices": ("a", "b"),
        "single": {"a": SideFigures(60.0, LATENCY), "b": SideFigures(40.0, LATENCY)},
        "parallel": SideFigures(95.0, LATENCY),
        "best_single": "a",
        "baseline": "a",
        "speedup": Speedup(1.58, 1.5, 1.66),
        "efficiency": 0.95,
        "simulated": False,
        "workers": (WorkerFigures("a", "a", "CPU", False, 57.0, 0.6, None, LATENCY),),
        "run_id": "r1",
    }
    return BenchmarkResult(**{**values, **changes})


@pytest.fixture
def view(qtbot: QtBot) -> ComparisonView:
    view = ComparisonView()
    qtbot.addWidget(view)
    view.show()
    return view


def test_single_and_parallel_stand_side_by_side(view: ComparisonView) -> None:
    view.show_comparison(Comparison.of(result().as_dict()))
    assert view.speedup.headline.text() == "1.58x FASTER"
    assert "1.50" in view.speedup.detail.text()
    assert view.sides.texts() == [
        ["a alone", "60.0", "9.0", "13.0", NOT_REPORTED],
        ["b alone", "40.0", "9.0", "13.0", NOT_REPORTED],
        ["all together", "95.0", "9.0", "13.0", NOT_REPORTED],
    ]
    assert view.workers.texts() == [["a", "60%", NOT_REPORTED, "57.0", "10.0"]]
    assert "95%" in view.efficiency.text()
    assert "Compared with a alone" in view.note.text()
    assert not view.speedup.simulated.isVisible()
    assert "all together: 95.0" in view.bars.accessibleDescription()


def test_an_invalid_result_says_why_and_what_to_do(view: ComparisonView) -> None:
    view.show_comparison(Comparison.of(result(invalid_reason="outputs differ (b)").as_dict()))
    assert view.speedup.headline.text() == "INVALID"
    assert "outputs differ (b)" in view.speedup.detail.text()
    assert "1.5" not in view.speedup.detail.text()
    assert "Leave it out" in view.note.text()


def test_simulated_figures_say_so(view: ComparisonView) -> None:
    worker = WorkerFigures("sim:a", "sim:a", "simulated", True, 50.0, 1.0, 0.9, LATENCY)
    view.show_comparison(Comparison.of(result(simulated=True, workers=(worker,)).as_dict()))
    assert view.speedup.simulated.isVisible()
    assert view.workers.texts()[0][0] == "sim:a (SIMULATED)"


def test_one_device_has_nothing_to_compare(view: ComparisonView) -> None:
    alone = result(
        single={"a": SideFigures(60.0, LATENCY)},
        parallel=None,
        speedup=None,
        efficiency=None,
        devices=("a",),
        workers=(),
    )
    view.show_comparison(Comparison.of(alone.as_dict()))
    assert "60.0 FPS" in view.speedup.headline.text()
    assert "nothing to compare" in view.note.text()
    assert not view.workers.isVisible()
    assert "efficiency" not in view.efficiency.text()


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"single": [], "parallel": 3, "workers": {"a": 1}, "speedup_ci95": ["x", None], "valid": "yes"},
        {
            "single": {"<b>": {"fps": "fast", "latency_ms": []}},
            "warnings": [None, {}],
            "parallel": {"fps": True},
        },
    ],
)
def test_odd_data_shows_as_not_reported(view: ComparisonView, data: dict[str, Any]) -> None:
    comparison = Comparison.of(data)
    assert not comparison.valid
    assert all(side.fps is None for side in comparison.sides)
    view.show_comparison(comparison)
    view.grab()


@pytest.mark.parametrize(
    ("reason", "remedy"),
    [
        ("unstable (parallel throughput)", "other programs"),
        ("outputs differ (x)", "Leave it out"),
        ("profile too short", "longer profile"),
        ("3 frames failed", "Mend"),
    ],
)
def test_every_reason_has_a_remedy(reason: str, remedy: str) -> None:
    assert remedy in what_to_do(reason)
