"""Words that lie over the canvas: the hint on an empty one, and a notice that fades."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QPropertyAnimation, Qt, QTimer
from PySide6.QtWidgets import QGraphicsOpacityEffect, QLabel, QWidget

from cluster4npu.ui import theme
from cluster4npu.ui.text import told, tr

_SHOWN_MS = 6000
_FADE_MS = 400
_MARGIN = 24


class Hint(QLabel):
    """Text in the middle of its parent; lets the mouse through."""

    def __init__(self, text: str, parent: QWidget) -> None:
        super().__init__(text, parent)
        self._around = parent
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setWordWrap(True)
        theme.give_role(self, "muted")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        parent.installEventFilter(self)
        self._place()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self._place()
        return False

    def _place(self) -> None:
        self.setGeometry(self._around.rect().adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN))


class Notice(QLabel):
    """Says something at the lower edge of its parent for some seconds, then fades."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._around = parent
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        effect = QGraphicsOpacityEffect(self)
        self.setGraphicsEffect(effect)
        self._fade = QPropertyAnimation(effect, b"opacity", self)
        self._fade.setDuration(_FADE_MS)
        self._fade.setStartValue(1.0)
        self._fade.setEndValue(0.0)
        self._fade.finished.connect(self.hide)
        self._timer = QTimer(self, singleShot=True, interval=_SHOWN_MS)
        self._timer.timeout.connect(self._fade.start)
        self._role = "fail"
        theme.changes().changed.connect(self._dress)
        self.hide()
        parent.installEventFilter(self)

    def tell(self, text: str, role: str = "fail") -> None:
        """Show the text; it replaces the one that is still shown. `role` names the colour of its edge."""
        self._role = role
        self._dress()
        self.setText(told(text))
        self._fade.stop()
        effect = self.graphicsEffect()
        if isinstance(effect, QGraphicsOpacityEffect):
            effect.setOpacity(1.0)
        self._place()
        self.show()
        self.raise_()
        self._timer.start()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return False

    def _dress(self) -> None:
        c = theme.colors()
        self.setStyleSheet(
            f"background: {c.raised}; color: {c.text}; border: 2px solid {getattr(c, self._role)};"
            "border-radius: 6px; padding: 8px 14px;"
        )

    def _place(self) -> None:
        around = self._around.rect()
        width = min(560, around.width() - 2 * _MARGIN)
        height = self.heightForWidth(width)
        self.setGeometry((around.width() - width) // 2, around.height() - height - _MARGIN, width, height)


class WireTip(QLabel):
    """Says beside a port what would come of letting the wire go there."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._around = parent
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def tell(self, reason: str, at: QPoint) -> None:
        """Show why the wire is refused ("": it fits) at this place of the parent."""
        c = theme.colors()
        color = c.fail if reason else c.ok
        self.setStyleSheet(
            f"background: {c.raised}; color: {c.text}; border: 2px solid {color};"
            "border-radius: 4px; padding: 4px 8px;"
        )
        self.setText(f"✕ {told(reason)}" if reason else tr("✓ Let go to connect"))
        width = min(340, self.fontMetrics().horizontalAdvance(self.text()) + 28)
        height = self.heightForWidth(width)
        around = self._around.rect()
        x = min(max(at.x() + 18, 4), around.width() - width - 4)
        y = at.y() + 18 if at.y() + 18 + height < around.height() else at.y() - 18 - height
        self.setGeometry(x, max(y, 4), width, height)
        self.show()
        self.raise_()
