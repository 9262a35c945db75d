"""The words over the nodes are inside the view, clear of each other, and shorter where room is short."""

from __future__ import annotations

from itertools import combinations

import pytest
from PySide6.QtCore import QRectF
from PySide6.QtWidgets import QGraphicsSceneHoverEvent

from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.settings import assets_dir
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui.main_window import MainWindow
from cluster4npu.ui.overlay.figures import NodeFigures, OverlayFigures
from cluster4npu.ui.overlay.pills import forms, lay_out, short_words, words
from tests.ui.painted import painted

VIEW = QRectF(0, 0, 760, 420)
SOURCE = NodeFigures(34.3, 9.86, 0.14)
SLOW = NodeFigures(35.4, 72.4, 0.9, "bottleneck")


def width_of(text: str) -> float:
    return 6.5 * len(text)


def in_a_row(pitch: float, width: float, *figures: NodeFigures) -> list[tuple[str, QRectF, NodeFigures]]:
    return [(f"n{i}", QRectF(29 + i * pitch, 178, width, 60), f) for i, f in enumerate(figures)]


@pytest.mark.parametrize(("pitch", "width"), [(149.0, 105.0), (100.0, 70.0), (66.0, 47.0), (25.0, 20.0)])
def test_no_words_cover_others_and_none_are_cut(pitch: float, width: float) -> None:
    nodes = in_a_row(pitch, width, SOURCE, NodeFigures(36.3), SLOW, NodeFigures(36.3, 2.75), SOURCE)
    pills = lay_out(nodes, VIEW, width_of)
    assert all(VIEW.contains(pill.place) for pill in pills.values())
    assert not [1 for a, b in combinations(pills.values(), 2) if a.place.intersects(b.place)]
    assert pills["n2"].text.startswith("bottleneck")  # what is wrong is told before anything else
    for pill in pills.values():
        assert pill.place.width() >= width_of(pill.text)


def test_words_are_whole_where_there_is_room() -> None:
    pills = lay_out(in_a_row(300.0, 105.0, SOURCE, SLOW), VIEW, width_of)
    assert [pill.text for pill in pills.values()] == [words(SLOW), words(SOURCE)]


def test_every_node_keeps_its_rate_beside_a_long_neighbour() -> None:
    pills = lay_out(in_a_row(110.0, 105.0, SOURCE, SLOW, SOURCE), VIEW, width_of)
    assert "34.3" in pills["n0"].text and "34.3" in pills["n2"].text


def test_a_node_out_of_view_has_no_words_at_the_edge() -> None:
    assert not lay_out([("gone", QRectF(-300, 100, 105, 60), SOURCE)], VIEW, width_of)


def test_forms_go_from_whole_to_shortest() -> None:
    told = forms(SOURCE, 105.0)
    assert told[0] == words(SOURCE) and told[-1] == short_words(SOURCE) == "34.3"
    assert sorted(told, key=len, reverse=True) == list(told)
    assert forms(NodeFigures(None, 2.0), 105.0) == ("2.00 ms",)
    assert forms(NodeFigures(), 105.0) == ()


def test_the_overlay_stays_over_the_canvas_when_the_window_shrinks(window: MainWindow) -> None:
    window.files.new(PipelineConfig.open(assets_dir() / "example.json"))
    overlay, canvas = window.workspace.overlay, window.workspace.editor.canvas
    nodes = [node.id for node in window.document.config.nodes]
    overlay.show_figures(OverlayFigures(dict.fromkeys(nodes, SOURCE)))
    for size in ((400, 300), (1280, 800), (863, 468)):
        window.resize(*size)
        window.grab()
        assert overlay.geometry() == canvas.viewport().rect()
        canvas.fit()
        whole = canvas.mapFromScene(canvas._whole()).boundingRect()
        assert canvas.viewport().rect().adjusted(8, 4, -8, -4).contains(whole)


@pytest.mark.parametrize("size", [(1280, 800), (1440, 900)])
def test_every_wire_shows_its_rate(window: MainWindow, size: tuple[int, int]) -> None:
    window.files.new(PipelineTemplates.get("simulated"))
    window.resize(*size)
    window.grab()
    config, overlay = window.document.config, window.workspace.overlay
    window.workspace.editor.canvas.fit()
    rates = {edge: 70.0 + number for number, edge in enumerate(config.edges)}
    overlay.show_figures(OverlayFigures({**{n.id: SOURCE for n in config.nodes}, "inference": SLOW}, rates))
    wire = window.workspace.editor.canvas.wires[config.edges[0]]
    wire.hoverEnterEvent(QGraphicsSceneHoverEvent())
    assert wire.toolTip().endswith(": 70.0/s")
    shown = painted(overlay)
    assert [f"{rate:.1f}/s" for rate in rates.values() if f"{rate:.1f}/s" not in shown] == []
