"""How fast the workers of a run are: from the cache, or measured now; and which of them does harm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cluster4npu.core.engine import calibration_cache
from cluster4npu.core.engine.calibration import BATCH_MS, Calibrator
from cluster4npu.core.engine.feeder import FeedPlan, ThreadFeeder, make_feeder
from cluster4npu.core.engine.hub import Hub, Stopped
from cluster4npu.core.engine.lane import LEAST_IN_FLIGHT, Lane
from cluster4npu.core.engine.messages import Calibrated, DeviceCalibration, RunOptions, StateChanged
from cluster4npu.core.engine.pool import WorkerPool
from cluster4npu.core.engine.returning import Rated, better_of, first_rates
from cluster4npu.core.engine.ring import Ring
from cluster4npu.core.errors import Problem, RunFailed
from cluster4npu.core.nodes.base import Source, SourceNode
from cluster4npu.core.pipeline.plan import ExecutionPlan, StagePlan
from cluster4npu.core.scheduling.harm import Rates, contended, harmful

_HARM_KEPT_S = 600.0  # how long a run believes an earlier one that a device does harm
_ANEW = "Where other programs were busy meanwhile, `cluster4npu calibrate` measures anew"

_BATCHES_OF_LATENCY = 3  # a frame waits for the batch before its own, and for frames of other devices


class Rating:
    """Rates workers on the run's own frames, each set of them at most once in a run.

    Stages are rated in their order: a stage gets sample frames that the ones before it have computed.
    """

    def __init__(
        self,
        hub: Hub,
        pool: WorkerPool,
        ring: Ring,
        sources: Sequence[tuple[SourceNode, Source]],
        plan: ExecutionPlan,
        options: RunOptions,
    ) -> None:
        self._hub, self._pool, self._ring = hub, pool, ring
        self._sources, self._plan, self._options = sources, plan, options
        self._calibrations: dict[tuple[int, ...], tuple[DeviceCalibration, ...]] = {}
        self._last: dict[int, tuple[DeviceCalibration, ...]] = {}  # by stage
        self._samples: tuple[tuple[str, ...], int] = ((), 0)  # of which sources, and how many slots hold one
        self._computed: set[int] = set()  # stages whose results lie beside all the samples

    def rates(self, stage: StagePlan, active: list[int]) -> Rated:
        """Return the rates of the workers to use, measured now or by an earlier run.

        A device that would make the others slower is not among them. One that was lost while it was measured is, with
        a guess, in case it comes back. No rates where nothing was measured: one device alone needs no weight, unless
        its model may take several frames at once or the user wants to know, and where the samples give a stage
        nothing to do there is nothing to measure. Raises Stopped.
        """
        wanted = self._options.calibration
        alone = len(active) == 1 and self._most_batch(stage, active[0]) == 1
        if wanted == "never" or (alone and wanted != "always"):
            return Rated({})
        kept = list(active)
        left_out: list[str] = []
        while True:
            calibrated = self._calibrated(stage, kept)
            if not calibrated:
                return Rated({}, frozenset(), left_out)
            harm = self._harm(calibrated)
            if harm is None:
                return self._rated(stage, kept, calibrated, left_out)
            ids = {self._pool.workers[i].member.id: i for i in kept}
            kept.remove(ids[harm[0]])
            left_out.append(f"{harm[0]} was left out: {harm[1]}. {_ANEW}")

    def _rated(
        self, stage: StagePlan, active: list[int], measured: Sequence[DeviceCalibration], words: list[str]
    ) -> Rated:
        """Return what was measured, with a guess for each device that was lost meanwhile and may come back."""
        by_id = {c.id: c.fps_together for c in measured}
        key = self._key(stage, active)
        lost = not all(by_id.values())
        earlier = calibration_cache.load(key) if lost else None
        guesses = first_rates(measured, earlier or ())
        rates, guessed = {}, set()
        for worker in (self._pool.workers[i] for i in active):
            device = worker.member.id
            rates[worker.member.settled] = by_id[device]
            if device not in guesses:
                continue
            if worker.given_up:
                words.append(f"{device} was left out while it was measured: {worker.failure.rstrip('.')}")
                continue
            rates[worker.member.settled] = guesses[device]
            guessed.add(worker.member.settled)
            how = "was lost" if worker.restarts else "was still loading"
            words.append(
                f"{device} {how} while it was measured: from when it was back it was to get frames as for "
                f"{guesses[device]:.1f} frames/s, a guess, until its own frames showed what it can do"
            )
        return Rated(rates, frozenset(guessed), words, key)

    def forget_samples(self) -> None:
        """The slots are used for other frames from here on."""
        self._samples = ((), 0)
        self._computed.clear()

    @staticmethod
    def note_drift(lanes: Sequence[Lane]) -> None:
        """Let the next run measure anew where this one has shown that a kept calibration holds no more."""
        for lane in lanes:
            if lane.drifted and lane.rated.key:
                told = "; ".join(f"{device} {words}" for device, words in lane.drifted.items())
                calibration_cache.mark_stale(lane.rated.key, told)

    def last(self) -> dict[str, DeviceCalibration]:
        """Return what was measured last, by device id (each stage has devices of its own)."""
        return {c.id: c for calibration in self._last.values() for c in calibration}

    def _tell(self, detail: str) -> None:
        self._hub.tell(StateChanged("calibrating", detail))

    def _calibrated(self, stage: StagePlan, active: list[int]) -> tuple[DeviceCalibration, ...]:
        """Return the calibration of these workers, measured at most once in a run unless one was lost and is back."""
        key = tuple(active)
        known = self._calibrations.get(key)
        if known is None or self._is_back(active, known):
            self._calibrations[key] = self._calibrate(stage, active)
        self._last[stage.index] = self._calibrations[key]
        batches = {c.id: c.batch for c in self._calibrations[key]}
        for index in active if batches else ():
            self._pool.set_batch(index, batches[self._pool.workers[index].member.id])
        return self._last[stage.index]

    def _calibrate(self, stage: StagePlan, active: list[int]) -> tuple[DeviceCalibration, ...]:
        key = self._key(stage, active)
        kept = self._kept(key) if self._options.calibration == "auto" else None
        stale = calibration_cache.stale(key)
        if kept is not None and not stale and self._still_fits(stage, active, kept):
            self._hub.tell(Calibrated(kept, True, stage.node_id, self._harm(kept)))
            return kept
        self._tell("measuring each device on this pipeline" + (f" anew: {stale}" if stale else ""))
        in_flight = self._options.in_flight or stage.in_flight or LEAST_IN_FLIGHT
        most = max(self._most_batch(stage, index) for index in active)
        largest = max(in_flight, min(2 * most, self._ring.layout.slots // len(active)))
        slots = self._sampled(stage, len(active) * largest)
        calibrator = Calibrator(
            self._hub, self._pool, self._ring, slots, in_flight, self._batch_ms, most_in_flight=largest
        )
        if stage.takes and not self._work_for(stage, active[:1], slots):
            return ()
        measured = calibrator.run(active, self._tell)
        # Another program had the machine just then, or a worker died and is there again:
        if measured is not None and (contended(_rates(measured)) or self._is_back(active, measured)):
            again = calibrator.run(active, self._tell)
            measured = again and better_of(measured, again)
            for index, found in zip(active, measured or (), strict=False):
                self._pool.set_batch(index, found.batch)
        if measured is None:
            raise Stopped
        if all(c.weight > 0 for c in measured):
            calibration_cache.save(key, measured)
        self._hub.tell(Calibrated(measured, False, stage.node_id, self._harm(measured)))
        return measured

    def _key(self, stage: StagePlan, active: Sequence[int]) -> str:
        """Return the name under which the calibration of these workers is kept."""
        settled = [self._pool.workers[i].member.settled for i in active]
        digest = self._plan.stage_digest(stage.index)
        return calibration_cache.cache_key(digest, settled, self._source_of(stage)[1].spec)

    def _is_back(self, active: Sequence[int], measured: Sequence[DeviceCalibration]) -> bool:
        """Tell whether a worker that was lost while it was measured could be measured now."""
        found = zip(active, measured, strict=False)
        return any(c.fps_together == 0 and self._pool.workers[index].alive for index, c in found)

    def _kept(self, key: str) -> tuple[DeviceCalibration, ...] | None:
        """Return what an earlier run measured. A device that it left out gets another chance after some minutes."""
        kept = calibration_cache.load(key)
        too_old = kept is not None and calibration_cache.age_s(key) > _HARM_KEPT_S
        return None if kept and too_old and self._harm(kept) else kept

    def _harm(self, measured: Sequence[DeviceCalibration]) -> tuple[str, str] | None:
        return harmful(_rates(measured), self._ring.layout.slots)

    def _still_fits(self, stage: StagePlan, active: list[int], kept: tuple[DeviceCalibration, ...]) -> bool:
        """Tell whether an earlier run measured these devices, with batches that are within today's bounds."""
        by_id = {c.id: c for c in kept}
        if by_id.keys() != {self._pool.workers[i].member.id for i in active}:
            return False
        found = {i: by_id[self._pool.workers[i].member.id] for i in active}
        for index, c in found.items():
            fixed = int(self._pool.workers[index].report.get("batch", 1))
            too_long = c.batch * 1e3 > c.fps_alone * self._batch_ms
            if c.batch > fixed and (too_long or c.batch > self._most_batch(stage, index)):
                return False
        return True

    @property
    def _batch_ms(self) -> float:
        """Return how long a batch may take."""
        goal_ms = self._plan.config.targets.latency_p95_ms
        return BATCH_MS if goal_ms is None else goal_ms / _BATCHES_OF_LATENCY

    def _most_batch(self, stage: StagePlan, index: int) -> int:
        """Return how many frames may go into a worker's model at once: what its model takes, and is sent ahead."""
        most = int(self._pool.workers[index].report.get("most_batch", 1))
        return min(most, self._options.in_flight or stage.in_flight or most)

    # ---- samples

    def _source_of(self, stage: StagePlan) -> tuple[SourceNode, Source]:
        return next(pair for pair in self._sources if pair[0].id in stage.sources)

    def _sampled(self, stage: StagePlan, count: int) -> list[int]:
        """Return so many slots with frames in them that the stages before this one have computed."""
        count = min(count, self._ring.layout.slots)
        sources, filled = self._samples
        if sources != stage.sources or filled < count:
            self._computed.clear()
            self._fill_samples(self._source_of(stage), count)
            self._samples = (stage.sources, count)
        self._compute(stage.takes, list(range(self._samples[1])))
        return list(range(count))

    def _compute(self, stages: Sequence[int], slots: list[int]) -> None:
        """Let stages compute the samples, those that they take results of first."""
        for index in stages:
            if index in self._computed:
                continue
            self._compute(self._plan.stages[index].takes, slots)
            workers = [worker.index for worker in self._pool.of(index)]
            if Calibrator(self._hub, self._pool, self._ring, slots, 1).compute(workers) is None:
                raise Stopped
            self._computed.add(index)

    def _work_for(self, stage: StagePlan, active: list[int], slots: list[int]) -> bool:
        """Tell whether the samples give the stage anything to do: without a box there is no crop."""
        runs = Calibrator(self._hub, self._pool, self._ring, slots, 1).compute(active)
        if runs is None:
            raise Stopped
        return runs > 0

    def _fill_samples(self, source: tuple[SourceNode, Source], count: int) -> None:
        """Put the source's first frames into as many slots; a short clip's frames are used again."""
        source[1].rewind()  # an earlier segment of a held engine may have left it at its end
        feeder = make_feeder(*source, self._ring, FeedPlan(frames=count), self._hub.wake)
        feeder.offer(range(count))
        filled: list[int] = []
        while not feeder.ended:
            if frames := feeder.take(1):
                filled.append(frames[0].slot)
                continue
            for event in self._hub.pump(0.0 if feeder.due_s() == 0.0 else 0.2):
                self._hub.tell_of(event)
            if self._hub.stop_asked is not None:
                raise Stopped
        if isinstance(feeder, ThreadFeeder):
            feeder.finish()
            feeder.join(5.0)
        if feeder.error is not None or not filled:
            raise feeder.error or RunFailed(
                Problem("the source has no frame", source[0].id, hint="Choose another file or device.")
            )
        for slot in range(count):
            if slot not in filled:
                self._copy_slot(filled[0], slot)

    def _copy_slot(self, source: int, target: int) -> None:
        np.copyto(self._ring.frame(target), self._ring.frame(source))
        for name in ("height", "width"):
            self._ring.table[target][name] = self._ring.table[source][name]


def _rates(measured: Sequence[DeviceCalibration]) -> list[Rates]:
    return [Rates(c.id, c.fps_alone, c.fps_together) for c in measured]
