"""The live chart draws what was measured, and nothing else."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetricsF, QImage
from PySide6.QtWidgets import QHBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from cluster4npu.core.errors import InputError
from cluster4npu.ui.dashboard.chart import LiveChart
from cluster4npu.ui.dashboard.export import save
from cluster4npu.ui.dashboard.numbers import NOT_REPORTED, figure


@pytest.fixture
def chart(qtbot: QtBot) -> LiveChart:
    chart = LiveChart("Latency", "ms", ["p50", "p95"])
    qtbot.addWidget(chart)
    return chart


def drawn(chart: LiveChart) -> str:
    chart._redraw.timeout.emit()
    return chart._newest.text()


def test_a_value_that_was_not_measured_is_a_gap_and_never_zero(chart: LiveChart) -> None:
    chart.append(0.0, 10.0, 20.0)
    chart.append(0.25, None, None)
    chart.append(0.5, 12.0, None)
    assert chart.newest() == (12.0, None)
    assert chart.points(0) == 2
    assert chart.points(1) == 1
    text = drawn(chart)
    assert "12.0" in text and NOT_REPORTED in text


def test_only_unreported_values_are_told_once(chart: LiveChart) -> None:
    chart.append(0.0, None, None)
    assert drawn(chart) == NOT_REPORTED


def test_the_newest_minute_is_followed(chart: LiveChart) -> None:
    for number in range(5000):
        chart.append(number * 0.25, float(number), 1.0)
    assert chart.newest() == (4999.0, 1.0)
    drawn(chart)
    low, high = chart.plot.viewRange()[0]
    assert high - low == pytest.approx(60.0, abs=0.5)


def test_many_values_at_once_are_drawn_once(chart: LiveChart, qtbot: QtBot) -> None:
    chart.show()
    qtbot.waitExposed(chart)
    qtbot.waitUntil(lambda: not chart._redraw.isActive())
    draws: list[None] = []
    chart._redraw.timeout.connect(lambda: draws.append(None))
    for number in range(200):
        chart.append(number * 0.01, 1.0, 2.0)
    qtbot.waitUntil(lambda: len(draws) == 1)


def test_keys_zoom_move_show_all_and_follow_again(chart: LiveChart, qtbot: QtBot) -> None:
    chart.extend(np.arange(0.0, 600.0, 0.25), np.ones((2, 2400), np.float32))
    drawn(chart)
    qtbot.keyClick(chart, Qt.Key.Key_Home)
    assert chart.plot.viewRange()[0] == pytest.approx([0.0, 599.75])
    qtbot.keyClick(chart, Qt.Key.Key_Plus)
    assert chart.plot.viewRange()[0] == pytest.approx([149.9375, 449.8125])
    qtbot.keyClick(chart, Qt.Key.Key_Right)
    low, _high = chart.plot.viewRange()[0]
    assert low > 220
    chart.append(700.0, 1.0, 1.0)
    drawn(chart)
    assert chart.plot.viewRange()[0][0] == low  # what is looked at stays
    qtbot.keyClick(chart, Qt.Key.Key_End)
    assert chart.plot.viewRange()[0][1] == pytest.approx(700.0)


def test_a_paused_chart_records_and_shows_it_afterwards(chart: LiveChart) -> None:
    chart.append(0.0, 1.0, 2.0)
    drawn(chart)
    chart.set_paused(True)
    chart.append(300.0, 5.0, 6.0)
    assert "5.0" not in drawn(chart)
    chart.set_paused(False)
    assert "5.0" in drawn(chart)
    assert chart.plot.viewRange()[0][1] == pytest.approx(300.0)


@pytest.mark.parametrize("suffix", [".png", ".svg", ".csv"])
def test_a_chart_is_saved_in_every_format(chart: LiveChart, tmp_path: Path, suffix: str) -> None:
    chart.resize(400, 200)
    chart.show()
    chart.append(0.0, 1.5, None)
    path = tmp_path / f"chart{suffix}"
    assert chart.menu_button.write(path)
    data = path.read_bytes()
    match suffix:
        case ".png":
            assert QImage(str(path)).width() == 2 * chart.width()
        case ".svg":
            assert b"<svg" in data and b"</svg>" in data
        case _:
            assert data.decode().splitlines() == ["time (s),latency p50 (ms),latency p95 (ms)", "0.0,1.5,"]


@pytest.mark.parametrize("name", ["chart.gif", "no-such-folder/chart.png", "no-such-folder/chart.csv"])
def test_a_chart_that_cannot_be_saved_is_told(chart: LiveChart, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        save(chart, chart.table, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_million_points_behind_each_chart_of_a_tab_are_drawn_within_a_frame(qtbot: QtBot) -> None:
    """All three of the tab Live, and in the median of frames; of the thread's own time, since others work as well."""
    tab = QWidget()
    row = QHBoxLayout(tab)
    charts = [
        LiveChart(name, "ms", lines) for name, lines in (("a", ["x"]), ("b", ["p", "q", "r"]), ("c", ["x"]))
    ]
    times = np.linspace(0.0, 10_000.0, 1_000_000)
    for chart in charts:
        row.addWidget(chart)
        values = np.random.default_rng(1).random((len(chart.series), len(times)), np.float32)
        chart.extend(times, values)
    qtbot.addWidget(tab)
    tab.resize(1100, 260)
    tab.show()
    qtbot.waitExposed(tab)
    for chart in charts:
        chart.show_all()
    spent = []
    for number in range(30):
        before = time.thread_time()
        for chart in charts:
            chart.append(10_000.0 + number, *(0.5 for _ in chart.series))
            chart._draw()
            chart.plot.viewport().repaint()
        spent.append(time.thread_time() - before)
    assert sorted(spent)[15] < 1 / 60


def test_clear_forgets_everything(chart: LiveChart) -> None:
    chart.append(0.0, 1.0, 2.0)
    chart.clear()
    assert chart.newest() == (None, None)
    assert drawn(chart) == ""


@pytest.mark.parametrize(
    ("value", "text"), [(1234.4, "1234"), (56.72, "56.7"), (8.904, "8.90"), (0.0, "0.00")]
)
def test_numbers_have_three_digits_that_count(value: float, text: str) -> None:
    assert figure(value) == text


def test_an_empty_chart_begins_at_zero_and_names_no_values(chart: LiveChart) -> None:
    left = chart.plot.getPlotItem().getAxis("left")
    assert chart.plot.viewRange()[1][0] == 0.0 and not left.style["showValues"]
    chart.append(0.0, 10.0, 20.0)
    drawn(chart)
    assert chart.plot.viewRange()[1][0] == 0.0 and left.style["showValues"]
    chart.clear()
    assert chart.plot.viewRange()[1][0] == 0.0 and not left.style["showValues"]


@pytest.mark.parametrize("end", [10.0, 60.0, 3600.0, 1e6])
@pytest.mark.parametrize("width", [50, 140, 900])
def test_times_on_the_axis_keep_clear_of_each_other(chart: LiveChart, end: float, width: int) -> None:
    axis = chart.plot.getPlotItem().getAxis("bottom")
    ((spacing, _first),) = axis.tickSpacing(0.0, end, width)
    values = [v for v in axis.tickValues(0.0, end, width)[0][1] if v < end]
    width_of = QFontMetricsF(axis.font()).horizontalAdvance
    longest = max(map(width_of, axis.tickStrings(values, 1.0, spacing)), default=0.0)
    assert spacing * width / end > longest


def test_at_its_least_width_the_header_shows_each_number_whole(chart: LiveChart, qtbot: QtBot) -> None:
    chart.append(0.0, 1234.0, None)
    chart.resize(chart.minimumSizeHint().width(), 120)
    chart.show()
    qtbot.waitExposed(chart)
    drawn(chart)
    assert chart._newest.sizeHint().width() <= chart._newest.width()
    assert "1234" in chart._newest.text()
