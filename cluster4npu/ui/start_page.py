"""The first page: carry on with a recent file, or begin with the wizard, a template or the example."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui import theme
from cluster4npu.ui.dashboard.elided import ElidedLabel
from cluster4npu.ui.dialogs import looks
from cluster4npu.ui.enter import pressed_by_enter
from cluster4npu.ui.template_cards import CardGrid, TemplateCard, words
from cluster4npu.ui.text import tr

_LEFT_PX = 280
_PAGE_PX = 1400


class RecentRow(QWidget):
    """One recent file: open it, or take it out of the list."""

    def __init__(self, path: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        exists = path.is_file()
        self.open = QPushButton()
        self.open.setObjectName("RecentFile")
        self.open.setEnabled(exists)
        self.open.setToolTip(str(path))
        self.open.setAccessibleName(
            tr("Open {0}").format(path.name) if exists else tr("{0} is missing").format(path.name)
        )
        name = ElidedLabel(path.name if exists else tr("{0} (missing)").format(path.name))
        place = ElidedLabel(_short(path.parent))
        theme.give_role(place, "muted")
        inside = QVBoxLayout(self.open)
        inside.setContentsMargins(8, 4, 8, 4)
        inside.setSpacing(0)
        for label in (name, place):
            label.setEnabled(exists)
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            inside.addWidget(label)
        self.open.setFixedHeight(inside.sizeHint().height())
        self.remove = QToolButton()
        self.remove.setText("✕")
        self.remove.setAutoRaise(True)
        self.remove.setToolTip(tr("Take it out of this list"))
        self.remove.setAccessibleName(tr("Take {0} out of the list").format(path.name))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.open, 1)
        layout.addWidget(self.remove)


class StartPage(QScrollArea):
    """Emits what the reader wants; opens nothing itself."""

    wizard_asked = Signal()
    open_asked = Signal()
    example_asked = Signal()
    empty_asked = Signal()
    template_chosen = Signal(str)
    template_shared = Signal(str)
    template_removed = Signal(str)
    file_chosen = Signal(object)  # Path
    file_forgotten = Signal(object)  # Path

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(tr("Start page"))
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.rows: dict[Path, RecentRow] = {}
        self.cards: dict[str, TemplateCard] = {}
        self.wizard = self._button(tr("New with wizard"), self.wizard_asked.emit, primary=True)
        self.example = self._button(tr("Example: handwritten digits"), self.example_asked.emit)
        self.open = self._button(tr("Open file…"), self.open_asked.emit)
        self.empty = self._button(tr("Empty pipeline"), self.empty_asked.emit)
        self._recent = QVBoxLayout()
        self._recent.setSpacing(2)
        columns = QHBoxLayout()
        columns.setSpacing(40)
        columns.addLayout(self._left())
        columns.addLayout(self._right(), 1)
        inside = QWidget()
        inside.setMaximumWidth(_PAGE_PX)
        page = QVBoxLayout(inside)
        page.setContentsMargins(32, 28, 32, 24)
        page.addWidget(words(tr("Cluster4NPU"), "title"))
        page.addWidget(
            words(tr("Run one model on all your devices at once, and see what you gain."), "muted")
        )
        page.addSpacing(20)
        page.addLayout(columns)
        page.addStretch(1)
        outer = QWidget()
        around = QHBoxLayout(outer)
        around.setContentsMargins(0, 0, 0, 0)
        around.addStretch(1)
        around.addWidget(inside, 100)
        around.addStretch(1)
        self.setWidget(outer)
        looks.dress(self, _sheet)
        self.show_recent([])

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not pressed_by_enter(self, event):
            super().keyPressEvent(event)

    def show_recent(self, paths: Sequence[Path]) -> None:
        """List these files: first those that exist, then those that are gone."""
        while (item := self._recent.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        self.rows = {}
        for path in sorted(paths, key=lambda p: not p.is_file()):
            row = self.rows[path] = RecentRow(path)
            row.open.clicked.connect(lambda _=False, p=path: self.file_chosen.emit(p))
            row.remove.clicked.connect(lambda _=False, p=path: self.file_forgotten.emit(p))
            self._recent.addWidget(row)
        if not paths:
            self._recent.addWidget(words(tr("Pipelines that you save or open are listed here."), "muted"))

    def show_templates(self) -> None:
        """List the templates as they are now."""
        self.cards = {info.key: TemplateCard(info) for info in PipelineTemplates.catalogue()}
        for card in self.cards.values():
            card.clicked.connect(lambda _=False, key=card.key: self.template_chosen.emit(key))
            if card.info.own:
                self._add_menu(card)
        self._grid.show_cards(list(self.cards.values()))

    def _add_menu(self, card: TemplateCard) -> None:
        """Let the user share and remove a template of their own (menu key, or right click)."""
        card.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        for text, signal in (("Share…", self.template_shared), ("Remove…", self.template_removed)):
            action = QAction(text, card)
            action.triggered.connect(lambda _=False, signal=signal: signal.emit(card.key))
            card.addAction(action)

    def _left(self) -> QVBoxLayout:
        left = QVBoxLayout()
        left.setSpacing(8)  # a layout takes the spacing of the one around it
        left.addWidget(words(tr("Start"), "heading"))
        for button in (self.wizard, self.example, self.open, self.empty):
            button.setMinimumWidth(_LEFT_PX)
            left.addWidget(button)
        left.addSpacing(20)
        left.addWidget(words(tr("Recent"), "heading"))
        left.addLayout(self._recent)
        left.addStretch(1)
        return left

    def _right(self) -> QVBoxLayout:
        right = QVBoxLayout()
        right.setSpacing(8)
        right.addWidget(words(tr("Templates"), "heading"))
        self._grid = CardGrid()
        self.show_templates()
        right.addWidget(self._grid)
        right.addStretch(1)
        return right

    def _button(self, text: str, asked: object, *, primary: bool = False) -> QPushButton:
        button = QPushButton(text)
        button.setMinimumHeight(36)
        if primary:
            looks.primary(button)
        button.clicked.connect(asked)
        return button


def _sheet(c: theme.Colors) -> str:
    return f"""
        #RecentFile {{ background: transparent; border: 1px solid transparent; border-radius: 4px; }}
        #RecentFile:hover, #RecentFile:focus {{ background: {c.surface}; border-color: {c.accent}; }}
    """


def _short(folder: Path) -> str:
    """Return a folder as people write it: `~` for their own."""
    home = Path.home()
    return str(Path("~") / folder.relative_to(home)) if folder.is_relative_to(home) else str(folder)
