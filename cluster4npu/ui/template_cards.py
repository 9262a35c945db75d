"""The templates as cards, in as many columns as there is room for."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from cluster4npu.templates import PipelineTemplates, TemplateInfo
from cluster4npu.ui import theme
from cluster4npu.ui.dashboard.chip import Chip
from cluster4npu.ui.dialogs.looks import dress
from cluster4npu.ui.sketch import PipelineSketch
from cluster4npu.ui.text import tr
from cluster4npu.ui.theme import Colors

_CARD_PX = 290
_SKETCH_PX = 80
_SPACING_PX = 12
_MOST_COLUMNS = 3


class TemplateCard(QPushButton):
    """A large button with a template's title and description."""

    def __init__(self, info: TemplateInfo, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.key, self.info = info.key, info
        self.setObjectName("TemplateCard")
        self.setAccessibleName(tr("Template {0}").format(info.title))
        self.setAccessibleDescription(info.description)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        title = words(tr(info.title), "heading")
        text = words(tr(info.description), "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 10, 14, 10)
        layout.setSpacing(4)
        layout.addWidget(title)
        layout.addWidget(words(tr(info.use_case), ""))
        layout.addWidget(text)
        layout.addStretch(1)
        word = (tr("try-out; set your model"), "accent") if info.model_needed else (tr("runs at once"), "ok")
        chip = Chip(*word)
        sketch = PipelineSketch(PipelineTemplates.outline(info.key))
        beside = (
            chip.sizeHint().width() + _SKETCH_PX <= _CARD_PX - 28
        )  # else the picture stands under the words
        foot = QHBoxLayout() if beside else QVBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(chip, 0, Qt.AlignmentFlag.AlignBottom)
        foot.addWidget(sketch, 1)
        layout.addLayout(foot)

    def sizeHint(self) -> QSize:
        layout = self.layout()
        assert layout is not None
        return QSize(_CARD_PX, layout.totalHeightForWidth(max(self.width(), _CARD_PX)))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()


class CardGrid(QWidget):
    """Lays cards out in one to three columns of equal width; owns the cards."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._cards: list[TemplateCard] = []
        self._columns = 0
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(_SPACING_PX)
        dress(self, _sheet)

    def show_cards(self, cards: Sequence[TemplateCard]) -> None:
        """Show these instead of those that are shown, which are deleted."""
        for card in self._cards:
            self._grid.removeWidget(card)
            card.deleteLater()
        self._cards = list(cards)
        self._columns = 0
        self._arrange(self.width())

    def minimumSizeHint(self) -> QSize:
        return QSize(_CARD_PX, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange(event.size().width())

    def _arrange(self, width: int) -> None:
        columns = max(1, min(_MOST_COLUMNS, (width + _SPACING_PX) // (_CARD_PX + _SPACING_PX)))
        if columns == self._columns:
            return
        self._columns = columns
        for index, card in enumerate(self._cards):
            self._grid.addWidget(card, index // columns, index % columns)
        for column in range(_MOST_COLUMNS):
            self._grid.setColumnStretch(column, int(column < columns))


def words(text: str, role: str) -> QLabel:
    """Return a label that wraps and lets the mouse through."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    theme.give_role(label, role)
    label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    return label


def _sheet(c: Colors) -> str:
    return f"""
        #TemplateCard {{ background: {c.surface}; border: 1px solid {c.border}; border-radius: 8px; padding: 0; }}
        #TemplateCard:hover, #TemplateCard:focus {{ border: 2px solid {c.accent}; }}
    """
