"""Looks that follow the theme: a widget's own small style sheet, written anew when the colours change."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QAbstractButton, QRadioButton, QStyle, QWidget

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


def text_indent(button: QAbstractButton) -> int:
    """Return where the text of a check box or radio button begins, in pixels, to align what stands under it."""
    metric = QStyle.PixelMetric
    radio = isinstance(button, QRadioButton)
    parts = (
        metric.PM_ExclusiveIndicatorWidth if radio else metric.PM_IndicatorWidth,
        metric.PM_RadioButtonLabelSpacing if radio else metric.PM_CheckBoxLabelSpacing,
    )
    return sum(button.style().pixelMetric(part, None, button) for part in parts)


def set_role(widget: QWidget, name: str, value: str) -> None:
    """Set a property that style sheets select by, and let them look again."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)
