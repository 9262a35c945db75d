"""Charts of stored runs: their values are the store's."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from pytestqt.qtbot import QtBot

from cluster4npu.core.compare import trends
from cluster4npu.core.compare.trend import ChangePoint, Trend, TrendPoint
from cluster4npu.core.store import Store
from cluster4npu.ui.charts import PerformanceTrendChart
from tests.core.compare.runs import benchmark


def test_the_trend_has_the_stored_rates_and_its_change(qtbot: QtBot, tmp_path: Path) -> None:
    store = Store(tmp_path / "s.duckdb")
    ids = [store.save(benchmark(100.0 if day < 6 else 80.0, day=day, segments=())) for day in range(12)]
    chart = PerformanceTrendChart()
    qtbot.addWidget(chart)
    chart.show_trend(trends(store.runs())[0], ids[3])
    assert chart.values.tolist() == [store.run(run_id).results[0].fps for run_id in ids]
    assert f"From run {ids[6]} on: 100.0 to 80.0 frames/s (0.800x)" in chart.changes.text()
    assert "SIMULATED" in chart.title.text()
    with qtbot.waitSignal(chart.picked) as picked:
        chart._points.sigClicked.emit(chart._points, chart._points.points()[2:3], None)
    assert picked.args == [ids[2]]


def test_a_thousand_runs_are_drawn_soon(qtbot: QtBot) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    points = tuple(
        TrendPoint(f"r{i}", start + timedelta(hours=i), 100.0 + float(np.sin(i))) for i in range(1000)
    )
    chart = PerformanceTrendChart()
    qtbot.addWidget(chart)
    chart.resize(600, 300)
    begin = time.monotonic()
    chart.show_trend(Trend("x", points, (ChangePoint("r500", 500, 100.0, 90.0),), False))
    chart.show()
    chart.grab()
    assert time.monotonic() - begin < 5.0  # 0.1 s on a quiet machine
