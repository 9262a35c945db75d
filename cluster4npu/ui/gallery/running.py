"""Scenes: a run, its panels, and how it ended."""

from __future__ import annotations

from cluster4npu.core.metrics.alerts import AlertRule
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui.gallery.stage import Stage, simulated
from cluster4npu.ui.render import run_for, settle, stop


def live(stage: Stage) -> None:
    """The dashboard's tabs while a run goes on, with an alert that has fired; then its end."""
    stage.open(simulated())
    workspace = stage.window.workspace
    dashboard = workspace.dashboard
    dashboard.alerts.set_user_rules([AlertRule("fps", "below", 5000.0), AlertRule("queue", "above", 500.0)])
    run_for(stage.window, stage.run_s)
    for index, name in enumerate(("live", "load", "compare", "alerts")):
        dashboard.tabs.setCurrentIndex(index)
        stage.show(f"run-{name}")
    dashboard.tabs.setCurrentIndex(0)
    workspace.docks["Timeline"].raise_()
    workspace.visualizer.animate_data_flow(max(0.0, stage.run_s / 3), 0.01)
    stage.show("run-timeline")
    workspace.visualizer.stop_replay()
    stop(stage.window)
    workspace.editor.select_node("inference")
    stage.show("run-ended")
    dashboard.tabs.setCurrentIndex(0)
    dashboard.alerts.set_user_rules([])
    stage.wait(
        lambda: stage.window.runs._saving is None or not stage.window.runs._saving.running, "the store"
    )


def example(stage: Stage) -> None:
    """The example: boxes in the preview."""
    stage.window.document.undo_stack.setClean()
    stage.window.files.open_example()
    run_for(stage.window, stage.run_s)
    stage.wait(lambda: bool(stage.window.workspace.preview.detections()), "a box in the preview")
    stage.show("run-example")
    stop(stage.window)


def on_demand(stage: Stage) -> None:
    """A pipeline that computes on demand: its nodes' rates and what was computed for nothing."""
    stage.open(PipelineTemplates.get("looking_away"))
    run_for(stage.window, min(stage.run_s, 3.0))
    dashboard = stage.window.workspace.dashboard
    dashboard.tabs.setCurrentIndex(dashboard.tabs.indexOf(dashboard.nodes))
    stage.show("run-on-demand")
    stop(stage.window)
    dashboard.tabs.setCurrentIndex(0)
    stage.window.workspace.reset_layout()
    settle(50)
