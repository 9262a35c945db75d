"""A search box over a list: type a few letters, the best match stands first, Enter takes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from cluster4npu.ui import theme
from cluster4npu.ui.text import told, tr

_HINT = Qt.ItemDataRole.UserRole + 1
_MOST = 60  # rows; who sees more types another letter
_STEPS = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -8, Qt.Key.Key_PageDown: 8}
_NO_MATCH = 9


@dataclass(frozen=True)
class Entry:
    """One choice: `value` is told when it is taken, `words` are searched besides the title."""

    title: str
    value: str
    words: str = ""
    hint: str = ""  # at the right end: a key, a group
    color: str = ""  # of its square; "" for none
    tip: str = ""


class SearchPopup(QFrame):
    """Lists entries. `chosen` carries the value of the one taken; Escape or another click closes it."""

    chosen = Signal(str)

    def __init__(self, name: str, size: tuple[int, int], parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("SearchPopup")
        self._offered: list[Entry] = []
        name = tr(name)
        self.search = QLineEdit(placeholderText=name, clearButtonEnabled=True)
        self.search.setAccessibleName(name)
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Matches"))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setSpacing(1)
        self.list.setItemDelegate(_Hinted(self.list))
        self.note = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        theme.give_role(self.note, "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        for widget in (self.search, self.list, self.note):
            layout.addWidget(widget)
        self.setFixedSize(*size)
        self.search.installEventFilter(self)
        self.search.textChanged.connect(self._fill)
        self.list.itemClicked.connect(self._take)

    def open_at(self, where: QPoint, entries: Iterable[Entry], note: str = "") -> None:
        """Show these entries at a global place; `note` says what they are."""
        self._offered = list(entries)
        self.note.setText(told(note))
        self.note.setVisible(bool(note))
        self.search.clear()
        self._fill("")
        screen = self.screen().availableGeometry()
        x = min(where.x(), screen.right() - self.width())
        y = min(where.y(), screen.bottom() - self.height())
        self.move(max(x, screen.left()), max(y, screen.top()))
        self.show()
        self.search.setFocus()

    def shown(self) -> list[str]:
        """Return the values that are listed, best first."""
        rows = range(self.list.count())
        return [str(self.list.item(row).data(Qt.ItemDataRole.UserRole)) for row in rows]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            event.accept()  # the keys are the search's now, not those of the window behind it
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = _STEPS.get(Qt.Key(event.key()))
            if step is not None:
                row = self.list.currentRow() + step
                self.list.setCurrentRow(min(max(row, 0), self.list.count() - 1))
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab):
                self._take(self.list.currentItem())
                return True
        return False

    def _fill(self, text: str) -> None:
        self.list.clear()
        for entry in best(self._offered, text, lambda e: (e.title, e.words))[:_MOST]:
            item = QListWidgetItem(entry.title, self.list)
            if entry.color:
                item.setIcon(theme.swatch(entry.color))
            item.setData(Qt.ItemDataRole.UserRole, entry.value)
            item.setData(_HINT, entry.hint)
            item.setToolTip(entry.tip)
        self.list.setCurrentRow(0)

    def _take(self, item: QListWidgetItem | None) -> None:
        if item is not None:
            value = str(item.data(Qt.ItemDataRole.UserRole))
            self.hide()
            self.chosen.emit(value)


def _hint_px(option: QStyleOptionViewItem, hint: str) -> int:
    return option.fontMetrics.horizontalAdvance(hint) + 12 if hint else 0


class _Hinted(QStyledItemDelegate):
    """Draws an entry's hint at the right end of its row, and shortens the entry where both have no room."""

    def initStyleOption(  # noqa: N802 (Qt's name)
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().initStyleOption(option, index)
        icon = option.decorationSize.width() + 8 if not option.icon.isNull() else 0
        room = option.rect.width() - _hint_px(option, str(index.data(_HINT) or "")) - icon - 8
        option.text = option.fontMetrics.elidedText(option.text, Qt.TextElideMode.ElideRight, room)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        hint = str(index.data(_HINT) or "")
        width = _hint_px(option, hint)
        super().paint(painter, option, index)
        if not hint:
            return
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        place = option.rect.adjusted(option.rect.width() - width, 0, -6, 0)
        painter.setPen(option.palette.highlightedText().color() if chosen else QColor(theme.colors().muted))
        painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, hint)
        painter.restore()


def best(entries: Sequence[Entry], text: str, told: Callable[[Entry], tuple[str, str]]) -> list[Entry]:
    """Return the entries that match, best first; all in their order when nothing is typed."""
    wanted = text.casefold().strip()
    if not wanted:
        return list(entries)
    ranked = [(_rank(*told(entry), wanted), row) for row, entry in enumerate(entries)]
    return [entries[row] for rank, row in sorted(ranked) if rank < _NO_MATCH]


def _rank(title: str, words: str, wanted: str) -> int:
    """Return how well a title matches: 0 best, _NO_MATCH not at all."""
    title = title.casefold()
    if title == wanted:
        return 0
    if title.startswith(wanted):
        return 1
    if any(word.startswith(wanted) for word in title.split()):
        return 2
    if wanted in title:
        return 3
    everything = f"{title} {words.casefold()}"
    return 4 if all(word in everything for word in wanted.split()) else _NO_MATCH
