"""A run's stamps as Chrome trace JSON, for chrome://tracing, Perfetto or Speedscope."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cluster4npu.core.errors import Problem, RunFailed
from cluster4npu.core.metrics.traces import STATUS_DELIVERED, STATUS_DROPPED

# Spans of one frame in its worker: name, from stamp, to stamp; preprocessing has no stamp of its own.
_WORKER_SPANS = (
    ("preprocess + model", "started_ns", "inferred_ns"),
    ("postprocess", "inferred_ns", "finished_ns"),
)
# Spans between processes: frames wait there side by side, so that each is an asynchronous span.
_WAITS = (
    ("source", "scheduled_ns", "captured_ns"),
    ("queue", "captured_ns", "started_ns"),
    ("reorder", "finished_ns", "delivered_ns"),
)
_PROCESS = 1


def trace_events(traces: np.ndarray, workers: Sequence[str]) -> list[dict[str, Any]]:
    """Return the events of a FRAME_TRACE array: one track per worker, and source, queue and reorder spans.

    `workers` are the names behind the indices; times become microseconds since the first frame was due.
    """
    events: list[dict[str, Any]] = [_named("process_name", 0, "Cluster4NPU")]
    events += [_named("thread_name", number, name) for number, name in enumerate(workers, 1)]
    if traces.size:
        start = int(traces["scheduled_ns"].min())
        for frame in traces:
            events += _frame_events(frame, workers, start)
    return events


def write_trace(path: Path, traces: np.ndarray, workers: Sequence[str]) -> None:
    """Write the trace file; raises RunFailed when it cannot be written."""
    text = json.dumps({"traceEvents": trace_events(traces, workers), "displayTimeUnit": "ms"})
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        problem = Problem("the trace cannot be written", field="--trace", found=f"{path}: {error.strerror}")
        raise RunFailed(problem) from error


def _frame_events(frame: np.void, workers: Sequence[str], start: int) -> Iterator[dict[str, Any]]:
    number, worker = int(frame["frame_id"]), int(frame["worker"])
    if int(frame["status"]) == STATUS_DROPPED or not 0 <= worker < len(workers):
        return
    details = {"frame": number, "device": workers[worker]}
    if int(frame["status"]) != STATUS_DELIVERED:
        details["status"] = "failed"
    for name, first, last in _WORKER_SPANS:
        if frame[first] and frame[last]:
            yield {
                "name": name,
                "ph": "X",
                "pid": _PROCESS,
                "tid": worker + 1,
                "ts": _micro(frame[first], start),
                "dur": (int(frame[last]) - int(frame[first])) / 1e3,
                "args": details,
            }
    for name, first, last in _WAITS:
        if frame[first] and frame[last] and frame[last] > frame[first]:
            common = {"name": name, "cat": name, "id": f"{name}-{number}", "pid": _PROCESS, "tid": 0}
            yield {**common, "ph": "b", "ts": _micro(frame[first], start), "args": details}
            yield {**common, "ph": "e", "ts": _micro(frame[last], start)}


def _named(kind: str, thread: int, name: str) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": _PROCESS, "tid": thread, "args": {"name": name}}


def _micro(stamp: Any, start: int) -> float:
    return (int(stamp) - start) / 1e3
