"""Cards to choose one of: a radio button with a few words under it; a click anywhere on it chooses it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QRadioButton, QVBoxLayout, QWidget

from cluster4npu.ui.dialogs.errors import plain_label
from cluster4npu.ui.dialogs.looks import dress, set_role, text_indent
from cluster4npu.ui.text import tr
from cluster4npu.ui.theme import Colors


class Card(QFrame):
    """One choice."""

    def __init__(self, key: str, title: str, description: str, note: str = "") -> None:
        super().__init__()
        self.key = key
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.button = QRadioButton(title.replace("&", "&&"))
        self.button.setObjectName("CardTitle")
        self.button.setAccessibleName(title)
        self.button.setAccessibleDescription(f"{description} {note}".strip())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 9, 12, 10)
        layout.setSpacing(3)
        layout.addWidget(self.button)
        indent = text_indent(self.button)
        for text, name in ((description, "CardText"), (note, "CardNote")):
            if text:
                label = plain_label(text, name=name)
                label.setContentsMargins(indent, 0, 0, 0)
                layout.addWidget(label)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.button.setChecked(True)
        self.button.setFocus(Qt.FocusReason.MouseFocusReason)
        event.accept()


class CardGroup(QWidget):
    """Cards of which one is chosen; `chosen` carries its key."""

    chosen = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.cards: dict[str, Card] = {}
        self._buttons = QButtonGroup(self)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(8)
        self._buttons.buttonToggled.connect(self._toggled)
        dress(self, _sheet)

    def add(self, key: str, title: str, description: str, note: str = "") -> None:
        """Add a card below the others."""
        card = Card(key, tr(title), tr(description), tr(note) if note else "")
        self.cards[key] = card
        self._buttons.addButton(card.button)
        self._layout.addWidget(card)

    def choose(self, key: str) -> None:
        """Choose a card by its key."""
        self.cards[key].button.setChecked(True)

    @property
    def key(self) -> str:
        """Return the chosen card's key, or ""."""
        return next((card.key for card in self.cards.values() if card.button.isChecked()), "")

    @Slot()
    def _toggled(self) -> None:
        for card in self.cards.values():
            set_role(card, "chosen", "yes" if card.button.isChecked() else "no")
        if self.key:
            self.chosen.emit(self.key)


def _sheet(c: Colors) -> str:
    return f"""
        Card {{ background: {c.raised}; border: 1px solid {c.border}; border-radius: 8px; margin: 1px; }}
        Card[chosen="yes"] {{ border: 2px solid {c.accent}; margin: 0; }}
        QRadioButton#CardTitle {{ font-weight: 600; font-size: 11pt; }}
        QLabel#CardText {{ color: {c.muted}; }}
        QLabel#CardNote {{ color: {c.simulated}; font-weight: 600; }}
    """
