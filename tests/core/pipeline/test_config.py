"""Pipeline files: whole round trips, strict reading, safe saving."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster4npu.core.errors import Cluster4NPUError, InputError, PipelineInvalid
from cluster4npu.core.pipeline.bounds import MAX_ENTRIES, MAX_FILE_BYTES
from cluster4npu.core.pipeline.config import BoxConfig, EdgeConfig, NodeConfig, PipelineConfig

SMALL = PipelineConfig(
    name="Ünïcode <b>",
    nodes=(NodeConfig(id="source", type="synthetic", params={"width": 64}, position=(1.5, -2.0)),),
)


def test_round_trip(tmp_path: Path):
    path = tmp_path / "p.json"
    SMALL.save(path)
    again = PipelineConfig.open(path)
    assert again.text() == SMALL.text() and again.base == tmp_path
    again.save(path)
    assert path.read_text(encoding="utf-8") == SMALL.text()
    assert list(tmp_path.iterdir()) == [path]


def test_digest_is_of_what_is_computed():
    moved = SMALL.with_node(SMALL.nodes[0].model_copy(update={"position": (9.0, 9.0), "title": "x"}))
    assert moved.digest() == SMALL.digest()
    assert SMALL.with_params("source", width=65).digest() != SMALL.digest()


def test_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "p.json"
    SMALL.save(path)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError, match="cannot be saved"):
        SMALL.replace(name="other").save(path)
    assert path.read_text(encoding="utf-8") == SMALL.text()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON at line 1, column 1"),
        ("{", "not a pipeline file"),
        ("[1]", "JSON list"),
        ("null", "JSON null"),
        ("{}", "version"),
        ('{"version": true}', "version"),
        ('{"version": 99}', "newer version"),
        ('{"version": 1, "nodes": [{"id": "1x", "type": "synthetic"}]}', "not of the form"),
        ('{"version": 1, "nodes": [{"id": "a", "type": "t", "colour": 1}]}', "a.colour: unknown field"),
        ('{"version": 1, "targets": {"fps": NaN}}', "NaN"),
        ('{"version": 1, "targets": {"fps": -3}}', "too small"),
        ('{"version": 1, "edges": [{"source": "a", "target": "b.c"}]}', "not of the form"),
        (
            '{"version": 1, "nodes": [{"id": "a", "type": "t"}, {"id": "a", "type": "t"}]}',
            "two nodes have the id 'a'",
        ),
        ("[" * 100_000, "too deep"),
        ("1" * 5_000, "too many digits"),
    ],
)
def test_wrong_files_say_what_and_where(text: str, words: str):
    with pytest.raises(InputError) as caught:
        PipelineConfig.parse(text)
    assert words in str(caught.value)
    assert caught.value.exit_code == 2


def test_every_problem_is_told():
    text = json.dumps({"version": 1, "nodes": [{"id": "a"}, {"id": "b", "type": "t", "x": 1}], "odd": 1})
    with pytest.raises(PipelineInvalid) as caught:
        PipelineConfig.parse(text)
    assert {(p.node, p.field) for p in caught.value.problems} == {("a", "type"), ("b", "x"), ("", "odd")}


@pytest.mark.parametrize(
    "make", [lambda p: None, lambda p: p.mkdir(), lambda p: p.write_bytes(b"\xff\xfe\x00")]
)
def test_unreadable_files(tmp_path: Path, make):
    path = tmp_path / "p.json"
    make(path)
    with pytest.raises(InputError, match="cannot be read"):
        PipelineConfig.open(path)


@pytest.mark.parametrize("path", [None, 5, b"p.json"])
def test_what_is_no_path_is_refused(path: object):
    with pytest.raises(InputError, match="no path"):
        PipelineConfig.open(path)  # type: ignore[arg-type]


def test_enormous_file_is_refused_unread(tmp_path: Path):
    path = tmp_path / "p.json"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(InputError, match="too large"):
        PipelineConfig.open(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(st.fixed_dictionaries({"version": st.just(1)}, optional={"nodes": JSON, "edges": JSON, "name": JSON}))
def test_any_json_gives_a_pipeline_or_an_error_of_ours(data):
    try:
        PipelineConfig.parse(json.dumps(data))
    except Cluster4NPUError as error:
        assert all(p.message for p in error.problems)


def test_edges_know_their_ends():
    edge = EdgeConfig(source="a.frame", target="b.image")
    assert (edge.source_node, edge.source_port, edge.target_node, edge.target_port) == (
        "a",
        "frame",
        "b",
        "image",
    )


def test_a_byte_order_mark_is_fine(tmp_path: Path):
    path = tmp_path / "p.json"
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.text().encode())
    assert PipelineConfig.open(path).text() == SMALL.text()


def test_nothing_but_a_file_is_replaced(tmp_path: Path):
    with pytest.raises(InputError, match="a folder or a device"):
        SMALL.save(tmp_path)


@pytest.mark.parametrize(
    ("word", "told"), [("NaN", "NaN"), ("-Infinity", "-Infinity"), ("1e999", "Infinity")]
)
def test_a_number_that_json_does_not_know_is_told_with_its_place(word: str, told: str):
    text = PipelineConfig(
        nodes=(NodeConfig(id="boxes", type="detections", params={"confidence": 0.5}),)
    ).text()
    with pytest.raises(PipelineInvalid) as caught:
        PipelineConfig.parse(text.replace("0.5", word))
    (problem,) = caught.value.problems
    assert (problem.node, problem.field, problem.found) == ("boxes", "confidence", told)
    with pytest.raises(PipelineInvalid) as caught:
        PipelineConfig.parse(f'{{"targets": {{"fps": {word}}}}}')
    assert caught.value.problems[0].field == "targets.fps"


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ({"params": {"\ud800": "x"}}, r"a\.params: this is not a text.*ud800"),
        ({"params": {"x": ["\udfff"]}}, r"a\.x\.0: this is not a text.*udfff"),
        ({"params": {"path": "a\0b"}}, r"a\.path: this is not a text.*a\\+0b"),
        ({"position": [1e308, 0]}, r"a\.position\.0: .*at most 2000000"),
    ],
)
def test_what_no_window_could_show_or_save_is_refused_by_its_place(node: dict[str, object], words: str):
    data = {"version": 1, "nodes": [{"id": "a", "type": "synthetic", **node}]}
    with pytest.raises(PipelineInvalid, match=words):
        PipelineConfig.parse(json.dumps(data))


def test_more_nodes_than_can_be_shown_are_refused():
    nodes = [{"id": f"n{i}", "type": "preview"} for i in range(MAX_ENTRIES["nodes"] + 1)]
    with pytest.raises(PipelineInvalid, match="more nodes than a pipeline can have"):
        PipelineConfig.parse(json.dumps({"version": 1, "nodes": nodes}))


def test_nothing_is_saved_that_could_not_be_opened_again(tmp_path: Path):
    boxes = tuple(BoxConfig(id=f"b{i}", text="x" * 4000) for i in range(4_300))
    path = tmp_path / "p.json"
    SMALL.save(path)
    with pytest.raises(InputError, match="too large"):
        PipelineConfig(boxes=boxes).save(path)
    with pytest.raises(InputError, match="cannot be saved"):
        SMALL.with_params("source", note="\ud800").save(path)
    assert PipelineConfig.open(path).text() == SMALL.text() and list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such device")
def test_a_device_is_no_pipeline(tmp_path: Path):
    (tmp_path / "p.json").symlink_to("/dev/zero")
    with pytest.raises(InputError, match="a device or a pipe"):
        PipelineConfig.open(tmp_path / "p.json")
