"""A panel that can be moved, floated and put away, with its name in bold above it."""

from __future__ import annotations

from PySide6.QtGui import QFont
from PySide6.QtWidgets import QDockWidget, QLabel, QVBoxLayout, QWidget


class Dock(QDockWidget):
    """Holds one panel. It is dragged, and floated by a double click, at its title; the View menu puts it away.

    Behind another tab the panel is hidden, with its size kept: Qt only moves it out of the window, where it would go
    on to draw and to look things up as if somebody saw it.
    """

    def __init__(self, title: str, panel: QWidget, parent: QWidget) -> None:
        super().__init__(title, parent)
        holder = QWidget()
        layout = QVBoxLayout(holder)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(panel)
        policy = panel.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        panel.setSizePolicy(policy)
        self.setWidget(holder)
        self.visibilityChanged.connect(panel.setVisible)
        label = QLabel(title)  # lets the mouse through to the panel
        font = label.font()
        font.setWeight(QFont.Weight.DemiBold)
        label.setFont(font)
        label.setContentsMargins(8, 6, 8, 6)
        self.setTitleBarWidget(label)
        self.windowTitleChanged.connect(label.setText)
