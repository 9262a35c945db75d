"""A run's stamps as Chrome trace JSON, for chrome://tracing, Perfetto or Speedscope."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cluster4npu.core.errors import Problem, RunFailed
from cluster4npu.core.metrics.traces import STATUS_DROPPED, STATUS_FAILED, STATUS_PASSED

# Spans of one frame in its worker: name, from stamp, to stamp; preprocessing has no stamp of its own.
_WORKER_SPANS = (
    ("preprocess + model", "started_ns", "inferred_ns"),
    ("postprocess", "inferred_ns", "finished_ns"),
)
# Spans in the manager: frames wait there side by side, so that each is an asynchronous span.
_WAITS = (
    ("source", "scheduled_ns", "captured_ns"),
    ("queue", "captured_ns", "started_ns"),
    ("reorder", "finished_ns", "delivered_ns"),
)
_MANAGER = 1
_FIRST_WORKER = 2


def trace_events(traces: np.ndarray, workers: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the events of a FRAME_TRACE array.

    One process for the manager, with the spans of source, queue and reordering, the deliveries and the number of frames
    under way; one process for each worker, named for its device, with what it computed. `workers` are the names behind
    the indices; times become microseconds since the first frame was due.
    """
    yield _named("process_name", _MANAGER, "manager: source, queue, order")
    for number, name in enumerate(workers, _FIRST_WORKER):
        yield _named("process_name", number, f"worker {name}")
        yield _named("thread_name", number, name)
    if not traces.size:
        return
    start = int(traces["scheduled_ns"].min())
    for frame in traces:
        yield from _frame_events(frame, workers, start)
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
        problem = Problem("the trace cannot be written", field="--trace", found=f"{path}: {error.strerror}")
        raise RunFailed(problem) from error


def _frame_events(frame: np.void, workers: Sequence[str], start: int) -> Iterator[dict[str, Any]]:
    number, worker = int(frame["frame_id"]), int(frame["worker"])
    status = int(frame["status"])
    details: dict[str, Any] = {"frame": number}
    if status == STATUS_DROPPED:
        yield _moment("dropped", frame["delivered_ns"], start, details)
        return
    if not 0 <= worker < len(workers):
        return
    details["device"] = workers[worker]
    if status == STATUS_FAILED:
        details["status"] = "failed"
    for name, first, last in _WORKER_SPANS:
        if frame[first] and frame[last]:
            pid = worker + _FIRST_WORKER
            span = {"name": name, "ph": "X", "pid": pid, "tid": pid, "ts": _micro(frame[first], start)}
            yield {**span, "dur": (int(frame[last]) - int(frame[first])) / 1e3, "args": details}
    if status == STATUS_PASSED:
        return  # an earlier stage of a frame whose last one comes in a row of its own
    for name, first, last in _WAITS:
        if frame[first] and frame[last] and frame[last] > frame[first]:
            common = {"name": name, "cat": name, "id": f"{name}-{number}", "pid": _MANAGER, "tid": _MANAGER}
            yield {**common, "ph": "b", "ts": _micro(frame[first], start), "args": details}
            yield {**common, "ph": "e", "ts": _micro(frame[last], start)}
    yield _moment("failed" if "status" in details else "delivered", frame["delivered_ns"], start, details)


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
