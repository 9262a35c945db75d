"""A form of parameters: each with its title above, its help below, and what is wrong with it in words."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic.fields import FieldInfo
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from cluster4npu.core.errors import Problem
from cluster4npu.ui import theme
from cluster4npu.ui.dialogs.looks import dress
from cluster4npu.ui.editor.field import FieldEditor
from cluster4npu.ui.editor.fields import FlagField, allowed_text
from cluster4npu.ui.text import told, tr

_UNSET = object()


class FormRow(QWidget):
    """One parameter. A wrong value stays in the editor, with the reason below, until it is put right."""

    def __init__(
        self, name: str, title: str, help_text: str, editor: FieldEditor, info: FieldInfo | None = None
    ) -> None:
        super().__init__()
        title, help_text = tr(title), told(help_text)
        self.name = name
        self.editor = editor
        self.info = info
        self._shown: object = _UNSET
        self._wrong = False  # the editor holds what the document refused
        self._warns = False
        self._error: QLabel | None = None
        self._column = column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 8)
        column.setSpacing(3)
        if not isinstance(editor, FlagField):
            label = QLabel(title)
            label.setBuddy(editor)
            column.addWidget(label)
        column.addWidget(editor)
        if help_text:
            column.addWidget(_text(help_text, "muted"))
        editor.setToolTip(f"<p>{html.escape(help_text)}</p>")
        proxy = editor.focusProxy()
        if proxy is not None:
            proxy.setAccessibleName(title)
            proxy.setAccessibleDescription(help_text)

    @property
    def error(self) -> QLabel:
        """Return the line for what is wrong, made at the first call: most rows never need it."""
        if self._error is None:
            self._error = _text("", "")
            self._error.hide()
            dress(self._error, self._error_sheet)
            self._column.insertWidget(self._column.indexOf(self.editor) + 1, self._error)
        return self._error

    def show_value(self, value: Any) -> None:
        """Show the document's value; what the user typed stays when the document has not changed."""
        if value != self._shown or not self._wrong:
            self._shown = value
            self._wrong = False
            self.editor.show_value(value)
            self._tell(None, "")

    def show_problem(self, problem: Problem | None) -> None:
        """Tell why the document refused what was entered (None: it did not)."""
        self._wrong = problem is not None
        self._tell(problem, "Not allowed")

    def show_found(self, problem: Problem | None) -> None:
        """Tell what the check of the pipeline says about this parameter, unless the entry itself is wrong."""
        if not self._wrong:
            self._tell(problem, problem.severity.capitalize() if problem else "")

    def _tell(self, problem: Problem | None, word: str) -> None:
        if problem is None:
            if self._error is not None:
                self._error.hide()
            return
        rules = allowed_text(self.info) if self.info is not None and self._wrong else ""
        parts = [f"{tr(word)}: {told(problem.message)}"]
        parts += [tr("Found {0}").format(told(problem.found))] if problem.found and not self._wrong else []
        parts += (
            [tr("Allowed: {0}").format(told(rules or problem.allowed))] if rules or problem.allowed else []
        )
        parts += [told(problem.hint).rstrip(".")] if problem.hint else []
        self._warns = problem.severity == "warning"
        self.error.setText(". ".join(parts) + ".")
        self.error.setStyleSheet(self._error_sheet(theme.colors()))
        self.error.show()

    def _error_sheet(self, c: theme.Colors) -> str:
        return f"color: {c.warn if self._warns else c.fail};"


class Form(QWidget):
    """Rows under a heading; advanced ones are folded away. `wanted` tells that the user has opened or closed them."""

    wanted = Signal(bool)

    def __init__(self, heading: str = "", text: str = "", node_id: str = "") -> None:
        super().__init__()
        self.rows: dict[str, FormRow] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(14, 12, 14, 12)
        title = _text(tr(heading), "heading")
        self._column.addWidget(title)
        if node_id:
            self._column.addWidget(_text(tr("id: {0}").format(node_id), "muted"))
        if text:
            self._column.addWidget(_text(tr(text), "muted"))
        self._column.addSpacing(8)
        self.advanced = QToolButton()
        self.advanced.setText(tr("Advanced settings"))
        self.advanced.setCheckable(True)
        self.advanced.setAutoRaise(True)
        self.advanced.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.advanced.setArrowType(Qt.ArrowType.RightArrow)
        self.advanced.setVisible(False)
        self._fold = QWidget()
        self._folded = QVBoxLayout(self._fold)
        self._folded.setContentsMargins(0, 0, 0, 0)
        self._fold.hide()
        self.advanced.toggled.connect(self._unfold)
        self.advanced.clicked.connect(self.wanted)
        self._column.addWidget(self.advanced)
        self._column.addWidget(self._fold)
        self._column.addStretch(1)

    def add(self, row: FormRow, advanced: bool = False) -> None:
        """Add a row at the end of its part."""
        self.rows[row.name] = row
        if advanced:
            self.advanced.setVisible(True)
            self._folded.addWidget(row)
        else:
            self._column.insertWidget(self._column.indexOf(self.advanced), row)

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Show the document's values by name; rows without one keep theirs."""
        for name, row in self.rows.items():
            if name in values:
                row.show_value(values[name])

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Show each row's first problem; a folded part that has one opens."""
        first: dict[str, Problem] = {}
        for problem in problems:
            first.setdefault(problem.field.split(".")[0], problem)
        for name, row in self.rows.items():
            row.show_found(first.get(name))
            if name in first:
                self.unfold(row)

    def unfold(self, row: FormRow) -> None:
        """Open the advanced part when the row lies there."""
        if self._fold.isAncestorOf(row):
            self.advanced.setChecked(True)

    def _unfold(self, on: bool) -> None:
        self.advanced.setArrowType(Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow)
        self._fold.setVisible(on)


def _text(text: str, role: str) -> QLabel:
    label = QLabel(text, wordWrap=True, textFormat=Qt.TextFormat.PlainText)
    theme.give_role(label, role)
    policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    policy.setHeightForWidth(True)  # else what wraps is cut where the panel is short
    label.setSizePolicy(policy)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
