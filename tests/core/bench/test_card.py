"""The parity card on the real example: same frames, same answers, accuracy and speed beside each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cluster4npu.core.bench.accuracy import mean_average_precision, truth_of
from cluster4npu.core.bench.card import _device, compare_devices, keep_card
from cluster4npu.core.engine.messages import SegmentFinished
from cluster4npu.core.errors import Cancelled, InputError
from cluster4npu.core.metrics.statistics import LatencyStats
from cluster4npu.core.metrics.summary import DeviceSummary, RunSummary
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.settings import assets_dir
from cluster4npu.core.store import Store
from cluster4npu.core.store.rows import CompatibilityRow
from tests.core.nodes.media import write_video

INT8 = "onnx:cpu?precision=int8"


@pytest.fixture
def example() -> PipelineConfig:
    return PipelineConfig.open(Path(assets_dir()) / "example.json")


def test_int8_beside_the_model_as_it_is(example: PipelineConfig, tmp_path: Path) -> None:
    told = []
    card = compare_devices(
        example, devices=(INT8, "onnx:cpu", "onnx:cpu#2", "sim:gpu"), frames=12, progress=told.append
    )
    assert (card.reference, card.frames, card.same) == ("onnx:cpu", 12, True)
    plain, int8 = card.devices
    assert (plain.id, plain.precision, plain.unit, plain.checks) == ("onnx:cpu", "as the model", "cpu", ())
    assert (int8.id, int8.precision) == (INT8, "int8")
    (check,) = int8.checks
    assert check.what == "boxes" and check.compared > 50
    for device in card.devices:
        assert device.map50 is not None and device.map50 > 0.9
        assert device.frame_ms is not None and not device.fell_back
    assert told[-1].fraction == 1.0
    assert card.as_dict()["devices"][1]["checks"][0]["same"] is True
    store = Store(tmp_path / "results.duckdb")
    keep_card(store, card)
    kept = store.table(CompatibilityRow).find()
    assert {(row.device, row.precision, row.status) for row in kept} == {
        ("onnx:cpu", "", "runs"),
        (INT8, "int8", "runs"),
    }


@pytest.mark.parametrize(("unit", "flagged"), [("cpu", True), ("cuda", False), ("unknown", False)])
def test_a_device_that_left_all_to_the_processor_is_flagged_on_the_card(unit: str, flagged: bool) -> None:
    latency = LatencyStats.of([1.0])
    did = DeviceSummary("onnx:cuda:0", "onnx:cuda:0", unit, False, 1, 1.0, 1.0, 1.0, latency)
    ran = RunSummary(1, 1, 0, 0, 1.0, 1.0, latency, (did,), 0, 0, 0, "smooth", False)
    device = _device("onnx:cuda:0", SegmentFinished(ran, ()), did, (), None)
    assert device.fell_back is flagged and device.as_dict()["fell_back"] is flagged


def test_what_cannot_be_compared_is_refused(example: PipelineConfig) -> None:
    with pytest.raises(InputError, match="nothing to compare"):
        compare_devices(example, devices=("sim:gpu",))


def test_it_can_be_cancelled(example: PipelineConfig) -> None:
    with pytest.raises(Cancelled):
        compare_devices(example, devices=("onnx:cpu",), cancelled=lambda: True)


def test_a_clip_without_truth(example: PipelineConfig, tmp_path: Path) -> None:
    assert truth_of(example) is not None
    clip = tmp_path / "clip.mp4"
    without = example.with_params("source", path=str(clip))
    assert truth_of(without) is None
    for text in ("no json", "[1]", '{"frames": [[[1, 2, 3]]], "classes": []}', '{"frames": 3}'):
        clip.with_suffix(".json").write_text(text, encoding="utf-8")
        assert truth_of(without) is None


def test_each_device_begins_with_the_first_frame_of_a_clip_that_ends(
    example: PipelineConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLUSTER4NPU_DATA", str(tmp_path / "data"))  # so that each device is measured first
    clip = example.with_params("source", path=str(write_video(tmp_path / "clip.mp4", 8)))
    card = compare_devices(clip, devices=("onnx:cpu", "onnx:cpu?threads=1"), frames=8)
    assert len(card.devices) == 2 and card.frames == 8


def test_average_precision_by_hand() -> None:
    truth = (np.array([[0, 0, 10, 10, 0], [20, 0, 30, 10, 0]]), np.array([[0, 0, 10, 10, 1]]))
    hit, other, wrong = [0, 0, 10, 10, 0.9, 0], [20, 0, 30, 10, 0.5, 0], [50, 50, 60, 60, 0.7, 0]
    second = np.array([[1, 0, 10, 10, 0.4, 1]])
    assert mean_average_precision({0: np.array([hit, other]), 1: second}, truth) == pytest.approx(1.0)
    # One of two found, then a wrong one, then the other: 1 up to half of the recall, 2/3 after it.
    assert mean_average_precision({0: np.array([hit, wrong, other]), 1: second}, truth) == pytest.approx(
        (0.5 + 0.5 * 2 / 3 + 1) / 2
    )
    assert mean_average_precision({0: np.array([hit, hit, other])}, truth) == pytest.approx((0.5 + 1 / 3) / 2)
    assert mean_average_precision({}, truth) == 0.0
    assert mean_average_precision({}, (np.zeros((0, 5)),)) is None
