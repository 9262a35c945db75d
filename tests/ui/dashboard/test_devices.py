"""The bars of each device: readable in both themes."""

from __future__ import annotations

from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cluster4npu.ui import theme
from cluster4npu.ui.dashboard.devices import DeviceRow


def test_the_name_follows_the_theme(qtbot: QtBot, qapp: QApplication) -> None:
    before = theme.mode()
    row = DeviceRow("onnx:cpu")
    qtbot.addWidget(row)
    row.show()
    try:
        for mode in ("light", "dark", "light"):
            theme.apply_theme(qapp, mode)
            wanted = QColor(theme.colors().text)
            qtbot.waitUntil(lambda: row.name.palette().color(row.name.foregroundRole()) == wanted)  # noqa: B023
    finally:
        theme.apply_theme(qapp, before)
