"""Every control has a name that a screen reader can tell, on every page, panel and dialog."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QScrollBar,
    QTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from cluster4npu.core.nodes import node_types
from cluster4npu.core.pipeline.config import NodeConfig
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui.main_window import MainWindow
from cluster4npu.ui.wizard.wizard import PipelineSetupWizard

CONTROLS = (QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox, QAbstractItemView, QTextEdit)


def nameless(root: QWidget) -> list[str]:
    """Return the controls inside that tell no name: those that take the keyboard or a click."""
    found = []
    for widget in root.findChildren(QWidget):
        reached = widget.focusPolicy() & Qt.FocusPolicy.TabFocus and not isinstance(widget, QScrollBar)
        if not (isinstance(widget, CONTROLS) or reached) or widget.isHidden() or _is_part(widget):
            continue
        told = QAccessible.queryAccessibleInterface(widget)
        if told is not None and not told.text(QAccessible.Text.Name).strip():
            found.append(_path(widget))
    return found


def _is_part(widget: QWidget) -> bool:
    """Tell whether Qt made it inside another control, which has the name; or it shows nothing of its own."""
    parent = widget.parentWidget()
    inside = isinstance(parent, QComboBox | QAbstractSpinBox | QAbstractItemView | QLineEdit)
    popup = widget.window().windowType() == Qt.WindowType.Popup
    qt_own = widget.objectName().startswith("qt_") or type(widget).__name__ == "QDockWidgetTitleButton"
    scroll = type(widget) is QAbstractScrollArea or type(widget).__name__ == "QScrollArea"
    proxied = widget.focusProxy() is not None
    return inside or popup or qt_own or scroll or proxied


def _path(widget: QWidget) -> str:
    names = []
    while widget is not None:
        names.append(type(widget).__name__ + (f"#{widget.objectName()}" if widget.objectName() else ""))
        widget = widget.parentWidget()  # type: ignore[assignment]
    return " < ".join(names[:5])


@pytest.fixture
def simulated(window: MainWindow) -> MainWindow:
    window.files.new(PipelineTemplates.get("simulated"))
    return window


def test_the_pages(simulated: MainWindow) -> None:
    simulated.show_start_page()
    assert nameless(simulated) == []
    simulated.show_history()
    assert nameless(simulated) == []


def test_the_designer_and_its_panels(simulated: MainWindow) -> None:
    simulated.show_designer()
    for dock in simulated.workspace.docks.values():
        dock.show()
        dock.raise_()
    assert nameless(simulated.workspace) == []


def test_every_field_of_every_node(simulated: MainWindow) -> None:
    nodes = tuple(NodeConfig(id=f"n{i}", type=key) for i, key in enumerate(node_types()))
    document, panel = simulated.document, simulated.workspace.properties
    document.apply(document.config.replace(nodes=nodes, edges=()), "All")
    found = []
    for node in ("", *(n.id for n in nodes)):
        panel.show_node(node)
        panel.form.advanced.setChecked(True)
        found += [f"{node}: {name}" for name in nameless(panel)]
    document.undo_stack.setClean()
    assert found == []


def test_the_dialogs(simulated: MainWindow, qtbot: QtBot) -> None:
    simulated.show_wizard()
    wizard = simulated.dialog
    assert isinstance(wizard, PipelineSetupWizard)
    assert nameless(wizard) == []
    wizard.reject()
    dialog = simulated.show_benchmark()
    assert dialog is not None
    assert nameless(dialog) == []
    dialog.reject()
    simulated.show_shortcuts()
    assert simulated.dialog is not None
    assert nameless(simulated.dialog) == []
    simulated.dialog.reject()
