"""How fast the workers of a run are: from the cache, or measured now; and which of them does harm."""

from __future__ import annotations

import numpy as np

from cluster4npu.core.engine import calibration_cache
from cluster4npu.core.engine.calibration import Calibrator
from cluster4npu.core.engine.feeder import FeedPlan, ThreadFeeder, make_feeder
from cluster4npu.core.engine.hub import Hub, Stopped
from cluster4npu.core.engine.messages import Calibrated, DeviceCalibration, RunOptions, StateChanged
from cluster4npu.core.engine.pool import WorkerPool
from cluster4npu.core.engine.ring import Ring
from cluster4npu.core.engine.stream import LEAST_IN_FLIGHT
from cluster4npu.core.errors import Problem, RunFailed
from cluster4npu.core.nodes.base import Source, SourceNode
from cluster4npu.core.pipeline.plan import ExecutionPlan
from cluster4npu.core.scheduling.harm import Rates, harmful


class Rating:
    """Rates workers on the run's own frames, each set of them at most once in a run."""

    def __init__(
        self,
        hub: Hub,
        pool: WorkerPool,
        ring: Ring,
        source: tuple[SourceNode, Source],
        plan: ExecutionPlan,
        options: RunOptions,
    ) -> None:
        self._hub, self._pool, self._ring = hub, pool, ring
        self._source, self._plan, self._options = source, plan, options
        self._in_flight = options.in_flight or LEAST_IN_FLIGHT
        self._calibrations: dict[tuple[int, ...], tuple[DeviceCalibration, ...]] = {}

    def rates(self, active: list[int]) -> tuple[dict[str, float], list[str]]:
        """Return the rates of the workers to use (frames/s, all together), measured now or by an earlier run.

        A device that would make the others slower is not among them; the second value says why, in words. Empty
        where nothing was measured: one device alone needs no weight, unless the user wants to know. Raises Stopped.
        """
        wanted = self._options.calibration
        if wanted == "never" or (len(active) == 1 and wanted != "always"):
            return {}, []
        kept = list(active)
        left_out: list[str] = []
        while True:
            measured = {c.id: c for c in self._calibrated(kept)}
            ids = {self._pool.workers[i].member.id: i for i in kept}
            rates = [Rates(d, measured[d].fps_alone, measured[d].fps_together) for d in ids]
            harm = harmful(rates, self._ring.layout.slots)
            if harm is None:
                workers = self._pool.workers
                return {workers[i].member.settled: measured[d].fps_together for d, i in ids.items()}, left_out
            kept.remove(ids[harm[0]])
            left_out.append(f"{harm[0]} was left out: {harm[1]}")

    def last(self) -> dict[str, DeviceCalibration]:
        """Return what was measured last, by device id."""
        return {c.id: c for c in next(reversed(self._calibrations.values()), ())}

    def _tell(self, detail: str) -> None:
        self._hub.tell(StateChanged("calibrating", detail))

    def _calibrated(self, active: list[int]) -> tuple[DeviceCalibration, ...]:
        """Return the calibration of these workers, measured at most once in a run."""
        key = tuple(active)
        if key not in self._calibrations:
            self._calibrations[key] = self._calibrate(active)
        return self._calibrations[key]

    def _calibrate(self, active: list[int]) -> tuple[DeviceCalibration, ...]:
        settled = [self._pool.workers[i].member.settled for i in active]
        key = calibration_cache.cache_key(self._plan.stage_digest(), settled, self._source[1].spec)
        kept = calibration_cache.load(key) if self._options.calibration == "auto" else None
        if kept is not None and {c.id for c in kept} == {self._pool.workers[i].member.id for i in active}:
            self._hub.tell(Calibrated(kept, cached=True))
            return kept
        self._tell("measuring each device on this pipeline")
        slots = self._fill_samples(len(active) * self._in_flight)
        calibrator = Calibrator(self._hub, self._pool, self._ring, slots, self._in_flight)
        measured = calibrator.run(active, self._tell)
        if measured is None:
            raise Stopped
        if all(c.weight > 0 for c in measured):
            calibration_cache.save(key, measured)
        self._hub.tell(Calibrated(measured, cached=False))
        return measured

    def _fill_samples(self, count: int) -> list[int]:
        """Put the source's first frames into as many slots; a short clip's frames are used again."""
        count = min(count, self._ring.layout.slots)
        feeder = make_feeder(
            self._source[0], self._source[1], self._ring, FeedPlan(frames=count), self._hub.wake
        )
        for slot in range(count):
            feeder.offer(slot)
        filled: list[int] = []
        while not feeder.ended:
            frame = feeder.take()
            if frame is not None:
                filled.append(frame.slot)
                continue
            self._hub.pump(0.0 if feeder.due_s() == 0.0 else 0.2)
            if self._hub.stop_asked is not None:
                raise Stopped
        if isinstance(feeder, ThreadFeeder):
            feeder.finish()
            feeder.join(5.0)
        if feeder.error is not None or not filled:
            raise feeder.error or RunFailed(
                Problem("the source has no frame", self._plan.source, hint="Choose another file or device.")
            )
        for slot in range(count):
            if slot not in filled:
                self._copy_slot(filled[0], slot)
        return list(range(count))

    def _copy_slot(self, source: int, target: int) -> None:
        np.copyto(self._ring.frame(target), self._ring.frame(source))
        for name in ("height", "width", "state"):
            self._ring.table[target][name] = self._ring.table[source][name]
