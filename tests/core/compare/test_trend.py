"""Trends: which runs belong together, and where a series changes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from cluster4npu.cli.comparing import trend_report
from cluster4npu.core.compare import change_points, trends
from cluster4npu.core.store import RunRow, Store
from tests.core.compare.runs import benchmark


@pytest.mark.parametrize("seed", range(3))
def test_a_step_is_found_where_it_is(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(100, 1, 20), rng.normal(95, 1, 20), rng.normal(110, 1, 15)])
    found = change_points(values)
    assert len(found) == 2
    assert abs(found[0] - 20) <= 1 and abs(found[1] - 40) <= 1


def test_noise_has_few_changes() -> None:
    rng = np.random.default_rng(1)
    assert sum(bool(change_points(rng.normal(100, 2, 24))) for _ in range(40)) <= 5


def test_too_few_and_constant_values_have_none() -> None:
    assert change_points([]) == change_points([1.0, 2.0, 9.0, 9.0]) == change_points([5.0] * 40) == []


def test_runs_of_one_question_make_a_trend(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.duckdb")
    for day in range(16):
        store.save(benchmark(100.0 if day < 8 else 90.0, day=day, seed=day, segments=()))
    store.save(benchmark(50.0, day=20, conditions={"host": {"cpu": "other"}}, segments=()))
    store.save(benchmark(1.0, day=21, valid=False, invalid_reason="unstable", segments=()))
    first, second = trends(store.runs())
    assert (len(first.points), len(second.points)) == (16, 1)
    (change,) = first.changes
    assert change.index == 8
    assert change.ratio == pytest.approx(0.9)
    assert first.points[8].run_id == change.run_id
    assert first.simulated and "offline" in first.name
    assert first.as_dict()["changes"][0]["ratio"] == pytest.approx(0.9)


def test_without_the_library_change_points_are_not_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster4npu.core.compare.trend.find_spec", lambda name: None)
    rows = [
        RunRow(
            f"r{day}",
            "run",
            datetime(2026, 1, 1 + day, tzinfo=UTC),
            "p",
            ("sim:a",),
            fps,
            None,
            "",
            True,
            "",
            True,
        )
        for day, fps in enumerate([100.0] * 10 + [50.0] * 10)
    ]
    (trend,) = trends(rows)
    assert trend.changes == () and len(trend.points) == 20
    assert "not reported" in trend_report(trend)[-1] and "not reported" in trend.as_dict()["note"]
