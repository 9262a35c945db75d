"""The canvas shows what the document has, and mouse and keys change the document, or are refused with the reason."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QWidget
from pytestqt.qtbot import QtBot

from cluster4npu.core.errors import Problem
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig
from cluster4npu.ui import theme
from cluster4npu.ui.document import Document
from cluster4npu.ui.editor import far_layer
from cluster4npu.ui.editor.canvas import Canvas
from cluster4npu.ui.editor.dropping import NODE_MIME
from cluster4npu.ui.editor.editor import EnhancedPipelineEditor
from cluster4npu.ui.editor.items import INPUT, OUTPUT
from cluster4npu.ui.editor.node_item import summary
from cluster4npu.ui.editor.palette import NodePalette
from tests.ui.editor.pipelines import chain
from tests.ui.painted import painted

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def editor(qtbot: QtBot) -> EnhancedPipelineEditor:
    editor = EnhancedPipelineEditor(Document(chain()))
    qtbot.addWidget(editor)
    editor.resize(1300, 600)
    editor.show()
    qtbot.waitExposed(editor)
    editor.fit()
    editor.canvas.setFocus()
    return editor


def assert_shown(canvas: Canvas, config: PipelineConfig) -> None:
    """Check that the scene holds exactly the config's nodes and wires, where and as they are."""
    assert {item.id for item in canvas.all_nodes()} == {n.id for n in config.nodes}
    for node in config.nodes:
        item = canvas.items_by_id[node.id]
        assert tuple(item.xy_pos) == node.position
        assert node.title in ("", item.name)
        assert item.faint == node.bypassed
    assert {b.id: (b.position, b.size) for b in config.boxes} == {
        b: (item.place, item.size) for b, item in canvas.boxes.items.items()
    }
    drawn = [(w.output_port.address, w.input_port.address) for w in canvas.all_pipes()]
    ids = {n.id for n in config.nodes}
    wanted = [(e.source, e.target) for e in config.edges if {e.source_node, e.target_node} <= ids]
    assert sorted(drawn) == sorted(wanted)


def at(canvas: Canvas, node: str, port: str = "") -> QPoint:
    """Return where a node's title bar, or one of its ports, is in the window."""
    item = canvas.items_by_id[node]
    if not port:
        return canvas.mapFromScene(item.scenePos() + QPointF(60, 15))
    dot = item.dots.get((OUTPUT, port)) or item.dots[INPUT, port]
    return canvas.mapFromScene(dot.sceneBoundingRect().center())


def drag(canvas: Canvas, start: QPoint, end: QPoint) -> None:
    view = canvas.viewport()
    QTest.mouseMove(view, start)
    QTest.mousePress(view, LEFT, pos=start)
    for part in (0.3, 0.6, 1.0):
        QTest.mouseMove(view, start + (end - start) * part)
    QTest.mouseRelease(view, LEFT, pos=end)


def test_shows_nodes_wires_titles_and_places(editor: EnhancedPipelineEditor) -> None:
    assert_shown(editor.canvas, editor.document.config)


def test_an_empty_canvas_says_how_to_begin(editor: EnhancedPipelineEditor) -> None:
    assert not editor.canvas._hint.isVisible()
    editor.document.new()
    assert editor.canvas._hint.isVisible()
    assert_shown(editor.canvas, PipelineConfig())


def test_drawing_a_wire_connects_from_either_end(editor: EnhancedPipelineEditor) -> None:
    canvas, document = editor.canvas, editor.document
    for start, end in (
        (("inference", "outputs"), ("count2", "result")),
        (("count3", "result"), ("inference", "outputs")),
    ):
        document.add_node("count", (780.0, 200.0 * int(document.config.nodes[-1].id == "count2") + 200.0))
        editor.fit()
        drag(canvas, at(canvas, *start), at(canvas, *end))
    edges = document.config.edges[-2:]
    assert edges == (
        EdgeConfig(source="inference.outputs", target="count2.result"),
        EdgeConfig(source="inference.outputs", target="count3.result"),
    )
    assert_shown(canvas, document.config)


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        (("source", "frame"), ("inference", "tensor"), "A frame output cannot go into this input"),
        (("inference", "outputs"), ("count", "result"), "already has a wire"),
        (("source", "frame"), ("preprocess", "tensor"), "both outputs"),
        (("inference", "outputs"), ("preprocess", "frame"), "would close a circle"),
    ],
)
def test_a_wrong_wire_is_refused_with_the_reason(
    editor: EnhancedPipelineEditor,
    qtbot: QtBot,
    start: tuple[str, str],
    end: tuple[str, str],
    reason: str,
) -> None:
    before = editor.document.config
    with qtbot.waitSignal(editor.refused, timeout=2000) as told:
        drag(editor.canvas, at(editor.canvas, *start), at(editor.canvas, *end))
    assert reason in told.args[0]
    assert reason in editor.canvas._notice.text()
    assert editor.canvas._notice.isVisible()
    assert editor.document.config is before
    assert not editor.document.undo_stack.canUndo()
    assert_shown(editor.canvas, before)


def test_a_circle_is_refused(editor: EnhancedPipelineEditor, qtbot: QtBot) -> None:
    # No two of the real node types can form one, so the ends are given as the viewer's own slot gets them.
    canvas = editor.canvas
    with qtbot.waitSignal(editor.refused, timeout=2000):
        canvas.wires_drawn.emit([], [("detections.detections", "preprocess.frame")])
    assert_shown(canvas, chain())


def test_pulling_a_wire_off_its_input_disconnects(editor: EnhancedPipelineEditor) -> None:
    canvas = editor.canvas
    drag(canvas, at(canvas, "count", "result"), at(canvas, "count", "result") + QPoint(-20, 150))
    assert len(editor.document.config.edges) == 3
    assert_shown(canvas, editor.document.config)
    editor.document.undo_stack.undo()
    assert_shown(canvas, chain())


def test_a_wire_put_down_where_it_was_stays(editor: EnhancedPipelineEditor) -> None:
    canvas = editor.canvas
    place = at(canvas, "count", "result")
    QTest.mousePress(canvas.viewport(), LEFT, pos=place)
    QTest.mouseMove(canvas.viewport(), place + QPoint(0, 80))
    QTest.keyClick(canvas, Qt.Key.Key_Escape)
    assert editor.document.config == chain()
    assert_shown(canvas, chain())


def test_a_clicked_wire_is_selected_and_deleted_by_key(editor: EnhancedPipelineEditor) -> None:
    canvas = editor.canvas
    middle = (at(canvas, "source", "frame") + at(canvas, "preprocess", "frame")) / 2
    QTest.mouseClick(canvas.viewport(), LEFT, pos=middle)
    assert [e.target for e in canvas.selected_edges()] == ["preprocess.frame"]
    QTest.keyClick(canvas, Qt.Key.Key_Delete)
    assert editor.document.config.edges[0].target == "inference.tensor"
    assert_shown(canvas, editor.document.config)


def test_dragging_a_node_moves_it_as_one_step(editor: EnhancedPipelineEditor) -> None:
    canvas = editor.canvas
    start = at(canvas, "inference")
    drag(canvas, start, start + QPoint(30, 120))
    x, y = editor.document.config.node("inference").position
    scale = canvas.transform().m11()
    assert (x, y) == pytest.approx((520 + 30 / scale, 120 / scale), abs=3)
    assert editor.document.undo_stack.count() == 1
    assert_shown(canvas, editor.document.config)
    editor.document.undo_stack.undo()
    assert_shown(canvas, chain())


def test_keys_select_move_and_remove(editor: EnhancedPipelineEditor) -> None:
    canvas, document = editor.canvas, editor.document
    canvas.select(["count"])
    QTest.keyClick(canvas, Qt.Key.Key_Right)
    QTest.keyClick(canvas, Qt.Key.Key_Down)
    assert document.config.node("count").position == (1052.0, 12.0)
    QTest.keyClick(canvas, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert len(canvas.selected_ids()) == 5
    QTest.keyClick(canvas, Qt.Key.Key_Backspace)
    assert document.config.nodes == ()
    assert_shown(canvas, document.config)
    document.undo_stack.undo()
    assert len(document.config.edges) == 4
    assert_shown(canvas, document.config)


def test_a_band_drawn_around_nodes_selects_them(editor: EnhancedPipelineEditor) -> None:
    canvas = editor.canvas
    above = at(canvas, "preprocess") + QPoint(-80, -60)
    drag(canvas, above, at(canvas, "inference") + QPoint(120, 160))
    assert canvas.selected_ids() == ["preprocess", "inference"]
    QTest.mouseClick(canvas.viewport(), LEFT, pos=above)
    assert canvas.selected_ids() == []


def test_a_node_removed_while_a_wire_is_drawn_from_it_ends_the_wire(editor: EnhancedPipelineEditor) -> None:
    canvas = editor.canvas
    start = at(canvas, "source", "frame")
    QTest.mousePress(canvas.viewport(), LEFT, pos=start)
    QTest.mouseMove(canvas.viewport(), start + QPoint(30, 60))
    editor.document.remove_nodes(["source"])
    QTest.mouseMove(canvas.viewport(), start + QPoint(60, 90))
    QTest.mouseRelease(canvas.viewport(), LEFT, pos=start + QPoint(60, 90))
    assert_shown(canvas, editor.document.config)


def test_copy_and_paste_go_through_the_clipboard_as_text(
    editor: EnhancedPipelineEditor, qtbot: QtBot
) -> None:
    canvas = editor.canvas
    canvas.select(["inference", "detections"])
    QTest.keyClick(canvas, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(canvas, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert canvas.selected_ids() == ["inference2", "detections2"]
    assert_shown(canvas, editor.document.config)
    before = editor.document.config
    QApplication.clipboard().setText('{"nodes": "import os"}')
    with qtbot.waitSignal(editor.refused, timeout=2000):
        QTest.keyClick(canvas, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert editor.document.config is before


def test_selecting_one_node_is_told_and_survives_other_edits(editor: EnhancedPipelineEditor) -> None:
    told: list[str] = []
    editor.node_selected.connect(told.append)
    QTest.mouseClick(editor.canvas.viewport(), LEFT, pos=at(editor.canvas, "inference"))
    item = editor.canvas.items_by_id["inference"]
    editor.document.rename("inference", "My model")
    editor.document.add_node("count", (0.0, 300.0))
    assert editor.canvas.items_by_id["inference"] is item
    assert editor.canvas.selected_ids() == ["inference"]
    editor.document.remove_nodes(["inference"])
    assert told == ["inference", ""]


def test_a_node_dragged_from_the_palette_lands_where_it_is_dropped(
    editor: EnhancedPipelineEditor, qtbot: QtBot
) -> None:
    palette = NodePalette()
    qtbot.addWidget(palette)
    item = palette.tree.topLevelItem(0).child(0)  # type: ignore[union-attr]
    data = palette.tree.mimeData([item])
    place = QPoint(700, 450)
    drop_on(editor.canvas, data, place)
    added = editor.document.config.nodes[-1]
    assert added.type == palette.shown_types()[0]
    wanted = editor.canvas.mapToScene(place)
    assert added.position == pytest.approx((wanted.x() - 85, wanted.y() - 22), abs=0.1)
    assert editor.canvas.selected_ids() == [added.id]
    assert_shown(editor.canvas, editor.document.config)


@pytest.mark.parametrize("kind", [NODE_MIME, "text/plain", "nodegraphqt/nodes", "text/uri-list"])
def test_nothing_else_can_be_dropped(editor: EnhancedPipelineEditor, kind: str, tmp_path: Path) -> None:
    data = QMimeData()
    data.setData(kind, b"nodegraphqt::node:some.Thing")
    before = editor.document.config
    assert drop_on(editor.canvas, data, QPoint(50, 50)) is (kind in (NODE_MIME, "text/uri-list"))
    assert editor.document.config is before


def drop_on(canvas: Canvas, data: QMimeData, place: QPoint) -> bool:
    """Send the events of a drag that ends here; return whether the canvas took it."""
    action, none = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(place, action, data, LEFT, none)
    QApplication.sendEvent(canvas.viewport(), enter)
    if enter.isAccepted():
        QApplication.sendEvent(canvas.viewport(), QDropEvent(QPointF(place), action, data, LEFT, none))
    return enter.isAccepted()


def test_arranging_is_one_step_and_overlaps_nothing(editor: EnhancedPipelineEditor) -> None:
    document, canvas = editor.document, editor.canvas
    document.add_node("preview", (0.0, 0.0))
    document.connect_ports("source.frame", "preview.frame")
    document.connect_ports("detections.detections", "preview.result")
    steps = document.undo_stack.count()
    editor.arrange()
    assert document.undo_stack.count() == steps + 1
    assert document.undo_stack.undoText() == "Arrange nodes"
    items = list(canvas.items_by_id.values())
    assert not [(a, b) for a in items for b in items if a is not b and a.collidesWithItem(b)]
    long_wire = canvas.wires[EdgeConfig(source="source.frame", target="preview.frame")]
    passed = {i.id for i in items if i.collidesWithItem(long_wire)}
    assert passed == {"source", "preview"}


def test_the_context_menu_offers_what_fits(editor: EnhancedPipelineEditor, qtbot: QtBot) -> None:
    editor.canvas.select(["count"])
    editor.canvas.menu_wanted.emit(editor.canvas.mapToGlobal(at(editor.canvas, "count")))
    menu = qtbot.waitUntil(lambda: QApplication.activePopupWidget() is not None, timeout=2000)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    remove = next(a for a in menu.actions() if a.text() == "Remove")
    remove.trigger()
    menu.close()
    assert "count" not in {n.id for n in editor.document.config.nodes}


def test_problems_and_figures_are_told_in_words_on_the_node(editor: EnhancedPipelineEditor) -> None:
    item = editor.canvas.items_by_id["count"]
    height = item.height
    editor.canvas.show_problems(
        [Problem("one", node="count"), Problem("two", node="count", severity="warning")]
    )
    assert item.footer == ("1 error", "fail")
    assert "one" in item.toolTip()
    assert item.height > height
    editor.set_node_badges({"count": "12 ms"})
    editor.canvas.show_problems([])
    assert item.footer == ("", "")
    editor.set_node_badges({})
    assert item.height == height


def test_names_from_a_file_are_shown_as_plain_text(editor: EnhancedPipelineEditor) -> None:
    editor.document.rename("count", "<img src=x><b>bold</b>")
    assert "<img" not in editor.canvas.items_by_id["count"].toolTip()


def test_the_devices_stand_under_an_inference_node() -> None:
    nodes = chain().nodes
    from cluster4npu.core.nodes import node_type

    assert summary(nodes[2], node_type("inference")) == ["no model", "sim:ane"]
    many = NodeConfig(id="i", type="inference", params={"devices": [f"sim:ane#{n}" for n in range(1, 8)]})
    assert summary(many, node_type("inference"))[-1] == "and 3 more"


def test_what_the_program_does_not_know_stays_visible(editor: EnhancedPipelineEditor) -> None:
    nodes = (
        NodeConfig(id="odd", type="from_the_future"),
        NodeConfig(id="count", type="count", position=(300.0, 0.0)),
    )
    edges = (
        EdgeConfig(source="odd.things", target="count.result"),
        EdgeConfig(source="odd.things", target="count.no_port"),
        EdgeConfig(source="gone.frame", target="count.result"),
    )
    config = PipelineConfig(nodes=nodes, edges=edges)
    editor.document.new(config)
    assert "from_the_future" in editor.canvas.items_by_id["odd"].name
    assert_shown(editor.canvas, config)


def test_follows_the_theme(editor: EnhancedPipelineEditor, qapp: QApplication) -> None:
    pictures = []
    for mode in ("light", "dark"):
        theme.apply_theme(qapp, mode)
        pictures.append(editor.canvas.grab().toImage().pixelColor(5, 5).lightness())
    theme.apply_theme(qapp, "light")
    assert pictures[0] > 200 > 60 > pictures[1]


def test_zooming_stays_within_bounds_and_resizing_keeps_the_scale(editor: EnhancedPipelineEditor) -> None:
    canvas = editor.canvas
    for factor, count in ((1.3, 30), (1 / 1.3, 60)):
        for _ in range(count):
            canvas.zoom_by(factor)
        assert 0.09 < canvas.transform().m11() < 2.6
    canvas.fit()
    canvas.zoom_by(0.9)
    before = canvas.transform().m11()
    editor.resize(900, 500)
    assert canvas.transform().m11() == pytest.approx(before, rel=0.01)


def big(count: int) -> PipelineConfig:
    nodes = [
        NodeConfig(id=f"p{i}", type="preprocess", position=(float(i % 20) * 260, i // 20 * 150.0))
        for i in range(count)
    ]
    nodes.insert(0, NodeConfig(id="source", type="synthetic", position=(-300.0, 0.0)))
    edges = [EdgeConfig(source="source.frame", target=f"p{i}.frame") for i in range(count)]
    return PipelineConfig(nodes=tuple(nodes), edges=tuple(edges))


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    QApplication.processEvents()
    return time.perf_counter() - start


def test_300_nodes_open_and_are_edited_in_reasonable_time(editor: EnhancedPipelineEditor) -> None:
    config = big(300)
    taken = {
        "open": seconds(lambda: editor.document.new(config)),
        "fit": seconds(editor.fit),
        "rename": seconds(lambda: editor.document.rename("p7", "Seven")),
        "move": seconds(lambda: editor.document.move_nodes({"p7": (1.0, 2.0)})),
        "remove": seconds(lambda: editor.document.remove_nodes([f"p{i}" for i in range(100)])),
        "undo": seconds(editor.document.undo_stack.undo),
    }
    print(taken)
    assert_shown(editor.canvas, editor.document.config)
    assert max(taken.values()) < 5.0, taken


def test_from_far_away_one_item_draws_all_and_the_mouse_still_finds_each(
    editor: EnhancedPipelineEditor, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(far_layer, "FEW", 1)
    canvas = editor.canvas
    near = canvas.items_by_id["inference"]
    canvas.zoom_by(0.2 / canvas.transform().m11())
    assert canvas.far.on
    picture = canvas.grab().toImage()
    place = canvas.mapFromScene(near.sceneBoundingRect().center())
    assert canvas.node_at(canvas.mapToScene(place)) is near
    assert canvas.itemAt(canvas.mapFromScene(near.pos() - QPointF(300, 900))) is None
    body = picture.pixelColor(place * picture.devicePixelRatio())
    assert body != picture.pixelColor(2, 2)
    QTest.mouseClick(canvas.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert canvas.selected_ids() == ["inference"]
    assert canvas.grab().toImage() != picture  # the selection is seen
    canvas.zoom_by(5.0)
    assert not canvas.far.on
    assert not near.flags() & near.GraphicsItemFlag.ItemHasNoContents


@pytest.mark.parametrize("few", [1, 1000])  # drawn by the layer for many nodes, or by each of a few
@pytest.mark.parametrize("zoom", [0.55, 0.34])
def test_title_and_state_can_be_read_from_afar(
    editor: EnhancedPipelineEditor, monkeypatch: pytest.MonkeyPatch, few: int, zoom: float
) -> None:
    monkeypatch.setattr(far_layer, "FEW", few)
    editor.document.bypass(["preprocess"])
    editor.document.set_param("inference", "model", "nothing.onnx")
    editor.document.check()
    canvas = editor.canvas
    canvas.look_at(canvas.items_by_id["inference"].sceneBoundingRect().center())
    canvas.zoom_by(zoom / canvas.transform().m11())
    told = " ".join(painted(canvas))
    assert told.replace(" ", "").count("Preprocess") and told.replace(" ", "").count("Inference")
    assert "\u2715" in told and "\u2298" in told  # a sign for what is wrong, and one for what is bypassed
    sizes = [item.size[0] * canvas.transform().m11() for item in canvas.items_by_id.values()]
    assert canvas.far.on == (few == 1 and zoom < far_layer.FAR) and min(sizes) > 40


def test_what_lies_over_the_canvas_stays_there_wherever_one_looks(editor: EnhancedPipelineEditor) -> None:
    cover = QWidget(editor.canvas.viewport())
    cover.setGeometry(editor.canvas.viewport().rect())
    before = cover.geometry()
    for step in range(1, 6):
        editor.canvas.look_at(QPointF(900.0 * step, -700.0 * step))
        editor.canvas.zoom_by(1.3 if step % 2 else 0.4)
        editor.canvas.fit(["inference"] if step % 2 else ())
    assert cover.geometry() == before
