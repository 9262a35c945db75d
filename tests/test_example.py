"""The example pipeline truly detects: its mAP@0.5 on the bundled clip, through the whole engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cluster4npu import Engine, PipelineConfig, RunOptions
from cluster4npu.core.bench.accuracy import Truth, mean_average_precision, truth_of
from cluster4npu.core.settings import assets_dir

LEAST_MAP = 0.90
EXAMPLE = Path(assets_dir()) / "example.json"


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER4NPU_DATA", str(tmp_path))


@pytest.fixture(scope="module")
def truth() -> Truth:
    found = truth_of(PipelineConfig.open(EXAMPLE))
    assert found is not None
    return found


def test_the_example_detects_the_digits_of_its_clip(truth):
    config = PipelineConfig.open(EXAMPLE).with_params("detections", confidence=0.01)
    with Engine(config, RunOptions(results=True)) as run:
        results = {r.frame_id: r.values["detections.detections"].rows for r in run.results()}
        summary = run.wait()
        labels = run.started.labels["detections.detections"]
    assert summary.frames_out == len(truth.frames) == len(results)
    assert list(labels) == list(truth.classes)
    assert mean_average_precision(results, truth.frames) >= LEAST_MAP


def test_the_measure_itself_can_fail(truth):
    perfect = {f: np.array([[*b[:4], 0.9, b[4]] for b in boxes]) for f, boxes in enumerate(truth.frames)}
    shifted = {f: rows + np.array([80, 0, 80, 0, 0, 0]) for f, rows in perfect.items()}
    renamed = {f: np.column_stack([rows[:, :5], (rows[:, 5] + 1) % 10]) for f, rows in perfect.items()}
    assert mean_average_precision(perfect, truth.frames) == pytest.approx(1.0)
    assert mean_average_precision(shifted, truth.frames) < 0.2
    assert mean_average_precision(renamed, truth.frames) < 0.2


def test_the_int8_detector_detects_too(truth):
    config = PipelineConfig.open(EXAMPLE).with_params("detections", confidence=0.01)
    config = config.with_params("inference", model="bundled:digits_detector_int8.onnx", devices=["onnx:cpu"])
    with Engine(config, RunOptions(frames=40, results=True, calibration="never")) as run:
        results = {r.frame_id: r.values["detections.detections"].rows for r in run.results()}
        run.wait()
    assert mean_average_precision(results, truth.frames[:40]) >= LEAST_MAP
