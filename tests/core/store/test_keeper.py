"""Upkeep of the store: check, prune, compact, snapshot, export and restore, on real files."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cluster4npu.core.errors import InputError, StoreError
from cluster4npu.core.store import Store
from cluster4npu.core.store.keeper import Keeper
from cluster4npu.core.store.maintenance import Prune
from tests.core.store.records import child, record


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    """A store with three runs (of 100 samples each in two segments) and one import."""
    store = Store(tmp_path / "odd ' name.duckdb")
    for _ in range(3):
        store.save(record(50))
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps({"model": "m", "device": "cpu", "latency_ms": 5.25}))
    keeper = Keeper(store)
    keeper.import_paths([path])
    return keeper


def content(store: Store) -> list[object]:
    """Return what queries answer: every run with its samples, and the imports."""
    runs = sorted(row.id for row in store.runs())
    imported = store.query("SELECT * EXCLUDE (position) FROM imported_measurements").rows
    return [(run_id, store.run(run_id).results, store.samples(run_id).tobytes()) for run_id in runs] + [
        imported
    ]


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if ".part" in path.name]


def test_check_names_the_run_that_was_changed(keeper: Keeper) -> None:
    assert keeper.check()["wrong"] == []
    assert keeper.check()["runs"] == 3
    run_id = keeper.store.runs()[0].id
    sql = "DELETE FROM samples WHERE run_id = ? AND position = 0"
    keeper.store.writing(lambda opened: opened.execute(sql, [run_id]))
    keeper.store.writing(
        lambda opened: opened.execute(
            "INSERT INTO results SELECT * REPLACE ('gone' AS run_id) FROM results LIMIT 1"
        )
    )
    wrong = keeper.check()["wrong"]
    assert [item.get("run", item.get("table")) for item in wrong] == [run_id, "results"]


def test_check_names_a_run_whose_checksums_were_taken_away(keeper: Keeper) -> None:
    run_id = keeper.store.save(record(5, created_at=datetime.now(UTC)))
    keeper.store.writing(lambda opened: opened.execute("DELETE FROM row_checksums"))
    (wrong,) = keeper.check()["wrong"]
    assert (wrong["run"], wrong["what"], wrong["found"]) == (run_id, "checksums", "none")


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("runs", "UPDATE runs SET headline = '9x FASTER'"),
        ("results", "UPDATE results SET fps = fps * 2"),
        ("pipelines", "UPDATE pipelines SET text = '{}'"),
        ("hosts", "UPDATE hosts SET cpu = 'another'"),
        ("devices", "UPDATE devices SET unit = 'gpu'"),
        ("segments", "DELETE FROM segments"),
    ],
)
def test_check_names_a_figure_that_was_changed(keeper: Keeper, table: str, change: str) -> None:
    keeper.store.writing(lambda opened: opened.execute(change))
    wrong = keeper.check()["wrong"]
    assert {item["what"] for item in wrong} >= {f"rows of {table}"}
    assert {item["run"] for item in wrong if item["what"] == f"rows of {table}"} == {
        run.id for run in keeper.store.runs()
    }


def test_prune_tells_first_and_deletes_only_when_asked(keeper: Keeper) -> None:
    newest = keeper.store.runs()[0].id
    rule = Prune(keep=1, imports=("theirs.json",))
    told = keeper.prune(rule, really=False)
    assert (len(told["runs"]), len(told["imports"]), told["deleted_rows"]) == (2, 1, 0)
    assert len(keeper.store.runs()) == 3
    assert keeper.prune(rule, really=True)["deleted_rows"] > 200
    assert [row.id for row in keeper.store.runs()] == [newest]
    assert keeper.check() == {"runs": 1, "samples": 100, "imports": 0, "wrong": []}
    assert keeper.prune(Prune(older_than_days=36_500), really=True)["runs"] == []
    assert keeper.prune(Prune(), really=True)["runs"] == []


def test_compact_gives_room_back_and_loses_nothing(keeper: Keeper) -> None:
    big = keeper.store.save(record(200_000))
    keeper.prune(Prune(run_ids=(big,)), really=True)
    before = content(keeper.store)
    size, smaller = keeper.compact()
    assert smaller < size
    assert keeper.path.stat().st_size == smaller
    assert content(keeper.store) == before
    assert leftovers(keeper.path.parent) == []


def test_a_snapshot_restores_equal(keeper: Keeper, tmp_path: Path) -> None:
    before = content(keeper.store)
    target, rows = keeper.snapshot(tmp_path / "commit-abc.duckdb")
    assert rows["runs"] == 3
    with pytest.raises(InputError, match="overwritten"):
        keeper.snapshot(target)
    keeper.store.save(record(5))
    restored, aside = keeper.restore(target)
    assert restored["runs"] == 3
    assert content(Store(keeper.path)) == before
    assert aside is not None and len(Store(aside).runs()) == 4
    assert leftovers(tmp_path) == []


def test_an_export_restores_equal(keeper: Keeper, tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    rows = keeper.export(folder)
    assert {path.stem for path in folder.glob("*.parquet")} == set(rows)
    fresh = Keeper(Store(tmp_path / "fresh.duckdb"))
    assert fresh.restore(folder) == (rows, None)
    assert content(fresh.store) == content(keeper.store)
    with pytest.raises(InputError, match="overwritten"):
        keeper.export(folder)


@pytest.mark.parametrize("harm", ["cut", "missing", "newer", "foreign"])
def test_a_damaged_export_changes_nothing(keeper: Keeper, tmp_path: Path, harm: str) -> None:
    folder = tmp_path / "exported"
    keeper.export(folder)
    before = content(keeper.store)
    samples, manifest = folder / "samples.parquet", folder / "manifest.json"
    if harm == "cut":
        samples.write_bytes(samples.read_bytes()[:-10])
    elif harm == "missing":
        samples.unlink()
    elif harm == "newer":
        manifest.write_text(manifest.read_text().replace('"schema_version": ', '"schema_version": 9'))
    else:
        manifest.write_text(
            '{"tables": {"../x": {"rows": 1, "sha256": ""}}, "schema_version": 1, "format": "cluster4npu-export"}'
        )
    with pytest.raises((InputError, StoreError)):
        keeper.restore(folder)
    assert content(keeper.store) == before
    assert leftovers(tmp_path) == []


def test_what_is_no_snapshot_is_refused(keeper: Keeper, tmp_path: Path) -> None:
    (tmp_path / "text.duckdb").write_text("hello")
    for source in (tmp_path / "text.duckdb", tmp_path / "nowhere"):
        with pytest.raises((InputError, StoreError)):
            keeper.restore(source)
    assert len(keeper.store.runs()) == 3
    assert leftovers(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
@pytest.mark.parametrize("action", ["export", "snapshot"])
def test_a_disk_that_fills_leaves_nothing_half_done(tmp_path: Path, action: str) -> None:
    """A small file system would need rights that a test has not: a limit on the size of files does the same."""
    store = Store(tmp_path / "results.duckdb")
    run_id = store.save(record(20_000))
    program = """
import resource, signal, sys
from pathlib import Path
from cluster4npu.core.errors import StoreError
from cluster4npu.core.store import Store
from cluster4npu.core.store.keeper import Keeper
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
keeper = Keeper(Store(sys.argv[1]))
keeper.store.runs()
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    getattr(keeper, sys.argv[2])(Path(sys.argv[3]))
except StoreError as error:
    print("told", error, flush=True)
"""
    made = child(program, store.path, action, tmp_path / "made")
    out, _ = made.communicate(timeout=60)
    assert out.startswith("told")
    assert not (tmp_path / "made").exists()
    assert leftovers(tmp_path) == []
    assert len(Store(store.path).samples(run_id)) == 40_000
