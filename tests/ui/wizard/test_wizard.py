"""The wizard, walked through as a user does it, on the real pages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QLabel, QWizard
from pytestqt.qtbot import QtBot

from cluster4npu.core.devices.backend import DeviceInfo
from cluster4npu.core.devices.registry import detect
from cluster4npu.core.pipeline.graph import find_problems
from cluster4npu.core.settings import assets_dir
from cluster4npu.templates import INFERENCE_NODE, PipelineTemplates
from cluster4npu.ui.wizard.use_case_page import UseCaseSelectionPage
from cluster4npu.ui.wizard.wizard import PipelineSetupWizard

CPU = DeviceInfo("onnx:cpu", "A CPU", "cpu", "onnx")
GPU = DeviceInfo("onnx:cuda:0", "A GPU", "gpu", "onnx", available=False, reason="no driver. Install one.")
SIMULATED = DeviceInfo("sim:ane", "Simulated ANE", "ane", "sim", simulated=True)

MakeWizard = Callable[..., PipelineSetupWizard]


@pytest.fixture
def make_wizard(qtbot: QtBot) -> MakeWizard:
    """Return a function that opens a wizard; devices are looked for for real unless some are given."""

    held = []  # qtbot holds it weakly, and a test may keep one of its pages only

    def make(*devices: DeviceInfo, real: bool = False) -> PipelineSetupWizard:
        wizard = PipelineSetupWizard(detect=detect if real else lambda: list(devices))
        held.append(wizard)
        qtbot.addWidget(wizard)
        wizard.show()
        qtbot.waitExposed(wizard)
        return wizard

    return make


def click(qtbot: QtBot, wizard: PipelineSetupWizard, button: QWizard.WizardButton) -> None:
    qtbot.mouseClick(wizard.button(button), Qt.MouseButton.LeftButton)


def forward(qtbot: QtBot, wizard: PipelineSetupWizard) -> None:
    click(qtbot, wizard, QWizard.WizardButton.NextButton)


def to_devices(qtbot: QtBot, wizard: PipelineSetupWizard) -> None:
    forward(qtbot, wizard)
    assert wizard.currentPage() is wizard.device_page
    qtbot.waitUntil(lambda: not wizard.device_page.choice.looking)


def to_the_end(qtbot: QtBot, wizard: PipelineSetupWizard) -> None:
    to_devices(qtbot, wizard)
    forward(qtbot, wizard)
    forward(qtbot, wizard)
    assert wizard.currentPage() is wizard.optimization_page, wizard.currentPage().reason.text()


@pytest.mark.parametrize("key", [info.key for info in PipelineTemplates.catalogue() if info.has_devices])
def test_every_use_case_ends_with_a_pipeline_that_can_run(
    qtbot: QtBot, make_wizard: MakeWizard, key: str
) -> None:
    wizard = make_wizard(real=True)
    wizard.use_case_page.cards.choose(key)
    wizard.use_case_page.try_out.setChecked(True)
    to_the_end(qtbot, wizard)
    with qtbot.waitSignal(wizard.accepted):
        click(qtbot, wizard, QWizard.WizardButton.FinishButton)
    config = wizard.result_config()
    assert find_problems(config) == []
    devices = config.node(INFERENCE_NODE).params["devices"]
    assert isinstance(devices, list)
    assert devices
    simulated = key == "simulated"
    assert all(str(device).startswith("sim:") == simulated for device in devices)


def test_a_model_of_ones_own_is_asked_for(qtbot: QtBot, make_wizard: MakeWizard, tmp_path: Path) -> None:
    wizard = make_wizard(CPU)
    page = wizard.use_case_page
    page.cards.choose("object_detection")
    assert page.isComplete()  # it can be tried without one
    page.own_model.setChecked(True)
    button = wizard.button(QWizard.WizardButton.NextButton)
    assert not button.isEnabled()
    assert "model file" in page.reason.text()
    page.model.set_text(str(tmp_path / "none.onnx"))
    assert not button.isEnabled()
    assert "none.onnx" in page.reason.text()
    page.model.set_text(str(assets_dir() / "digits_detector.onnx"))
    assert not button.isEnabled()  # not before it was looked into
    qtbot.waitUntil(button.isEnabled, timeout=30_000)
    assert page.reason.text() == ""
    assert "10 classes" in page.model.told.text()
    assert "No model was chosen" not in page.about.text()
    to_the_end(qtbot, wizard)
    config = wizard.result_config()
    assert config.node(INFERENCE_NODE).params["model"] == str(assets_dir() / "digits_detector.onnx")
    assert find_problems(config) == []


def test_a_file_that_is_no_model_is_not_taken(qtbot: QtBot, make_wizard: MakeWizard, tmp_path: Path) -> None:
    page = make_wizard(CPU).use_case_page
    page.cards.choose("object_detection")
    page.own_model.setChecked(True)
    letter = tmp_path / "letter.onnx"
    letter.write_text("Dear model, ...", encoding="utf-8")
    page.model.set_text(str(letter))
    qtbot.waitUntil(lambda: "letter.onnx" in page.missing(), timeout=30_000)
    assert not page.isComplete()


def drop(page: UseCaseSelectionPage, path: Path) -> bool:
    """Drop a file on the page; tell whether it took it."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    action, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(50, 50), action, data, left, none)
    QApplication.sendEvent(page, enter)
    if enter.isAccepted():
        QApplication.sendEvent(page, QDropEvent(QPointF(50, 50), action, data, left, none))
    return enter.isAccepted()


def test_models_and_inputs_are_dropped_in(make_wizard: MakeWizard, tmp_path: Path) -> None:
    page = make_wizard(CPU).use_case_page
    page.cards.choose("simulated")
    assert drop(page, assets_dir() / "digits_detector.onnx")
    assert page.cards.key == "object_detection"  # one that runs a model
    assert page.own_model.isChecked() and page.model.text().endswith("digits_detector.onnx")
    assert drop(page, assets_dir() / "digits.mp4")
    assert page.inputs.key == "video"
    assert drop(page, tmp_path)
    assert page.inputs.key == "images"
    assert not drop(page, tmp_path / "letter.docx")


def test_a_model_of_another_task_is_told_or_followed(qtbot: QtBot, make_wizard: MakeWizard) -> None:
    page = make_wizard(CPU).use_case_page
    page.cards.choose("object_detection")
    assert drop(page, assets_dir() / "digit_classifier.onnx")
    qtbot.waitUntil(lambda: page.cards.key == "classification", timeout=30_000)
    assert not page.missing()
    page.cards.choose("object_detection")  # the user's own choice stays, and says what is wrong with it
    assert page.cards.key == "object_detection"
    assert "this model is for classification" in page.missing() and "one for detection" in page.missing()


def test_fire_detection_says_that_the_bundled_model_sees_no_fire(make_wizard: MakeWizard) -> None:
    page = make_wizard(CPU).use_case_page
    page.cards.choose("fire_detection")
    assert "digits" in page.try_out.text()
    assert "cannot see fire" in page.about.text()


@pytest.mark.parametrize(
    ("kind", "wrong", "reason"),
    [
        ("video", "", "video file"),
        ("video", "gone.mp4", "gone.mp4"),
        ("images", "", "folder"),
        ("images", "gone", "gone"),
        ("rtsp", "", "address"),
        ("rtsp", "ftp://camera/stream", "rtsp://"),
    ],
)
def test_an_input_that_lacks_something_holds_one_back(
    make_wizard: MakeWizard, tmp_path: Path, kind: str, wrong: str, reason: str
) -> None:
    wizard = make_wizard(CPU)
    page = wizard.use_case_page
    page.inputs.choose(kind)
    path = str(tmp_path / wrong) if wrong else ""
    page.inputs.video.set_text(path)
    page.inputs.folder.set_text(path)
    page.inputs.url.setText(wrong)
    assert not wizard.button(QWizard.WizardButton.NextButton).isEnabled()
    assert reason in page.reason.text()


@pytest.mark.parametrize(
    ("kind", "node_type"),
    [
        ("bundled", "video_file"),
        ("video", "video_file"),
        ("images", "image_folder"),
        ("camera", "camera"),
        ("rtsp", "rtsp"),
        ("synthetic", "synthetic"),
    ],
)
def test_every_input_becomes_the_source(
    qtbot: QtBot, make_wizard: MakeWizard, tmp_path: Path, kind: str, node_type: str
) -> None:
    wizard = make_wizard(SIMULATED)
    inputs = wizard.use_case_page.inputs
    inputs.choose(kind)
    inputs.video.set_text(str(assets_dir() / "digits.mp4"))
    cv2.imwrite(str(tmp_path / "one.png"), np.zeros((8, 8, 3), np.uint8))
    inputs.folder.set_text(str(tmp_path))
    inputs.url.setText("rtsp://127.0.0.1:8554/stream")
    if kind == "camera" and wizard.use_case_page.missing():  # most test machines have none
        assert "camera" in wizard.use_case_page.reason.text()
        return
    to_devices(qtbot, wizard)
    config = wizard.result_config()
    assert config.node("source").type == node_type
    assert [p for p in find_problems(config) if p.severity == "error"] == []


def test_without_devices_one_cannot_go_on(qtbot: QtBot, make_wizard: MakeWizard) -> None:
    wizard = make_wizard()
    to_devices(qtbot, wizard)
    assert not wizard.button(QWizard.WizardButton.NextButton).isEnabled()
    assert "no device" in wizard.device_page.reason.text()


def test_while_devices_are_looked_for_one_waits(qtbot: QtBot, make_wizard: MakeWizard) -> None:
    wizard = make_wizard(SIMULATED)
    forward(qtbot, wizard)
    assert wizard.device_page.choice.looking
    assert "wait" in wizard.device_page.reason.text()
    assert not wizard.button(QWizard.WizardButton.NextButton).isEnabled()
    qtbot.waitUntil(lambda: not wizard.device_page.choice.looking)
    assert wizard.button(QWizard.WizardButton.NextButton).isEnabled()


def test_unticking_every_device_holds_one_back(qtbot: QtBot, make_wizard: MakeWizard) -> None:
    wizard = make_wizard(CPU, GPU, SIMULATED)
    to_devices(qtbot, wizard)
    for row in wizard.device_page.choice.rows:
        row.check.setChecked(False)
    assert "tick at least one" in wizard.device_page.reason.text()
    assert not wizard.button(QWizard.WizardButton.NextButton).isEnabled()


def test_back_and_next_keep_what_was_chosen(qtbot: QtBot, make_wizard: MakeWizard) -> None:
    wizard = make_wizard(CPU, SIMULATED)
    page = wizard.use_case_page
    page.cards.choose("object_detection")
    page.try_out.setChecked(True)
    to_devices(qtbot, wizard)
    row = wizard.device_page.choice.rows[0]
    row.choose(2)
    forward(qtbot, wizard)
    wizard.targets_page.fps.check.setChecked(True)
    wizard.targets_page.fps.number.setValue(42.0)
    forward(qtbot, wizard)
    for _ in range(3):
        click(qtbot, wizard, QWizard.WizardButton.BackButton)
    assert wizard.currentPage() is page
    assert page.cards.key == "object_detection"
    assert page.try_out.isChecked()
    to_the_end(qtbot, wizard)
    config = wizard.result_config()
    assert config.node(INFERENCE_NODE).params["devices"] == ["onnx:cpu", "onnx:cpu#2"]
    assert config.targets.fps == 42.0
    assert config.targets.latency_p95_ms is None


def test_another_kind_of_use_case_ticks_other_devices(qtbot: QtBot, make_wizard: MakeWizard) -> None:
    wizard = make_wizard(CPU, SIMULATED)
    to_devices(qtbot, wizard)
    assert wizard.draft.devices == ("sim:ane",)
    click(qtbot, wizard, QWizard.WizardButton.BackButton)
    wizard.use_case_page.cards.choose("object_detection")
    wizard.use_case_page.try_out.setChecked(True)
    to_devices(qtbot, wizard)
    assert all(device.startswith("onnx:cpu") for device in wizard.draft.devices)


def test_preference_sets_policy_and_workers(qtbot: QtBot, make_wizard: MakeWizard) -> None:
    wizard = make_wizard(CPU)
    wizard.use_case_page.cards.choose("object_detection")
    wizard.use_case_page.try_out.setChecked(True)
    to_devices(qtbot, wizard)
    wizard.device_page.choice.rows[0].choose(2)
    forward(qtbot, wizard)
    forward(qtbot, wizard)
    page = wizard.optimization_page
    found = {}
    for key in ("balanced", "throughput", "latency"):
        page.cards.choose(key)
        params = wizard.result_config().node(INFERENCE_NODE).params
        found[key] = (params["policy"], params["devices"])
    assert found == {
        "balanced": ("adaptive", ["onnx:cpu", "onnx:cpu#2"]),
        "throughput": ("adaptive", ["onnx:cpu", "onnx:cpu#2"]),
        "latency": ("adaptive", ["onnx:cpu"]),
    }
    assert "low latency leaves out one more" in page.summary_text()


def test_a_model_that_vanished_meanwhile_is_told_on_the_last_page(
    qtbot: QtBot, make_wizard: MakeWizard, tmp_path: Path
) -> None:
    model = tmp_path / "mine.onnx"
    model.write_bytes((assets_dir() / "digits_detector.onnx").read_bytes())
    wizard = make_wizard(CPU)
    wizard.use_case_page.cards.choose("object_detection")
    wizard.use_case_page.own_model.setChecked(True)
    wizard.use_case_page.model.set_text(str(model))
    qtbot.waitUntil(wizard.use_case_page.isComplete, timeout=30_000)
    to_devices(qtbot, wizard)
    forward(qtbot, wizard)
    model.unlink()
    forward(qtbot, wizard)
    page = wizard.optimization_page
    assert "mine.onnx" in page.problems.text()
    assert not wizard.button(QWizard.WizardButton.FinishButton).isEnabled()
    model.write_bytes(b"again")
    page.name.setText("another try")
    assert wizard.button(QWizard.WizardButton.FinishButton).isEnabled()


def test_a_password_is_not_shown(qtbot: QtBot, make_wizard: MakeWizard) -> None:
    wizard = make_wizard(SIMULATED)
    wizard.use_case_page.inputs.choose("rtsp")
    wizard.use_case_page.inputs.url.setText("rtsp://me:secret@camera.local/stream")
    if not wizard.use_case_page.missing():
        to_the_end(qtbot, wizard)
        assert "camera.local" in wizard.optimization_page.summary_text()
    assert "secret" not in wizard.use_case_page.reason.text() + wizard.optimization_page.summary_text()


def test_names_are_plain_text(qtbot: QtBot, make_wizard: MakeWizard) -> None:
    nasty = "<b>bold</b> & " + "long " * 30
    wizard = make_wizard(DeviceInfo("sim:x", nasty, "npu", "sim", simulated=True))
    to_the_end(qtbot, wizard)
    wizard.optimization_page.name.setText(nasty[:200])
    assert wizard.result_config().name == nasty[:200].strip()
    labels = [label for label in wizard.findChildren(QLabel) if label.text()]
    own = [label for label in labels if label.objectName() and not label.objectName().startswith("qt_")]
    assert own
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in own)
    assert wizard.width() < 1200


def test_the_keyboard_is_enough(qtbot: QtBot, make_wizard: MakeWizard) -> None:
    wizard = make_wizard(SIMULATED, CPU)
    cards = wizard.use_case_page.cards
    first = cards.cards["simulated"].button
    with qtbot.waitActive(wizard):
        wizard.activateWindow()
    first.setFocus()
    qtbot.keyClick(first, Qt.Key.Key_Down)
    assert cards.key != "simulated"
    focused = cards.cards[cards.key].button
    qtbot.keyClick(focused, Qt.Key.Key_Up)
    assert cards.key == "simulated"
    qtbot.keyClick(wizard, Qt.Key.Key_Return)
    assert wizard.currentPage() is wizard.device_page
    qtbot.keyClick(wizard, Qt.Key.Key_Escape)
    assert not wizard.isVisible()
