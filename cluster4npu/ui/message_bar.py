"""A bar over the canvas that tells what went wrong and what to do, without taking the window away."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from cluster4npu.core.errors import Problem
from cluster4npu.ui import theme
from cluster4npu.ui.text import told, told_problem, tr

_WORDS = {"fail": "Error", "warn": "Warning", "ok": "Done", "accent": "Note"}


class MessageBar(QFrame):
    """Shows one message until it is dismissed or replaced; `node_asked` wants a node to be shown."""

    node_asked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("MessageBar")
        self._role, self._node = "accent", ""
        self.word = QLabel()
        self.label = QLabel()
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.label.setWordWrap(True)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.show_node = QPushButton(tr("Show node"))
        self.show_node.clicked.connect(lambda: self.node_asked.emit(self._node))
        close = QToolButton()
        close.setText("✕")
        close.setAutoRaise(True)
        close.setToolTip(tr("Dismiss"))
        close.setAccessibleName(tr("Dismiss this message"))
        close.clicked.connect(self.hide)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 6, 6, 6)
        layout.addWidget(self.word, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.label, 1)
        layout.addWidget(self.show_node)
        layout.addWidget(close)
        theme.changes().changed.connect(self._dress)
        self.hide()

    def show_problems(self, problems: Sequence[Problem], role: str = "fail") -> None:
        """Show the first problem with its remedy, and how many more there are."""
        first = problems[0]
        more = " " + tr("(And {0} more.)").format(len(problems) - 1) if len(problems) > 1 else ""
        text = told_problem(first)
        named = first.node or first.field or not first.message.split()[0].isalpha()
        if not named:  # a name is told as it is
            text = text[:1].upper() + text[1:]
        self.show_text(text + more, role, first.node)

    def show_text(self, text: str, role: str = "accent", node: str = "") -> None:
        """Show a message; `role` is "fail", "warn", "ok" or "accent"."""
        text = told(text)
        self.label.setText(text)
        self.word.setText(tr(_WORDS[role]))
        self._role, self._node = role, node
        self.show_node.setVisible(bool(node))
        self.setAccessibleName(f"{tr(_WORDS[role])}: {text}")
        self._dress()
        self.show()

    def text(self) -> str:
        """Return what is shown; "" while hidden."""
        return "" if self.isHidden() else self.label.text()

    def _dress(self) -> None:
        c = theme.colors()
        color = getattr(c, self._role)
        self.setStyleSheet(
            f"#MessageBar {{ background: {c.raised}; border: 1px solid {color};"
            f"border-left: 5px solid {color}; border-radius: 4px; }}"
        )
        self.word.setStyleSheet(f"color: {color}; font-weight: 700;")
