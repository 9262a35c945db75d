"""Arrangements of the designer's panels for three kinds of work, each remembered as the user left it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDockWidget, QMainWindow

from cluster4npu.ui.preferences import Preferences


@dataclass(frozen=True, slots=True)
class Layout:
    """What is seen at first: the panels in `hidden` are not, `front` is before its tabs."""

    title: str
    tip: str
    hidden: tuple[str, ...]
    front: str
    height: int = 0  # of the panel in front, in pixels; 0: as it comes


LAYOUTS: Mapping[str, Layout] = {
    "design": Layout(
        "Layout: &design", "Room for the canvas: palette, properties and problems",
        ("Preview", "Dashboard", "Timeline", "Assistant"), "Problems", 150,
    ),
    "run": Layout("Layout: &run", "Everything, with preview and dashboard", (), "Dashboard"),
    "analyse": Layout(
        "Layout: &analyse", "Timeline and dashboard beside the canvas: what happened to which frame",
        ("Palette", "Properties"), "Timeline",
    ),
}  # fmt: skip


class Layouts:
    """Switches a window's docks between the arrangements. `current` is one of LAYOUTS."""

    def __init__(
        self, window: QMainWindow, docks: Mapping[str, QDockWidget], preferences: Preferences
    ) -> None:
        self._window, self._docks, self._preferences = window, docks, preferences
        self.current = preferences.layout_name if preferences.layout_name in LAYOUTS else "run"

    def restore(self) -> bool:
        """Put the panels where they were in the current arrangement; tell whether that is known."""
        kept = self._preferences.layout(f"workspace_{self.current}")
        if kept.isEmpty() or not self._window.restoreState(kept):
            return False
        self._bring_back()
        return True

    def keep(self) -> None:
        """Remember where the panels are now."""
        self._preferences.keep_layout(f"workspace_{self.current}", self._window.saveState())
        self._preferences.layout_name = self.current

    def switch(self, name: str) -> bool:
        """Remember this arrangement and go to another; tell whether the other was known already."""
        self.keep()
        self.current = name
        self._preferences.layout_name = name
        return self.restore()

    def arrange(self) -> None:
        """Show and hide the panels as the current arrangement has them at first."""
        layout = LAYOUTS[self.current]
        for name, dock in self._docks.items():
            dock.setVisible(name not in layout.hidden)
        front = self._docks[layout.front]
        front.raise_()
        if layout.height:
            self._window.resizeDocks([front], [layout.height], Qt.Orientation.Vertical)

    def _bring_back(self) -> None:
        """Move a floating panel onto a screen that is here: it may have been on one that is not any more."""
        for dock in self._docks.values():
            if not dock.isFloating():
                continue
            places = [screen.availableGeometry() for screen in QGuiApplication.screens()]
            if not any(place.intersects(dock.geometry().adjusted(40, 0, -40, -40)) for place in places):
                dock.move(places[0].center() - dock.rect().center())
