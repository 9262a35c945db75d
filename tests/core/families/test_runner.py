"""The runner: what it measures, what it refuses, and what is in the store afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cluster4npu.core.compare import compare_runs
from cluster4npu.core.devices import registry
from cluster4npu.core.errors import Cancelled, RunFailed
from cluster4npu.core.families import family, measuring
from cluster4npu.core.families.apart import apart
from cluster4npu.core.families.building import file_of
from cluster4npu.core.families.memory import PeakMemory
from cluster4npu.core.families.recording import family_record
from cluster4npu.core.families.runner import Plan, run
from cluster4npu.core.metrics.traces import service_ms
from cluster4npu.core.report import ReportView
from cluster4npu.core.store import Store
from cluster4npu.core.store.rows import CompatibilityRow, DeviceRow, ModelRow, ResultRow

_MEGABYTE = 1_000_000


@pytest.fixture(autouse=True)
def own_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLUSTER4NPU_DATA", str(tmp_path / "data"))


def test_a_family_is_measured_and_stored(tmp_path: Path) -> None:
    devices = ("onnx:cpu", "openvino:cpu", "sim:gpu", "onnx:warp9")
    plan = Plan((family("bert"),), devices, batches=(3,), precisions=("", "int8"), seconds=0.1)
    openvino = any(info.available for info in registry.detect() if info.id == "openvino:cpu")
    (found,) = run(plan)
    assert len(found.cells) == plan.cells == 8
    assert [(cell.device, cell.unit) for cell in found.measured] == [
        ("onnx:cpu?batch=3", "cpu"),
        ("onnx:cpu?batch=3&precision=int8&quantization=dynamic", "cpu"),
        *[(f"openvino:cpu?batch=3{more}", "cpu") for more in ("", "&precision=int8") if openvino],
    ]
    kept = [path.name for path in (tmp_path / "data" / "models").glob("bert*int8*")]
    assert len(kept) == (2 if openvino else 1)  # dynamic, and static with what the input builder makes
    for cell in found.measured:
        assert cell.first_inference_ms is not None and cell.startup_ms is not None
        assert cell.first_inference_ms >= (
            cell.latency_ms.p50 or 0
        )  # it makes what is kept for the next ones
        assert cell.startup_ms > 0 and cell.inferences >= 11
        assert cell.memory_bytes is None or 0 < cell.memory_bytes < 500 * _MEGABYTE
    assert all(cell.refusal for cell in found.cells if "cpu" not in cell.device)
    assert "SIMULATED" not in found.headline() and "speed only" in found.headline()

    store = Store(tmp_path / "r.duckdb")
    run_id = store.save(family_record(found))
    (model,) = store.table(ModelRow).find()
    assert (model.family, model.name) == ("bert", "bert-reduced-speed-only.onnx")
    assert model.parameters is not None and model.flops is not None
    results = store.table(ResultRow).find(run_id=run_id)
    assert [row.device for row in results] == [cell.device for cell in found.measured]
    samples = store.samples(run_id)
    for number, row in enumerate(results):
        raw = service_ms(samples[samples["segment"] == number])
        assert row.latency_samples == len(raw) and row.provenance == "measured"
        assert row.latency_mean_ms == pytest.approx(raw.mean())
        assert row.latency_p50_ms == pytest.approx(np.percentile(raw, 50))
        for rank, value in ((90, row.latency_p90_ms), (95, row.latency_p95_ms), (99, row.latency_p99_ms)):
            assert value is None or value == pytest.approx(np.percentile(raw, rank))
    refused = [row for row in store.table(DeviceRow).find(run_id=run_id) if row.failed]
    assert len(refused) == 8 - len(found.measured) and {row.unit for row in refused} == {"unknown"}
    assert {row.status for row in store.table(CompatibilityRow).find()} == {"runs", "fails"}
    record = store.run(run_id)
    assert record.kind == "family" and "random weights" in ReportView.of(record).method


def test_two_runs_of_a_family_are_compared_where_they_asked_the_same(tmp_path: Path) -> None:
    store = Store(tmp_path / "r.duckdb")
    plans = [Plan((family("vit"),), ("onnx:cpu",), batches=(batch,), seconds=0.1) for batch in (1, 1, 2)]
    first, same, other = (store.save(family_record(next(run(plan)))) for plan in plans)
    alike, unlike = compare_runs(store, first, [same, other])
    assert not alike.refusals and alike.ratio is not None and alike.ratio > 0
    assert unlike.ratio is None and "batch 1 and batch 2" in unlike.headline()


def test_a_batch_is_what_the_device_says() -> None:
    plan = Plan((family("vit"),), ("sim:a?batch=4", "onnx:warp9?precision=int8"))
    (found,) = run(plan)
    assert [(cell.device, cell.batch, cell.precision) for cell in found.cells] == [
        ("sim:a?batch=1", 1, ""),
        ("onnx:warp9?precision=int8", 1, "int8"),
    ]


def test_as_many_go_in_at_once_as_the_batch_says(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[dict[str, np.ndarray]] = []

    def timed(_session: object, inputs: dict[str, np.ndarray], _seconds: float, least: int) -> np.ndarray:
        given.append(inputs)
        return np.ones((least, 2), np.int64)

    monkeypatch.setattr(measuring, "_timed", timed)
    bert = family("bert")
    measuring.measure(measuring.Task("bert", "reduced", file_of(bert, "reduced"), "onnx:cpu", 3, 0.1))
    assert len(given) == 3 and all(len(array) == 3 for inputs in given for array in inputs.values())


def _take(count: int) -> int | None:
    memory = PeakMemory()
    taken = np.ones(count, np.uint8)
    del taken
    return memory.above_baseline()


def test_known_memory_is_told() -> None:
    told = apart(_take, 200 * _MEGABYTE, limit_s=60.0, cancelled=lambda: False)
    assert told is not None and abs(told - 200 * _MEGABYTE) <= 10 * _MEGABYTE


def _die() -> None:
    import os

    os._exit(7)


def _wait() -> None:
    import threading

    threading.Event().wait()


def test_a_process_that_ends_early_is_a_refusal_and_one_that_hangs_is_ended() -> None:
    with pytest.raises(RunFailed, match="exit code 7"):
        apart(_die, limit_s=60.0, cancelled=lambda: False)
    with pytest.raises(RunFailed, match="longer than"):
        apart(_wait, limit_s=0.3, cancelled=lambda: False)
    with pytest.raises(Cancelled):
        apart(_wait, limit_s=60.0, cancelled=lambda: True)
