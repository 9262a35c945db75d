"""The figure by which a stored run is compared, leg by leg, computed anew from its raw samples."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cluster4npu.core.bench.legs import Leg, block_rates, counted, cut
from cluster4npu.core.store.records import FAMILY, RUN, RunRecord, SegmentRecord
from cluster4npu.core.store.store import Store

FPS, LATENCY, LOAD = "frames/s", "mean latency (ms)", "load"
_PARTS = 8  # of an ordinary run, which has no legs
_RAMP_S = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A run's figure: `value` of the whole, `legs` its repetitions (1-D). Where more is worse, `rising` is False.

    `low` and `high` bound a figure that was searched, which has no repetitions (None: no bounds).
    """

    record: RunRecord
    what: str
    value: float
    legs: np.ndarray = field(repr=False)
    rising: bool = True
    low: float | None = None
    high: float | None = None


def measured(store: Store, run_id: str) -> Measured:
    """Return what a stored run measured; raises what `Store.run` and `Store.samples` raise.

    Of a benchmark that is the side of all devices together, or its one device: frames/s, the searched load, or the
    mean latency where the load was given. Of an ordinary run it is frames/s, of a family on one device inferences/s.
    """
    record = store.run(run_id)
    load = record.detail.get("load")
    if isinstance(load, dict) and load.get("searched"):
        side = list(load["sides"].values())[-1]
        bound = side["amount"] if load["unit"] == "streams" else side["refused"] or side["amount"]
        return Measured(
            record, LOAD, float(side["amount"]), np.zeros(0), low=float(side["amount"]), high=float(bound)
        )
    legs = [leg for leg in map(_leg, _counted(record, store.segments(record.id))) if leg.frames]
    if isinstance(load, dict):
        means = np.array([leg.latency_ms.mean() for leg in legs])
        return Measured(record, LATENCY, float(means.mean()) if len(means) else 0.0, means, rising=False)
    if record.kind in (RUN, FAMILY) and legs:
        return Measured(record, FPS, legs[0].fps, block_rates(legs[0], _PARTS))
    seconds = sum(leg.seconds for leg in legs)
    fps = sum(leg.frames for leg in legs) / seconds if seconds else _kept_fps(record)
    return Measured(record, FPS, fps, np.array([leg.fps for leg in legs]))


def _counted(record: RunRecord, segments: tuple[SegmentRecord, ...]) -> list[SegmentRecord]:
    """Return the segments that the figure is made of."""
    if record.kind == RUN:
        return list(segments)
    if record.kind == FAMILY:  # of several devices or batches none is the run's own
        return list(segments) if len(segments) == 1 else []
    pairs = [s for s in segments if s.stage == "pair"]
    together = [s for s in pairs if s.side == "parallel"]
    return together or pairs


def _leg(segment: SegmentRecord) -> Leg:
    if segment.measure_from_ns is None or segment.measure_to_ns is None:
        return cut(segment.samples, _RAMP_S)
    return counted(segment.samples, segment.measure_from_ns, segment.measure_to_ns)


def _kept_fps(record: RunRecord) -> float:
    """Return the stored rate of a run whose frames' stamps were not kept."""
    for side in ("parallel", RUN, "single"):
        result = record.result(side)
        if result is not None and result.fps is not None:
            return result.fps
    return 0.0
