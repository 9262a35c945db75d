"""What happens to the store when a process is killed, another holds the file, or the file is not what it should be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from cluster4npu.core.errors import InputError, StoreError
from cluster4npu.core.store import DeviceRecord, Store, database, schema
from cluster4npu.core.store.database import LockedError
from cluster4npu.core.store.keeper import Keeper
from cluster4npu.core.store.maintenance import Prune
from cluster4npu.core.store.readers import copy_path
from cluster4npu.core.store.rows import ResultRow
from tests.core.store.records import child, older, record

HOLD = """
import sys, duckdb
held = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.duckdb"


@pytest.fixture
def held(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A store with one run, which another process has open to write."""
    Store(path).save(record(5))
    holder = child(HOLD, path)
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == "held"
    yield holder
    if holder.poll() is None:
        holder.communicate("\n")


def test_a_held_file_without_a_copy_is_refused(
    path: Path, held: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "WAIT_S", 0.2)
    copy_path(path).unlink()
    with pytest.raises(LockedError) as caught:
        Store(path).runs()
    problem = caught.value.problems[0]
    assert str(path) in problem.found
    assert "--store" in problem.hint
    if sys.platform != "win32":
        assert str(held.pid) in problem.found
        assert "python" in problem.found


def test_readers_see_the_copy_while_another_process_holds_the_file(
    path: Path, held: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "WAIT_S", 0.2)
    begin = time.monotonic()
    with Store(path) as store:
        (row,) = store.runs()
    assert time.monotonic() - begin < 3.0  # the aim is 0.5 s; this machine may be busy
    assert store.run(row.id).results == record(5).results
    assert store.query("SELECT count(*) FROM results").rows == ((3,),)
    assert store.info()["rows"]["runs"] == 1
    assert len(store.table(ResultRow).find(run_id=row.id)) == 3
    (notice,) = store.notices
    assert "copy" in notice
    assert sys.platform == "win32" or str(held.pid) in notice
    for refused in (
        lambda: store.samples(row.id),
        lambda: store.save(record(1)),
        lambda: Keeper(store).check(),
    ):
        with pytest.raises(LockedError):
            refused()
    held.communicate("\n")
    assert len(store.samples(row.id)) == 10
    newer = store.save(record(7))
    assert {found.id for found in Store(copy_path(path)).runs()} == {row.id, newer}


def test_the_copy_follows_what_is_added_changed_and_removed(path: Path) -> None:
    store, copy = Store(path), Store(copy_path(path))
    first, second = store.save(record(3)), store.save(record(3))

    def same() -> bool:
        skip = {"samples": 0}
        return bool({**store.info()["rows"], **skip} == {**copy.info()["rows"], **skip})

    assert same()
    assert copy.run(second).results == store.run(second).results
    assert copy.info()["rows"]["samples"] == 0
    store.mark_baseline(first)
    Keeper(store).prune(Prune(run_ids=(second,)), really=True)
    assert same() and copy.baselines() == [first]
    row = store.table(ResultRow).find(run_id=first, position=0)[0]
    store.table(ResultRow).change(row.model_copy(update={"fps": 5.0}))
    assert copy.table(ResultRow).find(run_id=first, position=0)[0].fps == 5.0
    copy_path(path).write_bytes(b"damaged")
    store.save(record(3))  # the copy is worth nothing: the run is kept all the same
    store.save(record(3))
    assert same()


def test_waits_for_a_short_writer(path: Path) -> None:
    Store(path).save(record(5))
    holder = child(HOLD.replace("sys.stdin.readline()", "import time; time.sleep(0.4)"), path)
    assert holder.stdout is not None
    assert holder.stdout.readline().strip() == "held"
    assert len(Store(path).runs()) == 1
    holder.communicate()


def test_a_newer_version_is_refused_and_untouched(path: Path) -> None:
    Store(path).save(record(5))
    with duckdb.connect(str(path)) as raw:
        raw.execute("INSERT INTO schema_version VALUES (99, TIMESTAMP '2030-01-01', '')")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer version"):
        Store(path).runs()
    assert path.read_bytes() == before


def test_an_older_version_is_backed_up_and_migrated(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = Store(path).save(record(5))
    version = schema.current_version()
    steps = {**schema.migrations(), version + 1: "ALTER TABLE runs ADD COLUMN note VARCHAR DEFAULT 'none'"}
    monkeypatch.setattr(schema, "migrations", lambda: steps)
    with Store(path) as store:
        assert store.query("SELECT note FROM runs").rows == (("none",),)
        assert len(store.samples(run_id)) == 10
        assert len(store.notices) == 1
    (backup,) = [p for p in path.parent.iterdir() if f"version{version}-" in p.name]
    assert backup.name in store.notices[0]
    monkeypatch.undo()
    assert len(Store(backup).samples(run_id)) == 10
    with pytest.raises(StoreError, match="newer version"):
        Store(path).runs()


@pytest.mark.parametrize("version", range(1, schema.current_version()))
def test_every_earlier_version_opens_with_all_its_runs(path: Path, version: int) -> None:
    done = record(5, conditions={"host": {"name": "h"}, "versions": {"numpy": "2.0", "odd-name.x": "1"}})
    run_id = older(path, version, done)
    before = duckdb.connect(str(path), read_only=True).execute("SELECT * FROM results").fetchall()
    with Store(path) as store:
        assert len(store.samples(run_id)) == 10
        assert store.run(run_id).results == done.results
        assert store.query("SELECT name, version FROM runtimes ORDER BY name").rows == (
            ("numpy", "2.0"),
            ("odd-name.x", "1"),
        )
        (notice,) = store.notices
    (backup,) = [p for p in path.parent.iterdir() if f".version{version}-" in p.name]
    assert backup.name in notice
    assert duckdb.connect(str(backup), read_only=True).execute("SELECT * FROM results").fetchall() == before


def test_a_fallback_that_an_earlier_version_kept_as_a_unit_is_flagged(path: Path) -> None:
    ran = {
        ("onnx:cuda:0", "cpu"): True,
        ("onnx:cuda:0", "cuda"): False,
        ("onnx:cpu#2", "cpu"): False,
        ("sim:gpu?ms=5", "simulated cpu"): True,
        ("onnx:coreml", "unknown"): None,
    }
    older(path, 6, record(5, devices=tuple(DeviceRecord(id=id_, unit=unit) for id_, unit in ran)))
    told = Store(path).query("SELECT id, unit, fell_back FROM devices").rows
    assert {(id_, unit): flag for id_, unit, flag in told} == ran
    run = Store(path).runs()[0].id
    assert [device.fell_back for device in Store(path).run(run).devices] == list(ran.values())


def test_a_migration_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = Store(path).save(record(5))
    newer = schema.current_version() + 1
    steps = {**schema.migrations(), newer: "CREATE TABLE half (a INTEGER); SELECT no_such_function()"}
    monkeypatch.setattr(schema, "migrations", lambda: steps)
    with pytest.raises(StoreError):
        Store(path).runs()
    monkeypatch.undo()
    assert len(Store(path).samples(run_id)) == 10


def test_someone_elses_database_is_refused(path: Path) -> None:
    with duckdb.connect(str(path)) as raw:
        raw.execute("CREATE TABLE accounts (a INTEGER)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="accounts"):
        Store(path).save(record(5))
    assert path.read_bytes() == before


def damage_head(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 + 20] ^= 0xFF
    path.write_bytes(data)


def damage_body(path: Path) -> None:
    data = bytearray(path.read_bytes())
    for place in range(12288, len(data), 97):
        data[place] ^= 0xFF
    path.write_bytes(data)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:12300])


def noise(path: Path) -> None:
    path.write_bytes(os.urandom(20_000))


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [damage_head, damage_body, cut_short, noise, empty])
def test_a_damaged_file_is_set_aside_and_kept(path: Path, damage: object) -> None:
    first = Store(path).save(record(5))
    damage(path)  # type: ignore[operator]
    content = path.read_bytes()
    with Store(path) as store:
        assert store.runs() == []
        notice, lost = store.notices
        assert first in lost
        run_id = store.save(record(5))
    (aside,) = [p for p in path.parent.iterdir() if "damaged" in p.name]
    assert aside.name in notice
    assert aside.read_bytes() == content
    assert [row.id for row in Store(path).runs()] == [run_id]


def test_damage_that_shows_only_when_read(path: Path) -> None:
    """Blocks in the middle are damaged: whatever way it shows, it is told, and nothing is deleted."""
    run_id = Store(path).save(record(200_000))
    with duckdb.connect(str(path)) as raw:
        raw.execute("CHECKPOINT")
    data = bytearray(path.read_bytes())
    for place in range(len(data) // 3, len(data), 50_021):
        data[place] ^= 0x10
    path.write_bytes(data)
    store = Store(path)
    with pytest.raises((StoreError, InputError)):  # it cannot be read, or the whole file was set aside
        store.samples(run_id)
    assert any(p.read_bytes() == bytes(data) for p in path.parent.iterdir() if p.suffix == ".duckdb")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("my notes", encoding="utf-8")
    with pytest.raises(StoreError, match="another kind"):
        Store(text).runs()
    assert text.read_text(encoding="utf-8") == "my notes"


@pytest.mark.parametrize(
    "content", [b"SQLite format 3\0" + bytes(5000), b"my notes", b"", bytes(8) + b"DUCK" + bytes(500)]
)
def test_a_file_that_was_never_seen_to_be_a_store_is_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    for look in (
        lambda: Store(path).info(),
        lambda: Store(path).query("SELECT 1"),
        Store(path).require_writable,
    ):
        with pytest.raises(StoreError, match="not touched"):
            look()
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_whether_it_can_be_written_is_asked_without_making_it(path: Path) -> None:
    Store(path).require_writable()
    assert list(path.parent.iterdir()) == []
    with pytest.raises(StoreError, match="does not exist"):
        Store(path.parent / "none" / "results.duckdb").require_writable()


def test_a_file_cut_short_is_not_the_questions_fault(path: Path) -> None:
    Store(path).save(record(20_000))
    with duckdb.connect(str(path)) as raw:
        raw.execute("CHECKPOINT")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(StoreError, match="damaged"):
        Store(path).query("SELECT sum(delivered_ns % 7), count(DISTINCT queued_ns) FROM samples")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a signal that a process can send itself")
def test_ctrl_c_during_a_query_is_no_error(path: Path) -> None:
    program = """
import os, signal, sys, threading
from cluster4npu.core.store import Store
signal.signal(signal.SIGINT, signal.default_int_handler)
store = Store(sys.argv[1])
store.query("SELECT 1")
threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    store.query("SELECT sum(a.range * b.range) FROM range(10000000) a, range(1000000) b")
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    out, _ = child(program, path).communicate(timeout=60)
    assert out.strip() == "interrupted"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_disk_that_fills_during_an_export_is_the_exports(path: Path) -> None:
    program = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from cluster4npu.core.errors import StoreError
from cluster4npu.core.store import Store
from cluster4npu.core.store.keeper import Keeper
from tests.core.store.records import record
store = Store(sys.argv[1])
store.save(record(20_000))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
for action in (lambda: Keeper(store).export(Path(sys.argv[1]).with_name("out")), Keeper(store).snapshot):
    try:
        action()
    except StoreError as error:
        print(error.problems[0].message, "|", error.problems[0].hint, flush=True)
"""
    out, _ = child(program, path).communicate(timeout=60)
    assert [line.split(" | ")[0] for line in out.splitlines()] == ["this cannot be written"] * 2
    assert "--no-store" not in out
    assert sorted(p.name for p in path.parent.iterdir()) == [copy_path(path).name, path.name] or {
        p.suffix for p in path.parent.iterdir()
    } == {".duckdb"}


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="folder"):
        Store(tmp_path).runs()


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="does not exist"):
        Store(tmp_path / "missing" / "results.duckdb").runs()


@pytest.mark.skipif(
    sys.platform == "win32" or not hasattr(os, "geteuid") or os.geteuid() == 0,
    reason="root may write everywhere",
)
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    try:
        with pytest.raises(StoreError, match="--store"):
            Store(folder / "results.duckdb").save(record(5))
    finally:
        folder.chmod(0o700)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_full_disk(tmp_path: Path) -> None:
    """A small file system would need rights that a test has not: a limit on the file's size does the same."""
    program = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from cluster4npu.core.errors import StoreError
from cluster4npu.core.store import Store
from tests.core.store.records import record
store = Store(sys.argv[1])
kept = store.save(record(100))
resource.setrlimit(resource.RLIMIT_FSIZE, (8_192, -1))
try:
    Store(sys.argv[1] + ".new").runs()
except StoreError as error:
    print(error.problems[0].hint, flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (Path(sys.argv[1]).stat().st_size + 100_000,) * 2)
try:
    store.save(record(60_000))
except StoreError as error:
    print(kept, error.problems[0].hint, flush=True)
"""
    path = tmp_path / "results.duckdb"
    writer = child(program, path)
    out, _ = writer.communicate(timeout=60)
    of_new, of_old = out.strip().splitlines()
    kept, hint = of_old.split(" ", 1)
    assert "--store" in hint and "--no-store" not in of_new
    assert not [item for item in tmp_path.iterdir() if ".new" in item.name]
    copy = tmp_path / "copy.duckdb"
    shutil.copy(path, copy)
    with Store(path) as store:
        assert store.notices == []
        assert [row.id for row in store.runs()] == [kept]
        assert len(store.samples(kept)) == 200
