"""The result store beside the same data as JSON: size, questions, raw samples, and a list of 10,000 runs.

python -m benchmarks.storage [--results 3000,30000,300000] [--only compare,samples,history,write]

Sizes are after a checkpoint. Answers of both are asserted to be equal before they are timed, and each is asked once
before it is timed: both sides have their data in memory then. Numbers have all the digits that a computation leaves
them with, which is the worst case for the store's compression.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics as st
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import machine, tell
from cluster4npu.core.metrics.statistics import LatencyStats
from cluster4npu.core.metrics.traces import FRAME_TRACE
from cluster4npu.core.store import PipelineRecord, ResultRecord, RunRecord, SegmentRecord, Store, readers
from cluster4npu.core.store.keeper import Keeper

DEVICES = ("onnx:cpu", "openvino:gpu", "torch:cuda:0")
PER_RUN = 6  # results
TURNS, BLOCKS = 11, 7
Rows = list[dict[str, Any]]


def records(count: int) -> list[RunRecord]:
    """Return runs with `count` results in all, as other days and pipelines would make them."""
    rng, begin = random.Random(1), datetime(2026, 1, 1, tzinfo=UTC)
    found = []
    for number in range(count // PER_RUN):
        name = f"pipeline {number % 20}"
        results = []
        for index in range(PER_RUN):
            mean = rng.uniform(2, 80)
            latency = LatencyStats(700, mean, mean * 0.97, mean * 1.2, mean * 1.3, mean * 1.6)
            results.append(
                ResultRecord("single", DEVICES[index % 3], fps=1000 / mean, latency_ms=latency, frames=700)
            )
        found.append(
            RunRecord(
                "benchmark", PipelineRecord(f"digest {number % 20}", name, "{}"), tuple(results),
                headline=f"{rng.uniform(1, 3):.2f}x FASTER", created_at=begin + timedelta(minutes=number),
            )
        )  # fmt: skip
    return found


def as_rows(runs: list[RunRecord]) -> Rows:
    """Return the same data as a JSON tool keeps it: one object for each result."""
    return [
        {
            "run": f"r{number}", "created_at": run.created_at.isoformat(), "pipeline": run.pipeline.name,
            "headline": run.headline, "valid": run.valid, "device": result.device, "side": result.side,
            "fps": result.fps, "frames": result.frames, "provenance": result.provenance,
            "latency_ms": result.latency_ms.as_dict(),
        }
        for number, run in enumerate(runs)
        for result in run.results
    ]  # fmt: skip


def fill(opened: Any, runs: list[RunRecord]) -> None:
    """Write runs and results by columns: one by one, 10,000 of them would take minutes."""
    ids = [f"r{number}" for number in range(len(runs))]
    results = [
        (run_id, at, r) for run_id, run in zip(ids, runs, strict=True) for at, r in enumerate(run.results)
    ]
    stats, own = ("mean", "p50", "p90", "p95", "p99"), ("side", "device", "fps", "frames", "provenance")
    tables: dict[str, dict[str, list[Any]]] = {
        "runs": {
            "id": ids,
            "created_at": [run.created_at.replace(tzinfo=None) for run in runs],
            "pipeline_digest": [run.pipeline.digest for run in runs],
            "pipeline_name": [run.pipeline.name for run in runs],
            "headline": [run.headline for run in runs],
            **{name: [text] * len(runs) for name, text in _SAME.items()},
            "valid": [True] * len(runs),
            "result_rows": [len(run.results) for run in runs],
            "sample_rows": [0] * len(runs),
        },
        "results": {
            "run_id": [run_id for run_id, _, _ in results],
            "position": [at for _, at, _ in results],
            **{name: [getattr(r, name) for *_, r in results] for name in own},
            **{f"latency_{name}_ms": [getattr(r.latency_ms, name) for *_, r in results] for name in stats},
            "latency_samples": [r.latency_ms.n for *_, r in results],
            **{name: [0] * len(results) for name in ("frames_dropped", "frames_failed", "restarts")},
        },
    }  # fmt: skip
    for table, columns in tables.items():
        opened.register("new_rows", {name: np.array(values) for name, values in columns.items()})
        names = ", ".join(columns)
        opened.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM new_rows")
        opened.unregister("new_rows")
    opened.execute("CHECKPOINT")


_SAME = {
    "kind": "benchmark", "host_id": "h", "command": "", "versions": "{}", "conditions": "{}", "detail": "{}",
    "invalid_reason": "", "provenance": "measured", "sample_checksum": "",
}  # fmt: skip
QUERIES: dict[str, tuple[str, Callable[[Rows], list[Any]]]] = {}


def _mean_by_device(rows: Rows) -> list[Any]:
    groups = defaultdict(list)
    for row in rows:
        groups[row["device"]].append(row["fps"])
    return [[device, round(st.fmean(values), 6)] for device, values in sorted(groups.items())]


def _filtered(rows: Rows) -> list[Any]:
    return [sum(row["device"] == DEVICES[0] and row["latency_ms"]["p99"] > 100 for row in rows)]


def _joined(rows: Rows) -> list[Any]:
    best: dict[str, float] = defaultdict(float)
    for row in rows:
        best[row["pipeline"]] = max(best[row["pipeline"]], row["fps"])
    return [[name, round(value, 6)] for name, value in sorted(best.items())]


def _point(rows: Rows) -> list[Any]:
    wanted = f"r{len(rows) // PER_RUN // 2}"
    return [[row["device"], row["fps"]] for row in rows if row["run"] == wanted]


def _by_day(rows: Rows) -> list[Any]:
    days = defaultdict(list)
    for row in rows:
        days[row["created_at"][:10]].append(row["latency_ms"]["mean"])
    return [[day, round(st.fmean(values), 6)] for day, values in sorted(days.items())]


QUERIES["aggregate"] = (
    "SELECT device, round(avg(fps), 6) FROM results GROUP BY device ORDER BY device", _mean_by_device,
)  # fmt: skip
QUERIES["filter"] = (
    f"SELECT count(*) FROM results WHERE device = '{DEVICES[0]}' AND latency_p99_ms > 100",
    _filtered,
)
QUERIES["join"] = (
    "SELECT pipeline_name, round(max(fps), 6) FROM results JOIN runs ON runs.id = run_id GROUP BY ALL ORDER BY 1",
    _joined,
)
QUERIES["trend"] = (
    "SELECT strftime(created_at, '%Y-%m-%d') AS day, round(avg(latency_mean_ms), 6) FROM results"
    " JOIN runs ON runs.id = run_id GROUP BY day ORDER BY day", _by_day,
)  # fmt: skip
POINT = "SELECT device, fps FROM results WHERE run_id = '{run}' ORDER BY position"


def seconds(work: Callable[[], object], turns: int = TURNS) -> float:
    """Return the median time of a few turns, after one that is not counted where there are several."""
    found = []
    if turns > 1:
        work()
    for _ in range(turns):
        begin = time.perf_counter()
        work()
        found.append(time.perf_counter() - begin)
    return st.median(found)


def _loaded(file: Path, python: Callable[[Rows], list[Any]]) -> list[Any]:
    return python(json.loads(file.read_text()))


def _beside(sql: str, python: Callable[[Rows], list[Any]], rows: Rows, opened: Any) -> tuple[float, float]:
    """Return the times of one question on a connection that is open already, and of JSON that is loaded already.

    The question is prepared once, as a page that asks it again and again does; every answer is computed anew.
    Medians of `BLOCKS` blocks, in each of which first one and then the other is asked again and again: so each is as
    warm as by itself, and what disturbs the machine meets both.
    """
    opened.execute(f"PREPARE asked AS {sql}")
    assert _equal(_once("EXECUTE asked", opened), python(rows))
    works: tuple[Callable[[], list[Any]], ...] = (
        partial(_once, "EXECUTE asked", opened),
        partial(python, rows),
    )
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(BLOCKS):
        for times, work in zip(found, works, strict=True):
            times.append(seconds(work))
    opened.execute("DEALLOCATE asked")
    return st.median(found[0]), st.median(found[1])


def _once(sql: str, opened: Any) -> list[Any]:
    return list(opened.execute(sql).fetchall())


def compare(count: int, folder: Path) -> bool:
    """Print size and questions for one number of results; the aims hold from 30,000 on."""
    runs = records(count)
    store, file = Store(folder / f"{count}.duckdb"), folder / f"{count}.json"

    store.writing(lambda opened: fill(opened, runs))
    Keeper(store).compact()
    rows = as_rows(runs)
    file.write_text(json.dumps(rows, indent=2))  # as the benchmark tools write it whose files are imported
    compact = len(json.dumps(rows, separators=(",", ":")))
    aim = count >= 30_000
    saved = 1 - store.path.stat().st_size / file.stat().st_size
    reached = [tell(f"{count} results: part of the JSON's size saved", saved, 0.8 if aim else -9.0,
                    store_bytes=store.path.stat().st_size, json_bytes=file.stat().st_size,
                    compact_json_bytes=compact)]  # fmt: skip
    point = POINT.format(run=f"r{len(runs) // 2}")
    for name, (sql, python) in {**QUERIES, "point look-up": (point, _point)}.items():
        assert _equal(list(store.query(sql).rows), python(rows)), f"{name}: the answers differ"
        asked = seconds(partial(store.reading, partial(_once, sql)))
        sealed = seconds(partial(store.query, sql))
        opened, memory = store.reading(partial(_beside, sql, python, rows))
        loaded = seconds(partial(_loaded, file, python), 1 if count > 100_000 else TURNS)
        bound = aim and name == "aggregate"
        times = {
            "opened_ms": opened,
            "with_opening_ms": asked,
            "as_db_query_ms": sealed,
            "load_json_ms": loaded,
            "in_memory_ms": memory,
        }
        more = {what: round(value * 1e3, 2) for what, value in times.items()}
        what = f"{count} results: {name} in an open store, times as fast as"
        reached.append(tell(f"{what} loading the JSON", loaded / opened, 20.0 if bound else 0.0, **more))
        reached.append(tell(f"{what} JSON in memory", memory / opened, 5.0 if bound else 0.0))
        what = f"{count} results: {name} in a store that is opened for it, times as fast as loading the JSON"
        reached.append(tell(what, loaded / asked, 20.0 if bound else 0.0))
    return all(reached)


def _equal(one: list[Any], other: list[Any]) -> bool:
    """Tell whether two answers are the same; sums of floats may differ in the last digits."""
    flat = [[list(row) if isinstance(row, list | tuple) else [row] for row in rows] for rows in (one, other)]
    return len(one) == len(other) and all(
        a == b or (isinstance(a, float) and abs(a - b) < 1e-5)
        for ours, theirs in zip(*flat, strict=True)
        for a, b in zip(ours, theirs, strict=True)
    )


def samples(folder: Path) -> bool:
    """Print how long a million stamps of frames take."""
    traces = np.zeros(1_000_000, dtype=FRAME_TRACE)
    traces["frame_id"] = np.arange(len(traces))
    traces["delivered_ns"] = np.arange(len(traces)) * 1_000_003
    run = RunRecord(
        "run", PipelineRecord("d", "x", "{}"), (), segments=(SegmentRecord("run", "run", (), (), traces),)
    )
    store = Store(folder / "samples.duckdb")
    store.require_writable()
    begin = time.perf_counter()
    store.save(run)
    spent = time.perf_counter() - begin
    return tell("a million frames' stamps saved, below 2 s", 2.0 - spent, 0.0, seconds=round(spent, 3),
                bytes=store.path.stat().st_size)  # fmt: skip


def history(folder: Path) -> bool:
    """Print how long the list of 10,000 runs takes, as the history reads it."""
    store = Store(folder / "history.duckdb")
    runs = records(60_000)

    store.writing(lambda opened: fill(opened, runs))
    spent = seconds(lambda: Store(store.path).runs(limit=10_000))
    return tell("10,000 runs listed, below 1 s", 1.0 - spent, 0.0, seconds=round(spent, 3))


def write(folder: Path) -> bool:
    """Print what one small run takes to be saved beside 10,000 others, with and without the copy for readers."""
    store = Store(folder / "write.duckdb")
    store.writing(lambda opened: fill(opened, records(60_000)))
    run = records(PER_RUN)[0]
    both = seconds(lambda: store.save(run), 11)
    follow, readers.follow = readers.follow, lambda *_: None
    alone = seconds(lambda: store.save(run), 11)
    readers.follow = follow
    return tell("one run saved beside 10,000, below 0.5 s", 0.5 - both, 0.0, seconds=round(both, 3),
                without_copy_s=round(alone, 3))  # fmt: skip


PARTS: dict[str, Callable[[Path], bool]] = {
    "compare": lambda folder: True, "samples": samples, "history": history, "write": write,
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", default="3000,30000,300000", help="how many, with a comma between")
    parser.add_argument("--only", default=",".join(PARTS), help="which parts, with a comma between")
    arguments = parser.parse_args()
    print(f"# {machine()}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        done = []
        for part in arguments.only.split(","):
            if part == "compare":
                done += [compare(int(count), folder) for count in arguments.results.split(",")]
            else:
                done.append(PARTS[part](folder))
    return 0 if all(done) else 1


if __name__ == "__main__":
    raise SystemExit(main())
