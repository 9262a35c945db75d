"""Problems as the reader sees them."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from cluster4npu.core.errors import InputError, Problem
from cluster4npu.ui.dialogs.errors import ProblemBox, describe, plain_tip, problems_of

NASTY = "<b>bold</b><img src='http://127.0.0.1/x.png'>"


def test_each_part_of_a_problem_has_its_line() -> None:
    problem = Problem("the file is missing", "source", "path", "/tmp/x", "an existing file", "Choose one.")
    assert describe(problem).split("\n") == [
        "The file is missing.",
        "Where: source \N{RIGHTWARDS ARROW} path",
        "Found: /tmp/x",
        "Allowed: an existing file",
        "What to do: Choose one.",
    ]
    assert describe(Problem("odd")) == "Odd."


def test_the_box_shows_plain_text_and_hides_when_all_is_well(qtbot: QtBot) -> None:
    box = ProblemBox()
    qtbot.addWidget(box)
    box.show_problems([Problem(NASTY, found=NASTY)])
    assert box.isVisible()
    assert NASTY in box.text()
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in box.findChildren(QLabel))
    box.show_problems([Problem(f"number {n}") for n in range(50)])
    assert "and 30 more" in box.text()
    box.show_problems([])
    assert not box.isVisible()


def test_every_error_becomes_a_problem() -> None:
    problem = Problem("wrong")
    assert problems_of(InputError(problem)) == (problem,)
    (unforeseen,) = problems_of(KeyError("x"), "reading failed")
    assert unforeseen.message == "reading failed"
    assert "KeyError" in unforeseen.found


def test_a_tool_tip_cannot_be_html() -> None:
    assert "<img" not in plain_tip(NASTY)
