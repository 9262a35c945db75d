"""Stored runs side by side: each of the later ones against the first, with its interval or the reason why not."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFrame, QScrollArea, QVBoxLayout, QWidget

from cluster4npu.core.compare import Comparison
from cluster4npu.ui import theme
from cluster4npu.ui.dialogs.errors import plain_label
from cluster4npu.ui.dialogs.figure_table import FigureTable
from cluster4npu.ui.text import told, tr


class ComparisonDialog(QDialog):
    """Shows comparisons; `texts` has each one's headline, in their order."""

    def __init__(self, comparisons: Sequence[Comparison], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Runs side by side"))
        self.resize(760, 560)
        self.texts = [item.headline() for item in comparisons]
        inner = QWidget()
        inside = QVBoxLayout(inner)
        for item in comparisons:
            self._add(inside, item)
        inside.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setAccessibleName(tr("Comparisons"))
        area.setWidget(inner)
        area.setMinimumWidth(inner.minimumSizeHint().width() + area.verticalScrollBar().sizeHint().width())
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(area, 1)
        layout.addWidget(buttons)

    @staticmethod
    def _add(layout: QVBoxLayout, item: Comparison) -> None:
        title = plain_label(told(item.headline()))
        theme.give_role(title, "subheading")
        lines = [tr("Run {0} against {1}: {2}").format(item.other, item.base, told(item.what))]
        lines += [
            f"{tr(name)}: {told(there)}  \N{RIGHTWARDS ARROW}  {told(here)}"
            for name, there, here in item.differences
        ]
        about = plain_label("\n".join(lines))
        theme.give_role(about, "muted")
        layout.addWidget(title)
        layout.addWidget(about)
        if item.refusals:  # changes between what cannot be compared would be read as if it could
            return
        table = FigureTable(
            tr("Figures of {0} against {1}").format(item.other, item.base),
            (tr("Figure"), tr("Before"), tr("After"), tr("Change")),
        )
        table.show_rows(
            [
                [f.name, _figure(f.base), _figure(f.other), "" if f.ratio is None else f"{f.ratio - 1:+.1%}"]
                for f in item.figures
                if f.base is not None or f.other is not None
            ]
        )
        layout.addWidget(table)


def _figure(value: float | None) -> str:
    return tr("not reported") if value is None else f"{value:,.2f}"
