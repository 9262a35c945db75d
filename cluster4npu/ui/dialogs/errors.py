"""Problems shown to the reader: what, where, found, allowed and what to do, always as plain text."""

from __future__ import annotations

import html
from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QSizePolicy, QVBoxLayout, QWidget

from cluster4npu.core.errors import Cluster4NPUError, Problem
from cluster4npu.ui.text import told, tr

_SHOWN = 20


class PlainLabel(QLabel):
    """Text that is never read as HTML, whatever a file put into it, in the user's language where it is known."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)

    def setText(self, text: str) -> None:  # noqa: N802 (Qt's name)
        super().setText(told(text))


def plain_label(text: str = "", *, wrap: bool = True, name: str = "") -> QLabel:
    """Return a label for plain text."""
    label = PlainLabel()
    label.setText(text)
    label.setWordWrap(wrap)
    if name:
        label.setObjectName(name)
    return label


def plain_tip(text: str) -> str:
    """Return a tool tip that shows its text as it is: Qt would read one that looks like HTML as HTML."""
    return f"<span>{html.escape(text)}</span>"


def problems_of(error: BaseException, message: str = "this did not work") -> tuple[Problem, ...]:
    """Return the problems that an error holds; an unforeseen one is named as such."""
    if isinstance(error, Cluster4NPUError):
        return error.problems
    return (
        Problem(
            message,
            found=f"{type(error).__name__}: {error}"[:500],
            hint="Try again; if it stays, report it with these words.",
        ),
    )


class ProblemBox(QFrame):
    """A box that lists problems; hidden while there are none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("ProblemBox")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(12, 10, 12, 10)
        self._layout.setSpacing(8)
        self._label = plain_label()
        self._label.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._label.setAccessibleName(tr("Problems"))
        self._layout.addWidget(self._label)
        self.hide()

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Show these problems; none hides the box."""
        parts = [describe(problem) for problem in problems[:_SHOWN]]
        if len(problems) > _SHOWN:
            parts.append(tr("... and {0} more").format(len(problems) - _SHOWN))
        self._label.setText("\n\n".join(parts))
        self.setVisible(bool(problems))

    def text(self) -> str:
        """Return what is shown."""
        return self._label.text()


def describe(problem: Problem) -> str:
    """Return one problem as a few short lines of plain text, each about one thing."""
    where = " \N{RIGHTWARDS ARROW} ".join(part for part in (problem.node, problem.field) if part)
    message = told(problem.message)
    message = message[:1].upper() + message[1:]
    lines = [message if message.endswith((".", "!", "?")) else message + "."]
    for title, text in (
        ("Where: {0}", where),
        ("Found: {0}", told(problem.found)),
        ("Allowed: {0}", told(problem.allowed)),
        ("What to do: {0}", told(problem.hint)),
    ):
        if text:
            lines.append(tr(title).format(text))
    return "\n".join(lines)
