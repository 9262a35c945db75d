"""The way to NodeGraphQt: only this module imports it, so that it gets its Qt from PySide6 directly.

NodeGraphQt imports its Qt through the package Qt.py, which loads every Qt module that is installed. A module
of the same name that is already there gives it just the four that it uses: half the time of the import.
"""

from __future__ import annotations

import sys
from types import ModuleType

from PySide6 import QtCore, QtGui, QtSvg, QtWidgets


class _Qt5Widgets(ModuleType):
    """QtWidgets as in Qt 5, that NodeGraphQt was written for: with QAction, QShortcut and undo classes."""

    def __getattr__(self, name: str) -> object:
        return getattr(QtWidgets if hasattr(QtWidgets, name) else QtGui, name)


def _install() -> None:
    if "Qt" not in sys.modules:
        shim = ModuleType("Qt")
        vars(shim).update(QtCore=QtCore, QtGui=QtGui, QtSvg=QtSvg, QtWidgets=_Qt5Widgets("Qt.QtWidgets"))
        vars(shim).update(QtCompat=ModuleType("Qt.QtCompat"))
        sys.modules["Qt"] = shim


_install()

from NodeGraphQt.constants import Z_VAL_NODE, Z_VAL_PIPE, PortTypeEnum  # noqa: E402
from NodeGraphQt.qgraphics.node_abstract import AbstractNodeItem  # noqa: E402
from NodeGraphQt.qgraphics.pipe import PipeItem  # noqa: E402
from NodeGraphQt.qgraphics.port import PortItem  # noqa: E402
from NodeGraphQt.widgets.viewer import NodeViewer  # noqa: E402

__all__ = [
    "Z_VAL_NODE",
    "Z_VAL_PIPE",
    "AbstractNodeItem",
    "NodeViewer",
    "PipeItem",
    "PortItem",
    "PortTypeEnum",
]
