"""Processes killed while they write, files cut and with bits turned over, again and again: what is lost is named."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock

import duckdb
import pytest

from cluster4npu.core.errors import StoreError
from cluster4npu.core.store import Store
from cluster4npu.core.store.keeper import Keeper
from tests.core.store.records import child, record
from tests.distribution import Rounds, note, short, show, soak

KILLS_OF_ONE_STORE = 10
KILLS_OF_ONE_CHECK = (
    5  # after each one the store is opened and its runs are counted, after so many every row is read
)
KILLED_WITHIN_S = 0.25  # of the writer's beginning, or (every other time) of its first run's acknowledgement
FRAMES = 300  # of each of a run's two segments
# Everything is imported once, where the system can go on from there for each writer: that takes longer than the rest.
READY = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
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


def write_runs(path: Path, told: Connection) -> None:
    """Save one run after the other, and tell each that is saved; "" first, when that begins."""
    store = Store(path)
    told.send("")
    while True:
        told.send(store.save(record(FRAMES)))


def kill_a_writer(path: Path, after_s: float, *, runs: int) -> list[str]:
    """Let a process save runs and kill it in the middle of one, the first after `runs`; return what it acknowledged."""
    context = multiprocessing.get_context(READY)
    if READY == "forkserver":
        context.set_forkserver_preload(["cluster4npu.core.store", "tests.core.store.test_crashes"])
    heard, tells = context.Pipe(duplex=False)
    writer = context.Process(target=write_runs, args=(path, tells), daemon=True)
    writer.start()
    tells.close()
    heard.recv()
    told = [heard.recv() for _ in range(runs)]
    time.sleep(after_s)  # to be anywhere in a run
    writer.kill()
    with contextlib.suppress(EOFError, OSError):
        while True:
            told.append(heard.recv())
    writer.join()
    heard.close()
    return told


@dataclass
class Killing:
    """Kills writers of stores of its own, and looks at each store after each kill."""

    folder: Path
    seed: int
    opened_s: list[float] = field(default_factory=list)
    killed: int = 0
    acknowledged: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self._draw = random.Random(self.seed)
        self._told: list[str] = []

    def once(self) -> None:
        """Every acknowledged run is there and whole; what was being written is there whole or not at all."""
        number, again = divmod(self.killed, KILLS_OF_ONE_STORE)
        path = self.folder / f"{number}.duckdb"
        self._told = self._told if again else []
        acknowledged = kill_a_writer(path, self._draw.uniform(0, KILLED_WITHIN_S), runs=self.killed % 2)
        self._told += acknowledged
        self.acknowledged += len(acknowledged)
        begin = time.monotonic()
        with Store(path) as store:
            found = {row.id for row in store.runs(limit=100_000)}
        self.opened_s.append(time.monotonic() - begin)
        assert store.notices == []
        assert set(self._told) <= found
        self.killed += 1
        if self.killed % KILLS_OF_ONE_CHECK == 0:
            self.check(store, len(found))

    def check(self, store: Store, runs: int) -> None:
        """Every row of every run is as it was saved."""
        checked = Keeper(store).check()
        assert (checked["runs"], checked["wrong"]) == (runs, [])
        assert checked["samples"] == 2 * FRAMES * runs


@pytest.mark.parametrize("kills", [short(3), soak(2000)])
def test_killed_while_writing(tmp_path: Path, kills: Rounds) -> None:
    """Two at a time, since a killed process's successor waits for the disk as much as it computes."""
    lanes, turns, turn = [Killing(tmp_path / str(seed), seed) for seed in (5, 6)], iter(kills), Lock()

    def work(lane: Killing) -> None:
        while True:
            with turn:
                if next(turns, None) is None:
                    return
            lane.once()

    with ThreadPoolExecutor(len(lanes)) as threads:
        for done in [threads.submit(work, lane) for lane in lanes]:
            done.result()
    for lane in lanes:
        for path in lane.folder.glob("*[0-9].duckdb"):
            with Store(path) as store:
                lane.check(store, len(store.runs(limit=100_000)))
    show("a store opens after its writer was killed", [s for lane in lanes for s in lane.opened_s])
    acknowledged = sum(lane.acknowledged for lane in lanes)
    note(f"killed while writing: none of {acknowledged} acknowledged runs lost, none half there", kills)


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
