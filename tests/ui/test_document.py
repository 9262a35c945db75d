"""The document: every edit can be undone to the very same text, and nothing wrong gets in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from cluster4npu.core.errors import InputError
from cluster4npu.core.pipeline.bounds import FARTHEST, MAX_ENTRIES, MAX_FILE_BYTES, SIDES
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig
from cluster4npu.core.pipeline.graph import find_problems
from cluster4npu.ui.document import Document

WIRES = (
    ("source.frame", "preprocess.frame"),
    ("preprocess.tensor", "inference.tensor"),
    ("inference.outputs", "count.result"),
)


@pytest.fixture
def document(qapp: object) -> Document:
    nodes = (
        NodeConfig(id="source", type="synthetic", params={"frames": 10}),
        NodeConfig(id="preprocess", type="preprocess"),
        NodeConfig(id="inference", type="inference", params={"devices": ["sim:ane"]}),
        NodeConfig(id="count", type="count"),
    )
    edges = tuple(EdgeConfig(source=s, target=t) for s, t in WIRES)
    return Document(PipelineConfig(name="Chain", nodes=nodes, edges=edges))


EDITS: dict[str, Callable[[Document], object]] = {
    "add": lambda d: d.add_node("detections", (3, 4)),
    "remove": lambda d: d.remove_nodes(["inference"]),
    "remove a wire": lambda d: d.remove_nodes((), d.config.edges[:1]),
    "connect": lambda d: (d.add_node("count", (0, 0)), d.connect_ports("inference.outputs", "count2.result")),
    "disconnect": lambda d: d.disconnect_edge(d.config.edges[1]),
    "parameter": lambda d: d.set_param("inference", "policy", "shuffled"),
    "parameter to default": lambda d: d.set_param("inference", "devices", []),
    "move": lambda d: d.move_nodes({"source": (-5.0, 17.0), "count": (1.0, 2.0)}),
    "title": lambda d: d.rename("source", "My <b>source</b>"),
    "about": lambda d: d.describe(name="Other", fps=30.0),
    "paste": lambda d: d.paste(d.copied(["preprocess", "inference"])),
    "replace": lambda d: d.apply(PipelineConfig(name="Fresh"), "Use template"),
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_every_edit_is_undone_and_redone_to_the_very_same_text(
    document: Document, edit: Callable[[Document], object]
) -> None:
    before = document.config.text()
    edit(document)
    after = document.config.text()
    assert after != before
    assert document.is_modified()
    while document.undo_stack.canUndo():
        document.undo_stack.undo()
    assert document.config.text() == before
    assert not document.is_modified()
    while document.undo_stack.canRedo():
        document.undo_stack.redo()
    assert document.config.text() == after


def test_moving_the_same_nodes_and_typing_in_one_field_are_one_step_each(document: Document) -> None:
    for x in range(5):
        document.move_nodes({"source": (float(x + 1), 0.0)})
    for text in ("a", "ab", "abc"):
        document.rename("source", text)
    document.rename("count", "other")
    assert document.undo_stack.count() == 3
    assert [document.undo_stack.text(i) for i in range(3)] == ["Move node", "Rename source", "Rename count"]


def test_a_value_typed_and_taken_back_leaves_no_step(document: Document) -> None:
    document.rename("source", "a")
    document.rename("source", "")
    assert document.undo_stack.count() == 0
    assert not document.is_modified()


def test_an_edit_after_saving_is_not_merged_into_the_saved_state(document: Document, tmp_path: Path) -> None:
    document.rename("source", "a")
    document.save(tmp_path / "p.json")
    document.rename("source", "ab")
    assert document.is_modified()
    document.undo_stack.undo()
    assert not document.is_modified()


def test_what_changes_nothing_is_no_step(document: Document) -> None:
    assert document.connect_ports(*WIRES[0]) is None
    document.move_nodes({"source": (0.0, 0.0)})
    assert document.set_param("inference", "policy", "adaptive") is None
    assert document.undo_stack.count() == 0


def test_a_default_is_not_written_into_the_file(document: Document) -> None:
    assert document.set_param("preprocess", "fit", "stretch") is None
    assert document.config.node("preprocess").params == {"fit": "stretch"}
    assert document.set_param("preprocess", "fit", "letterbox") is None
    assert document.config.node("preprocess").params == {}
    assert document.set_param("preprocess", "mean", [0, 0, 0]) is None
    assert document.config.node("preprocess").params == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [("fit", "squeeze"), ("width", -4), ("width", "wide"), ("mean", [1, 2]), ("nonsense", 1)],
)
def test_a_wrong_parameter_is_told_and_changes_nothing(document: Document, name: str, value: object) -> None:
    before = document.config
    problem = document.set_param("preprocess", name, value)  # type: ignore[arg-type]
    assert problem is not None
    assert (problem.node, problem.field.split(".")[0]) == ("preprocess", name)
    assert document.config is before


def test_one_parameter_can_be_mended_while_another_is_wrong(qapp: object) -> None:
    node = NodeConfig(id="p", type="preprocess", params={"width": -1, "height": -1})
    document = Document(PipelineConfig(nodes=(node,)))
    assert document.set_param("p", "width", 320) is None
    assert document.config.node("p").params == {"width": 320, "height": -1}


@pytest.mark.parametrize(
    ("source", "target", "word"),
    [
        ("source.frame", "inference.tensor", "frame"),
        ("source.frame", "preprocess.nothing", "nothing"),
        ("nobody.frame", "preprocess.frame", "does not exist"),
        ("not a port", "preprocess.frame", ""),
    ],
)
def test_a_wrong_wire_is_told_and_changes_nothing(
    document: Document, source: str, target: str, word: str
) -> None:
    before = document.config
    problem = document.connect_ports(source, target)
    assert problem is not None
    assert word in problem.text()
    assert document.config is before
    assert document.undo_stack.count() == 0


def test_rewiring_is_all_or_nothing(document: Document) -> None:
    before = document.config
    assert document.rewire(before.edges[:1], [("source.frame", "inference.tensor")]) is not None
    assert document.config is before


def test_ids_of_new_nodes_are_free_and_readable(document: Document) -> None:
    assert document.add_node("count", (0, 0)) == "count2"
    assert document.add_node("count", (0, 0)) == "count3"
    document.remove_nodes(["count2"])
    assert document.add_node("count", (0, 0)) == "count2"
    with pytest.raises(KeyError):
        document.add_node("no_such_type", (0, 0))


def test_pasting_brings_nodes_wires_and_parameters_under_new_ids(document: Document) -> None:
    text = document.copied(["inference", "count"])
    assert document.paste(text) == ["inference2", "count2"]
    assert document.paste(text) == ["inference3", "count3"]
    config = document.config
    assert config.node("inference3").params == {"devices": ["sim:ane"]}
    assert EdgeConfig(source="inference3.outputs", target="count3.result") in config.edges


@pytest.mark.parametrize("text", ["", "hello", "[1, 2]", '{"nodes": []}', '{"version": 1, "nodes": 7}'])
def test_other_text_is_never_pasted(document: Document, text: str) -> None:
    before = document.config
    with pytest.raises(InputError):
        document.paste(text)
    assert document.config is before


def test_save_and_open_give_the_same_pipeline(document: Document, tmp_path: Path) -> None:
    document.rename("source", "Größe 数字")
    document.save(tmp_path / "p.json")
    assert not document.is_modified()
    assert document.path == (tmp_path / "p.json").resolve()
    other = Document()
    other.open(tmp_path / "p.json")
    assert other.config.text() == document.config.text()
    assert not other.is_modified()
    assert not other.undo_stack.canUndo()


def test_after_a_save_every_step_of_undo_belongs_to_the_file_s_folder(
    document: Document, tmp_path: Path
) -> None:
    document.rename("source", "mine")
    document.save(tmp_path / "p.json")
    saved = document.config
    document.undo_stack.undo()
    assert document.config.base == tmp_path.resolve()
    document.undo_stack.redo()
    assert document.config == saved and not document.is_modified()


def test_a_failed_save_keeps_the_document_modified_and_the_old_file(
    document: Document, tmp_path: Path
) -> None:
    document.save(tmp_path / "p.json")
    old = (tmp_path / "p.json").read_text(encoding="utf-8")
    document.rename("source", "new")
    with pytest.raises(InputError):
        document.save(tmp_path / "no such folder" / "p.json")
    assert document.is_modified()
    assert document.path == (tmp_path / "p.json").resolve()
    assert (tmp_path / "p.json").read_text(encoding="utf-8") == old


def test_relative_paths_keep_their_meaning_in_another_folder(qapp: object, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    (here / "model.onnx").write_bytes(b"")
    node = NodeConfig(id="i", type="inference", params={"model": "model.onnx"})
    source = NodeConfig(id="s", type="video_file", params={"path": "bundled:digits.mp4"})
    PipelineConfig(nodes=(node, source)).save(here / "p.json")
    document = Document()
    document.open(here / "p.json")
    document.save(there / "p.json")
    assert document.config.node("i").params["model"] == str((here / "model.onnx").resolve())
    assert document.config.node("s").params["path"] == "bundled:digits.mp4"
    assert not document.is_modified()
    assert PipelineConfig.open(there / "p.json").text() == document.config.text()


BROKEN = {
    "no file": None,
    "no JSON": "{",
    "a list": "[]",
    "newer": json.dumps({"version": 99}),
    "unknown field": json.dumps({"version": 1, "colour": "red"}),
    "wrong node": json.dumps({"version": 1, "nodes": [{"id": "1x", "type": "count"}]}),
    "not a number": '{"version": 1, "targets": {"fps": NaN}}',
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_file_never_replaces_the_open_document(
    document: Document, tmp_path: Path, text: str | None
) -> None:
    path = tmp_path / "broken.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    document.rename("source", "unsaved work")
    before = document.config
    with pytest.raises(InputError):
        document.open(path)
    assert document.config is before
    assert document.path is None
    assert document.undo_stack.canUndo()


def test_problems_are_told_shortly_after_a_change(document: Document, qtbot: QtBot) -> None:
    assert document.check() == []
    with qtbot.waitSignal(document.problems_changed, timeout=5000) as told:
        document.disconnect_edge(document.config.edges[0])
        document.disconnect_edge(document.config.edges[0])
    assert {p.node for p in told.args[0]} >= {"preprocess", "inference"}
    assert document.problems == told.args[0]


def test_nothing_goes_farther_away_than_a_file_can_say(document: Document) -> None:
    far = (1e308, -1e308)
    document.move_nodes({"source": far})
    node = document.add_node("preview", far)
    box = document.add_box("Group", (-1e7, 0.0), (1e9, 1e9))
    again = PipelineConfig.parse(document.config.text())
    assert again == document.config
    assert again.node("source").position == again.node(node).position == (FARTHEST, -FARTHEST)
    assert next(b for b in again.boxes if b.id == box).size == (SIDES[1], SIDES[1])


def test_too_much_is_not_pasted_and_the_document_stays(document: Document) -> None:
    before = document.config
    nodes = tuple(NodeConfig(id=f"n{i}", type="preview") for i in range(1001))
    with pytest.raises(InputError, match="1,001 nodes"):
        document.paste(PipelineConfig(nodes=nodes).text())
    with pytest.raises(InputError, match="too much at once"):
        document.paste(" " * (MAX_FILE_BYTES + 1))
    assert document.config is before
    many = tuple(NodeConfig(id=f"m{i}", type="preview") for i in range(MAX_ENTRIES["nodes"]))
    document.new(PipelineConfig(nodes=many))
    with pytest.raises(InputError, match="more nodes than a pipeline can have"):
        document.paste(PipelineConfig(nodes=nodes[:1]).text())


def test_a_name_that_no_file_can_have_is_refused(document: Document) -> None:
    for act in (document.save, document.open):
        with pytest.raises(InputError, match="no path of a file"):
            act("a\0.json")


def test_a_value_that_no_file_can_hold_is_refused(document: Document) -> None:
    before = document.config
    for text in ("a\0b", "\ud800"):
        problem = document.set_param("inference", "model", text)
        assert problem is not None and (problem.node, problem.field) == ("inference", "model")
    assert document.config is before
    broken = before.with_params("inference", model="a\0b")
    assert [(p.node, p.field) for p in find_problems(broken) if "not a text" in p.message] == [
        ("inference", "model")
    ]


def test_a_title_that_no_file_can_hold_is_refused(document: Document) -> None:
    before = document.config
    box = document.add_box("note", (0, 0), (200, 100))
    for problem in (
        document.rename("source", "\0"),
        document.describe(name="a\0"),
        document.write_box(box, "\0"),
    ):
        assert problem is not None and "number 0" in problem.message
    document.undo_stack.undo()
    assert document.config == before
