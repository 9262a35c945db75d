"""The window's actions: their names, icons and keys, and the menus and the toolbar that hold them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import qtawesome
from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence, QUndoStack
from PySide6.QtWidgets import QMainWindow, QMenu, QSizePolicy, QToolBar, QToolButton, QWidget

from cluster4npu.ui import theme
from cluster4npu.ui.layouts import LAYOUTS
from cluster4npu.ui.text import tr

# name: text, icon, keys, tool tip
_SPECS: dict[str, tuple[str, str, str, str]] = {
    "new": ("&New", "mdi6.file-plus-outline", "Ctrl+N", "Start page: templates, wizard, recent files"),
    "wizard": ("New with &wizard…", "mdi6.auto-fix", "Ctrl+Shift+N", "Four questions lead to a pipeline"),
    "open": ("&Open…", "mdi6.folder-open-outline", "Ctrl+O", "Open a pipeline file"),
    "save": ("&Save", "mdi6.content-save-outline", "Ctrl+S", "Save the pipeline"),
    "save_as": ("Save &as…", "", "Ctrl+Shift+S", "Save the pipeline under another name"),
    "save_template": ("Save as &template…", "", "", "Keep the pipeline as a template of your own"),
    "import_template": ("&Import template…", "", "", "Take over a template file of somebody else's"),
    "new_window": ("New wi&ndow", "mdi6.dock-window", "Ctrl+Alt+N", "One more window, for another pipeline"),
    "next_window": ("Ne&xt window", "", "Ctrl+F6", "Go to the next open window"),
    "close_window": ("&Close window", "", "Ctrl+W", "Close this window; a run in it is stopped"),
    "quit": ("&Quit", "", "Ctrl+Q", "Close every window"),
    "run": ("&Run", "mdi6.play", "F5", "Run the pipeline"),
    "stop": ("&Stop", "mdi6.stop", "Shift+F5", "Stop the run"),
    "benchmark": ("&Benchmark…", "mdi6.speedometer", "F6", "Measure all devices together against each alone"),
    "start_page": ("Start &page", "mdi6.home-outline", "Ctrl+1", "Recent files and templates"),
    "designer": ("&Designer", "mdi6.sitemap-outline", "Ctrl+2", "The pipeline and its run"),
    "history": ("&History", "mdi6.history", "Ctrl+3", "Stored runs and benchmarks"),
    "database": (
        "&Store",
        "mdi6.database-outline",
        "Ctrl+4",
        "What is stored, questions to it, and its upkeep",
    ),
    "layout_design": (LAYOUTS["design"].title, "", "Ctrl+Alt+1", LAYOUTS["design"].tip),
    "layout_run": (LAYOUTS["run"].title, "", "Ctrl+Alt+2", LAYOUTS["run"].tip),
    "layout_analyse": (LAYOUTS["analyse"].title, "", "Ctrl+Alt+3", LAYOUTS["analyse"].tip),
    "reset_layout": ("Reset &layout", "", "", "Put all panels back where they were at first"),
    "toggle_theme": (
        "Light or dark",
        "mdi6.theme-light-dark",
        "Ctrl+Shift+T",
        "Switch between light and dark",
    ),
    "help": ("&Documentation", "", "F1", "Open the documentation"),
    "command_palette": ("&Commands…", "mdi6.magnify", "Ctrl+Shift+P", "Find anything the window can do"),
    "shortcuts": ("&Keyboard shortcuts", "", "Shift+F1", "List every key"),
    "tour": ("&Tour", "", "", "Five steps through the window"),
    "about": ("&About Cluster4NPU", "", "", "Version and licence"),
}
CANVAS_EDITS = (
    "cut", "copy", "paste", "duplicate", "delete", "select_all", "find", "", "add", "insert", "connect", "disconnect",
    "bypass", "group", "comment", "", "arrange", "align_left", "align_right", "align_top", "align_bottom",
    "align_center", "align_middle", "spread_columns", "spread_rows", "",
)  # fmt: skip
PAGES = ("start_page", "designer", "history")
_MENU_PAGES = (*PAGES, "database")


class Actions(QObject):
    """Every action by name. `slots` maps those names to what they do; a missing one is a KeyError."""

    def __init__(
        self, window: QMainWindow, slots: Mapping[str, Callable[[], object]], undo: QUndoStack
    ) -> None:
        super().__init__(window)
        self._window = window
        self.by_name: dict[str, QAction] = {}
        for name, (text, _icon, keys, tip) in _SPECS.items():
            action = self.by_name[name] = QAction(tr(text), window)
            tip = tr(tip)
            if keys:
                action.setShortcut(QKeySequence(keys))
                tip = f"{tip} ({action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)})"
            action.setToolTip(tip)
            slot = slots[name]
            action.triggered.connect(lambda _=False, slot=slot: slot())
        for name, action, key in (
            ("undo", undo.createUndoAction(window, tr("Undo")), QKeySequence.StandardKey.Undo),
            ("redo", undo.createRedoAction(window, tr("Redo")), QKeySequence.StandardKey.Redo),
        ):
            action.setShortcuts(QKeySequence.keyBindings(key))
            self.by_name[name] = action
        pages = QActionGroup(window)
        for name in _MENU_PAGES:
            self.by_name[name].setCheckable(True)
            pages.addAction(self.by_name[name])
        self.recent_menu = QMenu(tr("Open &recent"), window)
        self.theme_menu = QMenu(tr("&Theme"), window)
        self.edit_menu = QMenu(tr("&Edit"), window)
        self.window_menu = QMenu(tr("&Window"), window)
        theme.changes().changed.connect(self.dress)
        self.dress()

    def __getitem__(self, name: str) -> QAction:
        return self.by_name[name]

    def dress(self) -> None:
        """Draw the icons in the colours of the theme."""
        c = theme.colors()
        special = {"run": c.ok, "stop": c.fail, "benchmark": c.accent}
        icons = {name: spec[1] for name, spec in _SPECS.items() if spec[1]}
        icons |= {"undo": "mdi6.undo", "redo": "mdi6.redo"}
        for name, icon in icons.items():
            faint = theme.faded(c.muted)
            self.by_name[name].setIcon(
                qtawesome.icon(icon, color=special.get(name, c.text), color_disabled=faint)
            )

    def make_menus(self, view: QMenu) -> None:
        """Fill the menu bar; `view` holds what belongs to the panels."""
        bar = self._window.menuBar()
        file = bar.addMenu(tr("&File"))
        self._add(file, "new", "wizard", "open")
        file.addMenu(self.recent_menu)
        self._add(
            file, "", "save", "save_as", "", "save_template", "import_template", "", "close_window", "quit"
        )
        bar.addMenu(self.edit_menu)
        self._add(view, *_MENU_PAGES, "")
        self._add(view, "layout_design", "layout_run", "layout_analyse", "reset_layout")
        view.addMenu(self.theme_menu)
        bar.addMenu(view)
        self._add(bar.addMenu(tr("&Run")), "run", "stop", "", "benchmark")
        self._add(self.window_menu, "new_window", "next_window", "")
        bar.addMenu(self.window_menu)
        self._add(bar.addMenu(tr("&Help")), "help", "tour", "shortcuts", "command_palette", "", "about")

    def fill_edit_menu(self, canvas: Mapping[str, QAction]) -> None:
        """Fill the edit menu anew; `canvas` holds the canvas's actions, or none while it is not shown."""
        for action in self.edit_menu.actions():  # `clear` would take actions of others with it
            self.edit_menu.removeAction(action)
            if action.isSeparator():
                action.deleteLater()
        self._add(self.edit_menu, "undo", "redo", "")
        for name in CANVAS_EDITS:
            if name in canvas:
                self.edit_menu.addAction(canvas[name])
            elif not name:
                self.edit_menu.addSeparator()
        self._add(self.edit_menu, "command_palette")

    def make_toolbar(self) -> QToolBar:
        """Make the toolbar: files, edits, the run, and the pages at its right end."""
        toolbar = QToolBar(tr("Toolbar"), self._window)
        toolbar.setObjectName("Toolbar")
        toolbar.setMovable(False)
        toolbar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        toolbar.toggleViewAction().setVisible(False)
        self._add(toolbar, "new", "open", "save", "", "undo", "redo", "", "run", "stop", "benchmark")
        spring = QWidget()
        spring.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        toolbar.addWidget(spring)
        self._add(toolbar, *PAGES, "", "toggle_theme")
        for name in ("new", "open", "save", "undo", "redo", "toggle_theme"):
            button = toolbar.widgetForAction(self.by_name[name])
            assert isinstance(button, QToolButton)
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        return toolbar

    def _add(self, place: QMenu | QToolBar, *names: str) -> None:
        for name in names:
            if name:
                place.addAction(self.by_name[name])
            else:
                place.addSeparator()
