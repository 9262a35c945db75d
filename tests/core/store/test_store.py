"""What is stored comes back: every number, every sample, in every case."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pytest

from cluster4npu.core.errors import InputError, StoreError
from cluster4npu.core.metrics.statistics import LatencyStats
from cluster4npu.core.metrics.summary import DeviceSummary, RunSummary
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.store import SAMPLE, Store, conditions, record_of_run
from cluster4npu.core.store.recording import mask_passwords
from tests.core.store.records import record, traces


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results.duckdb")


def test_a_run_comes_back_as_it_was_saved(store: Store) -> None:
    saved = record()
    run_id = store.save(saved)
    found = store.run(run_id)
    assert found.id == run_id
    for name in ("kind", "pipeline", "results", "devices", "model", "command", "conditions", "detail", "simulated",
                 "valid", "invalid_reason", "headline", "created_at"):  # fmt: skip
        assert getattr(found, name) == getattr(saved, name), name
    assert found.sample_rows == 200
    assert found.result("parallel", "sim:a?ms=1").provenance == "simulated"


def test_samples_come_back_equal_and_in_order(store: Store) -> None:
    saved = record(500)
    run_id = store.save(saved)
    samples = store.samples(run_id)
    assert samples.dtype == SAMPLE
    assert samples["segment"].tolist() == [0] * 500 + [1] * 500
    segments = store.segments(run_id)
    for before, after in zip(saved.segments, segments, strict=True):
        assert np.array_equal(before.samples, after.samples)
        assert (before.stage, before.side, before.devices, before.workers) == (
            after.stage,
            after.side,
            after.devices,
            after.workers,
        )
        assert (before.measure_from_ns, before.measure_to_ns) == (after.measure_from_ns, after.measure_to_ns)


def test_a_run_without_samples(store: Store) -> None:
    run_id = store.save(record(segments=(), model=None))
    assert len(store.samples(run_id)) == 0
    assert store.segments(run_id) == ()
    assert store.run(run_id).model is None


def test_lists_newest_first_and_by_kind(store: Store) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    ids = [
        store.save(record(3, kind="run" if i % 2 else "benchmark", created_at=start + timedelta(hours=i)))
        for i in range(6)
    ]
    assert [row.id for row in store.runs()] == ids[::-1]
    assert [row.id for row in store.runs(limit=2)] == ids[:-3:-1]
    runs = store.runs(kind="run")
    assert [row.id for row in runs] == [ids[5], ids[3], ids[1]]
    row = store.runs(limit=1, kind="benchmark")[0]
    assert (row.speedup, row.fps, row.devices) == (1.75, 123456.789012345, ("onnx:cpu",))
    assert (row.pipeline_name, row.valid, row.invalid_reason) == ("digits", False, "unstable")
    assert row.created_at == start + timedelta(hours=4)


def test_unknown_run_names_the_nearest(store: Store) -> None:
    with pytest.raises(InputError, match="empty"):
        store.run("20260101")
    run_id = store.save(record(3))
    assert store.run(run_id[:12]).id == run_id
    with pytest.raises(InputError, match=run_id):
        store.run(run_id[:-1] + "x")
    with pytest.raises(InputError):
        store.run("")


def test_an_id_that_fits_several_runs_is_refused(store: Store) -> None:
    for _ in range(2):
        store.save(record(1))
    with pytest.raises(InputError, match="several"):
        store.run("20261101")


def test_names_are_values_never_sql(store: Store) -> None:
    name = "x'; DROP TABLE runs; --"
    run_id = store.save(record(2, name=name))
    assert store.run(run_id).pipeline.name == name
    with pytest.raises(InputError):
        store.run(name)
    assert len(store.runs(kind="run' OR '1'='1")) == 0


def test_not_a_number_is_kept_as_unknown(store: Store) -> None:
    run_id = store.save(record(1, detail={"speedup": float("nan"), "list": [float("inf")]}))
    assert store.run(run_id).detail == {"speedup": None, "list": [None]}
    assert store.runs()[0].speedup is None


def test_changed_samples_are_noticed(store: Store) -> None:
    run_id = store.save(record(50))
    with duckdb.connect(str(store.path)) as raw:
        raw.execute("DELETE FROM samples WHERE position = 17")
    with pytest.raises(StoreError, match="99 rows"):
        store.samples(run_id)
    with duckdb.connect(str(store.path)) as raw:
        raw.execute("INSERT INTO samples SELECT * REPLACE (17 AS position) FROM samples WHERE position = 16")
    with pytest.raises(StoreError, match="checksum"):
        store.samples(run_id)


def test_a_failed_save_leaves_nothing(store: Store) -> None:
    store.save(record(5))
    broken = replace(record(5), headline=None)  # type: ignore[arg-type]
    with pytest.raises(StoreError):
        store.save(broken)
    rows = store.info()["rows"]
    assert (rows["runs"], rows["samples"], rows["results"]) == (1, 10, 3)


def test_threads_of_one_process_share_a_store(store: Store) -> None:
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            own = Store(store.path)
            for _ in range(2):
                own.save(record(20))
                own.runs()
                own.query("SELECT count(*) FROM samples")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert store.info()["rows"]["runs"] == 6


def test_info(store: Store) -> None:
    with store:
        info = store.info()
    assert info["rows"]["runs"] == 0
    assert info["first_run"] is None
    assert info["bytes"] > 0
    assert info["path"] == str(store.path)


def test_hosts_and_models_are_kept_once(store: Store) -> None:
    for _ in range(3):
        store.save(record(1))
    rows = store.info()["rows"]
    assert (rows["hosts"], rows["models"], rows["pipelines"], rows["runs"]) == (1, 1, 1, 3)


def test_conditions_name_the_machine() -> None:
    now = conditions()
    assert now["host"]["cores"] >= 1
    assert now["host"]["memory_bytes"] > 0
    assert {"python", "duckdb", "numpy"} <= set(now["versions"])
    assert 0 <= now["load"]["cpu"] <= 1


def test_an_ordinary_run_is_kept_with_its_traces(store: Store) -> None:
    latency = LatencyStats.of([1.0, 2.0])
    device = DeviceSummary("sim:a", "sim:a?ms=1", "simulated", True, 10, 1.0, 0.5, 9.5, latency)
    gone = {"name": "A card", "kind": "gpu", "failed": "it was unplugged", "unit": "cpu", "simulated": False}
    card = replace(device, id="onnx:cuda:0", settled_id="onnx:cuda:0", **gone)
    summary = RunSummary(
        10, 9, 1, 0, 9.5, 1.0, latency, (device, card), 0, 0, 0, "smooth", True, traces=traces(10)
    )
    pipeline = PipelineConfig(name="cameras")
    run_id = store.save(record_of_run(pipeline, summary, command="cluster4npu run rtsp://me:secret@cam/1"))
    found = store.run(run_id)
    assert found.simulated
    assert found.result("run").fps == 9.5
    assert found.result("run", "sim:a").busy == 0.5
    assert found.detail["frames_dropped"] == 1
    assert "secret" not in found.command
    assert np.array_equal(store.segments(run_id)[0].samples, traces(10))
    kept = store.query("SELECT id, name, kind, unit, fell_back, failed FROM devices ORDER BY position").rows
    assert kept == (
        ("sim:a", "", "", "simulated", False, ""),
        ("onnx:cuda:0", "A card", "gpu", "cpu", True, "it was unplugged"),
    )
    assert [device.failed for device in found.devices] == ["", "it was unplugged"]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("rtsp://user:pass@host:554/a", "rtsp://***@host:554/a"),
        ("rtsp://user:p@ss@host/a", "rtsp://***@host/a"),
        ('{"url": "rtsp://u@h", "mail": "a@b.c"}', '{"url": "rtsp://***@h", "mail": "a@b.c"}'),
        ("http://host/a@b", "http://host/a@b"),
    ],
)
def test_passwords_in_addresses_are_masked(text: str, masked: str) -> None:
    assert mask_passwords(text) == masked
