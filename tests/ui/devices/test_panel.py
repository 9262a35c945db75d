"""The devices' panel: grid, details, history, and giving devices to stages by drop, by key and by menu."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QDrag, QDropEvent, QIcon, QImage, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QTableWidgetItem
from pytestqt.qtbot import QtBot

from cluster4npu.core.devices.backend import DeviceHealth, DeviceInfo
from cluster4npu.core.devices.history import Sample, append, load
from cluster4npu.core.devices.manager import AdvancedDeviceManager
from cluster4npu.core.errors import InputError
from cluster4npu.core.metrics.snapshot import DeviceSnapshot, MetricsSnapshot
from cluster4npu.core.metrics.statistics import LatencyStats
from cluster4npu.core.metrics.summary import DeviceSummary, RunSummary
from cluster4npu.core.pipeline.config import PipelineConfig
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
from cluster4npu.ui.devices import parity
from cluster4npu.ui.devices.allocation import stages_of
from cluster4npu.ui.devices.badges import colors_of, numbered, worker_color
from cluster4npu.ui.devices.details import FIELDS, fields
from cluster4npu.ui.devices.grid import ABOUT, STATUS
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
    remedy="install cluster4npu[torch]",
)
SIM = DeviceInfo("sim:gpu", "Simulated GPU", "gpu", "sim", simulated=True)
ALL = [CPU, HOT, GONE, SIM]
SNAPSHOT = MetricsSnapshot(
    1.0, "running", 0, 0, 0, 0, 0, 0.0, 0.0, None, None, None, None, 0, 8, 0, 0, ()
)  # fmt: skip


def choose(panel: DeviceManagementPanel, row: int) -> None:
    """Select one row alone, whatever keys an earlier test was the last to press."""
    mode = panel.grid.selectionModel()
    how = mode.SelectionFlag.ClearAndSelect | mode.SelectionFlag.Rows
    mode.setCurrentIndex(panel.grid.model().index(row, 0), how)


@pytest.fixture
def document() -> Document:
    return Document(PipelineTemplates.get("simulated", devices=["sim:ane"]))


@pytest.fixture
def panel(qtbot: QtBot, document: Document, monkeypatch: pytest.MonkeyPatch) -> DeviceManagementPanel:
    monkeypatch.setattr(AdvancedDeviceManager, "detect_all_devices", lambda _self, **_: ALL)
    panel = DeviceManagementPanel(document)
    qtbot.addWidget(panel)
    panel.resize(900, 320)
    panel.show()
    qtbot.waitUntil(lambda: panel.grid.rowCount() == len(ALL) + 1)  # and what the pipeline names
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


def row_of(panel: DeviceManagementPanel, device: str) -> int:
    return [info.id for info in panel.grid.devices].index(device)


def cell(panel: DeviceManagementPanel, device: str, column: int) -> QTableWidgetItem:
    item = panel.grid.item(row_of(panel, device), column)
    assert item is not None
    return item


def test_every_device_has_a_row_with_word_and_colour(panel: DeviceManagementPanel) -> None:
    c = theme.colors()
    told = {info.id: cell(panel, info.id, STATUS) for info in ALL}
    shown = {device: (item.text(), item.foreground().color().name()) for device, item in told.items()}
    assert shown == {
        "onnx:cpu": ("ok", c.ok),
        "openvino:cpu": ("warning", c.warn),
        "torch:cpu": ("not here", c.muted),
        "sim:gpu": ("SIMULATED", c.simulated),
    }
    assert "2 here, 1 not here, " in panel.state.text()


def test_what_is_not_here_says_why_and_what_to_do_in_full(panel: DeviceManagementPanel) -> None:
    assert cell(panel, GONE.id, ABOUT).text() == "not installed. To do: install cluster4npu[torch]."
    for width in (900, 640):
        panel.resize(width, 320)
        row, grid = row_of(panel, GONE.id), panel.grid
        assert grid.columnSpan(row, ABOUT) == grid.columnCount() - ABOUT
        room = sum(grid.columnWidth(n) for n in range(ABOUT, grid.columnCount()))
        text = cell(panel, GONE.id, ABOUT).text()
        flags = Qt.TextFlag.TextWordWrap
        needed = grid.fontMetrics().boundingRect(QRect(0, 0, room - 8, 10_000), flags, text)
        assert needed.height() <= grid.rowHeight(row) and needed.width() <= room
        assert sum(grid.columnWidth(n) for n in range(grid.columnCount())) <= grid.viewport().width()


def test_details_are_the_devices_own(panel: DeviceManagementPanel) -> None:
    assert set(FIELDS) == {field.name for field in dataclasses.fields(DeviceInfo)}
    choose(panel, row_of(panel, CPU.id))
    shown = {title: label.text() for title, label in panel.details.values.items()}
    assert shown == {**fields(CPU), "In the run": "-"}
    assert (shown["Device"], shown["Name"], shown["Kind"], shown["Precisions"]) == (
        "onnx:cpu", "A processor", "cpu", "fp32, int8",
    )  # fmt: skip
    assert shown["Health"] == "ok, 25%, 61 \N{DEGREE SIGN}C" and shown["Memory"] == "not reported"
    choose(panel, row_of(panel, GONE.id))
    assert panel.details.values["Why not"].text() == "not installed"
    assert panel.details.values["What to do"].text() == GONE.remedy
    assert not panel.assign_button.isEnabled()


def test_health_is_green_yellow_or_red_with_its_word(panel: DeviceManagementPanel, data_folder: Path) -> None:
    for at in range(5):
        append("openvino:cpu", Sample(1000.0 + at, "ok", utilization=0.1 * at))
    c, health = theme.colors(), panel.health
    looks = (("ok", c.ok), ("warn", c.warn), ("fail", c.fail), ("unknown", c.muted))
    words = []
    for status, color in looks:
        info = dataclasses.replace(HOT, health=DeviceHealth(status, "96 deg C", power_w=12.5))
        health.show_device(info, load("openvino:cpu"))
        words.append(health.word.text())
        assert color in health.word.styleSheet() and health.reason.text() == (
            "" if status == "ok" else "96 deg C"
        )
    assert words == ["ok", "warning", "failing", "unknown"]
    assert "power 12.5 W" in health.readings.text() and "load not reported" in health.readings.text()
    assert health.history.points(0) == 5 and health.history.points(1) == 0
    assert "temperature not reported" in health.history.note.text()
    choose(panel, row_of(panel, SIM.id))
    assert health.history.points(0) == 0 and "Nothing is reported" in health.history.note.text()


def test_what_devices_do_in_the_run_is_their_status(panel: DeviceManagementPanel) -> None:
    def worker(name: str, **more: object) -> DeviceSnapshot:
        shown: dict[str, object] = {"state": "busy", "busy": 0.5, "unit": "simulated gpu", **more}
        fixed = {"simulated": True, "frames": 9, "share": 1.0, "fps": 8.0, "latency_ms": 1.0, "queue": 0}
        return DeviceSnapshot(id=name, restarts=0, **fixed, **shown)  # type: ignore[arg-type]

    def status(*workers: DeviceSnapshot) -> tuple[str, str]:
        panel.show_snapshot(dataclasses.replace(SNAPSHOT, devices=workers))
        item = cell(panel, SIM.id, STATUS)
        return item.text(), item.foreground().color().name()

    c = theme.colors()
    choose(panel, row_of(panel, SIM.id))
    assert status(worker("sim:gpu"), worker("sim:gpu?ms=3#2", busy=1.0)) == ("busy 75%", c.ok)
    assert "16.0 frames/s" in panel.details.values["In the run"].text()
    assert status(worker("sim:gpu", state="restarting")) == ("restarting", c.warn)
    assert status(worker("sim:gpu", fell_back=True, unit="simulated cpu")) == ("ON THE CPU", c.warn)
    assert status(worker("sim:gpu"), worker("sim:gpu#2", state="failed")) == ("1 of 2 failed", c.fail)
    assert status(worker("sim:gpu", state="failed")) == ("failed", c.fail)
    panel.begin_run()
    assert cell(panel, SIM.id, STATUS).text() == "SIMULATED"


def test_after_a_run_it_stays_told_who_failed_and_who_fell_back(panel: DeviceManagementPanel) -> None:
    def did(name: str, **more: object) -> DeviceSummary:
        latency = LatencyStats.of([])
        return DeviceSummary(name, name, "simulated cpu", True, 1, 1.0, 1.0, 1.0, latency, **more)  # type: ignore[arg-type]

    devices = (
        did("sim:gpu", failed="it was unplugged"),
        did("onnx:cpu"),
        did("openvino:cpu", fell_back=True),
    )
    latency = LatencyStats.of([])
    panel.end_run(RunSummary(1, 1, 0, 0, 1.0, 1.0, latency, devices, 0, 0, 0, "smooth", True))
    words = [cell(panel, name, STATUS).text() for name in ("sim:gpu", "onnx:cpu", "openvino:cpu")]
    assert words == ["failed", "ok", "ON THE CPU"]
    choose(panel, row_of(panel, SIM.id))
    assert "it was unplugged" in panel.details.values["In the run"].text()


def test_a_device_that_only_this_pipeline_names_has_a_row(
    panel: DeviceManagementPanel, document: Document
) -> None:
    named = ["sim:gpu", "sim:fast?ms=9", "onnx:warp"]
    document.apply(document.config.with_params(stage(document), devices=named), "as written")
    assert cell(panel, "sim:fast", STATUS).text() == "SIMULATED"
    assert "this pipeline names it" in cell(panel, "onnx:warp", ABOUT).text()
    choose(panel, row_of(panel, "sim:fast"))
    panel._fill_remove()
    panel.remove_menu.actions()[0].trigger()
    assert devices(document) == ["sim:gpu", "onnx:warp"]


def test_drivers_are_asked_when_the_user_wants_it_and_never_during_a_run(
    panel: DeviceManagementPanel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    ages: list[float] = []

    def detect(_self: object, age_s: float) -> list[DeviceInfo]:
        ages.append(age_s)
        return ALL

    def looked(how: Callable[[], object]) -> float:
        qtbot.waitUntil(lambda: panel._look is None or not panel._look.running)
        ages.clear()
        how()
        qtbot.waitUntil(lambda: len(ages) == 1)
        return ages[0]

    monkeypatch.setattr(AdvancedDeviceManager, "detect_all_devices", detect)
    assert looked(panel._timer.timeout.emit) == math.inf  # what was listed, with its health of now
    assert looked(panel.refresh_button.click) == 0.0
    panel.begin_run()
    assert looked(panel.refresh_button.click) == math.inf
    panel.end_run(None)
    assert looked(panel.refresh_button.click) == 0.0


def test_a_look_keeps_the_chosen_row(panel: DeviceManagementPanel) -> None:
    choose(panel, row_of(panel, HOT.id))
    panel._take_look(Look(list(reversed(ALL))))
    assert panel.grid.current() is HOT
    panel.grid.selectAll()
    panel._take_look(Look(ALL))
    assert len(panel.grid.selected()) == len(panel.grid.devices)


def test_the_menu_gives_and_takes(panel: DeviceManagementPanel, document: Document) -> None:
    choose(panel, row_of(panel, SIM.id))
    panel._fill_assign()
    (action,) = panel.assign_menu.actions()
    action.trigger()
    action.trigger()
    assert devices(document) == ["sim:ane", "sim:gpu", "sim:gpu#2"], panel.state.text()
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
    choose(panel, row_of(panel, SIM.id))
    about = cell(panel, SIM.id, ABOUT).text()
    assert about == "Simulated GPU; in this pipeline sim:gpu#2, sim:gpu?ms=9"  # which are as fast as they say
    assert panel.remove_button.isEnabled()
    for left in (["sim:gpu?ms=9", "sim:ane"], ["sim:ane"]):
        panel._fill_remove()
        panel.remove_menu.actions()[0].trigger()
        assert devices(document) == left
    assert not panel.remove_button.isEnabled()


def test_what_is_no_device_is_refused(panel: DeviceManagementPanel, document: Document) -> None:
    stage = next(iter(stages_of(document.config)))
    problem = panel.give_device("garbage", stage)
    assert problem is not None and problem.found == "garbage" and problem.hint


def test_enter_opens_the_menu_of_stages_and_gives(panel: DeviceManagementPanel, document: Document) -> None:
    choose(panel, row_of(panel, SIM.id))
    QTest.keyClick(panel.grid, Qt.Key.Key_Return)
    assert panel.assign_menu.isVisible()
    QTest.keyClick(panel.assign_menu, Qt.Key.Key_Down)
    QTest.keyClick(panel.assign_menu, Qt.Key.Key_Return)
    assert devices(document) == ["sim:ane", "sim:gpu"]
    choose(panel, row_of(panel, GONE.id))
    QTest.keyClick(panel.grid, Qt.Key.Key_Enter)
    panel._context_menu(panel.rect().center())
    assert not panel.assign_menu.isVisible()
    QTest.keyClick(panel.grid, Qt.Key.Key_Up)
    assert panel.grid.currentRow() == row_of(panel, GONE.id) - 1


def test_stages_show_their_devices_and_give_and_take_by_key(
    panel: DeviceManagementPanel, document: Document
) -> None:
    tree, name = panel.allocation, stage(document)
    assert tree.devices(name) == ["sim:ane"]
    for device in (CPU.id, SIM.id):
        panel.grid.selectRow(row_of(panel, device))
        tree.setCurrentItem(tree.topLevelItem(0))
        QTest.keyClick(tree, Qt.Key.Key_Return)
    assert tree.devices(name) == devices(document) == ["sim:ane", "onnx:cpu", "sim:gpu"]
    top = tree.topLevelItem(0)
    assert top is not None
    tree.setCurrentItem(top.child(0))
    QTest.keyClick(tree, Qt.Key.Key_Delete)
    assert tree.devices(name) == devices(document) == ["onnx:cpu", "sim:gpu"]
    document.undo_stack.undo()
    assert tree.devices(name) == ["sim:ane", "onnx:cpu", "sim:gpu"]


def test_a_drop_on_a_row_of_the_stages_gives_it_the_device(
    panel: DeviceManagementPanel, document: Document, qtbot: QtBot
) -> None:
    tree = panel.allocation
    panel.about.setCurrentWidget(tree)
    top = tree.topLevelItem(0)
    assert top is not None
    place = QPointF(tree.visualItemRect(top).center())
    data = panel.grid.mime_of(SIM)  # an event only borrows it
    tree.dropEvent(dropped(data, place))
    assert devices(document) == ["sim:ane", "sim:gpu"]
    for wrong in (b"garbage", b"\xff\xfe"):
        garbage = QMimeData()
        garbage.setData(DEVICE_MIME, wrong)
        with qtbot.waitSignal(panel.refused):
            tree.dropEvent(dropped(garbage, place))
    assert devices(document) == ["sim:ane", "sim:gpu"]


def test_several_selected_rows_are_compared(
    panel: DeviceManagementPanel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def compare(_config: object, **options: object) -> object:
        asked.append(options["devices"])
        raise InputError("enough")

    monkeypatch.setattr(parity, "compare_devices", compare)
    panel.grid.selectAll()
    panel.compare()
    panel.grid.selectRow(0)
    panel.compare()
    dialogs = panel.findChildren(parity.ParityDialog)
    qtbot.waitUntil(lambda: len(asked) == 2)
    assert sorted(asked, key=str) == [("onnx:cpu", "openvino:cpu", "sim:gpu", "sim:ane"), None]
    for dialog in dialogs:
        dialog.close()


def test_what_is_not_here_is_refused(panel: DeviceManagementPanel, document: Document, qtbot: QtBot) -> None:
    with qtbot.waitSignal(panel.refused) as caught:
        assert panel.give_device("onnx:warp", stage(document)) is not None
    assert caught.args[0].hint
    assert panel.give_device("onnx:cpu", "source") is not None
    assert devices(document) == ["sim:ane"]


def dropped(data: QMimeData, place: QPointF) -> QDropEvent:
    left, no = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    return QDropEvent(place, Qt.DropAction.CopyAction, data, left, no)


def test_a_row_is_dragged_onto_a_stage_and_that_is_saved(
    panel: DeviceManagementPanel,
    qtbot: QtBot,
    document: Document,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    editor = EnhancedPipelineEditor(document)
    qtbot.addWidget(editor)
    editor.resize(900, 600)
    editor.show()
    canvas = editor.canvas

    def drag_to(node: str) -> None:
        at = QPointF(canvas.mapFromScene(canvas.items_by_id[node].sceneBoundingRect().center()))

        def carry(drag: QDrag, _action: Qt.DropAction) -> Qt.DropAction:
            canvas.dropEvent(dropped(drag.mimeData(), at))
            return Qt.DropAction.CopyAction

        monkeypatch.setattr(QDrag, "exec", carry)
        panel.grid.startDrag(Qt.DropAction.CopyAction)

    choose(panel, row_of(panel, SIM.id))
    drag_to(stage(document))
    assert devices(document) == ["sim:ane", "sim:gpu"]
    drag_to("source")
    choose(panel, row_of(panel, GONE.id))
    drag_to(stage(document))
    assert devices(document) == ["sim:ane", "sim:gpu"]
    document.config.save(tmp_path / "saved.json")
    saved = PipelineConfig.open(tmp_path / "saved.json")
    assert stages_of(saved) == {stage(document): ("sim:ane", "sim:gpu")}
    document.undo_stack.undo()
    assert devices(document) == ["sim:ane"]


def test_canvas_and_panel_have_one_colour_for_each_worker(
    qtbot: QtBot, panel: DeviceManagementPanel, document: Document
) -> None:
    named = ["sim:ane", "onnx:cpu", "sim:gpu", "onnx:cpu#2"]
    document.apply(document.config.with_params(stage(document), devices=named), "as written")
    colors = [worker_color(number) for number in numbered(document.config)[stage(document)].values()]
    assert len(set(colors)) == len(named)
    editor = EnhancedPipelineEditor(document)
    qtbot.addWidget(editor)
    picture = QImage(400, 300, QImage.Format.Format_RGB32)
    picture.fill(Qt.GlobalColor.white)
    painter = QPainter(picture)
    editor.canvas.items_by_id[stage(document)].paint(painter, QStyleOptionGraphicsItem())
    painter.end()
    painted = {picture.pixelColor(x, y).name() for x in range(3, 9) for y in range(picture.height())}
    assert set(colors) <= painted
    square = cell(panel, "onnx:cpu", 0).icon().pixmap(12, 12).toImage()
    shown = {square.pixelColor(x, y).name() for x in range(square.width()) for y in range(square.height())}
    assert shown == {colors[1], colors[3]} == set(colors_of("onnx:cpu", document.config))
    selected = cell(panel, "onnx:cpu", 0).icon().pixmap(QSize(12, 12), QIcon.Mode.Selected).toImage()
    assert selected.pixelColor(3, 3) == square.pixelColor(3, 3)  # not tinted by the selection


def test_the_chart_of_stored_runs_fills_itself(
    qtbot: QtBot, document: Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AdvancedDeviceManager, "detect_all_devices", lambda _self, **_: ALL)
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
    choose(panel, row_of(panel, HOT.id))
    qtbot.waitUntil(lambda: "No stored run" in panel.runs.note.text())
