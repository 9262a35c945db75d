"""Return and Enter press the button that has the keyboard outside dialogs, too, where Qt does not."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QWidget


def pressed_by_enter(page: QWidget, event: QKeyEvent) -> bool:
    """Press the button of this page that has the keyboard, if this is the key for it; tell whether it was."""
    button = page.focusWidget()
    if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter) or not isinstance(button, QAbstractButton):
        return False
    button.click()
    return True
