"""The parity dialog on the real example, and where there is nothing to compare."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from cluster4npu.core.bench.card import DeviceCard
from cluster4npu.core.bench.parity import Parity
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui.devices.parity import ParityDialog, cells


def test_simulated_devices_have_nothing_to_compare(qtbot: QtBot) -> None:
    dialog = ParityDialog(PipelineTemplates.get("simulated", devices=["sim:ane"]))
    qtbot.addWidget(dialog)
    with qtbot.waitSignal(dialog.finished_comparing, timeout=30_000):
        pass
    assert dialog.verdict.text() == "not compared" and "nothing to compare" in dialog.state.text()


def test_a_row_says_what_differs() -> None:
    check = Parity("onnx:cuda:0", "boxes", 0.5, 0.95, 90)
    row = cells(DeviceCard("onnx:cuda:0", "fp16", "cpu", True, 4.2, None, (check,)), "onnx:cpu")
    assert row == (
        "onnx:cuda:0",
        "fp16",
        "cpu (fell back)",
        "boxes 50.0% (needs 95%)",
        "not reported",
        "4.20",
    )
