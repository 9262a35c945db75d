"""Scenes: the designer without a run: canvas, palette, properties, problems, devices, and what opens over them."""

from __future__ import annotations

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QApplication, QInputDialog

from cluster4npu.core.pipeline.config import NodeConfig, PipelineConfig
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui.gallery.stage import Stage, simulated
from cluster4npu.ui.render import SIZE, settle

SMALL = (1024, 700)


def empty_canvas(stage: Stage) -> None:
    stage.open(PipelineConfig())
    stage.show("canvas-empty")


def designer(stage: Stage) -> None:
    stage.window.files.open_example()
    stage.window.workspace.editor.select_node("inference")
    finder = stage.window.workspace.properties.finder
    stage.wait(lambda: finder.devices is not None or bool(finder.error), "the devices of the properties")
    stage.window.workspace.editor.fit()
    stage.show("designer")


def several_stages(stage: Stage) -> None:
    """Two stages, a comment, a group, a bypassed node, problems, and the overview."""
    config = PipelineTemplates.get("detect_then_classify")
    stage.open(config)
    editor, document = stage.window.workspace.editor, stage.window.document
    editor.canvas.select([node.id for node in config.nodes[:2]])
    editor.group_selection()
    document.add_box("Note\nWhat a reader should know", (0.0, -320.0), (320.0, 120.0))
    bypassed = next(n.id for n in config.nodes if n.type == "track") if _has(config, "track") else ""
    if bypassed:
        document.bypass([bypassed])
    document.set_param("inference", "model", "nothing.onnx")
    editor.fit()
    stage.window.workspace.docks["Problems"].raise_()
    settle(200)
    stage.show("problems")
    _zoom(stage)


def _zoom(stage: Stage) -> None:
    """The same at every distance, in a small window, too."""
    canvas = stage.window.workspace.editor.canvas
    for percent in (100, 50, 30, 15):
        canvas.look_at(canvas.sceneRect().center())
        canvas.zoom_by(percent / 100 / canvas.transform().m11())
        stage.show(f"zoom-{percent:03}")
    stage.window.resize(*SMALL)
    settle(200)
    canvas.fit()
    stage.show("small-window")
    stage.window.resize(*SIZE)


def canvas_texts(stage: Stage) -> None:
    """What is told over the canvas: a refused wire, the search for a node, a comment's editor, the menus."""
    stage.open(simulated())
    editor = stage.window.workspace.editor
    editor._rewire([], [("inference.out", "source.frame")])
    editor.canvas.tell("Select the nodes to bypass.", "accent")
    stage.show("canvas-notice")
    editor.search_node()
    stage.show("quick-add", QApplication.activePopupWidget())
    _close_popup()
    editor.finding.open()
    stage.show("find", QApplication.activePopupWidget())
    _close_popup()
    editor.adding.search_between(next(iter(editor.canvas.wires)))
    stage.show("insert", QApplication.activePopupWidget())
    _close_popup()
    editor.canvas.select(["inference"])
    editor._show_menu(QPoint(200, 200))
    stage.show("node-menu", QApplication.activePopupWidget())
    _close_popup()
    editor.add_comment()
    comment = editor.findChild(QInputDialog)
    assert comment is not None
    stage.show("comment-dialog", comment)
    comment.reject()


def properties(stage: Stage) -> None:
    """The properties of each kind of node, with the advanced ones."""
    keys = stage.kinds
    nodes = tuple(NodeConfig(id=key, type=key, position=(0.0, 90.0 * n)) for n, key in enumerate(keys))
    stage.open(PipelineConfig(nodes=nodes))
    workspace = stage.window.workspace
    workspace.properties.advanced_action.setChecked(True)
    panel = workspace.docks["Properties"]
    panel.setFloating(True)
    panel.resize(340, 760)
    for key in keys:
        workspace.editor.select_node(key)
        stage.show(f"properties-{key}", workspace.properties)
    panel.setFloating(False)
    workspace.properties.advanced_action.setChecked(False)
    workspace.reset_layout()


def devices(stage: Stage) -> None:
    stage.open(simulated())
    workspace = stage.window.workspace
    workspace.docks["Devices"].raise_()
    panel = workspace.devices
    stage.wait(lambda: panel.grid.rowCount() > 0, "the devices")
    panel.grid.selectRow(0)
    settle(100)
    for index in range(panel.about.count()):
        panel.about.setCurrentIndex(index)
        stage.show(f"devices-{index + 1}")
    panel.about.setCurrentIndex(0)


def _has(config: PipelineConfig, type: str) -> bool:
    return any(node.type == type for node in config.nodes)


def _close_popup() -> None:
    popup = QApplication.activePopupWidget()
    if popup is not None:
        popup.close()
