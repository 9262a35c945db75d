"""The property panel edits every kind of field, says what is wrong, and follows the document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit
from pytestqt.qtbot import QtBot

from cluster4npu.core.devices.backend import DeviceInfo
from cluster4npu.core.errors import Problem
from cluster4npu.core.pipeline.config import NodeConfig, PipelineConfig
from cluster4npu.core.scheduling import policy_types
from cluster4npu.ui import theme
from cluster4npu.ui.document import Document
from cluster4npu.ui.editor import device_field
from cluster4npu.ui.editor.device_field import DeviceField, DeviceFinder
from cluster4npu.ui.editor.fields import ChoiceField, FlagField, ListField, TextField
from cluster4npu.ui.editor.number_field import NumberField
from cluster4npu.ui.editor.path_field import PathField
from cluster4npu.ui.editor.properties import PropertyPanel
from tests.ui.editor.pipelines import chain


@pytest.fixture
def panel(qtbot: QtBot) -> PropertyPanel:
    config = chain()
    video = NodeConfig(id="video", type="video_file", params={"path": "clip.mp4"})
    panel = PropertyPanel(Document(config.replace(nodes=(*config.nodes, video))))
    qtbot.addWidget(panel)
    panel.resize(360, 900)
    panel.show()
    qtbot.waitExposed(panel)
    return panel


def field(panel: PropertyPanel, node: str, name: str) -> Any:
    if panel.node_id != node:
        panel.show_node(node)
    panel.form.advanced.setChecked(True)
    return panel.form.rows[name].editor


def params(panel: PropertyPanel, node: str) -> dict[str, Any]:
    return panel.document.config.node(node).params


def type_over(line: QLineEdit, text: str) -> None:
    line.selectAll()
    QTest.keyClicks(line, text)


def test_a_check_box(panel: PropertyPanel) -> None:
    editor = field(panel, "video", "loop")
    assert isinstance(editor, FlagField)
    QTest.mouseClick(editor.box, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    assert params(panel, "video") == {"path": "clip.mp4", "loop": True}


def test_a_whole_number_and_what_is_wrong_with_it(panel: PropertyPanel) -> None:
    editor = field(panel, "preprocess", "pad_value")
    assert isinstance(editor, NumberField)
    type_over(editor.spin.lineEdit(), "200")
    assert params(panel, "preprocess")["pad_value"] == 200
    row = panel.form.rows["pad_value"]
    type_over(editor.spin.lineEdit(), "2000")
    assert row.error.isVisible()
    assert "at most 255" in row.error.text()
    assert editor.spin.value() == 2000
    assert params(panel, "preprocess")["pad_value"] == 200
    panel.document.check()
    panel.document.rename("count", "something else changes")
    assert editor.spin.value() == 2000
    assert row.error.isVisible()
    type_over(editor.spin.lineEdit(), "20")
    assert not row.error.isVisible()
    assert params(panel, "preprocess")["pad_value"] == 20


def test_the_arrows_stay_within_the_bounds(panel: PropertyPanel) -> None:
    editor = field(panel, "detections", "confidence")
    editor.spin.stepBy(100)
    assert editor.spin.value() == 1.0
    assert params(panel, "detections")["confidence"] == 1.0
    assert not panel.form.rows["confidence"].error.isVisible()


def test_the_wheel_scrolls_the_panel_and_changes_only_what_has_the_focus(panel: PropertyPanel) -> None:
    editor = field(panel, "detections", "confidence")
    for focus, wanted in ((False, {}), (True, {"confidence": 0.3})):
        editor.spin.setFocus() if focus else panel.setFocus()
        place = QPointF(editor.spin.rect().center())
        wheel = QWheelEvent(
            place,
            editor.spin.mapToGlobal(place),
            QPoint(),
            QPoint(0, 120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(editor.spin, wheel)
        assert params(panel, "detections") == wanted


def test_a_fraction_keeps_its_digits(panel: PropertyPanel) -> None:
    editor = field(panel, "preprocess", "scale")
    assert params(panel, "preprocess") == {}
    type_over(editor.spin.lineEdit(), "0.01735")
    assert params(panel, "preprocess") == {"scale": 0.01735}


def test_an_optional_number_is_automatic_until_it_is_not(panel: PropertyPanel) -> None:
    editor = field(panel, "preprocess", "width")
    assert editor.auto.isChecked()
    assert not editor.spin.isVisible()
    editor.auto.click()
    type_over(editor.spin.lineEdit(), "320")
    assert params(panel, "preprocess") == {"width": 320}
    assert "px" in editor.spin.suffix()
    editor.auto.click()
    assert params(panel, "preprocess") == {}


def test_a_choice(panel: PropertyPanel) -> None:
    editor = field(panel, "preprocess", "fit")
    assert isinstance(editor, ChoiceField)
    choose(editor.combo, "stretch")
    assert params(panel, "preprocess") == {"fit": "stretch"}


def test_the_policies_are_those_that_exist(panel: PropertyPanel) -> None:
    editor = field(panel, "inference", "policy")
    assert {editor.combo.itemData(i) for i in range(editor.combo.count())} == set(policy_types())
    choose(editor.combo, "shuffled")
    assert params(panel, "inference")["policy"] == "shuffled"


def choose(combo: QComboBox, value: str) -> None:
    combo.setCurrentIndex(combo.findData(value))
    combo.activated.emit(combo.currentIndex())


def test_several_numbers(panel: PropertyPanel) -> None:
    editor = field(panel, "preprocess", "mean")
    assert isinstance(editor, ListField)
    type_over(editor.line, "0.5, 0.4, 0.3")
    assert params(panel, "preprocess") == {"mean": [0.5, 0.4, 0.3]}
    type_over(editor.line, "0.5, no")
    assert panel.form.rows["mean"].error.isVisible()
    assert editor.line.text() == "0.5, no"
    assert params(panel, "preprocess") == {"mean": [0.5, 0.4, 0.3]}


def test_a_file_by_typing_and_by_choosing(panel: PropertyPanel, tmp_path: Path) -> None:
    editor = field(panel, "video", "path")
    assert isinstance(editor, PathField)
    type_over(editor.line, "other.mp4")
    assert params(panel, "video")["path"] == "other.mp4"
    panel.document.save(tmp_path / "p.json")
    editor = field(panel, "video", "path")
    (tmp_path / "clips").mkdir()
    editor.choose(str(tmp_path / "clips" / "a.mp4"))
    assert params(panel, "video")["path"] == "clips/a.mp4"
    elsewhere = str(tmp_path.parent / "b.mp4")
    editor.choose(elsewhere)
    assert params(panel, "video")["path"] == elsewhere


def test_the_file_dialog_opens_with_the_filter_of_the_field(panel: PropertyPanel, qtbot: QtBot) -> None:
    editor = field(panel, "inference", "model")
    editor.button.click()
    qtbot.waitUntil(lambda: editor.dialog is not None and editor.dialog.isVisible(), timeout=5000)
    assert any("onnx" in f for f in editor.dialog.nameFilters())
    editor.dialog.fileSelected.emit("/somewhere/model.onnx")
    editor.dialog.reject()
    assert params(panel, "inference")["model"] == "/somewhere/model.onnx"


def test_devices_are_found_ticked_and_added(panel: PropertyPanel, qtbot: QtBot) -> None:
    editor = field(panel, "inference", "devices")
    assert isinstance(editor, DeviceField)
    qtbot.waitUntil(lambda: "onnx:cpu" in editor.boxes, timeout=30_000)
    assert editor.boxes["sim:ane"].isChecked()
    editor.boxes["onnx:cpu"].click()
    assert params(panel, "inference")["devices"] == ["sim:ane", "onnx:cpu"]
    type_over(editor.line, "sim:mine?ms=20")
    QTest.keyClick(editor.line, Qt.Key.Key_Return)
    assert params(panel, "inference")["devices"][-1] == "sim:mine?ms=20"
    assert editor.boxes["sim:mine?ms=20"].isChecked()
    for wrong, word in (("what?", "not a device id"), ("sim:mine?speed=3", "speed"), ("onyx:cpu", "backend")):
        type_over(editor.line, wrong)
        editor.add.click()
        assert word in editor.error.text()
        assert editor.error.isVisible()
        assert editor.line.text() == wrong
    assert len(params(panel, "inference")["devices"]) == 3
    editor.boxes["sim:mine?ms=20"].click()
    editor.boxes["sim:ane"].click()
    assert params(panel, "inference")["devices"] == ["onnx:cpu"]
    for box in editor.boxes.values():
        assert box.isEnabled() or not box.isChecked()


def test_a_device_that_is_not_available_says_why(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = DeviceInfo("npu:0", "Some NPU", "npu", "npu", available=False, reason="install the driver")
    monkeypatch.setattr(device_field, "detect", lambda **_: [missing])
    editor = DeviceField(DeviceFinder())
    qtbot.addWidget(editor)
    qtbot.waitUntil(lambda: "npu:0" in editor.boxes, timeout=5000)
    assert not editor.boxes["npu:0"].isEnabled()
    assert any("install the driver" in label.text() for label in editor.findChildren(QLabel))


def test_a_search_that_fails_is_told_and_can_be_repeated(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> list[DeviceInfo]:
        raise OSError("the driver hangs")

    monkeypatch.setattr(device_field, "detect", fail)
    editor = DeviceField(DeviceFinder())
    qtbot.addWidget(editor)
    qtbot.waitUntil(lambda: "the driver hangs" in editor.finder.error, timeout=5000)
    assert any("the driver hangs" in label.text() for label in editor.findChildren(QLabel))
    monkeypatch.setattr(device_field, "detect", lambda **_: [DeviceInfo("onnx:cpu", "CPU", "cpu", "onnx")])
    editor.again.click()
    qtbot.waitUntil(lambda: "onnx:cpu" in editor.boxes, timeout=5000)


def test_title_and_pipeline(panel: PropertyPanel) -> None:
    title = field(panel, "count", "title")
    assert isinstance(title, TextField)
    type_over(title.line, "Total")
    assert panel.document.config.node("count").title == "Total"
    panel.show_node("")
    rows = panel.form.rows
    type_over(rows["name"].editor.line, "My pipeline")  # type: ignore[attr-defined]
    QTest.keyClicks(rows["description"].editor.text, "What for")  # type: ignore[attr-defined]
    fps = rows["fps"].editor
    assert isinstance(fps, NumberField)
    fps.auto.click()
    type_over(fps.spin.lineEdit(), "30")
    config = panel.document.config
    assert (config.name, config.description, config.targets.fps) == ("My pipeline", "What for", 30.0)
    type_over(fps.spin.lineEdit(), "-3")
    assert "more than 0" in rows["fps"].error.text()
    assert panel.document.config.targets.fps == 30.0


def test_undo_is_followed_and_clears_what_was_wrong(panel: PropertyPanel) -> None:
    editor = field(panel, "detections", "confidence")
    type_over(editor.spin.lineEdit(), "0.5")
    type_over(editor.spin.lineEdit(), "7")
    panel.document.undo_stack.undo()
    assert editor.spin.value() == 0.25
    assert not panel.form.rows["confidence"].error.isVisible()


def test_a_removed_node_gives_way_to_the_pipeline(panel: PropertyPanel) -> None:
    panel.show_node("count")
    panel.document.remove_nodes(["count"])
    assert panel.node_id == ""
    assert "name" in panel.form.rows


def test_what_the_check_finds_stands_at_its_field(panel: PropertyPanel) -> None:
    panel.show_node("inference")
    panel.document.set_param("inference", "model", "/no/such/model.onnx")
    panel.document.check()
    error = panel.form.rows["model"].error
    assert error.isVisible()
    assert "/no/such/model.onnx" in error.text()
    panel.document.set_param("inference", "model", "none")
    panel.document.check()
    assert not error.isVisible()


def test_a_node_of_unknown_type_is_described(panel: PropertyPanel, qtbot: QtBot) -> None:
    panel.document.new(PipelineConfig(nodes=(NodeConfig(id="odd", type="from_the_future", params={"x": 1}),)))
    panel.show_node("odd")
    assert panel.node_id == "odd"
    assert panel.document.config.node("odd").params == {"x": 1}


def test_nothing_is_cut_at_the_width_of_the_panel(panel: PropertyPanel) -> None:
    for node in panel.document.config.nodes:
        panel.show_node(node.id)
        panel.form.advanced.setChecked(True)
        QApplication.processEvents()
        assert panel.form.minimumSizeHint().width() <= 320, node.id


def test_the_advanced_view_holds_for_every_node_until_it_is_closed(panel: PropertyPanel) -> None:
    panel.show_node("video")
    assert not panel.form.rows["target_fps"].isVisible()
    panel.form.advanced.click()
    assert panel.form.rows["target_fps"].isVisible()
    panel.show_node("detections")
    assert panel.form.rows["labels"].isVisible()
    panel.show_node("")
    assert panel.form.rows["mode"].isVisible()
    panel.advanced_action.trigger()
    assert not panel.form.rows["mode"].isVisible()
    panel.show_node("video")
    assert not panel.form.rows["target_fps"].isVisible()
    assert panel.form.rows["path"].isVisible()


def test_a_folded_setting_that_is_wrong_is_shown_without_opening_the_others_for_good(
    panel: PropertyPanel,
) -> None:
    panel.document.set_param("video", "target_fps", 5.0)
    panel.show_node("video")
    panel.form.show_problems([Problem("wrong", "video", "target_fps")])
    assert panel.form.rows["target_fps"].isVisible()
    panel.show_node("detections")
    assert not panel.form.rows["labels"].isVisible()


def test_what_is_wrong_follows_the_theme(panel: PropertyPanel, qapp: QApplication) -> None:
    row = (field(panel, "video", "path"), panel.form.rows["path"])[1]
    row.show_problem(Problem("this is wrong"))
    for mode in ("dark", "light"):
        theme.apply_theme(qapp, mode)
        assert theme.colors().fail in row.error.styleSheet()
