"""A file of an earlier designer in the window: a new pipeline, told what was left over; the file stays."""

from __future__ import annotations

import json
from pathlib import Path

from cluster4npu.ui.main_window import MainWindow
from tests.core.pipeline.test_mflow import OLD


def test_it_opens_as_a_new_pipeline(window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "gate.mflow"
    path.write_text(json.dumps(OLD))
    before = path.read_bytes()
    assert window.files.open(path)
    assert window.document.path is None
    assert window.document.is_modified()
    assert len(window.workspace.editor.canvas.items_by_id) == 6
    assert "not_taken_over" in window.workspace.editor.canvas.boxes.items
    assert "settings have no counterpart" in window.messages.text()
    window.document.save(tmp_path / "gate.json")
    assert path.read_bytes() == before


def test_a_broken_one_leaves_the_open_pipeline(window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "gate.mflow"
    path.write_text('{"nodes": [1], "connections": []}')
    before = window.document.config
    assert not window.files.open(path)
    assert window.document.config is before
    assert "earlier designer" in window.messages.text()
