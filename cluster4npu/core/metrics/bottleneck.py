"""What holds a run back, in words and with its evidence, from the stamps of its frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cluster4npu.core.metrics.traces import STATUS_DROPPED, STATUS_PASSED

DEVICES, POSTPROCESSING, SOURCE, ORDER, RATE = "devices", "postprocessing", "source", "order", "rate"
BUSY = 0.85  # a part that works for so much of the time has nothing left to give
LEAST_FRAMES = 20
_LOOKED_AT = 4096  # rows, to see who stands where


@dataclass(frozen=True, slots=True)
class Load:
    """One device between two moments: part of the time it worked (0..1), frames it finished, mean times in ms."""

    device: str
    busy: float
    frames: int
    share: float
    model_ms: float | None  # with preprocessing, which happens in the same worker
    post_ms: float | None


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """What holds the run back. `devices` are those that are meant; `evidence` are the figures behind it."""

    kind: str
    text: str
    evidence: tuple[str, ...]
    devices: tuple[str, ...] = ()


def loads(traces: np.ndarray, workers: Sequence[str], start_ns: int, end_ns: int) -> list[Load]:
    """Return what each worker did between two moments; work that reaches over their edges counts in part."""
    span = max(end_ns - start_ns, 1)
    done = traces[traces["finished_ns"] > 0]
    counted = (done["finished_ns"] > start_ns) & (done["finished_ns"] <= end_ns)
    total = max(int(counted.sum()), 1)
    found = []
    for index, name in enumerate(workers):
        own = done["worker"] == index
        mine = np.sort(done[own], order="finished_ns")
        before = np.concatenate(([0], mine["finished_ns"][:-1]))  # frames of one batch are begun together
        begun = np.clip(np.maximum(mine["started_ns"], before), start_ns, end_ns)
        ended = np.clip(mine["finished_ns"], start_ns, end_ns)
        rows = done[own & counted]
        inferred = rows[rows["inferred_ns"] > 0]
        found.append(
            Load(
                name,
                float((ended - begun).sum()) / span,
                len(rows),
                len(rows) / total,
                _mean_ms(inferred, "started_ns", "inferred_ns"),
                _mean_ms(inferred, "inferred_ns", "finished_ns"),
            )
        )
    return found


def find_bottleneck(
    traces: np.ndarray, workers: Sequence[str], start_ns: int, end_ns: int
) -> Bottleneck | None:
    """Return what holds the run back between two moments (monotonic ns); None with too few frames to tell."""
    alive = traces[traces["status"] != STATUS_DROPPED]
    ended = alive[alive["status"] != STATUS_PASSED]  # one row for each frame
    seen = ended[(ended["delivered_ns"] > start_ns) & (ended["delivered_ns"] <= end_ns)]
    if len(seen) < LEAST_FRAMES:
        return None
    span = end_ns - start_ns
    every = loads(alive, workers, start_ns, end_ns)
    devices = [load for load in every if load.frames]
    slowest = _slowest_stage(every, _places(alive, len(workers)))
    full = [load for load in slowest if load.busy >= BUSY]
    reading = float((seen["captured_ns"] - seen["scheduled_ns"]).clip(0).sum()) / span
    queue_ms = _mean_ms(seen, "captured_ns", "started_ns") or 0.0
    order_ms = _mean_ms(seen, "finished_ns", "delivered_ns") or 0.0
    service_ms = _mean_ms(seen, "started_ns", "finished_ns") or 0.0
    waits = (
        f"A frame waits {queue_ms:.1f} ms for a device and {order_ms:.1f} ms for its turn to be handed on."
    )
    evidence = (*(_busy(load) for load in devices), waits)
    if full and (len(full) == len(slowest) or queue_ms > service_ms / 2):
        return _devices(full, evidence)
    if reading >= BUSY:
        text = f"The source: reading takes {reading:.0%} of the time, and the devices wait for frames."
        return Bottleneck(SOURCE, text, evidence)
    if order_ms > service_ms and order_ms > queue_ms:
        slow = max(devices, key=lambda load: (load.model_ms or 0.0) + (load.post_ms or 0.0))
        text = f"The order of the frames: finished ones wait {order_ms:.1f} ms for those of {slow.device}."
        return Bottleneck(ORDER, text, evidence, (slow.device,))
    busiest = max((load.busy for load in devices), default=0.0)
    text = f"The rate of the source: the busiest device works {busiest:.0%} of the time and could do more."
    return Bottleneck(RATE, text, evidence)


def _places(traces: np.ndarray, workers: int) -> list[int]:
    """Return where on a frame's way each worker stands: 0 for those of the first stage."""
    rows = traces[-_LOOKED_AT:]
    if not (rows["status"] == STATUS_PASSED).any():
        return [0] * workers  # one stage
    rows = rows[rows["finished_ns"] > 0]
    rows = rows[np.lexsort((rows["started_ns"], rows["frame_id"]))]
    first = np.flatnonzero(np.r_[True, rows["frame_id"][1:] != rows["frame_id"][:-1]])
    place = np.arange(len(rows)) - np.repeat(first, np.diff(np.r_[first, len(rows)]))
    own = (place[rows["worker"] == worker] for worker in range(workers))
    return [int(np.bincount(places).argmax()) if len(places) else 0 for places in own]


def _slowest_stage(every: Sequence[Load], places: Sequence[int]) -> list[Load]:
    """Return the devices of the stage that can finish the fewest frames in the time: it holds all others back."""
    stages: dict[int, list[Load]] = {}
    for load, place in zip(every, places, strict=True):
        if load.frames and load.busy > 0:
            stages.setdefault(place, []).append(load)
    return min(stages.values(), key=lambda stage: sum(d.frames / d.busy for d in stage), default=[])


def _devices(full: list[Load], evidence: tuple[str, ...]) -> Bottleneck:
    names = tuple(load.device for load in full)
    told = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    least = min(load.busy for load in full)
    post = sum(load.post_ms or 0.0 for load in full)
    model = sum(load.model_ms or 0.0 for load in full)
    if post > model:
        text = (
            f"Postprocessing on {told}: it takes longer than the model ({post / len(full):.1f} ms a frame)."
        )
        return Bottleneck(POSTPROCESSING, text, evidence, names)
    if len(names) == 1:
        text = f"Inference on {told}: it works {least:.0%} of the time or more."
    else:
        text = f"Inference on {told}: they work {least:.0%} of the time or more."
    return Bottleneck(DEVICES, text, evidence, names)


def _busy(load: Load) -> str:
    mean = "" if load.model_ms is None else f", {load.model_ms + (load.post_ms or 0.0):.1f} ms each"
    return f"{load.device}: {load.busy:.0%} busy, {load.frames} frames{mean}."


def _mean_ms(rows: np.ndarray, first: str, last: str) -> float | None:
    return float((rows[last] - rows[first]).mean()) / 1e6 if len(rows) else None
