"""The manager process: opens the source, starts the workers, calibrates, runs segments, and cleans up whatever happens.

States: starting -> (holding ->) calibrating -> running -> draining -> stopped.
"""

from __future__ import annotations

import contextlib
import os
import time
import traceback
from multiprocessing.connection import Connection

from cluster4npu.core.engine.arrivals import Arrivals
from cluster4npu.core.engine.feeder import ThreadFeeder
from cluster4npu.core.engine.hub import Hub, Stopped
from cluster4npu.core.engine.messages import (
    Failed,
    Finished,
    FramesTraced,
    MetricsUpdated,
    Result,
    ResultsReady,
    RunOptions,
    Segment,
    SegmentFinished,
    SourceChanged,
    Started,
    StateChanged,
)
from cluster4npu.core.engine.on_demand.manager import OnDemandManager
from cluster4npu.core.engine.opening import open_source
from cluster4npu.core.engine.outlets import SinkThread
from cluster4npu.core.engine.overload import LATEST, feed_plan
from cluster4npu.core.engine.pool import Lost, Refused, WorkerPool
from cluster4npu.core.engine.preparing import prepared
from cluster4npu.core.engine.preview import PreviewArea
from cluster4npu.core.engine.rating import Rating
from cluster4npu.core.engine.reporting import snapshot, summarize
from cluster4npu.core.engine.ring import Ring, slots_for
from cluster4npu.core.engine.signals import leave_signals_to_the_app
from cluster4npu.core.engine.stream import LEAST_IN_FLIGHT, Route, Stream, StreamOptions
from cluster4npu.core.engine.worker import leave_with_parent
from cluster4npu.core.errors import Cluster4NPUError, Problem, RunFailed
from cluster4npu.core.metrics.meter import HostMeter, Meter
from cluster4npu.core.metrics.summary import RunSummary
from cluster4npu.core.nodes.base import LiveNews, SinkNode, Source, SourceNode
from cluster4npu.core.pipeline.demand_plan import DemandPlan
from cluster4npu.core.pipeline.graph import Graph
from cluster4npu.core.pipeline.plan import ExecutionPlan
from cluster4npu.core.scheduling import policy_types

REPORT_S = 0.25
MOST_TRACED = 4096  # frames whose stamps are told at once
SINK_CLOSE_S = 10.0
GRACE_S = 5.0  # for an orderly end when the app is gone


def manager_main(plan: ExecutionPlan | DemandPlan, options: RunOptions, connection: Connection) -> None:
    """Run the manager until the run is over, or the app is gone."""
    leave_signals_to_the_app()
    hub = Hub(connection)
    manager = _make(plan, options, hub)
    event: Finished | Failed
    try:
        with contextlib.suppress(Stopped):
            manager.run()
        manager.close_sinks()
        event = Finished(manager.summary())
    except Cluster4NPUError as error:
        manager.abandon()
        event = Failed(error, manager.summary() if manager.begun else None)
    except Exception:  # a fault of ours: tell it with its trace, and clean up like after any other end
        hint = "Please report this with the text above."
        event = Failed(RunFailed(Problem("the engine broke", found=traceback.format_exc(), hint=hint)))
    manager.clean_up()
    hub.tell(StateChanged("stopped"))
    hub.tell(event)
    hub.close()
    os._exit(0)  # a source's thread may hang in a driver for ever; everything of ours is closed


def _make(plan: ExecutionPlan | DemandPlan, options: RunOptions, hub: Hub) -> Manager | OnDemandManager:
    """Return what runs this plan: workers that compute every frame, or this process that keeps rates."""
    if isinstance(plan, DemandPlan):
        return OnDemandManager(plan, options, hub)
    return Manager(plan, options, hub)


class Manager:
    """One run. `run` returns at its end; `clean_up` must be called after it, also when it raised."""

    def __init__(self, plan: ExecutionPlan, options: RunOptions, hub: Hub) -> None:
        self._plan, self._options, self._hub = plan, options, hub
        self._source: tuple[SourceNode, Source] | None = None
        self._pool: WorkerPool | None = None
        self._ring: Ring | None = None
        self._preview: PreviewArea | None = None
        self._sinks: list[SinkThread] = []
        self._rating: Rating | None = None
        self._host = HostMeter()
        self._in_flight = options.in_flight or LEAST_IN_FLIGHT
        self.stream: Stream | None = None
        self._traced = 0  # portions of stamps that have been told

    @property
    def begun(self) -> bool:
        """Tell whether there is anything to sum up."""
        return self.stream is not None

    def abandon(self) -> None:
        """Count what is still on its way as dropped."""
        if self.stream is not None:
            self.stream.abandon()

    # ---- life

    def run(self) -> None:
        """Start everything and run the one segment, or the commanded ones of a held engine."""
        self._state("starting", "opening the source")
        graph = Graph.build(self._plan.config)
        node = graph.nodes[self._plan.source]
        assert isinstance(node, SourceNode)
        self._source = (node, open_source(node, self._hub))
        self._state("starting", "loading the model on every device")
        self._load()
        self._start_sinks(graph)
        if self._options.hold:
            self._serve_segments()
        else:
            self._run_segment(self._whole_run())

    def _whole_run(self) -> Segment:
        options = self._options
        return Segment(
            devices=tuple(member.settled for member in self._plan.stage.pool),
            seconds=options.seconds,
            frames=options.frames,
            window=options.window,
            arrivals=Arrivals(options.target_fps) if options.target_fps else None,
        )

    def _serve_segments(self) -> None:
        while self._hub.stop_asked is None:
            self._state("holding")
            while not self._hub.segments and self._hub.stop_asked is None:
                self._hub.pump(None)
            if self._hub.segments:
                segment = self._hub.segments.popleft()
                collected: list[Result] = []
                self._run_segment(segment, collected if segment.results else None)
                if self._hub.stop_asked is None:
                    self._hub.tell(SegmentFinished(self.summary(), tuple(collected)))

    def close_sinks(self) -> None:
        """Let every sink write what it still has; raises its error, RunFailed when it does not come to an end."""
        for sink in self._sinks:
            if not sink.close(SINK_CLOSE_S) and sink.error is None:
                raise RunFailed(
                    Problem(
                        "the output did not take all results in time",
                        sink.node.id,
                        found=f"still writing {SINK_CLOSE_S:.0f} s after the last frame",
                        hint="Write to a faster disk, or take fewer frames a second.",
                    )
                )
            if sink.error is not None:
                raise sink.error

    def clean_up(self) -> None:
        """End workers, threads and sources, and remove what is in shared memory."""
        for sink in self._sinks:
            sink.close(SINK_CLOSE_S)  # after an error: at least let them keep what they have
        if self._pool is not None:
            self._pool.stop()
        feeder = self.stream.feeder if self.stream else None
        if self._source is not None and (not isinstance(feeder, ThreadFeeder) or feeder.join(0.3)):
            with contextlib.suppress(Cluster4NPUError, OSError):
                self._source[1].close()
        for area in (self._ring, self._preview):
            if area is not None:
                area.unlink()

    def _state(self, state: str, detail: str = "") -> None:
        self._hub.tell(StateChanged(state, detail))

    # ---- starting

    def _load(self) -> None:
        """Start the workers, size the ring by what they report, and let them map it."""
        assert self._source is not None
        spec = self._source[1].spec
        plan = prepared(self._plan, self._source[1], self._hub)
        pool = WorkerPool(plan, spec, self._hub.waiter, frame_timeout_s=self._options.frame_timeout_s)
        self._pool = self._hub.pool = pool
        pool.start()
        leave_with_parent(GRACE_S)  # in order, by the end of the app's pipe; this is for a manager that hangs
        self._await(pool, "loaded")
        self._preview = PreviewArea.create()  # first, so that the ring takes only what is left
        slots = slots_for(spec.nbytes, len(pool.workers), self._in_flight, self._options.ring_slots)
        result_bytes = max(int(w.report["result_bytes"]) for w in pool.workers)
        self._ring = Ring.create(slots, spec.nbytes, result_bytes)
        pool.attach(self._ring.layout)
        self._await(pool, "ready")
        self._rating = Rating(self._hub, pool, self._ring, self._source, self._plan, self._options)
        labels = {node: tuple(names) for w in pool.workers for node, names in w.labels.items()}
        self._labels = {
            e: labels[e.split(".")[0]] for e in self._plan.stage.exports if e.split(".")[0] in labels
        }
        self._hub.tell(
            Started(
                devices=tuple(w.member.id for w in pool.workers),
                simulated=tuple(w.member.id for w in pool.workers if w.member.simulated),
                labels=self._labels,
                units={w.member.id: str(w.report["unit"]) for w in pool.workers},
                model_sha256=str(pool.workers[0].report["sha256"]),
                frame_height=spec.height,
                frame_width=spec.width,
                preview_area=self._preview.name,
                processes=(os.getpid(), *self._pids()),
            )
        )

    def _pids(self) -> list[int]:
        workers = self._pool.workers if self._pool else []
        return [w.process.pid for w in workers if w.process is not None and w.process.pid is not None]

    def _await(self, pool: WorkerPool, state: str) -> None:
        """Wait until every worker is in `state`; raises what a worker refused, or the death of one."""
        while any(w.state != state for w in pool.workers):
            events = [*self._hub.pump(0.2), *pool.tick()]
            for event in events:
                if isinstance(event, Refused):
                    raise event.error
                if isinstance(event, Lost):
                    raise RunFailed(
                        Problem(
                            f"the worker of {pool.workers[event.worker].member.id} was lost while it was loading",
                            node=self._plan.stage.node_id,
                            field="devices",
                            found=event.reason,
                            hint="Leave this device out, or check its driver and the memory that is free.",
                        )
                    )
            if self._hub.stop_asked is not None:
                raise Stopped

    def _start_sinks(self, graph: Graph) -> None:
        routes = []
        for sink_id in self._plan.sinks:
            node = graph.nodes[sink_id]
            assert isinstance(node, SinkNode)
            if type(node).append is SinkNode.append:
                continue  # takes nothing of its own: the app's preview
            wires = {p: f"{n}.{o}" for p, (n, o) in graph.wires[sink_id].items() if n != self._plan.source}
            sink = SinkThread(node, self._hub.wake)
            self._sinks.append(sink)
            routes.append((sink, wires))
        self._route = Route(self._plan.stage.exports, tuple(routes), self._labels)

    # ---- one segment

    def _run_segment(self, segment: Segment, collected: list[Result] | None = None) -> None:
        assert self._source and self._pool and self._ring and self._preview and self._rating
        active = self._indices(segment.devices)
        rates, left_out = self._rating.rates(active)
        if rates:
            active = [i for i in active if self._pool.workers[i].member.settled in rates]
        loop = self._options.loop
        if loop is None:
            loop = bool(getattr(self._source[0].params, "loop", False)) or self._options.hold
        feed = feed_plan(self._source[0], self._source[1].spec, self._options, segment, loop=loop)
        in_flight = self._options.in_flight or (1 if feed.overload == LATEST else None)
        self._source[1].rewind()
        batch: list[Result] = []
        collect = (
            collected.append if collected is not None else batch.append if self._options.results else None
        )
        self.stream = Stream(
            self._hub,
            self._pool,
            self._ring,
            self._source,
            active,
            policy_types()[self._plan.stage.policy](rates, self._options.seed),
            rates,
            self._route,
            self._preview,
            Meter(len(self._pool.workers), traces=self._options.traces),
            StreamOptions(
                feed,
                segment.seconds,
                segment.window,
                in_flight,
                collect,
                bounded_end=not self._options.hold,
            ),
        )
        self.stream.warnings.extend(left_out)
        self._traced = 0
        self._state("running")
        self._loop(self.stream, batch)
        self._report(self.stream, "stopped" if not self._options.hold else "holding")

    def _loop(self, stream: Stream, batch: list[Result]) -> None:
        next_report = time.monotonic() + REPORT_S
        going = True
        while going:
            going = stream.step(next_report)
            stop = self._hub.stop_asked
            if stop is not None and stop.now:
                stream.abandon()
                going = False
            elif stop is not None:
                stream.drain()
            now = time.monotonic()
            if batch and (now >= next_report or not going or len(batch) >= 64):
                self._hub.tell(ResultsReady(tuple(batch)))
                batch.clear()
            if now >= next_report:
                next_report = now + REPORT_S
                stream.retune()
                self._tell_news()
                self._report(stream, "running")
            self._check_sinks(stream)
        if stream.feeder.error is not None:
            raise stream.feeder.error

    def _tell_news(self) -> None:
        """Tell what happened to a live source since the last time."""
        assert self._source is not None
        node, source = self._source
        while isinstance(source, LiveNews) and source.notices:
            notice = source.notices.popleft()
            self._hub.tell(SourceChanged(node.id, notice.state, notice.detail))

    def _check_sinks(self, stream: Stream) -> None:
        for sink in self._sinks:
            if sink.error is not None:
                raise sink.error

    def _report(self, stream: Stream, state: str) -> None:
        assert self._pool is not None and self._ring is not None
        self._host.update([os.getpid(), *self._pids()])
        slots = self._ring.layout.slots
        self._hub.tell(MetricsUpdated(snapshot(stream, self._pool, self._host, state, slots, self._goal())))
        log = stream.meter.traces
        if self._options.live_traces and log is not None:
            self._hub.tell(FramesTraced(log.since(self._traced, MOST_TRACED)))
            self._traced = log.chunks

    def _goal(self) -> int | None:
        """Return how many frames will come in all, where that is known."""
        assert self._source is not None
        if self._options.frames is not None:
            return self._options.frames
        looped = self._options.loop or (
            self._options.loop is None and getattr(self._source[0].params, "loop", False)
        )
        return None if looped or self._options.seconds is not None else self._source[1].spec.frames

    def _indices(self, devices: tuple[str, ...]) -> list[int]:
        """Return the workers of these ids (settled, or as the user wrote them)."""
        assert self._pool is not None
        known = {w.member.settled: w.index for w in self._pool.workers}
        for worker in self._pool.workers:
            known.setdefault(worker.member.id, worker.index)
        missing = [d for d in devices if d not in known]
        if missing or not devices:
            raise RunFailed(
                f"a segment names devices that are not loaded: {', '.join(missing) or 'none at all'}"
            )
        return [known[d] for d in devices]

    def summary(self) -> RunSummary:
        """Return the figures of the last segment."""
        calibration = self._rating.last() if self._rating else {}
        return summarize(self._plan, self.stream, self._pool, calibration)
