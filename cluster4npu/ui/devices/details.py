"""Everything that is known of one device; what is not reported says so."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QLabel, QWidget

from cluster4npu.core.devices.backend import DeviceInfo
from cluster4npu.ui.dashboard.numbers import NOT_REPORTED
from cluster4npu.ui.devices.status import InRun, health_word
from cluster4npu.ui.text import told, tr

IN_RUN = "In the run"


class DeviceDetailsWidget(QWidget):
    """The fields of a DeviceInfo. `values` maps their titles to the labels that show them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.values: dict[str, QLabel] = {}
        self._layout = QFormLayout(self)
        self._layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for title in (*(title for title, _ in FIELDS.values()), IN_RUN):
            label = self.values[title] = _label()
            label.setAccessibleName(tr(title))
            self._layout.addRow(tr(title), label)

    def show_device(self, device: DeviceInfo | None, run: InRun | None = None) -> None:
        """Show this device, and what it does in the run; None clears the panel."""
        shown = fields(device) if device is not None else {}
        shown[IN_RUN] = "-" if run is None else f"{run.word}: {run.detail}"
        for title, label in self.values.items():
            label.setText(shown.get(title, ""))


def fields(device: DeviceInfo) -> dict[str, str]:
    """Return what is known of a device, as titles and values for people."""
    return {title: text(device) for title, text in FIELDS.values()}


def _gigabytes(size: int | None) -> str:
    return tr(NOT_REPORTED) if size is None else f"{size / 2**30:.1f} GiB"


def _available(device: DeviceInfo) -> str:
    if device.simulated:
        return tr("simulated only")
    return tr("yes") if device.available else tr("no")


def _why(device: DeviceInfo) -> str:
    return told(device.cause) or "-"


def _health(device: DeviceInfo) -> str:
    """Return all of a device's health in one line; the tab beside it has more room."""
    health = device.health
    word = health_word(health)[0]
    reason = f" ({told(health.reason)})" if health.reason and health.status != "ok" else ""
    load = "" if health.utilization is None else f", {health.utilization:.0%}"
    heat = "" if health.temperature_c is None else f", {health.temperature_c:.0f} \N{DEGREE SIGN}C"
    return f"{word}{reason}{load}{heat}"


# By the field of DeviceInfo that it shows: its title, and its text.
FIELDS: dict[str, tuple[str, Callable[[DeviceInfo], str]]] = {
    "id": ("Device", lambda d: d.id),
    "name": ("Name", lambda d: told(d.name)),
    "kind": ("Kind", lambda d: d.kind),
    "backend": ("Backend", lambda d: d.backend),
    "available": ("Available", _available),
    "reason": ("Why not", _why),
    "remedy": ("What to do", lambda d: told(d.remedy) or "-"),
    "simulated": ("Simulated", lambda d: tr("SIMULATED") if d.simulated else tr("no")),
    "precisions": ("Precisions", lambda d: ", ".join(d.precisions) or tr(NOT_REPORTED)),
    "memory_bytes": ("Memory", lambda d: _gigabytes(d.memory_bytes)),
    "health": ("Health", _health),
    "hardware_id": ("Driver's name", lambda d: d.hardware_id or tr(NOT_REPORTED)),
}


def _label() -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(
        Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
    )
    return label
