"""The main window: pages, files and their question, messages, titles, layouts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox, QTreeWidget
from pytestqt.qtbot import QtBot

from cluster4npu.core.engine.messages import RunOptions
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig, Targets
from cluster4npu.core.settings import assets_dir
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui import theme
from cluster4npu.ui.main_window import IntegratedPipelineDashboard, MainWindow
from cluster4npu.ui.wizard.wizard import PipelineSetupWizard
from tests.ui.dashboard.test_dashboard import SNAPSHOT
from tests.ui.editor.pipelines import chain
from tests.ui.editor.test_canvas import at, drag

Button = QMessageBox.StandardButton


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Button], list[str]]:
    """Return a function that sets the answer to the question about unsaved changes; it returns what was asked."""

    def set_answer(button: Button) -> list[str]:
        asked: list[str] = []

        def question(*args: object) -> Button:
            asked.append(str(args[2]))
            return button

        monkeypatch.setattr(QMessageBox, "question", question)
        return asked

    return set_answer


def press(window: MainWindow, name: str) -> None:
    window.actions_by_name[name].trigger()


def saved(folder: Path, config: PipelineConfig, name: str = "chain.json") -> Path:
    path = folder / name
    config.save(path)
    return path


def test_starts_with_the_start_page_and_every_template(window: MainWindow) -> None:
    assert window.stack.currentWidget() is window.start_page
    assert list(window.start_page.cards) == PipelineTemplates.names()
    assert not window.actions_by_name["run"].isEnabled()
    assert not window.actions_by_name["stop"].isEnabled()


def test_a_template_opens_on_the_canvas(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.mouseClick(window.start_page.cards["simulated"], Qt.MouseButton.LeftButton)
    assert window.stack.currentWidget() is window.workspace
    assert set(window.workspace.editor.canvas.items_by_id) == {
        n.id for n in PipelineTemplates.get("simulated").nodes
    }
    assert window.actions_by_name["run"].isEnabled()
    assert window.windowTitle() == "Simulated devices - Cluster4NPU"


def test_the_example_opens_without_a_file_so_that_it_stays_as_it_is(window: MainWindow) -> None:
    window.start_page.example.click()
    assert window.document.path is None
    assert window.document.config.node("inference").params["model"] == "bundled:digits_detector.onnx"
    assert window.document.check() == []


def test_a_file_of_the_program_itself_is_never_overwritten(window: MainWindow) -> None:
    window.files.open(assets_dir() / "example.json")
    assert window.document.path is None
    assert window.preferences.recent == []


def test_save_as_then_open_gives_the_same_pipeline(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window.files.new(chain())
    node = window.document.add_node("count", (10.0, 20.0))
    assert window.windowTitle() == "Chain* - Cluster4NPU"
    path = tmp_path / "mine.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "mine"), ""))
    press(window, "save")
    assert path.is_file()
    assert window.windowTitle() == "mine - Cluster4NPU"
    window.files.new(PipelineConfig())
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    press(window, "open")
    assert window.document.config.node(node).position == (10.0, 20.0)
    assert window.document.path == path
    assert window.preferences.recent == [path]


@pytest.mark.parametrize(
    ("typed", "file"),
    [("cams v1.2", "cams v1.2.json"), ("a.JSON", "a.JSON"), ("b.txt", "b.txt.json"), ("c.", "c..json")],
)
def test_a_saved_file_is_one_that_the_open_dialog_shows(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, file: str
) -> None:
    window.files.new(chain())
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / typed), ""))
    assert window.files.ask_save_as()
    assert window.document.path == tmp_path / file and (tmp_path / file).is_file()


def test_a_file_that_got_its_suffix_here_is_not_replaced_unasked(
    window: MainWindow,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: Callable[[Button], list[str]],
) -> None:
    path = saved(tmp_path, chain().replace(name="Other"), "cams.json")
    window.files.new(chain())
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "cams"), ""))
    asked = answer(Button.Cancel)
    assert not window.files.ask_save_as()
    assert asked and PipelineConfig.open(path).name == "Other"
    answer(Button.Yes)
    assert window.files.ask_save_as() and PipelineConfig.open(path).name == "Chain"


def click(window: MainWindow, label: str) -> list[str]:
    """Click this button of the next question; return what was asked."""
    asked: list[str] = []

    def now() -> None:
        box = next(iter(window.findChildren(QMessageBox)))
        asked.append(box.text())
        next(b for b in box.buttons() if b.text().replace("&", "").startswith(label)).click()
        box.deleteLater()

    QTimer.singleShot(0, now)
    return asked


def test_what_another_program_wrote_is_not_overwritten_unasked(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, chain())
    window.files.open(path)
    window.document.add_node("count", (0.0, 0.0))
    assert window.files.save()  # nobody else has touched it
    os.utime(path, (1, 1))
    assert window.files.save()  # nor changed it
    path.write_text("{}", encoding="utf-8")
    window.document.add_node("count", (9.0, 9.0))
    asked = click(window, "Cancel")
    assert not window.files.save() and asked and path.read_text(encoding="utf-8") == "{}"
    click(window, "Save as")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "both.json"), ""))
    assert window.files.save() and path.read_text(encoding="utf-8") == "{}"
    assert window.document.path == tmp_path / "both.json"
    window.document.add_node("count", (9.0, 20.0))
    window.document.path.write_text("{}", encoding="utf-8")
    click(window, "Overwrite")
    assert window.files.save() and len(PipelineConfig.open(window.document.path).nodes) > 1
    window.document.path.unlink()  # a file that is gone has nothing to lose
    window.document.add_node("count", (9.0, 40.0))
    assert window.files.save()


def test_undo_and_redo_through_the_actions(window: MainWindow) -> None:
    window.files.new(chain())
    assert not window.actions_by_name["undo"].isEnabled()
    window.document.add_node("count", (0.0, 0.0))
    press(window, "undo")
    assert window.document.config == chain()
    assert not window.document.is_modified()
    press(window, "redo")
    assert len(window.document.config.nodes) == 6


@pytest.mark.parametrize(("button", "stays"), [(Button.Cancel, True), (Button.Discard, False)])
def test_edits_are_not_lost_without_a_question(
    window: MainWindow, answer: Callable[[Button], list[str]], button: Button, stays: bool
) -> None:
    window.files.new(chain())
    window.document.add_node("count", (0.0, 0.0))
    asked = answer(button)
    window.start_page.cards["simulated"].click()
    assert len(asked) == 1
    assert (window.document.config.name == "Chain") is stays
    if stays:
        window.close()
        assert window.isVisible()
        assert len(asked) == 2


def test_saving_in_the_question_saves(
    window: MainWindow, answer: Callable[[Button], list[str]], tmp_path: Path
) -> None:
    path = saved(tmp_path, chain())
    window.files.open(path)
    window.document.add_node("count", (0.0, 0.0))
    answer(Button.Save)
    window.close()
    assert not window.isVisible()
    assert len(PipelineConfig.open(path).nodes) == 6


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("not json", "is not a pipeline file"),
        ("[1, 2]", "JSON list"),
        ('{"version": 1, "nodes": [{"id": "a", "type": "count", "colour": 3}]}', "a.colour: unknown field"),
        ('{"version": 99}', "version"),
    ],
)
def test_a_bad_file_is_told_and_the_open_pipeline_stays(
    window: MainWindow, tmp_path: Path, text: str, told: str
) -> None:
    window.files.new(chain())
    path = tmp_path / "bad.json"
    path.write_text(text)
    window.files.open(path)
    assert told in window.messages.text()
    assert window.document.config == chain()
    assert window.isVisible()


def test_a_missing_file_is_told_and_greyed_in_the_list(window: MainWindow, tmp_path: Path) -> None:
    path = saved(tmp_path, chain())
    other = saved(tmp_path, chain(), "other.json")
    window.files.open(path)
    window.files.open(other)
    other.unlink()
    press(window, "start_page")
    rows = window.start_page.rows
    assert list(rows) == [path, other]
    assert rows[path].open.isEnabled()
    assert not rows[other].open.isEnabled()
    rows[other].remove.click()
    assert list(window.start_page.rows) == [path]
    window.files.open(other)
    assert "cannot be read" in window.messages.text()


def test_running_a_faulty_pipeline_shows_the_node_and_starts_nothing(window: MainWindow) -> None:
    window.files.new(chain().with_params("inference", model="missing.onnx"))
    press(window, "run")
    assert not window.runs.busy
    assert "inference.model" in window.messages.text()
    assert "missing.onnx" in window.messages.text()
    assert window.workspace.editor.canvas.selected_ids() == ["inference"]
    window.workspace.editor.select_node("count")
    window.messages.show_node.click()
    assert window.workspace.editor.canvas.selected_ids() == ["inference"]


def test_a_node_is_dragged_from_the_palette_onto_the_canvas(window: MainWindow, qtbot: QtBot) -> None:
    window.files.new(PipelineConfig())
    qtbot.waitExposed(window)
    tree = window.workspace.node_palette.findChild(QTreeWidget)
    assert isinstance(tree, QTreeWidget)
    item = tree.findItems("Video file", Qt.MatchFlag.MatchRecursive | Qt.MatchFlag.MatchExactly)[0]
    data: QMimeData = tree.mimeData([item])
    view = window.workspace.editor.canvas.viewport()
    copy, none, left = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    enter = QDragEnterEvent(QPoint(200, 150), copy, data, left, none)
    QApplication.sendEvent(view, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(view, QDropEvent(QPointF(200, 150), copy, data, left, none))
    assert [(n.id, n.type) for n in window.document.config.nodes] == [("video_file", "video_file")]
    assert "video_file" in window.workspace.editor.canvas.items_by_id
    press(window, "undo")
    assert window.document.config.nodes == ()


def test_a_wrong_wire_is_refused_once_on_the_canvas(window: MainWindow, qtbot: QtBot) -> None:
    window.files.new(chain())
    canvas = window.workspace.editor.canvas
    qtbot.waitUntil(lambda: not window.workspace.editor._fit_wanted)
    with qtbot.waitSignal(window.workspace.editor.refused) as refused:
        drag(canvas, at(canvas, "source", "frame"), at(canvas, "inference", "tensor"))
    assert "A frame output cannot go into this input" in refused.args[0]
    assert "Preprocess" in refused.args[0]
    assert window.messages.text() == ""
    assert window.document.config == chain()


def test_problems_are_counted_and_lead_to_their_node(window: MainWindow, qtbot: QtBot) -> None:
    nodes = (NodeConfig(id="count", type="count"),)
    edges = (EdgeConfig(source="gone.outputs", target="count.result"),)
    window.files.new(PipelineConfig(name="Loose", nodes=nodes, edges=edges))
    window.document.check()
    assert window.workspace.docks["Problems"].windowTitle().startswith("Problems (")


def test_theme_is_switched_and_remembered(
    window: MainWindow, make_window: Callable[[], MainWindow], qapp: QApplication
) -> None:
    before = theme.colors().dark
    press(window, "toggle_theme")
    assert theme.colors().dark is not before
    assert make_window().preferences.theme == ("light" if before else "dark")
    theme.apply_theme(qapp, "dark" if before else "light")


def test_panels_stay_where_they_were_put(make_window: Callable[[], MainWindow]) -> None:
    first = make_window()
    first.files.new(chain())
    first.workspace.docks["Properties"].hide()
    first.close()
    second = make_window()
    second.files.new(chain())
    assert second.workspace.docks["Properties"].isHidden()
    press(second, "reset_layout")
    assert second.workspace.docks["Properties"].isVisible()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1920, 1080)])
def test_preview_and_charts_stand_beside_the_canvas(window: MainWindow, width: int, height: int) -> None:
    window.resize(width, height)
    window.files.new(chain())
    QTest.qWait(50)
    workspace = window.workspace
    assert workspace.preview.width() >= 280
    assert workspace.preview.height() >= 180
    assert workspace.dashboard.height() >= 200
    assert workspace.editor.width() >= width // 2
    assert workspace.editor.height() >= 380


def test_keys_of_the_actions(window: MainWindow) -> None:
    keys = {name: window.actions_by_name[name].shortcut().toString() for name in ("run", "stop", "benchmark")}
    assert keys == {"run": "F5", "stop": "Shift+F5", "benchmark": "F6"}


def test_names_that_scripts_know(qtbot: QtBot, tmp_path: Path) -> None:
    window = IntegratedPipelineDashboard(tmp_path / "results.duckdb")
    qtbot.addWidget(window)
    assert window.create_performance_panel() is window.workspace.dashboard


def test_nothing_overlaps_in_a_small_window(window: MainWindow) -> None:
    config = chain().replace(targets=Targets(fps=60, latency_p95_ms=250))
    window.files.new(config)
    window.workspace.begin_run(config)
    window.workspace.show_snapshot(SNAPSHOT)
    window.resize(1024, 700)
    QTest.qWait(50)
    assert (window.width(), window.height()) == (1024, 700)
    behind = ("Timeline", "Devices", "Problems")  # in tabs
    shown = [d.geometry() for n, d in window.workspace.docks.items() if n not in behind]
    shown.append(window.workspace.editor.geometry())
    assert not [(a, b) for a in shown for b in shown if a is not b and a.intersects(b)]


def test_a_pipeline_shown_whole_stays_so_in_a_resized_window(window: MainWindow, qtbot: QtBot) -> None:
    window.files.new(chain())
    editor = window.workspace.editor
    qtbot.waitUntil(lambda: not editor._fit_wanted)
    large = editor.canvas.transform().m11()
    window.resize(1024, 700)
    QTest.qWait(50)
    small = editor.canvas.transform().m11()
    assert small < large
    editor.canvas.zoom_by(0.5)
    window.resize(1280, 800)
    QTest.qWait(50)
    assert editor.canvas.transform().m11() == pytest.approx(small / 2)


def test_a_pipeline_of_the_wizard_counts_as_unsaved(
    window: MainWindow, answer: Callable[[Button], list[str]], tmp_path: Path
) -> None:
    window.start_page.wizard.click()
    assert isinstance(window.dialog, PipelineSetupWizard)
    window.dialog.optimization_page.run_now.setChecked(False)
    window.dialog.accept()
    assert window.document.is_modified()
    assert "* - Cluster4NPU" in window.windowTitle()
    asked = answer(Button.Cancel)
    window.close()
    assert window.isVisible()
    assert len(asked) == 1
    window.document.save(tmp_path / "kept.json")
    assert not window.document.is_modified()


def test_the_wizard_ends_with_a_running_pipeline_and_its_targets_checked(
    window: MainWindow, qtbot: QtBot
) -> None:
    window.start_page.wizard.click()
    wizard = window.dialog
    assert isinstance(wizard, PipelineSetupWizard)
    wizard.use_case_page.cards.choose("simulated")
    wizard.next()
    qtbot.waitUntil(wizard.device_page.isComplete, timeout=20_000)
    wizard.next()
    wizard.targets_page.fps.check.setChecked(True)
    wizard.targets_page.fps.number.setValue(5.0)
    wizard.next()
    wizard.accept()
    figures = window.workspace.dashboard.figures
    qtbot.waitUntil(lambda: figures.fps_target.text() == "met: at least 5 FPS", timeout=60_000)
    window.runs.stop()
    qtbot.waitUntil(lambda: not window.runs.busy, timeout=20_000)


def test_a_template_of_ones_own_is_kept_shared_and_removed(window: MainWindow, tmp_path: Path) -> None:
    window.files.new(PipelineTemplates.get("simulated"))
    assert window.templates.save("Mine")
    assert "my_mine" in window.start_page.cards
    assert window.templates.share("my_mine", tmp_path / "mine.json")
    assert [action.text() for action in window.start_page.cards["my_mine"].actions()] == ["Share…", "Remove…"]
    assert window.templates.remove("my_mine")
    assert "my_mine" not in window.start_page.cards
    assert window.templates.take(tmp_path / "mine.json")
    window.start_page.cards["my_mine"].click()
    assert window.document.config.name == "Mine"
    (tmp_path / "other.json").write_text("[]")
    assert not window.templates.take(tmp_path / "other.json")
    assert "no template" in window.messages.text()
    assert window.document.config.name == "Mine"  # what was open stays


def test_layouts_are_remembered_each_on_its_own(make_window: Callable[[], MainWindow]) -> None:
    first = make_window()
    first.files.new(chain())
    press(first, "layout_design")
    docks = first.workspace.docks
    assert docks["Dashboard"].isHidden() and not docks["Properties"].isHidden()
    docks["Palette"].hide()
    press(first, "layout_analyse")
    assert docks["Properties"].isHidden() and not docks["Timeline"].isHidden()
    press(first, "layout_design")
    assert docks["Palette"].isHidden()  # as it was left
    first.close()
    second = make_window()
    second.files.new(chain())
    assert second.workspace.layouts.current == "design"
    assert second.workspace.docks["Palette"].isHidden()
    press(second, "reset_layout")
    assert not second.workspace.docks["Palette"].isHidden()


def test_a_panel_on_a_screen_that_is_gone_comes_back(window: MainWindow) -> None:
    window.files.new(chain())
    dock = window.workspace.docks["Preview"]
    dock.setFloating(True)
    dock.move(20_000, 9_000)
    window.workspace.layouts.keep()
    assert window.workspace.layouts.restore()
    assert dock.screen().availableGeometry().intersects(dock.geometry())


def test_the_tour_has_five_steps_and_can_be_skipped(window: MainWindow, qtbot: QtBot) -> None:
    press(window, "tour")
    tour = window.tour
    assert tour is not None and tour.count.text() == "1 of 5"
    for number in range(2, 6):
        qtbot.keyClick(tour.next, Qt.Key.Key_Return)
        assert tour.count.text() == f"{number} of 5"
        assert window.rect().contains(tour.geometry())
    qtbot.keyClick(tour.next, Qt.Key.Key_Space)
    assert tour.isHidden() and window.preferences.tour_seen
    press(window, "tour")
    qtbot.keyClick(tour, Qt.Key.Key_Escape)
    assert tour.isHidden()


def test_a_good_save_takes_back_what_a_failed_one_said(window: MainWindow, tmp_path: Path) -> None:
    assert not window.files._save(tmp_path / "nowhere" / "a.json")
    assert "cannot be saved" in window.messages.text()
    assert window.files._save(tmp_path / "a.json")
    assert window.messages.text() == ""


def test_hidden_pages_take_over_the_colours_when_they_are_shown(window: MainWindow) -> None:
    window.show_designer()
    before = window.start_page.styleSheet()
    window.toggle_theme()
    assert QApplication.instance().styleSheet() == ""  # one over everything would dress every widget at once
    assert window.start_page.styleSheet() == before
    window.show_start_page()
    assert window.start_page.styleSheet() != before
    assert theme.colors().surface in window.start_page.styleSheet()


def test_another_pipeline_than_the_one_that_runs_is_told_apart(window: MainWindow, qtbot: QtBot) -> None:
    window.files.new(PipelineTemplates.get("simulated", devices=["sim:a?ms=5"]))
    window.runs.run(RunOptions(calibration="never"))
    overlay = window.workspace.live_overlay
    qtbot.waitUntil(lambda: bool(window.workspace.dashboard.fps_chart.points()), timeout=60_000)
    window.files.open_example()
    assert "still runs" in window.messages.text() and "Simulated devices" in window.messages.text()
    overlay.update_snapshot(SNAPSHOT, 1.0)
    assert not overlay._overlay.figures.nodes
    window._take_from_wizard(PipelineTemplates.get("simulated"), True)
    assert "was not started" in window.messages.text()
    window.runs.shutdown()
