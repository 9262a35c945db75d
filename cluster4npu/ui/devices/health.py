"""The health of one device: green, yellow or red with the word and the reason, its readings, and their history."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from cluster4npu.core.devices.backend import DeviceHealth, DeviceInfo
from cluster4npu.core.devices.history import Sample
from cluster4npu.ui import theme
from cluster4npu.ui.dashboard.chip import Chip
from cluster4npu.ui.dashboard.numbers import NOT_REPORTED
from cluster4npu.ui.devices.history import DeviceHistoryChart
from cluster4npu.ui.devices.status import health_word
from cluster4npu.ui.text import told, tr


class DeviceHealthWidget(QWidget):
    """Shows a DeviceHealth and the looks before it. `word` is its chip, `reason` and `readings` are labels."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.word = Chip()
        self.reason, self.readings = _label(), _label()
        theme.give_role(self.readings, "muted")
        self.history = DeviceHistoryChart()
        head = QHBoxLayout()
        head.addWidget(self.word, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.reason, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 0)
        layout.setSpacing(3)
        layout.addLayout(head)
        layout.addWidget(self.readings)
        layout.addWidget(self.history, 1)

    def show_device(self, device: DeviceInfo | None, looks: Sequence[Sample]) -> None:
        """Show a device's health now, and the looks at it that are kept, oldest first; None: no device is chosen."""
        health = device.health if device is not None else None
        self.word.show_word(*(health_word(health) if health is not None else ("", "muted")))
        well = health is not None and health.status == "ok"  # then the readings say what is not reported
        reason = "" if well or health is None else told(health.reason)
        self.reason.setText(reason if health is not None else tr("No device is chosen."))
        self.readings.setText(readings(health) if health is not None else "")
        self.history.show_history(looks)
        name = device.id if device is not None else ""
        self.setAccessibleName(tr("Health of {0}: {1}").format(name, self.word.text()))


def readings(health: DeviceHealth) -> str:
    """Return every reading in one line; what the system does not tell is "not reported"."""
    shown = (
        (tr("load"), None if health.utilization is None else f"{health.utilization:.0%}"),
        (
            tr("temperature"),
            None if health.temperature_c is None else f"{health.temperature_c:.0f} \N{DEGREE SIGN}C",
        ),
        (tr("power"), None if health.power_w is None else f"{health.power_w:.1f} W"),
        (
            tr("memory used"),
            None if health.memory_used_bytes is None else f"{health.memory_used_bytes / 2**30:.1f} GiB",
        ),
    )
    return "  \N{MIDDLE DOT}  ".join(f"{title} {text or tr(NOT_REPORTED)}" for title, text in shown)


def _label() -> QLabel:
    label = QLabel()
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    return label
