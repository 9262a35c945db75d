"""Each frame's stamps, as one NumPy record per frame."""

from __future__ import annotations

import struct

import numpy as np

# Stamps are time.monotonic_ns() (one clock for every process of a machine); 0 where a frame did not come so far.
FRAME_TRACE = np.dtype(
    [
        ("frame_id", np.int64),
        ("worker", np.int16),  # index into the run's workers; -1: none
        ("status", np.uint8),  # STATUS_*
        ("scheduled_ns", np.int64),  # when it was due (paced) or its turn came
        ("captured_ns", np.int64),  # its pixels were in the slot
        ("queued_ns", np.int64),  # it was sent to a worker
        ("started_ns", np.int64),  # the worker took it up
        ("inferred_ns", np.int64),  # the model was done
        ("finished_ns", np.int64),  # its results were in the slot
        ("delivered_ns", np.int64),  # it was handed on in order
    ]
)

pack_row = struct.Struct("=qhB7q").pack  # the bytes of a FRAME_TRACE row, made of its fields in their order

STATUS_DELIVERED = 0
STATUS_FAILED = 1
STATUS_DROPPED = 2
STATUS_PASSED = (
    3  # a stage that a delivered frame went through before its last one: a row more for that frame
)


def latency_ms(traces: np.ndarray) -> np.ndarray:
    """Return the end-to-end latency (scheduled to delivered) of each delivered frame, in ms."""
    done = traces[traces["status"] == STATUS_DELIVERED]
    return np.asarray((done["delivered_ns"] - done["scheduled_ns"]) / 1e6)


def service_ms(traces: np.ndarray) -> np.ndarray:
    """Return the time that its worker needed for each delivered frame, in ms, as `shared_ms` does."""
    done = traces[traces["status"] == STATUS_DELIVERED]
    found = np.empty(len(done))
    for worker in np.unique(done["worker"]):
        own = done["worker"] == worker
        found[own] = shared_ms(done[own])
    return found


def shared_ms(rows: np.ndarray) -> np.ndarray:
    """Return the time that one worker needed for each of its frames (started to finished), in ms.

    Frames of one batch are started together: each counts an equal share of the time until the last is finished.
    """
    begun = rows["started_ns"]
    if (begun[1:] > begun[:-1]).all():  # one after the other: sorting would take most of the time
        return np.asarray((rows["finished_ns"] - begun) / 1e6)
    started, batch, frames = np.unique(begun, return_inverse=True, return_counts=True)
    finished = np.zeros(len(started), np.int64)
    np.maximum.at(finished, batch, rows["finished_ns"])
    return np.asarray(((finished - started) / frames / 1e6)[batch])
