"""The devices' panel: grid, details, history, and giving devices to stages by drop, by key and by menu."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt
from PySide6.QtGui import QDropEvent, QImage, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QStyleOptionGraphicsItem
from pytestqt.qtbot import QtBot

from cluster4npu.core.devices.backend import DeviceHealth, DeviceInfo
from cluster4npu.core.devices.history import Sample, append
from cluster4npu.core.devices.manager import AdvancedDeviceManager
from cluster4npu.core.store.records import (
    DeviceRecord,
    ModelRecord,
    PipelineRecord,
    ResultRecord,
    RunRecord,
)
from cluster4npu.core.store.store import Store
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui import theme
from cluster4npu.ui.devices.allocation import stages_of
from cluster4npu.ui.devices.badges import device_color
from cluster4npu.ui.devices.details import fields
from cluster4npu.ui.devices.panel import DeviceManagementPanel, Look
from cluster4npu.ui.document import Document
from cluster4npu.ui.editor.dropping import DEVICE_MIME
from cluster4npu.ui.editor.editor import EnhancedPipelineEditor

OK = DeviceHealth(status="ok", temperature_c=61.0, utilization=0.25)
CPU = DeviceInfo("onnx:cpu", "A processor", "cpu", "onnx", precisions=("fp32", "int8"), health=OK)
HOT = DeviceInfo("openvino:cpu", "Hot", "cpu", "openvino", health=DeviceHealth("warn", "96 deg C"))
GONE = DeviceInfo(
    "torch:cpu",
    "PyTorch",
    "cpu",
    "torch",
    available=False,
    reason="not installed; install cluster4npu[torch]",
)
SIM = DeviceInfo("sim:gpu", "Simulated GPU", "gpu", "sim", simulated=True)
ALL = [CPU, HOT, GONE, SIM]


@pytest.fixture
def document() -> Document:
    return Document(PipelineTemplates.get("simulated", devices=["sim:ane"]))


@pytest.fixture
def panel(qtbot: QtBot, document: Document, monkeypatch: pytest.MonkeyPatch) -> DeviceManagementPanel:
    monkeypatch.setattr(AdvancedDeviceManager, "detect_all_devices", lambda _self: ALL)
    panel = DeviceManagementPanel(document)
    qtbot.addWidget(panel)
    panel.resize(900, 320)
    panel.show()
    qtbot.waitUntil(lambda: panel.grid.rowCount() == len(ALL))
    return panel


def device_run(fps: float) -> RunRecord:
    """Return a run whose one worker was on the processor."""
    return RunRecord(
        "run",
        PipelineRecord("d" * 64, "digits", "{}"),
        (ResultRecord("run", CPU.id, fps=fps),),
        (DeviceRecord(CPU.id, f"{CPU.id}?threads=2", unit="cpu"),),
        ModelRecord("a" * 64, "net.onnx", 1000),
    )


def stage(document: Document) -> str:
    return next(node.id for node in document.config.nodes if node.type == "inference")


def devices(document: Document) -> list[str]:
    return list(document.config.node(stage(document)).params["devices"])


def test_every_device_has_a_row_with_word_and_colour(panel: DeviceManagementPanel) -> None:
    words = [panel.grid.item(row, 1).text() for row in range(4)]
    assert words == ["ok", "warning", "not here", "SIMULATED"]
    colours = [panel.grid.item(row, 1).foreground().color().name() for row in range(4)]
    c = theme.colors()
    assert colours == [c.ok, c.warn, c.muted, c.simulated]
    assert "install cluster4npu[torch]" in panel.grid.item(2, 6).text()
    assert "2 here, 1 not here" in panel.state.text()


def test_details_are_the_devices_own(panel: DeviceManagementPanel) -> None:
    panel.grid.setCurrentCell(0, 0)
    shown = {title: label.text() for title, label in panel.details.values.items()}
    assert shown == fields(CPU)
    assert shown["Power"] == "not reported" and shown["Temperature"].startswith("61")
    panel.grid.setCurrentCell(2, 0)
    assert panel.details.values["Reason"].text() == GONE.reason
    assert not panel.assign_button.isEnabled()


def test_history_is_drawn_from_what_is_kept(panel: DeviceManagementPanel, data_folder: Path) -> None:
    for at in range(5):
        append("openvino:cpu", Sample(1000.0 + at, "ok", utilization=0.1 * at))
    panel.grid.setCurrentCell(1, 0)
    assert panel.history.points(0) == 5 and panel.history.points(1) == 0
    assert "temperature not reported" in panel.history.note.text()
    panel.grid.setCurrentCell(3, 0)
    assert panel.history.points(0) == 0 and "Nothing is reported" in panel.history.note.text()


def test_a_look_keeps_the_chosen_row(panel: DeviceManagementPanel) -> None:
    panel.grid.setCurrentCell(1, 0)
    panel._take_look(Look(list(reversed(ALL))))
    assert panel.grid.current() is HOT


def test_the_menu_gives_and_takes(panel: DeviceManagementPanel, document: Document) -> None:
    panel.grid.setCurrentCell(3, 0)
    panel._fill_assign()
    (action,) = panel.assign_menu.actions()
    action.trigger()
    action.trigger()
    assert devices(document) == ["sim:ane", "sim:gpu", "sim:gpu#2"]
    panel._fill_remove()
    panel.remove_menu.actions()[0].trigger()
    assert devices(document) == ["sim:ane", "sim:gpu#2"]
    document.undo_stack.undo()
    document.undo_stack.undo()
    assert devices(document) == ["sim:ane", "sim:gpu"]


def test_workers_with_a_number_or_options_are_taken_too(
    panel: DeviceManagementPanel, document: Document
) -> None:
    stage = next(iter(stages_of(document.config)))
    written = ["sim:gpu#2", "sim:gpu?ms=9", "sim:ane"]
    document.apply(document.config.with_params(stage, devices=written), "as written")
    panel.grid.setCurrentCell(3, 0)
    panel._show_current()
    assert panel.remove_button.isEnabled()
    for left in (["sim:gpu?ms=9", "sim:ane"], ["sim:ane"]):
        panel._fill_remove()
        panel.remove_menu.actions()[0].trigger()
        assert devices(document) == left
    panel._show_current()
    assert not panel.remove_button.isEnabled()


def test_what_is_no_device_is_refused(panel: DeviceManagementPanel, document: Document) -> None:
    stage = next(iter(stages_of(document.config)))
    problem = panel.give_device("garbage", stage)
    assert problem is not None and problem.found == "garbage" and problem.hint


def test_return_opens_the_menu_of_stages(panel: DeviceManagementPanel, qtbot: QtBot) -> None:
    panel.grid.setCurrentCell(0, 0)
    panel.assign_menu.aboutToShow.connect(lambda: None)
    opened: list[bool] = []
    panel.assign_menu.aboutToShow.connect(lambda: opened.append(True))
    panel.assign_menu.popup(panel.mapToGlobal(panel.rect().center()))
    panel.assign_menu.close()
    assert opened and panel.assign_menu.actions()
    QTest.keyClick(panel.grid, Qt.Key.Key_Down)
    assert panel.grid.currentRow() == 1


def test_what_is_not_here_is_refused(panel: DeviceManagementPanel, document: Document, qtbot: QtBot) -> None:
    with qtbot.waitSignal(panel.refused) as caught:
        assert panel.give_device("onnx:warp", stage(document)) is not None
    assert caught.args[0].hint
    assert panel.give_device("onnx:cpu", "source") is not None
    assert devices(document) == ["sim:ane"]


def drop(editor: EnhancedPipelineEditor, device: str, place: QPointF) -> None:
    data = QMimeData()
    data.setData(DEVICE_MIME, device.encode())
    canvas = editor.canvas
    event = QDropEvent(
        QPointF(canvas.mapFromScene(place)),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    canvas.dropEvent(event)


def test_a_drop_on_a_stage_gives_it_the_device(qtbot: QtBot, document: Document) -> None:
    editor = EnhancedPipelineEditor(document)
    qtbot.addWidget(editor)
    editor.resize(900, 600)
    editor.show()
    item = editor.canvas.items_by_id[stage(document)]
    drop(editor, "sim:gpu", item.sceneBoundingRect().center())
    assert devices(document) == ["sim:ane", "sim:gpu"]
    other = editor.canvas.items_by_id["source"]
    drop(editor, "sim:gpu", other.sceneBoundingRect().center())
    assert devices(document) == ["sim:ane", "sim:gpu"]
    document.undo_stack.undo()
    assert devices(document) == ["sim:ane"]


def test_the_badge_has_the_devices_colour(qtbot: QtBot, document: Document) -> None:
    editor = EnhancedPipelineEditor(document)
    qtbot.addWidget(editor)
    item = editor.canvas.items_by_id[stage(document)]
    picture = QImage(400, 300, QImage.Format.Format_RGB32)
    picture.fill(Qt.GlobalColor.white)
    painter = QPainter(picture)
    item.paint(painter, QStyleOptionGraphicsItem())
    painter.end()
    colours = {picture.pixelColor(x, y).name() for x in range(3, 9) for y in range(picture.height())}
    assert device_color("sim:ane") in colours
    likely = ("onnx:cpu", "openvino:cpu", "torch:cpu", "onnx:cuda:0", "openvino:gpu", "openvino:npu")
    assert len({device_color(device) for device in likely}) == len(likely)
    assert device_color("sim:ane#2") == device_color("sim:ane?ms=3") == device_color("sim:ane")


def test_the_chart_of_stored_runs_fills_itself(
    qtbot: QtBot, document: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AdvancedDeviceManager, "detect_all_devices", lambda _self: ALL)
    store = tmp_path / "runs.duckdb"
    with Store(store) as opened:
        for number in range(3):
            opened.save(device_run(fps=10.0 + number))
    panel = DeviceManagementPanel(document, store)
    qtbot.addWidget(panel)
    panel.show()
    qtbot.waitUntil(lambda: panel.runs.points() == 3)
    assert "11.0 frames/s" in panel.runs.note.text() and "median of 3 runs" in panel.runs.note.text()
    with Store(store) as opened:
        opened.save(device_run(fps=20.0))
    panel.forget_runs()
    panel.refresh()
    qtbot.waitUntil(lambda: panel.runs.points() == 4)
    panel.grid.setCurrentCell(1, 0)
    qtbot.waitUntil(lambda: "No stored run" in panel.runs.note.text())
