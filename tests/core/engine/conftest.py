"""Pipelines for engine tests, and a check after each that nothing of a run is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from multiprocessing import active_children
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from pydantic import JsonValue

from benchmarks.common import null_pipeline
from cluster4npu.core.pipeline.config import EdgeConfig, PipelineConfig
from tests import shared_memory

SIZE = 32  # of the frames whose means are taken

MakePipeline = Callable[..., PipelineConfig]


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER4NPU_DATA", str(tmp_path / "data"))


@pytest.fixture(autouse=True)
def nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that leaves shared memory or a process behind."""
    shared_memory.keep_apart(tmp_path / "own", monkeypatch)
    before = shared_memory.segments()
    yield
    assert shared_memory.segments() <= before
    assert [p for p in active_children() if p.name.startswith("cluster4npu")] == []


@pytest.fixture
def make_pipeline() -> MakePipeline:
    """Return a maker of small pipelines: synthetic frames through a model that does nothing."""

    def make(*devices: str, **source: JsonValue) -> PipelineConfig:
        small: dict[str, JsonValue] = {"width": 64, "height": 48}
        return null_pipeline(*devices, **{**small, "name": "test", **source})

    return make


@pytest.fixture
def segments() -> Callable[[], set[str]]:
    """Return the function that lists our segments."""
    return shared_memory.segments


@pytest.fixture(scope="module")
def mean_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model whose output tells frames apart: the mean of each half of each colour."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIZE, SIZE])
    means = helper.make_tensor_value_info("means", TensorProto.FLOAT, [1, 3, 2, 2])
    pool = helper.make_node("AveragePool", ["image"], ["means"], kernel_shape=[16, 16], strides=[16, 16])
    model = helper.make_model(
        helper.make_graph([pool], "means", [image], [means]), opset_imports=[helper.make_opsetid("", 17)]
    )
    model.ir_version = 9
    path = tmp_path_factory.mktemp("model") / "means.onnx"
    onnx.save(model, path)
    return path


@pytest.fixture
def computing(make_pipeline, mean_model) -> PipelineConfig:
    """Return a pipeline whose results depend on the pixels of their frame."""
    config = make_pipeline(
        "onnx:cpu?threads=1", "onnx:cpu?threads=1#2", model=str(mean_model), width=SIZE, height=SIZE
    )
    assert EdgeConfig(source="inference.outputs", target="preview.result") in config.edges
    return config
