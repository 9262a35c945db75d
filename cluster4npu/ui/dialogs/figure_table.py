"""A small read-only table of figures, as tall as its rows."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QSizePolicy, QTableWidget, QTableWidgetItem

from cluster4npu.ui.dialogs.looks import dress
from cluster4npu.ui.text import told, tr
from cluster4npu.ui.theme import Colors

_ROWS_SHOWN = 8
_READABLE_PX = 170
_ROOM_PX = 16


class FigureTable(QTableWidget):
    """Text on the left, figures on the right; cells are plain text and can be copied with the keyboard."""

    def __init__(self, name: str, columns: Sequence[str]) -> None:
        super().__init__(0, len(columns))
        self._overflows = False  # wider than the room: then a scroll bar stands below the rows
        self.setAccessibleName(tr(name))
        self.setHorizontalHeaderLabels([tr(column) if column else "" for column in columns])
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(28)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        header.setMinimumSectionSize(56)
        for column in range(len(columns)):
            item = self.horizontalHeaderItem(column)
            if item is not None:
                item.setTextAlignment(_side(column))
        dress(self, _sheet)

    def show_rows(self, rows: Sequence[Sequence[str]], strong: int | None = None) -> None:
        """Show these rows; the one with number `strong` is bold."""
        self.setRowCount(len(rows))
        fits = len(rows) <= _ROWS_SHOWN
        policy = Qt.ScrollBarPolicy
        self.setVerticalScrollBarPolicy(policy.ScrollBarAlwaysOff if fits else policy.ScrollBarAsNeeded)
        for row, cells in enumerate(rows):
            for column, text in enumerate(cells):
                item = QTableWidgetItem(told(text))
                item.setTextAlignment(_side(column))
                font = item.font()
                font.setBold(row == strong)
                item.setFont(font)
                self.setItem(row, column, item)
        self._fit()
        self.updateGeometry()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Give the first column what the others leave, but never less than a readable part of its text."""
        others = sum(self.columnWidth(column) for column in range(1, self.columnCount()))
        wanted = self.sizeHintForColumn(0) + _ROOM_PX
        first = max(self.viewport().width() - others, min(wanted, _READABLE_PX))
        self.setColumnWidth(0, first)
        if self._overflows != (first + others > self.viewport().width()):
            self._overflows = not self._overflows
            self.updateGeometry()

    def texts(self) -> list[list[str]]:
        """Return what is shown, row by row."""
        cells = [[self.item(r, c) for c in range(self.columnCount())] for r in range(self.rowCount())]
        return [[item.text() if item is not None else "" for item in row] for row in cells]

    def sizeHint(self) -> QSize:
        rows = min(max(1, self.rowCount()), _ROWS_SHOWN)
        height = self.horizontalHeader().sizeHint().height() + rows * 28 + 2 * self.frameWidth() + 2
        if self._overflows:
            height += self.horizontalScrollBar().sizeHint().height()
        return QSize(420, height)

    def minimumSizeHint(self) -> QSize:
        return QSize(260, self.sizeHint().height())


def _side(column: int) -> Qt.AlignmentFlag:
    across = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
    return across | Qt.AlignmentFlag.AlignVCenter


def _sheet(c: Colors) -> str:
    return f"""
        QTableWidget {{ border: 1px solid {c.border}; background: {c.surface}; }}
        QHeaderView::section {{ background: {c.window}; color: {c.muted}; font-weight: 600;
                                border: none; border-bottom: 1px solid {c.border}; padding: 4px 6px; }}
        QTableWidget::item {{ padding: 0 4px; }}
    """
