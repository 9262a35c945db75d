"""Pipelines for engine tests, and a check after each that nothing of a run is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from multiprocessing import active_children
from pathlib import Path

import pytest

from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig
from tests import shared_memory

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

    def make(*devices: str, model: str = "none", **source: object) -> PipelineConfig:
        params = {"width": 64, "height": 48, **source}
        return PipelineConfig(
            name="test",
            nodes=(
                NodeConfig(id="source", type="synthetic", params=params),
                NodeConfig(id="preprocess", type="preprocess"),
                NodeConfig(
                    id="inference", type="inference", params={"model": model, "devices": list(devices)}
                ),
                NodeConfig(id="preview", type="preview"),
            ),
            edges=(
                EdgeConfig(source="source.frame", target="preprocess.frame"),
                EdgeConfig(source="preprocess.tensor", target="inference.tensor"),
                EdgeConfig(source="source.frame", target="preview.frame"),
                EdgeConfig(source="inference.outputs", target="preview.result"),
            ),
        )

    return make


@pytest.fixture
def segments() -> Callable[[], set[str]]:
    """Return the function that lists our segments."""
    return shared_memory.segments
