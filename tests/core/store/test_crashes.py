"""Processes killed while they write, files cut and with bits turned over, again and again: what is lost is named."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import duckdb
import pytest

from cluster4npu.core.errors import StoreError
from cluster4npu.core.store import Store
from cluster4npu.core.store.keeper import Keeper
from tests.core.store.records import child, record
from tests.distribution import Rounds, note, short, show, soak

KILLS_OF_ONE_STORE = 20  # every one is looked through after each kill
WRITE = """
import sys
from cluster4npu.core.store import Store
from tests.core.store.records import record
store = Store(sys.argv[1])
while True:
    print(store.save(record(500)), flush=True)
"""
LEAVE_LOG = """
import os, sys, duckdb
from cluster4npu.core.store import Store, writing
from tests.core.store.records import record
with duckdb.connect(sys.argv[1]) as opened:
    opened.execute("PRAGMA disable_checkpoint_on_shutdown")
    opened.execute("SET wal_autocheckpoint = '1GB'")
    print(writing.write(opened, record(50)), writing.write(opened, record(50)), flush=True)
    os._exit(0)
"""


def kill_a_writer(path: Path, after_s: float) -> list[str]:
    """Let a process save runs and kill it in the middle of one; return what it has acknowledged."""
    writer = child(WRITE, path)
    assert writer.stdout is not None and writer.stdin is not None
    told = [writer.stdout.readline().strip()]
    time.sleep(after_s)  # to be anywhere in the next one
    writer.kill()
    told += [line[:-1] for line in writer.stdout.readlines() if line.endswith("\n")]
    writer.wait()
    writer.stdout.close()
    writer.stdin.close()
    return told


@pytest.mark.parametrize("kills", [short(3), soak(2000)])
def test_killed_while_writing(tmp_path: Path, kills: Rounds) -> None:
    """Every acknowledged run is there and whole; what was being written is there whole or not at all."""
    draw, opened_s, acknowledged, path = random.Random(5), [], 0, tmp_path
    told: list[str] = []
    for number in kills:
        if number % KILLS_OF_ONE_STORE == 0:
            path, told = tmp_path / f"{number}.duckdb", []
        told += kill_a_writer(path, draw.uniform(0, 0.15))
        begin = time.monotonic()
        with Store(path) as store:
            found = {row.id for row in store.runs(limit=100_000)}
        opened_s.append(time.monotonic() - begin)
        assert store.notices == []
        assert set(told) <= found
        checked = Keeper(store).check()
        assert (checked["runs"], checked["samples"], checked["wrong"]) == (len(found), 1000 * len(found), [])
        acknowledged += len(told) if number % KILLS_OF_ONE_STORE == KILLS_OF_ONE_STORE - 1 else 0
    show("a store opens after its writer was killed", opened_s)
    note("killed while writing: no acknowledged run lost, none half there", kills)


@pytest.fixture(scope="module")
def with_log(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A store of three runs, two of them in the write-ahead log that a killed process left."""
    path = tmp_path_factory.mktemp("log") / "results.duckdb"
    runs = [Store(path).save(record(50))]
    writer = child(LEAVE_LOG, path)
    out, _ = writer.communicate()
    assert path.with_name(path.name + ".wal").stat().st_size > 0
    runs += out.split()
    later = path.with_name("later.duckdb")  # what the copy for readers would know, had its writer lived on
    for name in ("", ".wal"):
        shutil.copy(f"{path}{name}", f"{later}{name}")
    Store(later).writing(lambda _opened: None)
    later.with_name("later.readers.duckdb").replace(path.with_name("results.readers.duckdb"))
    return path, runs


@pytest.mark.parametrize("times", [short(12), soak(1000)])
def test_a_cut_log_or_a_bit_turned_over_is_never_silent(
    with_log: tuple[Path, list[str]], tmp_path: Path, times: Rounds
) -> None:
    """Whatever is harmed, every run is whole, or named as lost or damaged; the harmed file is kept."""
    origin, runs = with_log
    draw, told = random.Random(7), {"whole": 0, "named": 0}
    for number in times:
        folder = tmp_path / str(number)
        shutil.copytree(origin.parent, folder)
        path = folder / "results.duckdb"
        victim = draw.choice([path, path.with_name("results.duckdb.wal")])
        data = bytearray(victim.read_bytes())
        if draw.random() < 0.5:
            del data[draw.randrange(1, len(data)) :]
        else:
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        victim.write_bytes(bytes(data))
        told[outcome(path, runs)] += 1
        shutil.rmtree(folder)
    note(f"damaged stores: {told}", times)


def outcome(path: Path, runs: list[str]) -> str:
    """Return "whole" where every run is as it was saved, "named" where each that is not is told of."""
    store = Store(path)
    try:
        found = {row.id for row in store.runs()}
        wrong = Keeper(store).check()["wrong"]
        damaged = [item for item in wrong if item["what"] == "damaged"]
        whole = [] if damaged else [run for run in found if run not in str(wrong)]
        for run in whole:
            assert len(store.samples(run)) == 100
            assert len(store.run(run).results) == 3
    except StoreError as error:
        assert str(path) in str(error) or any(run in str(error) for run in runs), error
        assert path.exists()
        return "named"
    named = " ".join(store.notices) + str(wrong)
    lost = [run for run in runs if run not in found]
    assert all(run in named for run in lost), (lost, store.notices)
    if any("damaged" in notice for notice in store.notices):
        assert any(".damaged-" in item.name for item in path.parent.iterdir())
    return "named" if named.strip("[] ") else "whole"


def test_a_store_that_opens_silently_short_names_its_losses(tmp_path: Path) -> None:
    store = Store(tmp_path / "results.duckdb")
    first, second = store.save(record(5)), store.save(record(5))
    with duckdb.connect(str(store.path)) as raw:  # as a cut log leaves it
        raw.execute("DELETE FROM runs WHERE id = ?", [second])
    with Store(store.path) as again:
        (notice,) = again.notices
    assert second in notice and first not in notice
    (kept,) = tmp_path.glob("results.lost-*.duckdb")
    assert Store(kept).run(second).results == record(5).results
    assert Store(store.path).notices == []
