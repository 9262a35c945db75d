"""What the tour says, and beside what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QToolBar, QWidget

if TYPE_CHECKING:
    from cluster4npu.ui.main_window import MainWindow
    from cluster4npu.ui.tour import Step


def tour_steps(window: MainWindow) -> list[Step]:
    """Return the five steps of the tour through this window."""
    from cluster4npu.ui.tour import Step

    def start_page() -> QWidget:
        window.show_start_page()
        return window.start_page.wizard

    def panel(name: str) -> QWidget:
        window.show_layout("run")
        dock = window.workspace.docks[name]
        dock.show()
        dock.raise_()
        return dock

    def tool(name: str) -> QWidget:
        window.show_designer()
        bar = window.findChild(QToolBar, "Toolbar")
        button = bar.widgetForAction(window.actions_by_name[name]) if isinstance(bar, QToolBar) else None
        return button if button is not None else window

    return [
        Step(
            "Begin",
            "The wizard makes a pipeline from four questions. Templates and the example run at once.",
            start_page,
        ),
        Step(
            "Draw",
            "Drag nodes onto the canvas and join their ports. What does not fit is refused, with the reason.",
            lambda: panel("Palette"),
        ),
        Step(
            "Run",
            "F5 runs the pipeline on all its devices. The canvas shows what each node does and what holds it back.",
            lambda: tool("run"),
        ),
        Step(
            "Look",
            "The dashboard shows rates and latency, the timeline beside it each frame on each device.",
            lambda: panel("Dashboard"),
        ),
        Step(
            "Compare",
            "F6 measures all devices together against each alone, fairly. History keeps every result.",
            lambda: tool("benchmark"),
        ),
    ]
