"""The grid of devices: status as colour and word, and what each is. Rows can be dragged onto a stage.

What is not here takes the room of its empty columns for why, and what to do about it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QMimeData, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QDrag, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from cluster4npu.core.devices.backend import DeviceInfo
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.ui import theme
from cluster4npu.ui.devices.badges import colors_of, workers_of
from cluster4npu.ui.devices.squares import SIDE, squares
from cluster4npu.ui.devices.status import InRun, status_of
from cluster4npu.ui.editor.dropping import DEVICE_MIME
from cluster4npu.ui.text import told, tr

HEADINGS = ("Device", "Status", "Name, or why not here", "Kind", "Load")
STATUS, ABOUT, KIND, LOAD = 1, 2, 3, 4
_PADDING = 16  # beside and in all above and below a text, in pixels
_LEAST_ABOUT = 150  # pixels for a name; with less, kind and load stand in the details only


class DeviceListWidget(QTableWidget):
    """One row for each device of `detect_all_devices`. `chosen` carries the DeviceInfo of the current row, `entered`
    tells that Enter was pressed on it.
    """

    chosen = Signal(object)
    entered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(HEADINGS), parent)
        self.devices: list[DeviceInfo] = []
        self.run: Mapping[str, InRun] = {}
        self._config: PipelineConfig | None = None
        self.setHorizontalHeaderLabels([tr(heading) for heading in HEADINGS])
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setDragEnabled(True)
        self.setTabKeyNavigation(False)
        self.setWordWrap(True)
        self.setIconSize(QSize(SIDE, SIDE))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setMinimumSectionSize(24)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(ABOUT, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        header.sectionResized.connect(lambda *_: self._size_rows())
        self.setAccessibleName(tr("Devices"))
        self.currentCellChanged.connect(lambda *_: self.chosen.emit(self.current()))
        theme.changes().changed.connect(self._dress)

    def current(self) -> DeviceInfo | None:
        """Return the device of the current row."""
        row = self.currentRow()
        return self.devices[row] if 0 <= row < len(self.devices) else None

    def selected(self) -> list[DeviceInfo]:
        """Return the devices of all rows that are selected, in their order."""
        rows = sorted({index.row() for index in self.selectedIndexes()})
        return [self.devices[row] for row in rows if row < len(self.devices)]

    def show_devices(self, devices: Sequence[DeviceInfo], config: PipelineConfig | None = None) -> None:
        """Show these devices, in the colours that they have in a pipeline; what was selected stays so."""
        before, selected = self.current(), {device.id for device in self.selected()}
        self.devices, self._config = list(devices), config or self._config
        self.blockSignals(True)
        self.clearSpans()
        self.setRowCount(len(devices))
        for row, device in enumerate(devices):
            self._fill(row, device)
        ids = [device.id for device in devices]
        current = ids.index(before.id) if before is not None and before.id in ids else 0
        rows = [row for row, name in enumerate(ids) if name in selected] or [current] * bool(ids)
        mode = self.selectionModel()  # told what to do: a key that is held down would change what it does
        mode.setCurrentIndex(self.model().index(current, 0), mode.SelectionFlag.NoUpdate)
        mode.clearSelection()
        for row in rows:
            mode.select(self.model().index(row, 0), mode.SelectionFlag.Select | mode.SelectionFlag.Rows)
        self.blockSignals(False)
        self._size_columns()
        self._size_rows()
        self.chosen.emit(self.current())

    def show_run(self, run: Mapping[str, InRun]) -> None:
        """Show what devices do in the run, by their ids; those that are not in it keep their own status."""
        self.run = run
        for row, device in enumerate(self.devices):
            self._fill_status(row, device)

    def mime_of(self, device: DeviceInfo) -> QMimeData:
        """Return what a drag of this device carries."""
        data = QMimeData()
        data.setData(DEVICE_MIME, device.id.encode())
        return data

    def startDrag(self, _actions: Qt.DropAction) -> None:  # noqa: N802 (Qt's name)
        device = self.current()
        if device is None or not device.available:
            return
        drag = QDrag(self)
        drag.setMimeData(self.mime_of(device))
        drag.exec(Qt.DropAction.CopyAction)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.entered.emit()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._size_columns()
        self._size_rows()

    def _dress(self) -> None:
        self.show_devices(self.devices)

    def _fill(self, row: int, device: DeviceInfo) -> None:
        texts = (
            device.id,
            "",
            self._about(device),
            device.kind,
            _load(device),
        )
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            item.setToolTip(text)
            if column == 0 and self._config is not None:
                item.setIcon(squares(colors_of(device.id, self._config)))
            if column == ABOUT and device.simulated:
                item.setForeground(QColor(theme.colors().simulated))
            elif not device.available:
                item.setForeground(QColor(theme.colors().muted))
            self.setItem(row, column, item)
        self._fill_status(row, device)
        if not device.available:
            self.setSpan(row, ABOUT, 1, len(HEADINGS) - ABOUT)

    def _about(self, device: DeviceInfo) -> str:
        """Return its name, or why it is not here; of a simulated one how the pipeline has it, which may be no speed
        of its name's.
        """
        if not device.available:
            why = tr("{0}. To do: {1}.") if device.remedy else "{0}."
            return why.format(told(device.cause), told(device.remedy))
        workers = workers_of(device.id, self._config) if device.simulated and self._config is not None else []
        if any(text != device.id for text in workers):
            return tr("{0}; in this pipeline {1}").format(told(device.name), ", ".join(workers))
        return told(device.name)

    def _fill_status(self, row: int, device: DeviceInfo) -> None:
        run = self.run.get(device.id)
        word, role = status_of(device, run)
        item = self._cell(row, STATUS)
        item.setText(word)
        item.setToolTip(run.detail if run is not None else word)
        item.setForeground(QColor(getattr(theme.colors(), role)))

    def _cell(self, row: int, column: int) -> QTableWidgetItem:
        item = self.item(row, column)
        assert item is not None, "every cell of a row is filled"
        return item

    def _size_columns(self) -> None:
        """Give each column but that of the names the room that its texts need; where little is left, hide the last."""
        header, metrics = self.horizontalHeader(), self.fontMetrics()
        needed = {}
        for column in (0, STATUS, KIND, LOAD):
            texts = [self._cell(row, column).text() for row in range(len(self.devices))]
            if column == STATUS:
                texts += [tr("busy {0:.0%}").format(1.0), tr("ON THE CPU")]  # so that a run moves nothing
            icon = self.iconSize().width() + _PADDING // 2 if column == 0 else 0
            width = max((metrics.horizontalAdvance(text) for text in texts), default=0) + icon
            needed[column] = max(width + _PADDING, header.sectionSizeHint(column))
            header.resizeSection(column, needed[column])
        hidden = self.viewport().width() - sum(needed.values()) < _LEAST_ABOUT
        for column in (KIND, LOAD):
            self.setColumnHidden(column, hidden)

    def _size_rows(self) -> None:
        """Make each row as high as its longest text needs in the width that it has."""
        metrics = self.fontMetrics()
        for row, device in enumerate(self.devices):
            last = ABOUT + 1 if device.available else len(HEADINGS)
            width = sum(self.columnWidth(n) for n in range(ABOUT, last)) - _PADDING
            room = QRect(0, 0, max(width, 40), 10_000)
            text = self._cell(row, ABOUT).text()
            needed = metrics.boundingRect(room, Qt.TextFlag.TextWordWrap, text).height() + _PADDING // 2
            self.setRowHeight(row, max(needed, self.verticalHeader().minimumSectionSize()))


def _load(device: DeviceInfo) -> str:
    """Return load and temperature as far as they are reported."""
    health = device.health
    parts = [] if health.utilization is None else [f"{health.utilization:.0%}"]
    parts += [] if health.temperature_c is None else [f"{health.temperature_c:.0f} \N{DEGREE SIGN}C"]
    return ", ".join(parts) or "-"
