"""Looks that follow the theme: a widget's own small style sheet, written anew when the colours change."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from cluster4npu.ui import theme

Sheet = Callable[[theme.Colors], str]


class _Follower(QObject):
    """Lives as long as its widget, so that a closed dialog is not dressed any more."""

    def __init__(self, widget: QWidget, sheet: Sheet) -> None:
        super().__init__(widget)
        self._widget = widget
        self._sheet = sheet
        theme.changes().changed.connect(self.dress)
        self.dress()

    @Slot()
    def dress(self) -> None:
        self._widget.setStyleSheet(self._sheet(theme.colors()))


def dress(widget: QWidget, sheet: Sheet) -> None:
    """Give the widget a style sheet made from the colours in use, now and whenever they change."""
    _Follower(widget, sheet)


def set_role(widget: QWidget, name: str, value: str) -> None:
    """Set a property that style sheets select by, and let them look again."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)
