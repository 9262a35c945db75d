"""Which runs shall go: asked before anything is deleted."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from cluster4npu.core.store.maintenance import Prune
from cluster4npu.ui.dialogs.errors import plain_label
from cluster4npu.ui.text import tr


class PruneDialog(QDialog):
    """Asks for a rule; `rule` is what was chosen. Nothing is deleted here: the page tells first what would go."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Delete old runs"))
        self.days = _spin(36_500, tr(" days"), tr("any age"))
        self.keep = _spin(1_000_000, tr(" runs"), tr("none"))
        self.invalid = QCheckBox(tr("Only runs marked &INVALID"))
        form = QFormLayout()
        form.addRow(tr("&Older than"), self.days)
        form.addRow(tr("&Spare the newest"), self.keep)
        form.addRow("", self.invalid)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.go_on = self.buttons.addButton(tr("&Show what would go"), QDialogButtonBox.ButtonRole.AcceptRole)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(plain_label(tr("Runs that fit all of these go, with their frames. Imports stay.")))
        layout.addLayout(form)
        layout.addWidget(self.buttons)
        for changed in (self.days.valueChanged, self.keep.valueChanged, self.invalid.toggled):
            changed.connect(self._refresh)
        self._refresh()

    @property
    def rule(self) -> Prune:
        """Return what was chosen."""
        return Prune(self.days.value() or None, self.keep.value() or None, self.invalid.isChecked())

    def _refresh(self) -> None:
        self.go_on.setEnabled(self.rule != Prune())


def _spin(most: int, suffix: str, none: str) -> QSpinBox:
    box = QSpinBox()
    box.setRange(0, most)
    box.setSuffix(suffix)
    box.setSpecialValueText(none)
    return box
