"""How devices were during a run is stored with it, shown with the looks between runs, and goes with it."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster4npu.core.devices import history, looks, registry
from cluster4npu.core.devices.history import Sample
from cluster4npu.core.devices.manager import AdvancedDeviceManager
from cluster4npu.core.store import Store
from cluster4npu.core.store.conditions import conditions
from cluster4npu.core.store.keeper import Keeper
from cluster4npu.core.store.maintenance import Prune
from cluster4npu.core.store.recording import look_records
from cluster4npu.core.store.records import LookRecord
from cluster4npu.core.store.rows import DeviceLookRow
from tests.core.store.records import older, record

CPU = "onnx:cpu"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("CLUSTER4NPU_DATA", str(tmp_path))
    return Store(tmp_path / "results.duckdb")


def look(at: float, **readings: float) -> LookRecord:
    return LookRecord(CPU, datetime.fromtimestamp(at, UTC), "ok", **readings)  # type: ignore[arg-type]


def test_looks_during_a_run_and_one_at_its_end_are_stored_with_it(store: Store) -> None:
    registry.listed("onnx")
    now = round(time.time(), 6)
    history.append(CPU, Sample(now - 100, "ok", utilization=0.1))
    history.append(CPU, Sample(now - 5, "ok", utilization=0.5, temperature_c=70.5, power_w=9.5))
    taken = look_records([CPU, f"{CPU}?threads=1#2", "sim:a?ms=1", "none:such"], 20.0)
    run_id = store.save(record(conditions=conditions(), looks=taken))
    during, at_end = store.table(DeviceLookRow).find(run_id=run_id, order="position")
    assert (during.device, during.utilization, during.temperature_c, during.power_w) == (CPU, 0.5, 70.5, 9.5)
    assert during.provenance == "measured" and during.memory_used_bytes is None
    assert at_end.looked_at > during.looked_at and at_end.utilization is not None and at_end.memory_used_bytes

    manager = AdvancedDeviceManager(store.path)
    stored, kept = manager.stored_looks(CPU), history.load(CPU)
    assert [one.at for one in stored] == [one.at for one in kept[1:]]
    assert looks.together(stored, kept) == kept
    for file in (store.path.parent / "devices").iterdir():
        file.unlink()
    assert manager.monitor_device_performance(CPU).history[:2] == stored
    assert manager.stored_looks("sim:a") == ()


def test_looks_of_another_machine_are_not_shown_and_side_by_side_runs_show_each_once(store: Store) -> None:
    here = conditions()
    elsewhere = {**here, "host": {**here["host"], "name": "another"}}
    store.save(record(conditions=here, looks=(look(1.0), look(2.0, utilization=0.25))))
    store.save(record(conditions=here, looks=(look(2.0, utilization=0.25), look(3.0))))
    store.save(record(conditions=elsewhere, looks=(look(9.0),)))
    assert [(one.at, one.utilization) for one in store.device_looks(CPU)] == [(1, None), (2, 0.25), (3, None)]


def test_looks_are_checked_exported_and_pruned_with_their_run(store: Store, tmp_path: Path) -> None:
    done = record(conditions=conditions(), looks=(look(1.0), look(2.0)))
    first, second = store.save(done), store.save(replace(done, id=""))
    keeper = Keeper(store)
    assert keeper.check()["wrong"] == []
    keeper.prune(Prune(run_ids=(first,)), really=True)
    keeper.export(tmp_path / "export")
    assert (tmp_path / "export" / "device_looks.parquet").stat().st_size > 0
    left = store.query("SELECT run_id, count(*) FROM device_looks GROUP BY run_id")
    assert left.rows == ((second, 2),)


def test_a_store_from_before_the_looks_takes_them(tmp_path: Path) -> None:
    path = tmp_path / "old.duckdb"
    older(path, 7, record())
    with Store(path) as store:
        assert store.device_looks(CPU) == () and "brought to a new version" in store.notices[0]
        store.save(record(conditions=conditions(), looks=(look(1.0),)))
        assert [one.at for one in store.device_looks(CPU)] == [1.0]
