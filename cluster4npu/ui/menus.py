"""Menus whose entries change: the editor's actions, recent files, open windows. Each is filled when it opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from cluster4npu.ui.text import tr

if TYPE_CHECKING:
    from cluster4npu.ui.main_window import MainWindow

_WINDOW = "window"  # marks the entries of windows among those that stay


class Menus(QObject):
    """Fills the menus of one window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window, self._actions = window, window.actions_by_name
        self._fill_edit()
        self._actions.edit_menu.aboutToShow.connect(self._fill_edit)
        self._actions.recent_menu.aboutToShow.connect(self._fill_recent)
        self._actions.window_menu.aboutToShow.connect(self._fill_windows)

    def _fill_edit(self) -> None:
        editor = self._window.editor_in_front
        self._actions.fill_edit_menu(editor.actions_by_name if editor is not None else {})

    def _fill_recent(self) -> None:
        menu, window = self._actions.recent_menu, self._window
        menu.clear()
        for path in window.preferences.recent:
            action = menu.addAction(str(path) if path.is_file() else tr("{0} (missing)").format(path))
            action.setEnabled(path.is_file())
            action.triggered.connect(lambda _=False, path=path: window.files.open(path))
        if menu.isEmpty():
            menu.addAction(tr("None yet")).setEnabled(False)

    def _fill_windows(self) -> None:
        menu = self._actions.window_menu
        for action in menu.actions():
            if action.data() == _WINDOW:
                menu.removeAction(action)
                action.deleteLater()
        for window in [self._window, *self._window.others()]:
            action = menu.addAction(window.windowTitle().removesuffix(" - Cluster4NPU"))
            action.setData(_WINDOW)
            action.setCheckable(True)
            action.setChecked(window is self._window)
            action.triggered.connect(lambda _=False, window=window: window.come_forward())
