"""Files into the store: each whole or not at all, twice is once, and a bad one never stops the rest."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from cluster4npu.core.store import DeviceRecord, Store
from cluster4npu.core.store.importing.proof import unproven
from cluster4npu.core.store.importing.recognise import recognise
from cluster4npu.core.store.keeper import Keeper
from cluster4npu.core.store.maintenance import Prune
from cluster4npu.core.store.readers import copy_path
from cluster4npu.core.store.rows import BrowserRow, CompatibilityRow, TrainingRow
from tests.core.store.records import child, record

RESULT: dict[str, Any] = {
    "model": "tiny", "hardware": "cpu", "timestamp": "2025-03-06T17:45:26",
    "batch_results": {"1": {"success": True, "avg_latency_ms": 3.147125, "latencies_ms": [2.9, 4.4, 3.6, 2.0, 2.7]},
                      "2": {"success": False, "error": "too large"}},
}  # fmt: skip

KILLED = """
import sys
from pathlib import Path
from cluster4npu.core.store import DeviceRecord, Store
from cluster4npu.core.store.keeper import Keeper
keeper = Keeper(Store(sys.argv[1]))
print("ready", flush=True)
for path in sorted(Path(sys.argv[1]).parent.glob("in/*.json")):
    keeper.import_paths([path])
    print(path.name, flush=True)
"""


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    return Keeper(Store(tmp_path / "results.duckdb"))


def write(path: Path, data: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def rows(keeper: Keeper) -> int:
    return int(keeper.store.info()["rows"]["imported_measurements"])


def test_bad_files_stop_nothing(keeper: Keeper, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    write(folder / "good.json", RESULT)
    write(folder / "nothing.json", {"hello": "world"})
    (folder / "lines.jsonl").write_text(
        '{"model": "a", "latency_ms": 5.5}\n{"model": "b", "latency_ms": 6.5}\n{"model": "c", "laten'
    )
    for name, content in {
        "half.json": b'{"latency_ms": 5', "empty.json": b"", "latin.json": b'{"model": "\xe9"}',
        "deep.json": b"[" * 100_000, "long.json": b'{"latency_ms": ' + b"9" * 5000 + b"}",
    }.items():  # fmt: skip
        (folder / name).write_bytes(content)
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.json")
    reports = {r.path.name: r for r in keeper.import_paths([folder, tmp_path / "missing.json"])}
    outcomes = {name: report.outcome for name, report in reports.items()}
    assert outcomes.pop("good.json") == outcomes.pop("lines.jsonl") == "imported"
    assert outcomes.pop("nothing.json") == "nothing recognised"
    assert set(outcomes.values()) == {"unreadable"}
    assert "line 3" in reports["lines.jsonl"].notes[0]
    assert all(report.reason for name, report in reports.items() if name in outcomes)
    assert (reports["good.json"].measurements, reports["good.json"].failures) == (6, 1)
    assert rows(keeper) == 9


def test_a_second_import_adds_nothing(keeper: Keeper, tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", RESULT)
    keeper.import_paths([path])
    (again,) = keeper.import_paths([path])
    assert again.outcome == "already imported"
    renamed = write(tmp_path / "b.json", RESULT)
    assert keeper.import_paths([renamed])[0].outcome == "already imported"
    anew = tmp_path / "c.json"
    anew.write_text(json.dumps(RESULT, indent=4, sort_keys=True), encoding="utf-8")
    assert keeper.import_paths([anew])[0].outcome == "already imported"
    assert rows(keeper) == 7


def test_a_suite_that_holds_an_imported_file_is_not_counted_twice(keeper: Keeper, tmp_path: Path) -> None:
    keeper.import_paths([write(tmp_path / "one.json", RESULT)])
    suite = {"functionality": {"tests": 2}, "benchmarks": [RESULT, {**RESULT, "model": "other"}]}
    (report,) = keeper.import_paths([write(tmp_path / "suite.json", suite)])
    assert (report.outcome, report.measurements) == ("imported", 6)
    assert report.skipped["imported before from another file"] == 6
    models = keeper.store.query(
        "SELECT model, count(*) FROM imported_measurements GROUP BY 1 ORDER BY 1"
    ).rows
    assert models == (("other", 7), ("tiny", 7))


def test_what_is_stored_is_what_was_recognised(keeper: Keeper, tmp_path: Path) -> None:
    keeper.import_paths([write(tmp_path / "a.json", RESULT)])
    stored = keeper.store.query("SELECT path, value, unit FROM imported_measurements ORDER BY position").rows
    assert list(stored) == [(r.path, r.value, r.unit) for r in recognise(RESULT).rows]
    assert keeper.check() == {"runs": 0, "samples": 0, "imports": 1, "wrong": []}
    keeper.store.writing(
        lambda opened: opened.execute("UPDATE imported_measurements SET value = 1 WHERE position = 0")
    )
    assert [item["file"] for item in keeper.check()["wrong"]] == ["a.json"]


def test_files_are_removed_only_when_all_of_them_is_in_the_store(keeper: Keeper, tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.json", RESULT)
    more = write(tmp_path / "more.json", {**RESULT, "model": "m2", "wobble": 17.25})
    bad = tmp_path / "bad.json"
    bad.write_text("{")
    one = {"model": "m3", "device": "cpu", "batch_size": 1}
    nobody = write(tmp_path / "nobody.json", {"model": "m3", "latency_ms": 5.125})
    assumed = write(tmp_path / "assumed.json", {**one, "load_time": 2.125})
    printed = write(tmp_path / "printed.json", {**one, "latency_ms": 6.125, "stdout": "line\n" * 100})
    reports = keeper.import_paths([whole, more, bad, nobody, assumed, printed])
    kept = keeper.remove_imported(reports)
    assert not whole.exists()
    assert "wobble" in kept[str(more)]
    assert "no known device" in kept[str(nobody)]
    assert "assumed" in kept[str(assumed)]
    assert "printed text" in kept[str(printed)]
    assert all(file.exists() for file in (more, bad, nobody, assumed, printed))


def test_each_row_is_looked_up_in_the_file_by_its_path() -> None:
    data = {"a/b": {"device": "cpu", "model": "m", "samples_ms": [1.5, 2.5]}, "mean_ms": 3.5}
    found = recognise({"model": "m", "device": "cpu", **data})
    assert unproven(data, found.rows) == ""
    changed = {"a/b": {"samples_ms": [1.5, 2.75]}, "mean_ms": 3.5}
    assert "a/b/samples_ms/[1]" in unproven(changed, found.rows)


def test_what_cannot_be_a_figure_is_told_as_that(keeper: Keeper, tmp_path: Path) -> None:
    wide = tmp_path / "wide.json"
    wide.write_text(json.dumps({"model": "m", "latency": "1,234.5 ms"}), encoding="utf-16")
    odd = tmp_path / "odd.json"
    odd.write_text('{"latency_ms": NaN, "throughput": Infinity, "fps": -10, "p95_ms": -3.5}')
    good, bad = keeper.import_paths([wide, odd])
    assert good.outcome == "imported"
    assert keeper.store.query("SELECT value FROM imported_measurements").rows == ((1234.5,),)
    assert bad.outcome == "nothing recognised"
    assert "2 not a finite number" in bad.reason and "2 below zero" in bad.reason


def test_killed_while_importing(tmp_path: Path) -> None:
    """A file is in the store with all its rows, or not at all."""
    seed = random.randrange(10**6)
    print("seed", seed)
    chance = random.Random(seed)
    for number in range(30):
        data = {
            "model": f"m{number}",
            "device": "cpu",
            "latencies_ms": [chance.random() for _ in range(20_000)],
        }
        write(tmp_path / "in" / f"{number:02}.json", data)
    process = child(KILLED, tmp_path / "results.duckdb")
    assert process.stdout is not None and process.stdin is not None
    told = [process.stdout.readline().strip() for _ in range(3)]
    process.kill()
    process.wait()
    process.stdout.close()
    process.stdin.close()
    keeper = Keeper(Store(tmp_path / "results.duckdb"))
    found = keeper.check()
    assert found["wrong"] == []
    assert found["imports"] >= len(told) - 1
    assert rows(keeper) == found["imports"] * 20_000


def test_names_that_stand_twice_are_told_and_the_file_is_kept(keeper: Keeper, tmp_path: Path) -> None:
    path = tmp_path / "twice.json"
    path.write_text(
        '{"model": "bert", "latency_ms": 10.5, "latency_ms": 20.25, "runs": {"x": 1, "x": [2, 3]}}'
    )
    (report,) = keeper.import_paths([path])
    assert report.skipped["under a name that stands again in the same object"] == 2
    assert "latency_ms" in report.notes[0]
    assert "stand twice" in keeper.remove_imported([report])[str(path)]
    assert path.exists()


def test_training_browsers_and_what_runs_where_have_tables_of_their_own(
    keeper: Keeper, tmp_path: Path
) -> None:
    training = {"model": "gpt2", "device": "cuda", "train_batch_size": 16, "forward_ms": 43.5, "backward_ms": 82.25,
                "optimizer_step_ms": 11.5, "iter_time_ms": 138.0, "samples_per_sec": 115.9, "loss": 6.5}  # fmt: skip
    figures = {"inference_time_ms": 80.5, "load_time_ms": 480.5, "throughput_items_per_second": 12.4}
    web = {"model": "vit", "browser": "firefox", "adapter": "A GPU", "platform": "webgpu", "is_simulation": True,
           "metrics": figures}  # fmt: skip
    failed = {"model": "t5", "hardware": "openvino", "success": False, "error": "no such operator"}
    files = {"training.json": training, "web.json": web, "failed.json": failed}
    keeper.import_paths([write(tmp_path / name, data) for name, data in files.items()])
    store = keeper.store
    (step,) = store.table(TrainingRow).find()
    assert (step.model, step.device, step.batch_size, step.steps) == ("gpt2", "cuda", 16, 1)
    assert (step.forward_ms, step.backward_ms, step.optimizer_ms, step.step_ms) == (43.5, 82.25, 11.5, 138.0)
    assert (step.samples_per_s, step.loss_first, step.loss_last) == (115.9, 6.5, 6.5)
    (page,) = store.table(BrowserRow).find(browser="firefox")
    assert (page.model, page.backend, page.adapter, page.provenance) == (
        "vit",
        "webgpu",
        "A GPU",
        "simulated",
    )
    assert (page.latency_mean_ms, page.startup_ms, page.throughput_per_s) == (80.5, 480.5, 12.4)
    told = {(row.model, row.device): (row.status, row.reason) for row in store.table(CompatibilityRow).find()}
    assert told == {
        ("gpt2", "cuda"): ("runs", ""), ("vit", "webgpu"): ("runs", ""),
        ("t5", "openvino"): ("fails", "no such operator"),
    }  # fmt: skip
    copy = Store(copy_path(store.path))
    assert copy.table(TrainingRow).count() == copy.table(BrowserRow).count() == 1
    keeper.prune(Prune(imports=tuple(files)), really=True)
    for kind in (TrainingRow, BrowserRow, CompatibilityRow):
        assert store.table(kind).count() == 0


def test_a_run_shows_what_its_model_does_on_its_devices(keeper: Keeper) -> None:
    device = DeviceRecord("onnx:cpu#2", "onnx:cpu?precision=int8#2", unit="cpu")
    lost = DeviceRecord("onnx:cuda:0", "onnx:cuda:0", unit="cpu")
    given_up = DeviceRecord("sim:bad", "sim:bad", simulated=True, failed="five restarts\nwithin 60 s")
    keeper.store.save(record(0, devices=(device, lost, given_up)))
    newest = keeper.store.save(record(0, devices=(device,)))
    rows = keeper.store.table(CompatibilityRow).find(order="device")
    assert [(r.device, r.precision, r.status, r.reason, r.provenance) for r in rows] == [
        ("onnx:cpu", "int8", "runs", "cpu", "measured"),
        ("onnx:cuda:0", "", "falls back", "ran on cpu", "measured"),
        ("sim:bad", "", "fails", "five restarts within 60 s", "simulated"),
    ]
    assert rows[0].run_id == newest
