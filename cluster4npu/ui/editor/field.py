"""What an editor of one parameter is. Values are as in the file (JSON)."""

from __future__ import annotations

from pydantic import JsonValue
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget


class FieldEditor(QWidget):
    """Edits one value. `edited` tells what the user entered, right or wrong; `show_value` never emits it."""

    edited = Signal(object)

    def show_value(self, value: JsonValue) -> None:
        """Show this value without telling it."""
        raise NotImplementedError

    def _enter(self, value: object) -> None:
        self.edited.emit(value)

    def _row(self, *widgets: QWidget) -> QHBoxLayout:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for widget in widgets:
            row.addWidget(widget)
        self.setFocusProxy(widgets[0])
        return row

    def _leave_wheel_to_scrolling(self, widget: QWidget) -> None:
        """Let the mouse wheel change this widget only while it has the focus, and else scroll the panel."""
        widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False
