"""The list of devices, and what is ticked in it."""

from __future__ import annotations

import os

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from cluster4npu.core.devices.backend import DeviceInfo
from cluster4npu.core.devices.registry import detect
from cluster4npu.ui.dialogs.device_choice import DeviceChoice, default_pool
from cluster4npu.ui.dialogs.device_row import worker_ids, workers_of

CPU = DeviceInfo("onnx:cpu", "CPU", "cpu", "onnx")
OTHER = DeviceInfo("openvino:cpu", "CPU", "cpu", "openvino")
GPU = DeviceInfo("onnx:cuda:0", "GPU", "gpu", "onnx")
NONE = DeviceInfo("coreml:ane", "ANE", "ane", "coreml", available=False, reason="only on macOS.")
SIM = DeviceInfo("sim:ane", "Simulated", "ane", "sim", simulated=True)


def choice_of(qtbot: QtBot, *devices: DeviceInfo, pool: tuple[str, ...] = ()) -> DeviceChoice:
    choice = DeviceChoice(detect=lambda: list(devices))
    qtbot.addWidget(choice)
    choice.resize(480, 400)
    choice.show()
    with qtbot.waitSignal(choice.looked):
        choice.look()
    choice.select(pool)
    return choice


def test_defaults_are_the_real_devices_that_are_ready() -> None:
    two = ("onnx:cpu", "onnx:cpu#2") if (os.cpu_count() or 1) > 1 else ("onnx:cpu",)
    assert default_pool([CPU, NONE, SIM], simulated=False) == two
    assert default_pool([CPU, OTHER, GPU], simulated=False) == ("onnx:cpu", "onnx:cuda:0")
    assert default_pool([CPU, SIM], simulated=True) == ("sim:ane",)
    assert default_pool([NONE], simulated=False) == ()


def test_workers_become_ids_and_back() -> None:
    pool = ("onnx:cpu", "onnx:cpu#2", "sim:x?ms=20", "onnx:cpu?threads=1#3")
    assert workers_of(pool) == {"onnx:cpu": 2, "sim:x?ms=20": 1, "onnx:cpu?threads=1": 1}
    assert worker_ids("onnx:cpu", 3) == ("onnx:cpu", "onnx:cpu#2", "onnx:cpu#3")


def test_the_pool_is_ticked_and_given_back(qtbot: QtBot) -> None:
    choice = choice_of(qtbot, CPU, GPU, SIM, pool=("onnx:cpu", "onnx:cpu#2", "sim:ane"))
    assert choice.selected() == ("onnx:cpu", "onnx:cpu#2", "sim:ane")
    choice.rows[0].workers.setValue(1)
    choice.rows[1].check.setChecked(True)
    assert choice.selected() == ("onnx:cpu", "onnx:cuda:0", "sim:ane")


def test_ids_of_the_pipeline_that_were_not_found_have_rows_too(qtbot: QtBot) -> None:
    pool = ("sim:mine?ms=20", "onnx:cpu?threads=1", "edge:tpu")
    choice = choice_of(qtbot, CPU, SIM, pool=pool)
    rows = {row.device.id: row for row in choice.rows}
    assert set(pool) <= set(rows)
    assert rows["sim:mine?ms=20"].device.simulated
    assert not rows["edge:tpu"].check.isEnabled()
    assert "not found" in rows["edge:tpu"].device.reason
    assert sorted(choice.selected()) == ["onnx:cpu?threads=1", "sim:mine?ms=20"]


def test_what_cannot_be_used_says_why_and_cannot_be_ticked(qtbot: QtBot) -> None:
    choice = choice_of(qtbot, CPU, NONE, pool=("coreml:ane",))
    row = choice.rows[1]
    assert not row.check.isEnabled()
    assert choice.selected() == ()
    assert any("only on macOS" in label.text() for label in row.findChildren(QLabel))


def test_simulated_devices_stand_apart(qtbot: QtBot) -> None:
    choice = choice_of(qtbot, SIM, CPU)
    titles = [label.text() for label in choice.findChildren(QLabel, "SimulatedGroup")]
    assert len(titles) == 1
    assert titles[0].startswith("SIMULATED")
    assert [row.device.id for row in choice.rows] == ["onnx:cpu", "sim:ane"]
    assert "simulated" in choice.rows[1].check.accessibleName()


def test_looking_again_keeps_the_ticks(qtbot: QtBot) -> None:
    choice = choice_of(qtbot, CPU, SIM, pool=("sim:ane",))
    with qtbot.waitSignal(choice.looked):
        choice.look()
        assert choice.looking
    assert choice.selected() == ("sim:ane",)


def test_a_search_that_fails_is_told(qtbot: QtBot) -> None:
    def fail() -> list[DeviceInfo]:
        raise OSError("the bus is gone")

    choice = DeviceChoice(detect=fail)
    qtbot.addWidget(choice)
    choice.show()
    with qtbot.waitSignal(choice.looked):
        choice.look()
    assert "the bus is gone" in choice.problems.text()
    assert choice.selected() == ()


@pytest.mark.parametrize("name", ["<b>bold</b> & co", "A very long name " * 12])
def test_any_name_fits_and_is_plain(qtbot: QtBot, name: str) -> None:
    choice = choice_of(qtbot, DeviceInfo("x:y", name, "cpu", "x"), pool=("x:y",))
    row = choice.rows[0]
    assert row.width() <= 480
    assert row.workers.geometry().right() <= row.width()
    assert name in row.check.accessibleName()
    plain = [label for label in row.findChildren(QLabel) if label.textFormat() != Qt.TextFormat.PlainText]
    assert plain == []


def test_this_machine_s_devices_are_found(qtbot: QtBot) -> None:
    choice = DeviceChoice(detect=detect)
    qtbot.addWidget(choice)
    with qtbot.waitSignal(choice.looked, timeout=30_000):
        choice.look()
    assert {"onnx:cpu", "sim:ane"} <= {row.device.id for row in choice.rows}
