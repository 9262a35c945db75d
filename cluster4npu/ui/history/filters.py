"""What the history can be narrowed to: one list per property, filled from the runs there are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from cluster4npu.core.store import RunRow
from cluster4npu.ui.text import tr

VALID, INVALID = "valid", "INVALID"
_READ: dict[str, Callable[[RunRow], Sequence[str]]] = {
    "Model": lambda row: [row.model],
    "Device": lambda row: row.devices,
    "Precision": lambda row: row.precisions,
    "Batch": lambda row: [f"batch {size}" for size in row.batch_sizes],
    "Machine": lambda row: [row.host],
    "Scenario": lambda row: [row.scenario],
    "Month": lambda row: [f"{row.created_at.astimezone():%Y-%m}"],
    "Validity": lambda row: [VALID if row.valid else INVALID],
}
_ANY = {
    "Model": "Model: any",
    "Device": "Device: any",
    "Precision": "Precision: any",
    "Batch": "Batch: any",
    "Machine": "Machine: any",
    "Scenario": "Scenario: any",
    "Month": "Month: any",
    "Validity": "Validity: any",
}
_WIDEST_PX = 190


def choices_of(rows: Sequence[RunRow]) -> dict[str, list[str]]:
    """Return the values that these runs have in each property."""
    return {
        name: sorted({value for row in rows for value in read(row) if value}, key=_by_number)
        for name, read in _READ.items()
    }


def _by_number(text: str) -> list[object]:
    """Sort "batch 16" behind "batch 2"."""
    return [(part.isdecimal(), int(part) if part.isdecimal() else part) for part in re.split(r"(\d+)", text)]


class FilterBar(QWidget):
    """A row of lists, each with "any" on top. `changed` tells that another choice was made."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lists: dict[str, QComboBox] = {}
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for name in _READ:
            box = QComboBox()
            box.setAccessibleName(tr("Filter: {0}").format(tr(name)))
            box.setMaximumWidth(_WIDEST_PX)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.currentIndexChanged.connect(self._chosen)
            self.lists[name] = box
            layout.addWidget(box)
        layout.addStretch(1)
        self.offer({})

    def offer(self, choices: Mapping[str, Sequence[str]]) -> None:
        """Offer these values of each property (see `choices_of`); a choice that is still there is kept."""
        for name, box in self.lists.items():
            before = box.currentData() if box.count() else None
            values = choices.get(name, ())
            box.blockSignals(True)
            box.clear()
            whichever = tr(_ANY[name])
            box.addItem(whichever, None)
            box.setMinimumContentsLength(len(whichever))
            for value in values:
                box.addItem(value, value)
            box.setCurrentIndex(max(0, box.findData(before)) if before else 0)
            box.setToolTip(tr("Show only runs of one {0}").format(tr(name).lower()))
            box.setVisible(len(values) > 1)
            box.blockSignals(False)

    def rule(self) -> Callable[[RunRow], bool]:
        """Return what tells whether a run has everything that is chosen now."""
        chosen = [
            (_READ[name], value)
            for name, box in self.lists.items()
            if (value := box.currentData()) is not None
        ]
        return lambda row: all(value in read(row) for read, value in chosen)

    def clear(self) -> None:
        """Choose "any" everywhere."""
        for box in self.lists.values():
            box.setCurrentIndex(0)

    @Slot()
    def _chosen(self) -> None:
        self.changed.emit()
