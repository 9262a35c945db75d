"""The table of runs: one row at a time, sortable, usable from the keyboard."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, Qt
from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from cluster4npu.ui.dialogs.looks import dress
from cluster4npu.ui.history.rows import COLUMNS, RunsModel
from cluster4npu.ui.text import tr
from cluster4npu.ui.theme import Colors

_WIDTHS = (128, 146, 92, 74, 72, 66, 92, 48)  # px; the last takes what is left
_WIDEST = {5: "INVALID", 6: "SIMULATED"}  # what must never be cut, beside the headings
_ROOM = 24  # px beside a text


class RunsTable(QTableView):
    """Shows a list of runs; the current one is shown in full, and several can be chosen to be compared."""

    def __init__(self, model: RunsModel) -> None:
        super().__init__()
        self._runs = model
        self.setModel(model)
        self.setAccessibleName(tr("Stored runs"))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(28)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        bold = QFont(self.font())
        bold.setBold(True)
        metrics = QFontMetrics(bold)
        for column, width in enumerate(_WIDTHS):
            self.setColumnWidth(
                column, max(width, *(metrics.horizontalAdvance(text) + _ROOM for text in _uncut(column)))
            )
        self.setSortingEnabled(True)
        self.sortByColumn(0, Qt.SortOrder.DescendingOrder)
        dress(self, _sheet)

    def choose(self, row: int) -> None:
        """Choose a run by its row."""
        index = self._runs.index(row, 0)
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().setCurrentIndex(index, flags.ClearAndSelect | flags.Rows)
        self.scrollTo(index)

    def chosen(self) -> int | None:
        """Return the current run's row (of several that are chosen, the one that was chosen last), or None."""
        rows = self.all_chosen()
        current = self.selectionModel().currentIndex().row()
        return current if current in rows else rows[0] if rows else None

    def all_chosen(self) -> list[int]:
        """Return the rows of all chosen runs."""
        return [index.row() for index in self.selectionModel().selectedRows()]


def _uncut(column: int) -> tuple[str, str]:
    """Return what a column must have room for."""
    widest = _WIDEST.get(column)
    return tr(COLUMNS[column]), tr(widest) if widest else ""


def _sheet(c: Colors) -> str:
    return f"""
        QTableView {{ border: 1px solid {c.border}; }}
        QHeaderView::section {{ background: {c.window}; color: {c.muted}; font-weight: 600;
                                border: none; border-bottom: 1px solid {c.border}; padding: 5px 6px; }}
        QTableView::item {{ padding: 0 4px; }}
    """
