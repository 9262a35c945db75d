"""Several windows: each with its own pipeline, undo and run; one file is never open in two of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QMessageBox
from pytestqt.qtbot import QtBot

from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui.windows import Windows


@pytest.fixture
def windows(tmp_path: Path, qtbot: QtBot) -> Iterator[Windows]:
    found = Windows(tmp_path / "results.duckdb")
    yield found
    for window in list(found.open_ones):
        window.document.undo_stack.setClean()
        window.close()


def test_each_window_has_its_own_pipeline_and_undo(windows: Windows) -> None:
    first = windows.open()
    first.actions_by_name["new_window"].trigger()
    _, second = windows.open_ones
    assert second.pos() != first.pos()
    first.files.new(PipelineTemplates.get("simulated"))
    second.files.new(PipelineConfig(name="other"))
    second.document.add_node("count", (0.0, 0.0))
    assert not first.document.is_modified()
    second.document.undo_stack.undo()
    assert first.document.config.nodes
    assert second.document.config.nodes == ()
    second.document.undo_stack.setClean()
    second.close()
    assert windows.open_ones == [first]


def test_the_window_menu_leads_to_the_others(windows: Windows) -> None:
    first, second = windows.open(), windows.open()
    first.files.new(PipelineConfig(name="one"))
    second.files.new(PipelineConfig(name="two"))
    menu = first.actions_by_name.window_menu
    for _ in range(2):  # filled anew each time
        menu.aboutToShow.emit()
        listed = [a for a in menu.actions() if a.data() == "window"]
        assert [(a.text(), a.isChecked()) for a in listed] == [("one", True), ("two", False)]


def test_a_file_is_open_in_one_window_only(windows: Windows, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    PipelineTemplates.get("simulated").save(path)
    first, second = windows.open(), windows.open()
    assert first.files.open(path)
    assert not second.files.open(path)
    assert second.document.path is None
    before = path.read_bytes()
    second.document.add_node("count", (0.0, 0.0))
    assert not second.files._save(path)
    assert "another window" in second.messages.text()
    assert path.read_bytes() == before


def test_asked_to_end_from_outside_nobody_is_asked(windows: Windows, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        pytest.fail("a question was asked")

    monkeypatch.setattr(QMessageBox, "question", never)
    for _ in range(3):
        windows.open().document.add_node("count", (0.0, 0.0))
    windows.close_unasked()
    assert windows.open_ones == []
