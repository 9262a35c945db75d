"""The list of what is wrong with the pipeline; a click on an entry leads to its node."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSize, Qt, Signal
from PySide6.QtWidgets import (
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QStackedLayout,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from cluster4npu.core.errors import Problem
from cluster4npu.core.pipeline.config import EdgeConfig
from cluster4npu.ui import theme
from cluster4npu.ui.dialogs.errors import plain_tip
from cluster4npu.ui.document import Document
from cluster4npu.ui.text import told, tr

_MOST = 100  # entries; nobody reads on, and each one takes time to lay out
_BESIDE_TEXT = 24  # pixels: margins, and the gap behind the icon
_NODE = Qt.ItemDataRole.UserRole
_PROBLEM = Qt.ItemDataRole.UserRole + 1


class ProblemsPanel(QWidget):
    """Shows a document's problems, and before them those of the last run, until the next one begins.

    `node_chosen` says to which node the user wants to go.
    """

    node_chosen = Signal(str)
    problem_chosen = Signal(object)  # the Problem, to be led to where it can be mended

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.document = document
        self._of_run: tuple[Problem, ...] = ()
        self._of_document: tuple[Problem, ...] = ()
        self.list = QListWidget()
        self.list.setWordWrap(True)
        self.list.setAlternatingRowColors(True)
        self.list.setSpacing(2)
        self.list.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.list.setItemDelegate(_Whole(self.list))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName(tr("Problems"))
        self.nothing = QLabel(tr("No problems found"), alignment=Qt.AlignmentFlag.AlignCenter)
        theme.give_role(self.nothing, "muted")
        self.mend = QPushButton(tr("Remove wires that lead nowhere"))
        self.mend.setToolTip(tr("The file has wires to nodes that do not exist."))
        listing = QWidget()
        column = QVBoxLayout(listing)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.list)
        column.addWidget(self.mend, alignment=Qt.AlignmentFlag.AlignLeft)
        self._pages = QStackedLayout(self)
        self._pages.addWidget(self.nothing)
        self._pages.addWidget(listing)
        self.list.itemClicked.connect(self._choose)
        self.list.itemActivated.connect(self._choose)
        self.mend.clicked.connect(lambda: self.document.remove_nodes((), self._loose_wires()))
        document.problems_changed.connect(self.show_problems)
        self.show_problems(document.problems)

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Show these problems of the document, in their order."""
        if tuple(problems) != self._of_document:
            self._of_document = tuple(problems)
            self._fill()

    def show_run_problems(self, problems: Sequence[Problem]) -> None:
        """Show also what ended the last run."""
        self._of_run = tuple(problems)
        self._fill()

    def shown(self) -> tuple[Problem, ...]:
        """Return every problem in the list."""
        return self._of_run + self._of_document

    def _fill(self) -> None:
        self.list.clear()
        self._pages.setCurrentIndex(1 if self.shown() else 0)
        self.mend.setVisible(bool(self._loose_wires()))
        for number, problem in enumerate(self.shown()[:_MOST]):
            error = problem.severity == "error"
            kind = (
                QStyle.StandardPixmap.SP_MessageBoxCritical
                if error
                else QStyle.StandardPixmap.SP_MessageBoxWarning
            )
            text = problem_text(problem)
            if number < len(self._of_run):
                text = tr("Last run: {0}").format(text)
            item = QListWidgetItem(self.style().standardIcon(kind), text, self.list)
            item.setToolTip(plain_tip(text))
            item.setData(_NODE, problem.node)
            item.setData(_PROBLEM, problem)
        if (more := len(self.shown()) - _MOST) > 0:
            QListWidgetItem(tr("And {0} more; mend these first.").format(more), self.list).setData(_NODE, "")

    def _choose(self, item: QListWidgetItem) -> None:
        node = item.data(_NODE)
        if any(n.id == node for n in self.document.config.nodes):
            self.node_chosen.emit(node)
            self.problem_chosen.emit(item.data(_PROBLEM))

    def _loose_wires(self) -> list[EdgeConfig]:
        ids = {n.id for n in self.document.config.nodes}
        return [e for e in self.document.config.edges if not {e.source_node, e.target_node} <= ids]


class _Whole(QStyledItemDelegate):
    """Gives each entry the height of all of its text: Qt's own forgets the icon beside it, and shortens the end."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        hint = super().sizeHint(option, index)
        view = option.widget
        if isinstance(view, QListWidget):
            room = view.viewport().width() - option.decorationSize.width() - _BESIDE_TEXT
            text = str(index.data(Qt.ItemDataRole.DisplayRole))
            needed = option.fontMetrics.boundingRect(
                0, 0, room, 10_000, Qt.TextFlag.TextWordWrap, text
            ).height()
            hint.setHeight(max(hint.height(), needed + 2 * view.spacing()))
        return hint


def problem_text(problem: Problem) -> str:
    """Tell a problem in two lines: what it is and where, then what was found and what to do."""
    where = ".".join(part for part in (problem.node, problem.field) if part)
    first = f"{tr(problem.severity.capitalize())}: {f'{where}: ' if where else ''}{told(problem.message)}"
    found = tr("Found {0}.").format(told(problem.found)) if problem.found else ""
    allowed = tr("Allowed: {0}.").format(told(problem.allowed)) if problem.allowed else ""
    rest = " ".join(part for part in (found, allowed, told(problem.hint)) if part)
    return f"{first}\n{rest}" if rest else first
