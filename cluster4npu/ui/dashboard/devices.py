"""Bars of each device: its share of the frames and how busy it is."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from cluster4npu.core.metrics.snapshot import DeviceSnapshot
from cluster4npu.core.metrics.summary import DeviceSummary
from cluster4npu.ui import theme
from cluster4npu.ui.dashboard.chip import ElidedChip, elided_simulated_chip
from cluster4npu.ui.dashboard.elided import ElidedLabel
from cluster4npu.ui.dashboard.export import ExportButton, Table
from cluster4npu.ui.dashboard.numbers import NOT_REPORTED, figure
from cluster4npu.ui.text import told, tr

STATE_ROLES = {"ready": "ok", "busy": "ok", "starting": "accent", "restarting": "warn", "failed": "fail"}


class Bar(QWidget):
    """A horizontal bar that is filled from 0 to 1."""

    def __init__(self, line: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.value = 0.0
        self._line = line

    def set_value(self, value: float) -> None:
        self.value = min(1.0, max(0.0, value))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(80, 10)

    def minimumSizeHint(self) -> QSize:
        return QSize(24, 10)

    def paintEvent(self, _event: QPaintEvent) -> None:
        c = theme.colors()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        box = QRectF(0, self.height() / 2 - 4, self.width(), 8)
        painter.setBrush(QColor(c.border))
        painter.drawRoundedRect(box, 4, 4)
        box.setWidth(box.width() * self.value)
        painter.setBrush(QColor(c.line(self._line)))
        painter.drawRoundedRect(box, 4, 4)


class DeviceRow(QWidget):
    """One device: name and state, both bars with their numbers, then the rest in small."""

    def __init__(self, device_id: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = ElidedLabel(device_id)
        font = self.name.font()  # no style sheet: a label with one keeps the colours that it began with
        font.setWeight(QFont.Weight.DemiBold)
        self.name.setFont(font)
        self.state = ElidedChip()
        self.simulated = elided_simulated_chip()
        self.left_out = ""
        self.fallback = ElidedChip()
        self.fallback.explanation = tr(
            "Its runtime ran the whole model on the processor, not on what was asked for."
        )
        self.share, self.busy = Bar(0), Bar(2)
        self.share_text, self.busy_text = _plain(""), _plain("")
        self.detail = ElidedLabel()
        theme.give_role(self.detail, "muted")
        head = QHBoxLayout()
        head.addWidget(self.name, 1)
        head.addWidget(self.simulated)
        head.addWidget(self.state)
        foot = QHBoxLayout()  # beside the name there is no room for all three
        foot.setSpacing(6)
        foot.addWidget(self.detail, 1)
        foot.addWidget(self.fallback)
        bars = QHBoxLayout()
        bars.setSpacing(6)
        for title, bar, text in (
            ("Share", self.share, self.share_text),
            ("Busy", self.busy, self.busy_text),
        ):
            bars.addWidget(ElidedLabel(tr(title)))
            bars.addWidget(bar, 1)
            bars.addWidget(text)
            text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            text.setMinimumWidth(text.fontMetrics().horizontalAdvance("100%"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(2, 0, 2, 3)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addLayout(bars)
        layout.addLayout(foot)

    def show_left_out(self, reason: str) -> None:
        """Say from now on that this device gets no frames, and why; its figures stay 0."""
        self.left_out = reason
        self.state.show_word(tr("left out"), "warn")
        self.detail.setText(tr("Gets no frames: {0}").format(told(reason)))
        self.detail.setToolTip(self.detail.text())
        self.setToolTip(self.detail.text())

    def show_device(self, device: DeviceSnapshot) -> None:
        """Show the newest figures."""
        self.simulated.setVisible(device.simulated)
        self.fallback.show_word(tr("ON THE CPU") if device.fell_back else "", "warn")
        self.state.show_word(device.state, STATE_ROLES.get(device.state, "muted"))
        self.share.set_value(device.share)
        self.busy.set_value(device.busy)
        self.share_text.setText(f"{device.share:.0%}")
        self.busy_text.setText(f"{device.busy:.0%}")
        latency = tr(NOT_REPORTED) if device.latency_ms is None else f"{figure(device.latency_ms)} ms"
        restarts = " · " + tr("{0} restarts").format(device.restarts) if device.restarts else ""
        self.detail.setText(
            tr("{0} FPS · {1} · {2} waiting{3}").format(figure(device.fps), latency, device.queue, restarts)
        )
        self.setToolTip(tr("{0}: {1} frames, run by {2}").format(device.id, device.frames, told(device.unit)))
        if self.left_out and device.state != "failed":
            self.show_left_out(self.left_out)

    def show_end(self, device: DeviceSummary | None) -> None:
        """Show the figures of the whole run; None: they are not known, and only the state is another."""
        failed = device is not None and device.failed
        if self.left_out and not failed:
            return  # nothing more is to be told of it
        self.state.show_word("failed" if failed else "stopped", "fail" if failed else "muted")
        if device is None:
            return
        for bar, text, value in (
            (self.share, self.share_text, device.share),
            (self.busy, self.busy_text, device.busy),
        ):
            bar.set_value(value)
            text.setText(f"{value:.0%}")
        mean = device.latency_ms.mean
        latency = tr(NOT_REPORTED) if mean is None else f"{figure(mean)} ms"
        self.detail.setText(
            tr("{0} FPS · {1} · {2} frames").format(figure(device.fps), latency, device.frames)
        )


class DeviceUtilizationChart(QFrame):
    """One row for each device of the run, in the run's order; scrolls when there are many."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: dict[str, DeviceRow] = {}
        self._left_out: dict[str, str] = {}
        title = QLabel(tr("Devices"))
        theme.give_role(title, "subheading")
        inside = QWidget()
        self._list = QVBoxLayout(inside)
        self._list.setContentsMargins(0, 0, 4, 0)
        self._list.setSpacing(0)
        self._list.addStretch()
        scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.setSpacing(2)
        head = QHBoxLayout()
        head.addWidget(title, 1)
        head.addWidget(ExportButton(self, tr("Devices"), self.table))
        layout.addLayout(head)
        layout.addWidget(scroll, 1)
        self.setMinimumWidth(240)
        self.setAccessibleName(tr("Devices: share of the frames and how busy each is"))

    def update_devices(self, devices: Sequence[DeviceSnapshot]) -> None:
        """Show these devices and no others."""
        for gone in set(self.rows) - {d.id for d in devices}:
            self.rows.pop(gone).deleteLater()
        several = len({device.stage for device in devices}) > 1
        for device in devices:
            if device.id not in self.rows:
                name = f"{device.stage}: {device.id}" if several else device.id
                self.rows[device.id] = DeviceRow(name)
                self._list.insertWidget(self._list.count() - 1, self.rows[device.id])
            self.rows[device.id].left_out = self._left_out.get(device.id, "")
            self.rows[device.id].show_device(device)

    def leave_out(self, device_id: str, reason: str) -> None:
        """Say at this device that calibration left it out of the run, until `clear`."""
        self._left_out[device_id] = reason
        if device_id in self.rows:
            self.rows[device_id].show_left_out(reason)

    def show_end(self, devices: Sequence[DeviceSummary]) -> None:
        """Show what each device did in a run that is over."""
        known = {d.id: d for d in devices}
        for device_id, row in self.rows.items():
            row.show_end(known.get(device_id))

    def clear(self) -> None:
        self._left_out.clear()
        self.update_devices(())

    def table(self) -> Table:
        """Return what the rows show as a table, for CSV."""
        rows = [
            (
                id,
                row.state.text(),
                row.share.value,
                row.busy.value,
                row.detail.text(),
                not row.simulated.isHidden(),
            )
            for id, row in self.rows.items()
        ]
        return ["device", "state", "share (0..1)", "busy (0..1)", "figures", "simulated"], rows


def _plain(text: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label
