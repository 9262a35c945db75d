"""Everything that is known of one device, and its health with the reason; what is not reported says so."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QLabel, QWidget

from cluster4npu.core.devices.backend import DeviceInfo
from cluster4npu.ui.dashboard.chip import Chip
from cluster4npu.ui.dashboard.numbers import NOT_REPORTED
from cluster4npu.ui.devices.grid import status_of
from cluster4npu.ui.text import told, tr


class DeviceDetailsWidget(QWidget):
    """The fields of a DeviceInfo. `values` maps their titles to the labels that show them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.health = Chip()
        self.values: dict[str, QLabel] = {}
        self._layout = QFormLayout(self)
        self._layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._layout.addRow(tr("Health"), self.health)

    def show_device(self, device: DeviceInfo | None) -> None:
        """Show this device; None clears the panel."""
        self.health.show_word(*(status_of(device) if device is not None else ("", "muted")))
        for title, text in fields(device).items() if device is not None else ():
            label = self.values.get(title)
            if label is None:
                label = self.values[title] = _label()
                label.setAccessibleName(tr(title))
                self._layout.addRow(tr(title), label)
            label.setText(told(text))


def fields(device: DeviceInfo) -> dict[str, str]:
    """Return what is known of a device, as titles and values for people."""
    health = device.health
    why = device.reason or health.reason
    return {
        "Device": device.id,
        "Name": device.name,
        "Kind": device.kind,
        "Backend": device.backend,
        "Available": tr("yes") if device.available else tr("no"),
        "Reason": why or "-",
        "Precisions": ", ".join(device.precisions) or tr(NOT_REPORTED),
        "Memory": _gigabytes(device.memory_bytes),
        "Memory used": _gigabytes(health.memory_used_bytes),
        "Load": tr(NOT_REPORTED) if health.utilization is None else f"{health.utilization:.0%}",
        "Temperature": tr(NOT_REPORTED)
        if health.temperature_c is None
        else f"{health.temperature_c:.0f} \N{DEGREE SIGN}C",
        "Power": tr(NOT_REPORTED) if health.power_w is None else f"{health.power_w:.1f} W",
    }


def _gigabytes(size: int | None) -> str:
    return tr(NOT_REPORTED) if size is None else f"{size / 2**30:.1f} GiB"


def _label() -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    return label
