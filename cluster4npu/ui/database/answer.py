"""The rows that a question gave, in a table of any width."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtWidgets import QAbstractItemView, QTableView

from cluster4npu.core.store import Table
from cluster4npu.ui.dialogs.errors import plain_tip
from cluster4npu.ui.text import tr

_LONGEST = 200  # characters of a cell; a tool tip has more
_TIP = 2000
_WIDEST_PX = 320
Index = QModelIndex | QPersistentModelIndex


class AnswerModel(QAbstractTableModel):
    """A table as plain text."""

    def __init__(self) -> None:
        super().__init__()
        self.table = Table((), ())

    def show_table(self, table: Table) -> None:
        """Show these rows."""
        self.beginResetModel()
        self.table = table
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.table.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.table.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        value = self.table.rows[index.row()][index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return "" if value is None else str(value)[:_LONGEST]
        if role == Qt.ItemDataRole.ToolTipRole and isinstance(value, str) and len(value) > _LONGEST:
            return plain_tip(value[:_TIP])
        if role == Qt.ItemDataRole.TextAlignmentRole and isinstance(value, int | float):
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return self.table.columns[section] if orientation == Qt.Orientation.Horizontal else str(section + 1)


class AnswerTable(QTableView):
    """Shows the rows of an answer."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = AnswerModel()
        self.setModel(self.answer)
        self.setAccessibleName(tr("Rows of the answer"))
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setAlternatingRowColors(True)
        self.setWordWrap(False)
        self.verticalHeader().setDefaultSectionSize(26)

    def show_table(self, table: Table) -> None:
        """Show these rows; no column is wider than one can read at a glance."""
        self.answer.show_table(table)
        self.resizeColumnsToContents()
        for column in range(len(table.columns)):
            self.setColumnWidth(column, min(self.columnWidth(column), _WIDEST_PX))
