"""The live chart draws what was measured, and nothing else."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from cluster4npu.ui.dashboard.chart import LiveChart
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


def test_a_long_run_needs_no_more_memory_and_keeps_the_newest(chart: LiveChart) -> None:
    size = chart._values.nbytes
    for number in range(5000):
        chart.append(number * 0.25, float(number), 1.0)
    assert chart._values.nbytes == size
    assert chart.newest() == (4999.0, 1.0)
    drawn(chart)
    low, high = chart.plot.viewRange()[0]
    assert high - low == pytest.approx(60.0, abs=0.5)


def test_many_values_at_once_are_drawn_once(chart: LiveChart, qtbot: QtBot) -> None:
    draws: list[None] = []
    chart._redraw.timeout.connect(lambda: draws.append(None))
    for number in range(200):
        chart.append(number * 0.01, 1.0, 2.0)
    qtbot.waitUntil(lambda: len(draws) == 1)


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
