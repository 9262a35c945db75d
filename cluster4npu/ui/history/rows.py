"""The list of stored runs as a table model, and the filter that goes over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt
from PySide6.QtGui import QColor, QFont

from cluster4npu.core.store import RunRow
from cluster4npu.ui import theme

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()

COLUMNS = ("Date", "Pipeline", "Kind", "Frames/s", "Speedup", "Valid", "Source", "Devices")
_FPS, _SPEEDUP, _VALID, _SOURCE = 3, 4, 5, 6
_RIGHT = {_FPS, _SPEEDUP}
SORT_ROLE = Qt.ItemDataRole.UserRole


def local_time(row: RunRow) -> str:
    """Return when a run was made, in this machine's time."""
    return f"{row.created_at.astimezone():%Y-%m-%d %H:%M}"


def texts(row: RunRow) -> tuple[str, ...]:
    """Return a run's cells."""
    return (
        local_time(row),
        row.pipeline_name,
        row.kind,
        "\N{EN DASH}" if row.fps is None else f"{row.fps:,.1f}",
        "\N{EN DASH}" if row.speedup is None else f"{row.speedup:.2f}x",
        "yes" if row.valid else "INVALID",
        "SIMULATED" if row.simulated else "measured",
        ", ".join(row.devices),
    )


class RunsModel(QAbstractTableModel):
    """Runs, one in a row. Every cell is plain text."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: tuple[RunRow, ...] = ()
        self._texts: list[tuple[str, ...]] = []

    def show_rows(self, rows: Sequence[RunRow]) -> None:
        """Replace the list."""
        self.beginResetModel()
        self.rows = tuple(rows)
        self._texts = [texts(row) for row in rows]
        self.endResetModel()

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return _alignment(section) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = self.rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._texts[index.row()][column]
        if role == SORT_ROLE:
            return _sort_key(row, column, self._texts[index.row()][column])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        if role == Qt.ItemDataRole.ForegroundRole:
            return _color(row, column)
        if role == Qt.ItemDataRole.FontRole and _color(row, column) is not None:
            font = QFont()
            font.setBold(True)
            return font
        return None

    def matches(self, row: int, words: Sequence[str]) -> bool:
        """Tell whether every word stands somewhere in a row (its id included)."""
        text = " ".join((*self._texts[row], self.rows[row].id, self.rows[row].headline)).casefold()
        return all(word in text for word in words)


class RunsFilter(QSortFilterProxyModel):
    """Shows the rows that hold every word of the filter; sorts by value, not by text."""

    def __init__(self, model: RunsModel) -> None:
        super().__init__()
        self._model = model
        self._words: list[str] = []
        self.setSourceModel(model)
        self.setSortRole(SORT_ROLE)

    def set_filter(self, text: str) -> None:
        """Show only rows that hold each of these words."""
        self.beginFilterChange()
        self._words = text.casefold().split()
        self.endFilterChange(QSortFilterProxyModel.Direction.Rows)

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        return self._model.matches(source_row, self._words)


def _sort_key(row: RunRow, column: int, text: str) -> Any:
    if column == 0:
        return row.created_at.timestamp()
    if column in _RIGHT:
        value = row.fps if column == _FPS else row.speedup
        return -1.0 if value is None else value
    return text.casefold()


def _alignment(column: int) -> Qt.AlignmentFlag:
    across = Qt.AlignmentFlag.AlignRight if column in _RIGHT else Qt.AlignmentFlag.AlignLeft
    return across | Qt.AlignmentFlag.AlignVCenter


def _color(row: RunRow, column: int) -> QColor | None:
    if column == _VALID and not row.valid:
        return QColor(theme.colors().fail)
    if column == _SOURCE and row.simulated:
        return QColor(theme.colors().simulated)
    return None
