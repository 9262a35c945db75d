"""The editor of a number, whole or not, with its unit and with a state "automatic" where it may be left open."""

from __future__ import annotations

from annotated_types import Ge, Gt, Le, Lt
from pydantic import JsonValue
from pydantic.fields import FieldInfo
from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QLineEdit, QSpinBox

from cluster4npu.core.nodes.base import ui_hint
from cluster4npu.ui.editor.field import FieldEditor
from cluster4npu.ui.text import tr

_FAR = 2**31 - 1
_LEAST_PX = 110


class NumberField(FieldEditor):
    """A number with its unit; with `auto` also a box of that name, which stands for None and hides the number.

    Bounds steer the arrows, but anything may be typed: what is not allowed is said in words, not swallowed.
    """

    def __init__(self, info: FieldInfo, whole: bool, auto: str = "", unit: str = "") -> None:
        super().__init__()
        self.low, self.high = bounds(info)
        self.spin: QSpinBox | QDoubleSpinBox = _Whole(self) if whole else _Real(self)
        self.spin.setLocale(QLocale.c())
        # Under a style sheet, Fusion gives spin boxes less height than their text needs.
        self.spin.setMinimumHeight(QLineEdit().sizeHint().height())
        unit = unit or ui_hint(info, "unit") or ""
        if unit:
            self.spin.setSuffix(f" {tr(unit)}")
        self.spin.setMinimumWidth(_LEAST_PX)  # its own hint has room for numbers that nobody needs
        self.auto = QCheckBox(tr(auto))
        self.auto.setVisible(bool(auto))
        self._row(self.spin, self.auto).setStretch(0, 1)
        self._leave_wheel_to_scrolling(self.spin)
        self.spin.valueChanged.connect(self._enter)
        self.auto.toggled.connect(self._set_auto)

    def show_value(self, value: JsonValue) -> None:
        for widget in (self.spin, self.auto):
            widget.blockSignals(True)
        self.auto.setChecked(value is None)
        self.spin.setVisible(value is not None)
        if isinstance(value, int | float) and value != self.spin.value():
            self.spin.setValue(value)  # type: ignore[arg-type]
        elif value is None:
            self.spin.setValue(max(self.low, 1))  # type: ignore[arg-type]
        for widget in (self.spin, self.auto):
            widget.blockSignals(False)

    def _set_auto(self, auto: bool) -> None:
        self.spin.setVisible(not auto)
        self.edited.emit(None if auto else self.spin.value())
        if not auto:
            self.spin.setFocus()
            self.spin.selectAll()


class _Whole(QSpinBox):
    def __init__(self, field: NumberField) -> None:
        super().__init__()
        self.field = field
        self.setRange(-_FAR, _FAR)

    def stepBy(self, steps: int) -> None:  # noqa: N802 (Qt's name)
        self.setValue(int(min(max(self.value() + steps, self.field.low), self.field.high)))


class _Real(QDoubleSpinBox):
    def __init__(self, field: NumberField) -> None:
        super().__init__()
        self.field = field
        self.setDecimals(12)
        self.setRange(-_FAR, _FAR)
        narrow = field.high - field.low <= 2
        self.setSingleStep(0.05 if narrow else 1.0)

    def textFromValue(self, value: float) -> str:  # noqa: N802 (Qt's name)
        return f"{value:.6g}"

    def stepBy(self, steps: int) -> None:  # noqa: N802 (Qt's name)
        wanted = round(self.value() + steps * self.singleStep(), 6)
        self.setValue(min(max(wanted, self.field.low), self.field.high))


def bounds(info: FieldInfo) -> tuple[float, float]:
    """Return the least and the greatest number that the arrows of a field may reach."""
    low, high = -float(_FAR), float(_FAR)
    for rule in info.metadata:
        if isinstance(rule, Ge):
            low = float(rule.ge)  # type: ignore[arg-type]
        elif isinstance(rule, Gt):
            low = float(rule.gt)  # type: ignore[arg-type]
        elif isinstance(rule, Le):
            high = float(rule.le)  # type: ignore[arg-type]
        elif isinstance(rule, Lt):
            high = float(rule.lt)  # type: ignore[arg-type]
    return low, high
