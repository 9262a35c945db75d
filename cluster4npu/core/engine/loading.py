"""Waiting for the workers of a run: who is slow is named, who does not come is left out, and the others begin."""

from __future__ import annotations

import time

from cluster4npu.core.devices.truth import UNKNOWN
from cluster4npu.core.engine.hub import Hub, Stopped
from cluster4npu.core.engine.messages import RunOptions, StateChanged
from cluster4npu.core.engine.pool import Lost, Refused, Worker, WorkerPool
from cluster4npu.core.errors import Cluster4NPUError, Problem, RunFailed

TOLD_EVERY_S = 5.0
_NOTHING_KNOWN = {"unit": UNKNOWN, "sha256": "", "result_bytes": 0}


class Loading:
    """The start of a pool. `left_out` says in words which devices the run begins without, and why.

    A run (not a held engine, which measures) begins when each stage has a device and the slow ones have had
    `late_after_s` more: those join it when they are loaded.
    """

    def __init__(self, hub: Hub, pool: WorkerPool, options: RunOptions) -> None:
        self._hub, self._pool, self._options = hub, pool, options
        self._late: set[int] = set()
        self._refusals: dict[int, Cluster4NPUError] = {}  # the first of each stage
        self._told_s = self._begun_s = time.monotonic()
        self._served_s: float | None = None  # since when each stage has a device
        self._lost_ones: list[Lost] = []  # of which the user has not heard yet
        self.left_out: list[str] = []

    def wait(self, state: str) -> None:
        """Wait until every worker is in `state`, lost, late or has refused; raises why a stage has none.

        Raises Stopped, too.
        """
        while waiting := [w for w in self._pool.workers if not self._is_settled(w, state)]:
            for event in [*self._hub.pump(0.2), *self._pool.tick()]:
                if isinstance(event, Refused):
                    self._refused(event)
                elif isinstance(event, Lost) and event.final:
                    self._lost(event)
                elif isinstance(event, Lost):
                    self._hub.tell_of(event)
            self._tell_of_the_lost()
            if self._hub.stop_asked is not None:
                raise Stopped
            if state == "loaded":
                self._look_at_the_time(waiting)

    def tell_of_models(self) -> None:
        """Say which models recognise nothing, since they are made to measure speed with."""
        workers = [w for w in self._pool.workers if w.report.get("speed_only")]
        for model in dict.fromkeys(w.stage.model.name for w in workers if w.stage.model is not None):
            text = f"{model} is for SPEED ONLY: its weights are random, and what it recognises means nothing"
            self.left_out.append(text)
            self._hub.tell(StateChanged("starting", text, notice=True))

    def _is_settled(self, worker: Worker, state: str) -> bool:
        return worker.state == state or worker.given_up or worker.index in self._late

    def _look_at_the_time(self, waiting: list[Worker]) -> None:
        now = time.monotonic()
        waiting = [worker for worker in waiting if not self._is_settled(worker, "loaded")]
        names = ", ".join(worker.member.id for worker in waiting)
        if waiting and now - self._told_s >= TOLD_EVERY_S:
            self._told_s = now
            most = f"{now - self._begun_s:.0f} s, at most {self._options.load_timeout_s:g} s"
            self._hub.tell(StateChanged("starting", f"still loading: {names} ({most})", notice=True))
        if self._options.hold or not self._is_served():
            return
        self._served_s = self._served_s or now
        if waiting and now - self._served_s >= self._options.late_after_s:
            for worker in waiting:
                worker.report = dict(_NOTHING_KNOWN)
                self._late.add(worker.index)
            nodes = ", ".join(dict.fromkeys(worker.stage.node_id for worker in waiting))
            self.left_out.append(
                f"{nodes}: the run began while {names} was still loading (it has {self._options.load_timeout_s:g} s): "
                "the others went on. Choose another device, or run longer"
            )
            self._hub.tell(
                StateChanged("starting", f"beginning without {names}, which is still loading", notice=True)
            )

    def _is_served(self) -> bool:
        """Tell whether each stage has a device that is loaded."""
        stages = {worker.stage.index for worker in self._pool.workers}
        return stages == {worker.stage.index for worker in self._pool.workers if worker.state == "loaded"}

    def _refused(self, event: Refused) -> None:
        """Go on without a device that refuses the model, while others may serve the stage; else raise the first error.

        A held engine, which measures, goes on only without one that failed: of the others it was told to measure all.
        """
        stage = self._pool.workers[event.worker].stage.index
        first = self._refusals.setdefault(stage, event.error)
        others = [other for other in self._pool.of(stage) if other.state != "failed"]
        if not others or (self._options.hold and not isinstance(event.error, RunFailed)):
            raise first

    def _lost(self, event: Lost) -> None:
        """Go on without a device whose driver hangs or ends its process; raises RunFailed when it was the last."""
        worker = self._pool.workers[event.worker]
        if all(other.given_up for other in self._pool.of(worker.stage.index)):
            raise RunFailed(
                Problem(
                    f"the worker of {worker.member.id} was lost while it was loading",
                    node=worker.stage.node_id,
                    field="devices",
                    found=event.reason,
                    hint="Leave this device out, or check its driver and the memory that is free.",
                )
            )
        worker.report = dict(_NOTHING_KNOWN)
        self.left_out.append(f"{worker.member.id} was left out: {event.reason}")
        self._lost_ones.append(event)

    def _tell_of_the_lost(self) -> None:
        """Name those that are left out, once others serve their stage: until then it may be the model that is wrong,
        which is told once and not for each device.
        """
        for event in list(self._lost_ones):
            others = self._pool.of(self._pool.workers[event.worker].stage.index)
            if any(other.state in ("loaded", "ready") for other in others):
                self._lost_ones.remove(event)
                self._hub.tell_of(event)
