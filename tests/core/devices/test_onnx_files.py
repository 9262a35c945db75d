"""ONNX files from anybody: read without a runtime, weights only out of the model's own folder, no damage crashes."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from cluster4npu.core.devices.model_file import external_files, read_model_file
from cluster4npu.core.devices.onnx_outline import OutlineError, read_outline
from cluster4npu.core.errors import InputError
from tests.backends import models


def model_with(folder: Path, location: str, *, offset: int = 0, length: int = 16) -> Path:
    """Make a model whose one weight lies at `location`, whatever that is."""
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, "offset": str(offset), "length": str(length)}.items():
        weight.external_data.add(key=key, value=value)
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "w"], ["y"])],
        "g",
        [models.tensor("x", [4])],
        [models.tensor("y", [4])],
        [weight],
    )
    path = folder / "model.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.bin").write_bytes(bytes(64))
    folder = tmp_path / "models"
    (folder / "parts").mkdir(parents=True)
    for name in ("w.bin", "parts/w.bin"):
        (folder / name).write_bytes(bytes(16))
    return folder


@pytest.mark.parametrize("location", ["w.bin", "parts/w.bin", "./w.bin"])
def test_weights_in_the_models_own_folder(location: str, folder: Path) -> None:
    path = model_with(folder, location)
    assert external_files(path) == [folder / location]
    before = read_model_file(path)
    (folder / location).write_bytes(b"other weights...")
    assert read_model_file(path) != before


@pytest.mark.parametrize(
    "location",
    [
        "../secret.bin", "parts/../../secret.bin", "/etc/passwd", "/proc/self/mem", "C:\\w.bin", "..\\secret.bin",
        "C:w.bin", "//host/share/w.bin", "", "missing.bin", "parts", "w\0.bin", "*/_ORT_MEM_ADDR_/*",
    ],
)  # fmt: skip
def test_weights_elsewhere_are_refused_unopened(location: str, folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_model_file(model_with(folder, location))
    (problem,) = caught.value.problems
    assert problem.field == "model" and "onnx.save" in problem.hint


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes as on POSIX")
def test_links_and_pipes_are_refused(folder: Path) -> None:
    (folder / "link.bin").symlink_to(folder.parent / "secret.bin")
    (folder / "away").symlink_to(folder.parent)
    os.link(folder.parent / "secret.bin", folder / "hard.bin")
    os.mkfifo(folder / "pipe.bin")
    for location in ("link.bin", "away/secret.bin", "hard.bin", "pipe.bin"):
        with pytest.raises(InputError, match=r"link|ordinary"):
            read_model_file(model_with(folder, location))
    os.mkfifo(folder / "pipe.onnx")
    with pytest.raises(InputError, match="no ordinary file"):
        read_model_file(folder / "pipe.onnx")


@pytest.mark.parametrize(("offset", "length"), [(0, 17), (16, 1), (-1, 4), (1 << 60, 1)])
def test_a_place_beyond_the_file_is_refused(offset: int, length: int, folder: Path) -> None:
    with pytest.raises(InputError, match="shorter"):
        read_model_file(model_with(folder, "w.bin", offset=offset, length=length))


def test_a_tensor_inside_an_attribute_is_seen(folder: Path) -> None:
    path = model_with(folder, "../secret.bin")
    model = onnx.load(path, load_external_data=False)
    inside = model.graph.initializer[0]
    then = helper.make_graph([helper.make_node("Constant", [], ["c"], value=inside)], "then", [], [])
    outer = helper.make_node("If", ["b"], ["z"], then_branch=then, else_branch=then)
    model.graph.node.append(outer)
    del model.graph.initializer[:]
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="leads out"):
        read_model_file(path)


def test_a_name_written_in_another_way_is_seen(folder: Path) -> None:
    path = model_with(folder, "../secret.bin")
    data = path.read_bytes()
    plain = b"\n\x08location\x12\x0d../secret.bin"
    longer = b"\n\x88\x00location\x12\x0d../secret.bin"  # the same length, in two bytes
    assert plain in data
    at = data.index(plain)
    # One more byte in each message around it: the entry, the tensor, the graph.
    path.write_bytes(data)
    outline = read_outline(path)
    assert {e.location for e in outline.external} == {"../secret.bin"}
    assert data[at - 2] == 0x6A and data[at - 1] == len(plain)
    from cluster4npu.core.devices.onnx_outline import Reader

    entry = Reader(longer)._entry((0, len(longer)))
    assert entry == ("location", "../secret.bin")


def test_what_a_file_says(tmp_path: Path) -> None:
    outline = read_outline(models.classifier(tmp_path / "m.onnx"))
    assert dict(outline.operators) == {"GlobalAveragePool": 1, "Flatten": 1, "Gemm": 1, "Softmax": 1}
    assert (outline.parameters, outline.opset, outline.domains) == (20, 17, {""})


def test_damaged_files_are_an_error_of_ours(tmp_path: Path) -> None:
    whole = models.detector(tmp_path / "m.onnx").read_bytes()
    path = tmp_path / "damaged.onnx"
    chance = random.Random(7)
    refused = 0
    for _ in range(1500):
        data = bytearray(whole)
        for _ in range(chance.choice([1, 3, 20])):
            data[chance.randrange(len(data))] = chance.randrange(256)
        if chance.random() < 0.3:
            del data[chance.randrange(1, len(data)) :]
        path.write_bytes(data)
        try:
            read_outline(path)
        except OutlineError as error:
            refused += 1
            assert str(error)
    assert refused > 100


def test_an_enormous_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.truncate(3 * 2**30)  # holes: takes no room
    with pytest.raises(InputError, match="larger than any"):
        read_model_file(path)
