"""The speedup display never lets a number pass for more than it is."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from cluster4npu.ui import theme
from cluster4npu.ui.dashboard.speedup import EMPTY, SpeedupWidget


@pytest.fixture
def widget(qtbot: QtBot) -> SpeedupWidget:
    widget = SpeedupWidget()
    qtbot.addWidget(widget)
    return widget


def test_a_valid_gain_shows_number_and_interval(widget: SpeedupWidget) -> None:
    widget.show_result("2.9x FASTER", (2.81, 3.02), simulated=False, valid=True, reason="")
    assert widget.headline.text() == "2.9x FASTER"
    assert "2.81 to 3.02" in widget.detail.text()
    assert theme.colors().ok in widget.headline.styleSheet()
    assert widget.simulated.isHidden()
    assert widget.validity.isHidden()


def test_simulated_results_are_labelled(widget: SpeedupWidget) -> None:
    widget.show_result("4.0x FASTER", (3.9, 4.1), simulated=True, valid=True, reason="")
    assert not widget.simulated.isHidden()
    assert widget.simulated.text() == "SIMULATED"


@pytest.mark.parametrize(("headline", "chip"), [("INVALID", ""), ("2.9x FASTER", "INVALID")])
def test_an_invalid_result_says_so_once_and_why(widget: SpeedupWidget, headline: str, chip: str) -> None:
    widget.show_result(headline, None, simulated=False, valid=False, reason="results differ")
    assert widget.validity.text() == chip
    assert widget.validity.isHidden() is (chip == "")
    assert "results differ" in widget.detail.text()
    assert theme.colors().fail in widget.headline.styleSheet()


def test_a_loss_is_not_painted_as_a_gain(widget: SpeedupWidget) -> None:
    widget.show_result("0.8x SLOWER", (0.75, 0.85), simulated=False, valid=True, reason="")
    assert theme.colors().warn in widget.headline.styleSheet()


def test_waiting_and_clearing_take_the_old_number_away(widget: SpeedupWidget) -> None:
    widget.show_result("2.9x FASTER", (2.8, 3.0), simulated=True, valid=True, reason="")
    widget.show_waiting("Measuring onnx:cpu")
    assert "2.9" not in widget.headline.text()
    assert widget.simulated.isHidden()
    widget.clear()
    assert widget.detail.text() == EMPTY
