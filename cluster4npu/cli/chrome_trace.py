"""A run's stamps as Chrome trace JSON, for chrome://tracing, Perfetto or Speedscope."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cluster4npu.core.errors import Problem, RunFailed
from cluster4npu.core.metrics.traces import STATUS_DROPPED, STATUS_FAILED, STATUS_PASSED
from cluster4npu.core.reasons import reason_of

# Spans of one frame in a worker: name, from stamp, to stamp; preprocessing has no stamp of its own.
_WORKER_SPANS = (
    ("preprocess + model", "started_ns", "inferred_ns"),
    ("postprocess", "inferred_ns", "finished_ns"),
)
_MANAGER = 1
_FIRST_WORKER = 2


def trace_events(traces: np.ndarray, workers: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the events of a FRAME_TRACE array.

    One process for the manager, with the spans of source, queue and reordering, the deliveries and the number of
    frames under way; one process for each worker, named for its device, with what it computed. The spans of a frame
    follow each other without a gap from when it was due until it is delivered; only stages side by side overlap.
    `workers` are the names behind the indices; times become microseconds since the first frame was due.
    """
    yield _named("process_name", _MANAGER, "manager: source, queue, order")
    for number, name in enumerate(workers, _FIRST_WORKER):
        yield _named("process_name", number, f"worker {name}")
        yield _named("thread_name", number, name)
    if not traces.size:
        return
    start = int(traces["scheduled_ns"].min())
    for number, rows in enumerate(_by_frame(traces)):
        yield from _frame_events(number, rows, workers, start)
    yield from _under_way(traces, start)


def write_trace(path: Path, events: Iterable[dict[str, Any]]) -> None:
    """Write the trace file, event by event; raises RunFailed when it cannot be written."""
    try:
        with path.open("w", encoding="utf-8") as file:
            file.write('{"displayTimeUnit": "ms", "traceEvents": [\n')
            for number, event in enumerate(events):
                file.write((",\n" if number else "") + json.dumps(event))
            file.write("\n]}\n")
    except OSError as error:
        problem = Problem("the trace cannot be written", field="--trace", found=f"{path}: {reason_of(error)}")
        raise RunFailed(problem) from error


def _by_frame(traces: np.ndarray) -> Iterator[list[np.void]]:
    """Yield the rows of each frame: those of stages that it passed stand right before the one with its end."""
    rows: list[np.void] = []
    for row in traces:
        rows.append(row)
        if row["status"] != STATUS_PASSED:
            yield rows
            rows = []


def _frame_events(
    number: int, rows: Sequence[np.void], workers: Sequence[str], start: int
) -> Iterator[dict[str, Any]]:
    """Yield what happened to one frame, the `number`-th of all sources to end."""
    last = rows[-1]
    details: dict[str, Any] = {"frame": int(last["frame_id"])}
    if last["status"] == STATUS_DROPPED:
        yield _moment("dropped", last["delivered_ns"], start, details)
        return
    visits = [row for row in rows if 0 <= row["worker"] < len(workers)]
    if not visits:
        return
    for row in visits:
        yield from _worker_events(row, workers, start)
    details["device"] = workers[last["worker"]]
    if last["status"] == STATUS_FAILED:
        details["status"] = "failed"
    waits = [("source", int(last["scheduled_ns"]), int(last["captured_ns"]))]
    since = int(last["captured_ns"])
    for row in sorted(visits, key=lambda row: int(row["started_ns"])):
        waits.append(("queue", since, int(row["started_ns"])))
        since = max(since, int(row["finished_ns"]))
    waits.append(("reorder", since, int(last["delivered_ns"])))
    for index, (name, first, until) in enumerate(waits):
        if until > first > 0:
            span = {"name": name, "cat": name, "id": f"{number}-{index}", "pid": _MANAGER, "tid": _MANAGER}
            yield {**span, "ph": "b", "ts": _micro(first, start), "args": details}
            yield {**span, "ph": "e", "ts": _micro(until, start)}
    yield _moment("failed" if "status" in details else "delivered", last["delivered_ns"], start, details)


def _worker_events(row: np.void, workers: Sequence[str], start: int) -> Iterator[dict[str, Any]]:
    details = {"frame": int(row["frame_id"]), "device": workers[row["worker"]]}
    if row["status"] == STATUS_FAILED:
        details["status"] = "failed"
    spans = _WORKER_SPANS if row["inferred_ns"] else (("failed", "started_ns", "finished_ns"),)
    pid = int(row["worker"]) + _FIRST_WORKER
    for name, first, last in spans:
        if row[first] and row[last]:
            span = {"name": name, "ph": "X", "pid": pid, "tid": pid, "ts": _micro(row[first], start)}
            yield {**span, "dur": (int(row[last]) - int(row[first])) / 1e3, "args": details}


def _under_way(traces: np.ndarray, start: int) -> Iterator[dict[str, Any]]:
    """Yield how many frames were between source and delivery, at each change."""
    traces = traces[traces["status"] != STATUS_PASSED]
    times = np.concatenate([traces["captured_ns"], traces["delivered_ns"]])
    steps = np.repeat([1, -1], len(traces))
    order = np.argsort(times, kind="stable")
    for time, count in zip(times[order].tolist(), np.cumsum(steps[order]).tolist(), strict=True):
        counter = {"name": "frames under way", "ph": "C", "pid": _MANAGER, "ts": _micro(time, start)}
        yield {**counter, "args": {"frames": count}}


def _moment(name: str, stamp: Any, start: int, details: dict[str, Any]) -> dict[str, Any]:
    place = {"pid": _MANAGER, "tid": _MANAGER, "s": "p"}
    return {"name": name, "ph": "i", **place, "ts": _micro(stamp, start), "args": details}


def _named(kind: str, process: int, name: str) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": process, "tid": process, "args": {"name": name}}


def _micro(stamp: Any, start: int) -> float:
    return (int(stamp) - start) / 1e3
