"""The grid of devices: status as colour and word, and what each is. A row can be dragged onto a stage."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QColor, QDrag, QIcon, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from cluster4npu.core.devices.backend import DeviceInfo
from cluster4npu.ui import theme
from cluster4npu.ui.devices.badges import device_color
from cluster4npu.ui.editor.dropping import DEVICE_MIME
from cluster4npu.ui.text import told, tr

HEADINGS = ("Device", "Status", "Kind", "Precisions", "Load", "Temperature", "Name, or why it is not here")
_SQUARE = 10


def status_of(device: DeviceInfo) -> tuple[str, str]:
    """Return a device's status as (word, name of the theme's colour)."""
    if not device.available:
        return "not here", "muted"
    if device.simulated:
        return "SIMULATED", "simulated"
    words = {"ok": ("ok", "ok"), "warn": ("warning", "warn"), "fail": ("failing", "fail")}
    return words.get(device.health.status, ("unknown", "muted"))


class DeviceListWidget(QTableWidget):
    """One row for each device of `detect_all_devices`. `chosen` carries the DeviceInfo of the current row."""

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(HEADINGS), parent)
        self.devices: list[DeviceInfo] = []
        self.setHorizontalHeaderLabels([tr(heading) for heading in HEADINGS])
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setDragEnabled(True)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setStretchLastSection(True)
        self.setAccessibleName(tr("Devices"))
        self.currentCellChanged.connect(lambda *_: self.chosen.emit(self.current()))
        theme.changes().changed.connect(self._dress)

    def current(self) -> DeviceInfo | None:
        """Return the device of the current row."""
        row = self.currentRow()
        return self.devices[row] if 0 <= row < len(self.devices) else None

    def show_devices(self, devices: Sequence[DeviceInfo]) -> None:
        """Show these devices, and keep the current one where it is still there."""
        before = self.current()
        self.devices = list(devices)
        self.blockSignals(True)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)  # or each cell measures all of them again
        self.setRowCount(len(devices))
        for row, device in enumerate(devices):
            self._fill(row, device)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.blockSignals(False)
        ids = [device.id for device in devices]
        if ids:
            self.setCurrentCell(ids.index(before.id) if before is not None and before.id in ids else 0, 0)
        self.chosen.emit(self.current())

    def _dress(self) -> None:
        self.show_devices(self.devices)

    def _fill(self, row: int, device: DeviceInfo) -> None:
        word, role = status_of(device)
        health = device.health
        texts = (
            device.id,
            tr(word),
            device.kind,
            ", ".join(device.precisions) or "-",
            "-" if health.utilization is None else f"{health.utilization:.0%}",
            "-" if health.temperature_c is None else f"{health.temperature_c:.0f} \N{DEGREE SIGN}C",
            told(device.name if device.available else device.reason),
        )
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            item.setToolTip(text)
            if column == 0:
                item.setIcon(_square(device_color(device.id)))
            if column == 1:
                item.setForeground(QColor(getattr(theme.colors(), role)))
            elif not device.available:
                item.setForeground(QColor(theme.colors().muted))
            self.setItem(row, column, item)

    def startDrag(self, _actions: Qt.DropAction) -> None:  # noqa: N802 (Qt's name)
        device = self.current()
        if device is None or not device.available:
            return
        data = QMimeData()
        data.setData(DEVICE_MIME, device.id.encode())
        drag = QDrag(self)
        drag.setMimeData(data)
        drag.exec(Qt.DropAction.CopyAction)


def _square(color: str) -> QIcon:
    pixmap = QPixmap(_SQUARE, _SQUARE)
    pixmap.fill(QColor(color))
    return QIcon(pixmap)
