"""The stages of the pipeline with their devices: a device is dropped on a stage, and taken away with Delete."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QDragEnterEvent, QDragMoveEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QTreeWidget, QTreeWidgetItem, QWidget

from cluster4npu.core.errors import Problem
from cluster4npu.ui import theme
from cluster4npu.ui.devices.allocation import give, stages_of, take
from cluster4npu.ui.devices.badges import numbered, worker_color
from cluster4npu.ui.devices.squares import squares
from cluster4npu.ui.document import Document
from cluster4npu.ui.editor.dropping import DEVICE_MIME, dropped_text
from cluster4npu.ui.text import tr

_STAGE, _DEVICE = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1


class DeviceAllocationWidget(QTreeWidget):
    """One row for each inference node, and below it one for each of its workers, in the colours of the canvas.

    `refused` carries the Problem of a drop that was not made; `wanted` the stage whose row was entered: it is to get
    the device that is chosen elsewhere.
    """

    refused = Signal(object)
    wanted = Signal(str)

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self.setHeaderHidden(True)
        self.setAcceptDrops(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DropOnly)
        self.setAccessibleName(tr("Stages and their devices"))
        self.setToolTip(
            tr(
                "Drag a device here, or press Enter on a stage to give it the chosen one; Delete takes a device away."
            )
        )
        document.config_changed.connect(self._show)
        theme.changes().changed.connect(self._show)
        self._show()

    def devices(self, stage: str) -> list[str]:
        """Return the workers that are shown below a stage."""
        rows = (row for top in _rows(self.invisibleRootItem()) for row in _rows(top))
        return [
            str(row.data(0, _DEVICE)) for row in rows if row.data(0, _STAGE) == stage and row.data(0, _DEVICE)
        ]

    def take_current(self) -> None:
        """Take the worker of the current row from its stage."""
        item = self.currentItem()
        if item is not None and item.data(0, _DEVICE):
            take(self._document, item.data(0, _DEVICE), item.data(0, _STAGE))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        item = self.currentItem()
        if event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.take_current()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and item is not None:
            self.wanted.emit(item.data(0, _STAGE))
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self._accept(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        self._accept(event)
        if (item := self.itemAt(event.position().toPoint())) is not None:
            self.setCurrentItem(item)

    def dropEvent(self, event: QDropEvent) -> None:
        item = self.itemAt(event.position().toPoint())
        if item is None or not event.mimeData().hasFormat(DEVICE_MIME):
            event.ignore()
            return
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        device = dropped_text(event, DEVICE_MIME)
        problem: Problem | None = give(self._document, device, item.data(0, _STAGE))
        if problem is not None:
            self.refused.emit(problem)

    def _accept(self, event: QDragMoveEvent) -> None:
        over = self.itemAt(event.position().toPoint()) is not None
        if event.mimeData().hasFormat(DEVICE_MIME) and over:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
        else:
            event.ignore()

    def _show(self) -> None:
        current = self.currentItem()
        chosen = (current.data(0, _STAGE), current.data(0, _DEVICE)) if current is not None else None
        self.clear()
        numbers = numbered(self._document.config)
        for stage, devices in stages_of(self._document.config).items():
            top = self._row(self.invisibleRootItem(), stage, stage, "")
            for text in devices:
                row = self._row(top, text, stage, text)
                row.setIcon(0, squares([worker_color(numbers[stage][text])]))
            if not devices:
                rest = self._row(top, tr("every device that is here, chosen at the start"), stage, "")
                rest.setForeground(0, QColor(theme.colors().muted))
        self.expandAll()
        for top in _rows(self.invisibleRootItem()):
            for row in (top, *_rows(top)):
                if (row.data(0, _STAGE), row.data(0, _DEVICE)) == chosen:
                    self.setCurrentItem(row)

    @staticmethod
    def _row(parent: QTreeWidgetItem, text: str, stage: str, device: str) -> QTreeWidgetItem:
        row = QTreeWidgetItem(parent, [text])
        row.setData(0, _STAGE, stage)
        row.setData(0, _DEVICE, device)
        row.setToolTip(0, text)
        return row


def _rows(parent: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    """Return the rows directly below this one."""
    return [row for n in range(parent.childCount()) if (row := parent.child(n)) is not None]
