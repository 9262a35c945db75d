"""One device to tick: its name, what it is, why it cannot be used, and how many workers it gets."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QCheckBox, QGridLayout, QSizePolicy, QSpinBox, QWidget

from cluster4npu.core.devices.backend import DeviceInfo
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.ui import theme
from cluster4npu.ui.dialogs.errors import plain_label, plain_tip
from cluster4npu.ui.dialogs.looks import text_indent
from cluster4npu.ui.text import told, tr


def workers_of(pool: Iterable[str]) -> dict[str, int]:
    """Return how many workers a pool has on each device, by its id without the worker's number, in order."""
    counts: dict[str, int] = {}
    for text in pool:
        base = base_id(text)
        counts[base] = counts.get(base, 0) + 1
    return counts


def base_id(text: str) -> str:
    """Return a device id without its worker's number."""
    device = DeviceId.parse(text)
    return str(DeviceId(device.backend, device.unit, device.options))


def worker_ids(base: str, count: int) -> tuple[str, ...]:
    """Return the ids of `count` workers on one device: `onnx:cpu`, `onnx:cpu#2` ..."""
    return tuple(base if n == 1 else f"{base}#{n}" for n in range(1, count + 1))


def facts(device: DeviceInfo) -> str:
    """Return what is known of a device as one short line."""
    parts: list[str] = [device.id, device.kind.upper()]
    if device.memory_bytes:
        parts.append(f"{device.memory_bytes / 2**30:.1f} GiB")
    if device.precisions:
        parts.append(", ".join(device.precisions))
    return " \N{MIDDLE DOT} ".join(parts)


class NameCheck(QCheckBox):
    """A check box whose text is shortened where there is no room for all of it."""

    def __init__(self, name: str) -> None:
        super().__init__(name.replace("&", "&&"))
        self._name = name
        self._full = super().sizeHint()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return self._full

    def minimumSizeHint(self) -> QSize:
        return QSize(80, self._full.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        room = self.width() - text_indent(self) - 4
        shown = self.fontMetrics().elidedText(self._name, Qt.TextElideMode.ElideRight, room)
        self.setText(shown.replace("&", "&&"))
        self.setToolTip("" if shown == self._name else plain_tip(self._name))
        super().resizeEvent(event)


class DeviceRow(QWidget):
    """A check box for one device; CPUs also get a number of workers."""

    changed = Signal()

    def __init__(self, device: DeviceInfo, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.device = device
        self.check = NameCheck(told(device.name))
        self.check.setAccessibleName(
            tr("Use {0} ({1})").format(told(device.name), device.id)
            + (tr(", simulated") if device.simulated else "")
        )
        self.check.setEnabled(device.available)
        self.detail = plain_label(facts(device), name="DeviceFacts")
        theme.give_role(self.detail, "muted")
        grid = QGridLayout(self)
        grid.setContentsMargins(10, 4, 10, 4)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(2)
        grid.addWidget(self.check, 0, 0)
        indent = text_indent(self.check)
        grid.setColumnStretch(0, 1)
        self.detail.setContentsMargins(indent, 0, 0, 0)
        grid.addWidget(self.detail, 1, 0)
        if device.reason and not device.available:
            reason = plain_label(tr("Not available: {0}").format(told(device.reason)), name="DeviceReason")
            reason.setContentsMargins(indent, 0, 0, 0)
            grid.addWidget(reason, 2, 0, 1, 3)
        self.workers = QSpinBox()
        self.workers.setRange(1, max(2, os.cpu_count() or 2))
        self.workers.setAccessibleName(tr("Workers on {0}").format(told(device.name)))
        self._label = plain_label(tr("Workers"), wrap=False)
        grid.addWidget(self._label, 0, 1, 2, 1, Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(self.workers, 0, 2, 2, 1, Qt.AlignmentFlag.AlignVCenter)
        self._has_workers = device.kind == "cpu" and not device.simulated and device.available
        self.check.toggled.connect(self._refresh)
        self.workers.valueChanged.connect(self.changed)
        self._refresh()

    def choose(self, count: int) -> None:
        """Tick the device with so many workers; 0 unticks it."""
        if count > 1:
            self._has_workers = True
            self.workers.setMaximum(max(self.workers.maximum(), count))
        self.workers.setValue(max(1, count))
        self.check.setChecked(count > 0 and self.device.available)
        self._refresh()

    def chosen(self) -> Sequence[str]:
        """Return the ids of the workers that are chosen on this device."""
        if not self.check.isChecked():
            return ()
        return worker_ids(self.device.id, self.workers.value() if self._has_workers else 1)

    def _refresh(self) -> None:
        self.workers.setVisible(self._has_workers)
        self._label.setVisible(self._has_workers)
        self.workers.setEnabled(self.check.isChecked())
        self._label.setEnabled(self.check.isChecked())
        self.changed.emit()
