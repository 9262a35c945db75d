"""Charts of stored runs: their values are the store's."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from pytestqt.qtbot import QtBot

from cluster4npu.core.compare import trends
from cluster4npu.core.compare.trend import ChangePoint, Trend, TrendPoint
from cluster4npu.core.store import ResultRecord, SegmentRecord, Store
from cluster4npu.ui.charts import AdvancedChartComponents, PerformanceTrendChart
from cluster4npu.ui.charts.components import busy
from cluster4npu.ui.charts.speedup import ALL
from tests.core.compare.runs import benchmark, leg


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


def test_the_charts_of_a_run_have_the_stored_values(qtbot: QtBot, tmp_path: Path) -> None:
    store = Store(tmp_path / "s.duckdb")
    samples = leg(100.0)
    samples["started_ns"] = samples["scheduled_ns"] + 4_000_000
    samples["worker"] = samples["frame_id"] % 3 == 0
    made = SegmentRecord("pair", "parallel", ("sim:a", "sim:b"), ("sim:a", "sim:b"), samples)
    single = ResultRecord("single", "sim:a", fps=61.7, simulated=True)
    results = (single, *benchmark(100.0).results)
    run_id = store.save(benchmark(100.0, segments=(made,), results=results))
    record, segments = store.run(run_id), store.segments(run_id)
    charts = AdvancedChartComponents()
    qtbot.addWidget(charts)
    charts.show_run(record, segments, None)
    stored = {r.device or ALL: r.fps for r in record.results if r.side == "single" or not r.device}
    assert charts.speedup.values == stored
    segment = charts.timeline._segments[charts.timeline.choice.currentIndex()]
    for index, worker in enumerate(segment.workers):
        rows = segment.samples[(segment.samples["worker"] == index) & (segment.samples["started_ns"] > 0)]
        drawn = charts.timeline.bars(worker)
        origin = segment.samples["scheduled_ns"].min()
        np.testing.assert_allclose(drawn[:, 1], (rows["started_ns"] - origin) / 1e9, atol=1e-9)
        np.testing.assert_allclose(drawn[:, 2], (rows["finished_ns"] - origin) / 1e9, atol=1e-9)
    for device, cells in busy(segments).items():
        for second, value in cells.items():
            assert charts.heatmap.cell(device, second) == value
    assert not charts.isTabEnabled(charts.indexOf(charts.trend))
    charts.show_run(record, (), None)
    assert not charts.isTabEnabled(charts.indexOf(charts.timeline))
    assert not charts.isTabEnabled(charts.indexOf(charts.heatmap))
