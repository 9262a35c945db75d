"""The assistant on the real window: what is predicted of stamps, one press, one step of undo, and what came of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from cluster4npu.core.engine.messages import Started
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui.main_window import MainWindow
from cluster4npu.ui.workspace import Workspace
from tests.core.metrics.stamps import made_run

WORKERS = ("sim:ane", "sim:gpu")


@pytest.fixture
def workspace(window: MainWindow, qtbot: QtBot) -> Workspace:
    """Return the designer with a pipeline on two simulated devices; the assistant is not seen."""
    window.files.new(PipelineTemplates.get("simulated", devices=list(WORKERS)))
    window.show_designer()
    window.workspace.docks["Dashboard"].raise_()
    qtbot.waitUntil(lambda: not window.workspace.assistant.isVisible())
    return window.workspace


def ran(workspace: Workspace, config: PipelineConfig, rows: np.ndarray, workers: tuple[str, ...]) -> None:
    """Tell the designer of a run that is over, with these stamps."""
    started = Started(workers, workers, {}, {}, "", 480, 640, "", (), {}, {"inference": workers})
    workspace.visualizer.begin(config)
    workspace.assistant.begin(config)
    workspace.visualizer.show_started(workers, workers, started.stages)
    workspace.assistant.show_started(started)
    workspace.visualizer.end(rows)
    workspace.assistant.end()


def answered(workspace: Workspace, qtbot: QtBot) -> list[str]:
    """Show the assistant, wait for its answer, and return what can be pressed."""
    panel = workspace.assistant
    workspace.docks["Assistant"].show()
    workspace.docks["Assistant"].raise_()
    qtbot.waitUntil(lambda: bool(panel.rows) and panel._asking is None, timeout=10_000)
    return [row.change.text for row in panel.rows if row.button.isVisible() and row.button.isEnabled()]


def test_a_change_is_one_step_of_undo_and_the_next_run_judges_it(workspace: Workspace, qtbot: QtBot) -> None:
    panel, document, canvas = workspace.assistant, workspace.editor.document, workspace.editor.canvas
    before = document.config
    ran(workspace, before, made_run(300, [20.0, 50.0]), WORKERS)
    assert not panel.rows and panel._asking is None  # nobody has looked
    assert answered(workspace, qtbot) == [f"One more worker on {w} for inference" for w in WORKERS]
    assert "69.8 FPS measured" in canvas.items_by_id["inference"].toolTip()
    assert [n for n, item in canvas.items_by_id.items() if item.hint] == ["inference"]

    best = panel.rows[0]
    best.button.click()
    assert document.config.node("inference").params["devices"] == [*WORKERS, "sim:ane#2"]
    assert answered(workspace, qtbot) == []  # what was measured is not of this pipeline any more
    assert "run it to measure" in panel.news.text()
    document.undo_stack.undo()
    assert document.config == before and not panel.news.isVisible()
    document.undo_stack.redo()

    after = (*WORKERS, "sim:ane#2")
    ran(workspace, document.config, made_run(400, [20.0, 50.0, 20.0]), after)
    answered(workspace, qtbot)
    assert panel.outcome.measured == pytest.approx(best.change.fps, rel=0.05)
    assert "FPS measured, 69.8 before" in panel.news.text()


def test_what_brings_nothing_has_no_button(workspace: Workspace, qtbot: QtBot) -> None:
    """The source is slow: more workers are told as no gain, and reading is no parameter that could be set."""
    config = workspace.editor.document.config
    ran(workspace, config, made_run(300, [5.0, 5.0], source_ms=20.0), WORKERS)
    assert answered(workspace, qtbot) == []
    texts = [row.change.text for row in workspace.assistant.rows]
    assert texts[0] == "If reading took no time" and len(texts) > 1
    assert not any(item.hint for item in workspace.editor.canvas.items_by_id.values())


def test_a_change_of_a_node_that_is_gone_is_refused(workspace: Workspace, qtbot: QtBot) -> None:
    panel, document = workspace.assistant, workspace.editor.document
    ran(workspace, document.config, made_run(300, [20.0, 50.0]), WORKERS)
    answered(workspace, qtbot)
    gone = replace(panel.rows[0].change, node="gone")
    with qtbot.waitSignal(panel.refused) as told:
        panel.apply(gone)
    assert "this node is gone" in told.args[0]
    workspace.forget_run()
    assert not panel.rows
