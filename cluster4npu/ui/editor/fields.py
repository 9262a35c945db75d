"""The editors of flags, choices, texts and lists, and the choice of an editor by a field's type."""

from __future__ import annotations

import types
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import JsonValue
from pydantic.fields import FieldInfo
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QPlainTextEdit

from cluster4npu.core.nodes.base import ui_hint
from cluster4npu.core.scheduling import policy_types
from cluster4npu.ui.editor.field import FieldEditor
from cluster4npu.ui.editor.number_field import NumberField
from cluster4npu.ui.text import tr

_LETTERS = 10  # of a choice that are seen where the panel is narrow


class FlagField(FieldEditor):
    """A check box; its text is the field's title."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.box = QCheckBox(tr(title))
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
        self.combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.combo.setMinimumContentsLength(_LETTERS)
        for value, text in choices.items():
            self.combo.addItem(tr(text), value)
        self._row(self.combo)
        self._leave_wheel_to_scrolling(self.combo)
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
            self.line.setCursorPosition(0)

    def _tell(self, text: str) -> None:
        self.edited.emit(None if self.optional and not text else text)


class LongTextField(FieldEditor):
    """Several lines of text."""

    def __init__(self) -> None:
        super().__init__()
        self.text = QPlainTextEdit()
        self.text.setTabChangesFocus(True)
        self.text.setFixedHeight(round(self.text.fontMetrics().lineSpacing() * 5.5))
        self._row(self.text)
        self.text.textChanged.connect(lambda: self.edited.emit(self.text.toPlainText()))

    def show_value(self, value: JsonValue) -> None:
        if str(value) != self.text.toPlainText():
            self.text.blockSignals(True)
            self.text.setPlainText(str(value))
            self.text.blockSignals(False)


class ListField(TextField):
    """Several texts or numbers in one line, separated by commas."""

    def __init__(self, item: type) -> None:
        super().__init__()
        self.item = item
        self.line.setPlaceholderText(tr("separated by commas"))

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
    if ui_hint(info, "widget") == "text":
        return TextField(optional)
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
