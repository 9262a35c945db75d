"""One stage of a running segment: the frames that wait for it, its workers, and which of them gets what.

    pending -> a worker's backlog -> in flight -> ended

A frame whose worker was lost goes back to pending; one that has lost two workers is set aside as failed. One on which
a worker's model fails goes to the backlog of another worker, until all have tried (`Suspects` notes who is at fault).
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping, Sequence

from cluster4npu.core.engine.channel import AWAKE_NS, Done
from cluster4npu.core.engine.drift import DriftWatch, MeanWeights
from cluster4npu.core.engine.frames import NOBODY, Visit
from cluster4npu.core.engine.placement import TRIVIAL_NS
from cluster4npu.core.engine.pool import Lost, Worker, WorkerPool
from cluster4npu.core.engine.returning import SHOWN_FRAMES, Rated, shown_rate
from cluster4npu.core.engine.ring import FREE, Ring
from cluster4npu.core.engine.suspects import Suspects
from cluster4npu.core.errors import NoDeviceLeft, Problem
from cluster4npu.core.metrics.meter import Meter
from cluster4npu.core.pipeline.plan import StagePlan
from cluster4npu.core.scheduling.base import Policy, WorkerView
from cluster4npu.core.scheduling.harm import Rates, harmful

LEAST_IN_FLIGHT, MOST_IN_FLIGHT = 2, 32
AHEAD_NS = 1_000_000  # work that a worker should have at hand: what waking it up may cost, and more
MOST_DEATHS = 2  # workers that a frame may cost before it is set aside,
MOST_KILLS = 10  # and so many where somebody else killed them: most likely it was not the frame
_NEW_SHARE = 0.1  # of the latest service time in the running mean


def natural_window(rates: Mapping[str, float], slots: int, batches: Mapping[str, int] | None = None) -> int:
    """Return how many frames shall be in a stage at once: enough for full speed, since more only wait.

    While the slowest worker computes one frame and has the next at hand, the others must not run dry: that takes
    twice its service time at the summed rate. On top comes what is sent ahead; what quick workers have of that counts
    twice, since the answers of one wait for those of another to be handed on, and it needs frames meanwhile. A worker
    without a rate counts like the slowest one: fresh memory costs time, and what the first frames show will tell
    (`Lane.window`). Of `batches`, one is computed and the next at hand.
    """
    batches = batches or {}
    slowest = min((rate for rate in rates.values() if rate > 0), default=1.0)
    measured = {key: rate or slowest for key, rate in rates.items()}
    longest_s = max(batches.get(key, 1) / rate for key, rate in measured.items())
    wanted = math.ceil(2 * sum(measured.values()) * longest_s) + 2
    for key, rate in measured.items():
        least = _least(batches.get(key, 1))
        ahead = max(least, min(int(rate * AHEAD_NS / 1e9) + 1, MOST_IN_FLIGHT))
        wanted += 2 * ahead - least
    return min(slots, wanted)


def _least(batch: int) -> int:
    """Return how many frames a worker must have at hand."""
    return LEAST_IN_FLIGHT * batch


class Lane:
    """A stage at work. Every frame that is `put` ends once: `finish` or `lose` returns it.

    `frames` counts those that were put, `failed` those of them that ended with an error, `ended` all that ended, and
    `runs` the inputs that the model got for them.
    """

    def __init__(
        self,
        pool: WorkerPool,
        ring: Ring,
        stage: StagePlan,
        active: Sequence[int],
        policy: Policy,
        rated: Rated,
        in_flight: int | None,
        meter: Meter,
    ) -> None:
        self.stage, self.rated = stage, rated
        self.following: tuple[Lane, ...] = ()  # the stages that take its results
        self.frames = self.ended = self.failed = self.runs = 0
        self._pool, self._ring, self._meter = pool, ring, meter
        self._active = {pool.workers[i].member.settled: i for i in active}
        self._policy = policy
        self._weights = dict(rated.rates) or dict.fromkeys(self._active, 1.0)
        self._guessed = set(rated.guessed)  # of these the weight is not measured yet
        self._drift = DriftWatch({k: rate for k, rate in rated.rates.items() if k not in rated.guessed})
        self._mean_weights = MeanWeights()
        self._in_flight_wanted = in_flight
        self._pending: deque[Visit] = deque()
        self._backlog: dict[int, deque[Visit]] = {i: deque() for i in active}
        self._in_flight: dict[int, Visit] = {}  # by slot
        self._depth = {i: in_flight or _least(pool.workers[i].batch) for i in active}
        self._finished_ns = dict.fromkeys(active, 0)  # when each worker's last answer was ready
        self._service_ns: dict[int, float] = {}  # running mean by worker
        self._suspects = Suspects(pool)
        self._is_quick = False  # one of them needs less time than a wake-up
        self.wants_more = False  # one of them takes more frames ahead than when the stream last looked
        self._views: dict[str, WorkerView] = {}
        self.set_alive()

    def put(self, visits: Sequence[Visit]) -> None:
        """Let frames wait for a worker."""
        self.frames += len(visits)
        self._pending.extend(visits)

    @property
    def notices(self) -> list[str]:
        """Return what the user should know of its devices, in words."""
        return self._suspects.words()

    @property
    def workers(self) -> int:
        """Return how many workers it has, alive or not."""
        return len(self._active)

    @property
    def is_fed(self) -> bool:
        """Tell whether every worker has a frame waiting."""
        return all(self._backlog.values())

    @property
    def expects_soon(self) -> bool:
        """Tell whether the next answer is likely to come before this process could go to sleep and wake up."""
        return self._is_quick and bool(self._in_flight)

    @property
    def is_trivial(self) -> bool:
        """Tell whether its workers take no longer for a frame than handing it over does."""
        return max(self._service_ns.values(), default=math.inf) < TRIVIAL_NS

    def queue_of(self, worker: int) -> int:
        """Return how many frames a worker has been assigned and not finished."""
        return len(self._backlog.get(worker, ())) + len(self._pool.workers[worker].in_flight)

    def needed_ns(self) -> float:
        """Return how long the workers should take for what they have."""
        times = (self.queue_of(i) * self._service_ns.get(i, 0.0) for i in self._active.values())
        return max(times, default=0.0)

    def drop(self, visit: Visit) -> None:
        """Take a frame back that no worker has got yet."""
        if visit.worker == NOBODY:
            self._pending.remove(visit)
        else:
            self._backlog[visit.worker].remove(visit)
            self._views[self._pool.workers[visit.worker].member.settled].waiting -= 1

    def window(self, slots: int) -> int | None:
        """Return the natural window by the service times that were measured; None until all workers have one."""
        alive = [self._active[key] for key in self._views]
        if not alive or any(i not in self._service_ns for i in alive):
            return None
        batches = {str(i): self._pool.workers[i].batch for i in alive}
        return natural_window({str(i): 1e9 / self._service_ns[i] for i in alive}, slots, batches)

    def first_window(self, slots: int) -> int:
        """Return the natural window by the calibrated rates."""
        batches = {key: self._pool.workers[i].batch for key, i in self._active.items()}
        return natural_window(self._weights, slots, batches)

    def work(self) -> None:
        """Give what waits to the workers; raises NoDeviceLeft when none of them is left."""
        if self._pending:
            self._assign()
        if any(self._backlog.values()):
            if self._policy.steals:
                self._steal()
            self._dispatch()

    def _assign(self) -> None:
        if not self._views and not self._pool.usable(self.stage.index):
            raise self._nobody_left()
        pending, active, backlog = self._pending, self._active, self._backlog
        keys = self._policy.assign_all(self._views, len(pending))
        for key, visit in zip(keys, pending, strict=False):
            visit.worker = index = active[key]
            backlog[index].append(visit)
        for _ in keys:
            pending.popleft()

    def _steal(self) -> None:
        """Give each idle worker the first waiting frame that it would finish before the one who has it."""
        for key, view in self._views.items():
            thief = self._active[key]
            if view.waiting or thief not in self._service_ns:
                continue
            for other, backlog in self._backlog.items():
                if not backlog or other not in self._service_ns:
                    continue
                ahead = len(self._pool.workers[other].in_flight)
                first = max(0, int(self._service_ns[thief] / self._service_ns[other]) - ahead)
                if first < len(backlog) and thief not in backlog[first].tried:
                    visit = backlog[first]
                    del backlog[first]
                    self._views[self._pool.workers[other].member.settled].waiting -= 1
                    visit.worker = thief
                    self._backlog[thief].append(visit)
                    view.waiting += 1
                    break

    def _dispatch(self) -> None:
        for index, backlog in self._backlog.items():
            worker = self._pool.workers[index]
            depth, ahead = self._depth[index], len(worker.in_flight)
            if 2 * ahead > depth or not worker.alive:
                continue  # few at a time would wake it up for each
            room = min(depth - ahead, len(backlog))
            if room > 0 and worker.batch > 1:
                room = self._room_beside_suspects(worker, backlog, room)
            if room <= 0:
                continue
            now = time.monotonic_ns()
            visits, in_flight = [backlog.popleft() for _ in range(room)], self._in_flight
            for visit in visits:
                visit.queued_ns = now
                in_flight[visit.slot] = visit
            self._pool.give(index, visits, now)

    def _room_beside_suspects(self, worker: Worker, backlog: deque[Visit], room: int) -> int:
        """Return how many frames may be given: one that may have cost a worker its life goes alone.

        In a batch, the others would be blamed with it.
        """
        if any(self._in_flight[slot].deaths for slot in worker.in_flight):
            return 0
        ahead = next((n for n, visit in enumerate(backlog) if visit.deaths), room)
        return min(room, ahead) if ahead else int(not worker.in_flight)

    # ---- what the pool tells

    def finish(self, index: int, dones: Sequence[Done]) -> list[Visit]:
        """Take a worker's answers, oldest first; return what has ended with them."""
        key = self._pool.workers[index].member.settled
        ended: list[Visit] = []
        busy_ns, before, wasted_ns, wasted, passed_on, computed_runs = 0, self._finished_ns[index], 0, 0, 0, 0
        in_flight, suspicious = self._in_flight, bool(self._suspects)
        for slot, generation, _, started, inferred, finished, result_bytes, runs, error in dones:
            visit = in_flight.get(slot)
            if visit is None or visit.generation != generation:
                continue  # an answer to an earlier use of the slot
            del in_flight[slot]
            visit.started_ns, visit.inferred_ns, visit.finished_ns = started, inferred, finished
            visit.result_bytes = result_bytes
            computed_runs += runs
            begun = started if started > before else before  # frames of one batch are begun together
            spent_ns = finished - begun if finished > begun else 1
            busy_ns += spent_ns
            before = finished
            if error:
                suspicious = True
                wasted_ns += spent_ns
                wasted += 1
                if runs and self._pass_on(index, visit, error):
                    passed_on += 1
                    continue
                visit.error = error.decode(errors="replace")
                self.failed += 1
            elif suspicious or visit.tried:
                self._suspects.computed(index, visit.tried)
            ended.append(visit)
        self.runs += computed_runs
        frames = len(ended)
        if not frames and not passed_on:
            return ended
        self._finished_ns[index] = before
        self.ended += frames
        self._views[key].waiting -= frames + passed_on
        self._meter.finished(index, frames, busy_ns)
        computed = frames + passed_on - wasted
        if computed:
            self._learn(index, key, computed, busy_ns - wasted_ns)
        return ended

    def _learn(self, index: int, key: str, frames: int, busy_ns: int) -> None:
        """Learn how long a worker takes for a frame that it computes; one that fails says nothing of that."""
        spent = busy_ns // frames
        self._policy.finished(key, spent / 1e9, frames)
        mean, new = self._service_ns.get(index, spent), 1 - (1 - _NEW_SHARE) ** frames
        self._service_ns[index] = mean + new * (busy_ns / frames - mean)
        self._is_quick = min(self._service_ns.values()) < AWAKE_NS
        if self._in_flight_wanted is None:
            enough = AHEAD_NS // spent
            least = _least(self._pool.workers[index].batch)
            depth = max(least, min(enough, MOST_IN_FLIGHT))
            self.wants_more = self.wants_more or depth > self._depth[index]
            self._depth[index] = depth

    def _pass_on(self, index: int, visit: Visit, error: bytes) -> bool:
        """Give a frame on which a worker's model failed to another worker; False where all of them have tried."""
        self._suspects.failed(index, error, able=index in self._service_ns)
        visit.tried = (*visit.tried, index)
        others = {key: i for key, i in self._active.items() if key in self._views and i not in visit.tried}
        others = {key: i for key, i in others.items() if self._weights.get(key, 0.0) > 0}
        if not others:
            return False
        key = min(others, key=lambda k: (self._views[k].waiting + 1) * self._service_ns.get(others[k], 0.0))
        self._ring.mark(visit.slot, self.stage.index, FREE)
        visit.worker, visit.queued_ns = others[key], 0
        self._backlog[visit.worker].appendleft(visit)
        self._views[key].waiting += 1
        return True

    def lose(self, event: Lost) -> list[Visit]:
        """Take back what a lost worker had; return what has ended with it. Raises NoDeviceLeft when none is left."""
        visits = [self._in_flight.pop(slot) for slot in event.slots if slot in self._in_flight]
        ended = []
        for visit in visits:
            if self._ring.is_begun(visit.slot, self.stage.index):  # the others had only been sent ahead
                visit.deaths += 1
                visit.kills += event.killed
                if visit.deaths - visit.kills >= MOST_DEATHS or visit.kills >= MOST_KILLS:
                    visit.error = f"it cost {visit.deaths} workers their life ({event.reason})"
                    ended.append(visit)
            self._ring.mark(visit.slot, self.stage.index, FREE)
            if not visit.error:
                visit.worker, visit.queued_ns = NOBODY, 0
        self.failed += len(ended)
        self.ended += len(ended)
        self._wait_again(event.worker, [v for v in visits if not v.error])
        self.set_alive()
        if not self._pool.usable(self.stage.index):
            raise self._nobody_left()
        return ended

    def fail_the_rest(self) -> None:
        """Count what was put and has not ended as failed: nobody will compute it."""
        self.failed += self.frames - self.ended
        self.ended = self.frames

    def _wait_again(self, worker: int, visits: Sequence[Visit] = ()) -> None:
        """Let these frames, and those that wait for a worker, wait for any, before all others."""
        backlog = self._backlog.get(worker, deque())
        for visit in backlog:
            visit.worker = NOBODY
        self._pending.extendleft(sorted([*visits, *backlog], key=lambda v: -v.frame_id))
        backlog.clear()

    def settle(self) -> list[str]:
        """Give each device whose weight was guessed the rate that its own frames have shown.

        Return in words what is new: who is left out from now on, since it would hold the others up, and who has become
        slower than calibrated.
        """
        words = self._look_for_drift()
        self._note_weights()
        for key in [key for key in self._guessed if self._has_shown(key)]:
            self._guessed.remove(key)
            own_ns = self._service_ns[self._active[key]]
            others = {k: rate for k, rate in self._weights.items() if k != key and k not in self._guessed}
            others_ns = {k: self._service_ns[i] for k, i in self._active.items() if i in self._service_ns}
            self._weights[key] = shown_rate(own_ns, others, others_ns)
            rates = [Rates(k, rate, rate) for k, rate in self._weights.items()]
            harm = harmful(rates, self._ring.layout.slots)
            if harm is not None and harm[0] == key:
                self._weights[key] = 0.0
                self._wait_again(self._active[key])
                words.append(f"{self._pool.workers[self._active[key]].member.id} was left out: {harm[1]}")
            self.set_alive()
        return words

    @property
    def drifted(self) -> dict[str, str]:
        """Return the devices that have become slower than calibrated, and how slow, in words."""
        return self._drift.told

    def _look_for_drift(self) -> list[str]:
        words = []
        for key, index in self._active.items():
            worker = self._pool.workers[index]
            if index not in self._service_ns or worker.now is None:
                continue
            if worker.batch > 1 and self.queue_of(index) < 2 * worker.batch:
                continue  # a batch takes as long half full as full, and only then they are all full
            if told := self._drift.look(key, self._service_ns[index], worker.now.finished):
                words.append(f"{worker.member.id} has become slower: it {told}. The next run measures anew")
        return words

    def _note_weights(self) -> None:
        rates = {key: self._weights.get(key, 0.0) for key in self._views}
        if self._policy.corrects:
            seen = self._service_ns
            rates = {k: 1e9 / seen[i] if (i := self._active[k]) in seen else r for k, r in rates.items()}
        self._mean_weights.note(rates, self.ended)

    def mean_weight(self, key: str) -> float | None:
        """Return what a device (settled id) weighed in this segment, 0 to 1; None where no frame says so."""
        self._note_weights()
        return self._mean_weights.of(key)

    def _has_shown(self, key: str) -> bool:
        now = self._pool.workers[self._active[key]].now
        return self._active[key] in self._service_ns and now is not None and now.finished >= SHOWN_FRAMES

    def set_alive(self) -> None:
        """Look again which workers are there."""
        alive = {k: i for k, i in self._active.items() if self._pool.workers[i].alive}
        self._views = {k: WorkerView(self.queue_of(i), self._depth[i]) for k, i in alive.items()}
        measured = {k: self._weights[k] for k in alive if self._weights.get(k, 0.0) > 0}
        self._policy.set_weights(measured or dict.fromkeys(alive, 1.0))

    def _nobody_left(self) -> NoDeviceLeft:
        workers = self._pool.of(self.stage.index)
        return NoDeviceLeft(
            Problem(
                "every device has failed",
                node=self.stage.node_id,
                field="devices",
                found="; ".join(f"{w.member.id}: {w.failure}" for w in workers if w.failure),
                hint="Choose another device, or look whether its driver or the model is at fault.",
            )
        )
