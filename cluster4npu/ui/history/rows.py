"""The list of stored runs as a table model, filtered and sorted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QFont

from cluster4npu.core.store import RunRow
from cluster4npu.ui import theme
from cluster4npu.ui.text import tr

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()

COLUMNS = ("Date", "Pipeline", "Kind", "Frames/s", "Speedup", "Valid", "Source", "Devices")
_FPS, _SPEEDUP, _VALID, _SOURCE, _DEVICES = 3, 4, 5, 6, 7
_RIGHT = {_FPS, _SPEEDUP}


def local_time(row: RunRow) -> str:
    """Return when a run was made, in this machine's time."""
    return f"{row.created_at.astimezone():%Y-%m-%d %H:%M}"


def texts(row: RunRow) -> tuple[str, ...]:
    """Return a run's cells."""
    return (
        local_time(row),
        row.pipeline_name,
        tr(row.kind),
        "\N{EN DASH}" if row.fps is None else f"{row.fps:,.1f}",
        "\N{EN DASH}" if row.speedup is None or not row.valid else f"{row.speedup:.2f}x",
        tr("yes") if row.valid else tr("INVALID"),
        tr("SIMULATED") if row.simulated else tr("measured"),
        together(row.devices),
    )


@dataclass(frozen=True, slots=True)
class Cells:
    """What is shown of runs, and what is searched in, by id."""

    texts: dict[str, tuple[str, ...]]
    searched: dict[str, str]


def cells(rows: Sequence[RunRow]) -> Cells:
    """Return the cells of runs: a second's work for tens of thousands, and so best done on a thread."""
    shown = {row.id: texts(row) for row in rows}
    searched = {
        row.id: " ".join((*shown[row.id], *row.devices, row.id, row.headline)).casefold() for row in rows
    }
    return Cells(shown, searched)


def together(devices: Sequence[str]) -> str:
    """Return devices in few words: `2 x onnx:cpu` for two workers, `sim:ane, gpu` for two of one backend."""
    counts = Counter(device.partition("#")[0] for device in devices)
    words, last = [], ""
    for name, count in counts.items():
        backend, _, unit = name.partition(":")
        said = unit if unit and backend == last and count == 1 else name
        words.append(f"{count} x {name}" if count > 1 else said)
        last = backend if count == 1 else ""
    return ", ".join(words)


class RunsModel(QAbstractTableModel):
    """Runs, one in a row; every cell is plain text. `rows` are those that the filter lets through, sorted.

    Sorting and filtering are done here: a proxy would ask for each cell thousands of times.
    """

    def __init__(self) -> None:
        super().__init__()
        self.every: tuple[RunRow, ...] = ()
        self.rows: list[RunRow] = []
        self._cells = Cells({}, {})
        self._words: list[str] = []
        self._also: Callable[[RunRow], bool] = _any
        self._order = (0, Qt.SortOrder.DescendingOrder)

    def show_rows(self, rows: Sequence[RunRow], read: Cells | None = None) -> None:
        """Replace the list; `read` are the rows' cells, where a thread has made them already."""
        self.every = tuple(rows)
        self._cells = read or cells(rows)
        self._arrange()

    def set_filter(self, text: str) -> None:
        """Show only runs in which each of these words stands somewhere (id and headline included)."""
        self._words = text.casefold().split()
        self._arrange()

    def narrow(self, fits: Callable[[RunRow], bool]) -> None:
        """Show only runs that also fit this."""
        self._also = fits
        self._arrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._order = (column, order)
        self._arrange()

    def place(self, run_id: str) -> int | None:
        """Return the row in which a run stands, or None."""
        return next((number for number, row in enumerate(self.rows) if row.id == run_id), None)

    def _arrange(self) -> None:
        column, order = self._order
        self.beginResetModel()
        self.rows = [row for row in self.every if self._fits(row)]
        self.rows.sort(
            key=lambda row: _sort_key(row, column, self._cells.texts[row.id][column]),
            reverse=order is Qt.SortOrder.DescendingOrder,
        )
        self.endResetModel()

    def _fits(self, row: RunRow) -> bool:
        if not self._also(row):
            return False
        return all(word in self._cells.searched[row.id] for word in self._words)

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
            return tr(COLUMNS[section])
        return _alignment(section) if role == Qt.ItemDataRole.TextAlignmentRole else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = self.rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._cells.texts[row.id][column]
        if role == Qt.ItemDataRole.ToolTipRole:
            return ", ".join(row.devices) if column == _DEVICES else self._cells.texts[row.id][column]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        if role == Qt.ItemDataRole.ForegroundRole:
            return _color(row, column)
        if role == Qt.ItemDataRole.FontRole and _color(row, column) is not None:
            font = QFont()
            font.setBold(True)
            return font
        return None


def _any(_row: RunRow) -> bool:
    return True


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
