"""How busy each device was over the last minutes, one row per device and one cell per second."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from PySide6.QtCore import QEvent, QRectF, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QToolTip, QVBoxLayout, QWidget

from cluster4npu.ui import theme
from cluster4npu.ui.dashboard.elided import ElidedLabel
from cluster4npu.ui.dashboard.export import ExportButton, Table
from cluster4npu.ui.text import tr

CELLS = 120
_LABEL_PX = 84
_AXIS_PX = 16


class ResourceUtilizationHeatmap(QWidget):
    """Cells of one second: the mean of what the snapshots of that second told; an empty cell was not measured."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: dict[str, dict[int, tuple[float, int]]] = {}
        title = ElidedLabel(tr("Busy, by device and second"))
        theme.give_role(title, "subheading")
        title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._cells = _Cells(self)
        head = QHBoxLayout()
        head.addWidget(title, 1)
        head.addWidget(ExportButton(self, tr("Device heatmap"), self.table))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(self._cells, 1)
        self.setMinimumWidth(200)
        self.setAccessibleName(tr("Heatmap: how busy each device is, by second"))

    def append(self, time_s: float, busy: Mapping[str, float]) -> None:
        """Add how busy each device was (0..1) in the period that ended at `time_s`."""
        second = int(time_s)
        for device, value in busy.items():
            row = self.rows.setdefault(device, {})
            total, count = row.get(second, (0.0, 0))
            row[second] = (total + value, count + 1)
            row.pop(second - CELLS, None)
        self._cells.update()

    def cell(self, device: str, second: int) -> float | None:
        """Return how busy a device was in that second (0..1), None where it was not measured."""
        entry = self.rows.get(device, {}).get(second)
        return entry[0] / entry[1] if entry else None

    @property
    def newest(self) -> int:
        """Return the last second there is, 0 without any."""
        return max((max(row) for row in self.rows.values() if row), default=0)

    def clear(self) -> None:
        """Forget everything."""
        self.rows.clear()
        self._cells.update()

    def table(self) -> Table:
        """Return the cells as a table, for CSV."""
        seconds = sorted({second for row in self.rows.values() for second in row})

        def rows() -> Iterable[list[object]]:
            for second in seconds:
                yield [second, *(self.cell(device, second) for device in self.rows)]

        return ["second", *(f"{device} busy (0..1)" for device in self.rows)], rows()


class _Cells(QWidget):
    """Draws the cells; the share is told by the colour's strength, and in words by the tool tip."""

    def __init__(self, owner: ResourceUtilizationHeatmap) -> None:
        super().__init__(owner)
        self._owner = owner
        theme.changes().changed.connect(self.update)

    def paintEvent(self, _event: QPaintEvent) -> None:
        c, painter = theme.colors(), QPainter(self)
        painter.fillRect(self.rect(), QColor(c.surface))
        devices, newest = list(self._owner.rows), self._owner.newest
        height = self._row_height()
        for row, device in enumerate(devices):
            top = row * height
            painter.setPen(QColor(c.text))
            name = painter.fontMetrics().elidedText(device, Qt.TextElideMode.ElideMiddle, _LABEL_PX - 6)
            painter.drawText(QRectF(2, top, _LABEL_PX - 4, height), int(Qt.AlignmentFlag.AlignVCenter), name)
            for second, (total, count) in self._owner.rows[device].items():
                color = QColor(c.line(2))
                color.setAlphaF(0.08 + 0.92 * min(1.0, max(0.0, total / count)))
                place = QRectF(self._x(second, newest), top + 1, self._cell_width() + 0.5, height - 2)
                painter.fillRect(place, color)
        painter.setPen(QColor(c.muted))
        foot = QRectF(_LABEL_PX, self.height() - _AXIS_PX, self.width() - _LABEL_PX - 4, _AXIS_PX)
        first = max(0, newest - CELLS + 1)
        painter.drawText(foot, int(Qt.AlignmentFlag.AlignLeft), f"{first} s")
        painter.drawText(foot, int(Qt.AlignmentFlag.AlignRight), f"{first + CELLS} s")

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            devices, newest = list(self._owner.rows), self._owner.newest
            row = int(event.pos().y() / self._row_height())
            second = max(0, newest - CELLS + 1) + int((event.pos().x() - _LABEL_PX) / self._cell_width())
            value = self._owner.cell(devices[row], second) if 0 <= row < len(devices) else None
            text = "" if value is None else f"{devices[row]}: {value:.0%} busy in second {second}"
            QToolTip.showText(event.globalPos(), text, self)
            return True
        return super().event(event)

    def _row_height(self) -> float:
        rows = max(len(self._owner.rows), 1)
        return min(28.0, (self.height() - _AXIS_PX) / rows)

    def _cell_width(self) -> float:
        return (self.width() - _LABEL_PX - 4) / CELLS

    def _x(self, second: int, newest: int) -> float:
        return _LABEL_PX + (second - max(0, newest - CELLS + 1)) * self._cell_width()
