"""Editors of one parameter each, chosen by the type of its pydantic field. Values are as in the file (JSON)."""

from __future__ import annotations

import types
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import JsonValue
from pydantic.fields import FieldInfo
from PySide6.QtCore import QLocale, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLineEdit,
    QSpinBox,
    QWidget,
)

from cluster4npu.core.nodes.base import ui_hint
from cluster4npu.core.scheduling import policy_types

_FAR = 2**31 - 1


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


class FlagField(FieldEditor):
    """A check box; its text is the field's title."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.box = QCheckBox(title)
        self._row(self.box).addStretch()
        self.box.toggled.connect(self._enter)

    def show_value(self, value: JsonValue) -> None:
        self.box.blockSignals(True)
        self.box.setChecked(bool(value))
        self.box.blockSignals(False)


class ChoiceField(FieldEditor):
    """A list of allowed values, each with the words to show."""

    def __init__(self, choices: dict[Any, str]) -> None:
        super().__init__()
        self.combo = QComboBox()
        for value, text in choices.items():
            self.combo.addItem(text, value)
        self._row(self.combo)
        self.combo.activated.connect(lambda index: self.edited.emit(self.combo.itemData(index)))

    def show_value(self, value: JsonValue) -> None:
        index = self.combo.findData(value)
        if (
            index < 0
        ):  # the file holds what is not allowed: show it, so that nothing changes behind one's back
            self.combo.addItem(str(value), value)
            index = self.combo.count() - 1
        self.combo.setCurrentIndex(index)


class TextField(FieldEditor):
    """One line of text; with `optional`, an empty line means None."""

    def __init__(self, optional: bool = False) -> None:
        super().__init__()
        self.line = QLineEdit()
        self.optional = optional
        self._row(self.line)
        self.line.textEdited.connect(self._tell)

    def show_value(self, value: JsonValue) -> None:
        text = "" if value is None else str(value)
        if text != self.line.text():
            self.line.setText(text)

    def _tell(self, text: str) -> None:
        self.edited.emit(None if self.optional and not text else text)


class ListField(TextField):
    """Several texts or numbers in one line, separated by commas."""

    def __init__(self, item: type) -> None:
        super().__init__()
        self.item = item
        self.line.setPlaceholderText("separated by commas")

    def show_value(self, value: JsonValue) -> None:
        if isinstance(value, list | tuple) and list(value) != self._parts(self.line.text()):
            self.line.setText(", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in value))

    def _tell(self, text: str) -> None:
        self.edited.emit(self._parts(text))

    def _parts(self, text: str) -> list[JsonValue]:
        parts: list[JsonValue] = []
        for part in (p.strip() for p in text.split(",")):
            try:
                parts.append(self.item(part))
            except ValueError:
                parts.append(part)  # wrong, and the parameter model will say why
        return parts if text.strip() else []


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
            self.spin.setSuffix(f" {unit}")
        self.auto = QCheckBox(auto)
        self.auto.setVisible(bool(auto))
        self._row(self.spin, self.auto).setStretch(0, 1)
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


def allowed_text(info: FieldInfo) -> str:
    """Say in words which numbers or lengths a field takes; "" where its type says it all."""
    unit = ui_hint(info, "unit") or ""
    words = []
    for rule in info.metadata:
        for name, text in (("ge", "at least"), ("gt", "more than"), ("le", "at most"), ("lt", "less than")):
            if hasattr(rule, name):
                words.append(f"{text} {getattr(rule, name):g} {unit}".strip())
        for name, text in (("min_length", "at least"), ("max_length", "at most")):
            if getattr(rule, name, None) is not None:
                words.append(f"{text} {getattr(rule, name)} characters or entries")
    return ", ".join(words)


def simple_editor(name: str, info: FieldInfo) -> FieldEditor:
    """Return the editor for a field that needs neither files nor devices."""
    kind, optional = without_none(info.annotation)
    auto = "automatic" if optional else ""
    if name == "policy" and kind is str:
        return ChoiceField({key: policy.title for key, policy in policy_types().items()})
    if kind is bool and not optional:
        return FlagField(info.title or name)
    if kind is int or kind is float:
        return NumberField(info, kind is int, auto)
    choices: dict[Any, str] = {None: auto} if optional else {}
    if get_origin(kind) is Literal:
        return ChoiceField({**choices, **{v: str(v).replace("_", " ") for v in get_args(kind)}})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ChoiceField({**choices, **{e.value: str(e.value).replace("_", " ") for e in kind}})
    if get_origin(kind) is tuple:
        item = get_args(kind)[0]
        return ListField(item if item in (int, float) else str)
    return TextField(optional)


def without_none(annotation: Any) -> tuple[Any, bool]:
    """Return the type without its "or None", and whether it had one."""
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [a for a in get_args(annotation) if a is not type(None)]
        if len(rest) == 1:
            return rest[0], len(rest) < len(get_args(annotation))
    return annotation, False
