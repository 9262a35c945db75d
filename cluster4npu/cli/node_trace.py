"""The computations of a run in one process as events of a Chrome trace: one track for each node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cluster4npu.core.metrics.spans import COMPUTED, SWITCHED, NodeTrace

_PROCESS = 1


def node_events(trace: NodeTrace) -> Iterator[dict[str, Any]]:
    """Yield the events: what each node computed and on which frame, each result at its output, each mode.

    Times become microseconds since the first row.
    """
    yield _named("process_name", _PROCESS, "manager: computes on demand")
    for track, name in enumerate(trace.names, 1):
        yield _named("thread_name", track, name)
    if not len(trace.rows):
        return
    start = int(trace.rows["begun_ns"].min())
    for node, kind, frame, begun_ns, ended_ns in trace.rows.tolist():
        name = trace.names[node]
        event = {"pid": _PROCESS, "tid": node + 1, "ts": (begun_ns - start) / 1e3}
        if kind == SWITCHED:
            yield {**event, "name": f"mode {name}", "ph": "i", "s": "g"}
        elif kind == COMPUTED:
            details = {"frame": frame}
            yield {**event, "name": name, "ph": "X", "dur": (ended_ns - begun_ns) / 1e3, "args": details}
        else:
            yield {**event, "name": "delivered", "ph": "i", "s": "t", "args": {"frame": frame}}


def _named(kind: str, track: int, name: str) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": _PROCESS, "tid": track, "args": {"name": name}}
