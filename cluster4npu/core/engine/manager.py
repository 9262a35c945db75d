"""The manager process: opens sources, starts workers, calibrates, runs segments, and cleans up whatever happens.

States: starting -> (holding ->) calibrating -> running -> draining -> stopped.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from dataclasses import replace
from multiprocessing.connection import Connection

from cluster4npu.core.engine.arrivals import Arrivals
from cluster4npu.core.engine.delivery import Deliverer
from cluster4npu.core.engine.feeder import FeedPlan, ThreadFeeder, make_feeder
from cluster4npu.core.engine.hub import Hub, Stopped
from cluster4npu.core.engine.intake import Inlet, shares
from cluster4npu.core.engine.lane import LEAST_IN_FLIGHT, Lane
from cluster4npu.core.engine.launch import leave_with_parent
from cluster4npu.core.engine.loading import Loading
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
from cluster4npu.core.engine.on_demand.reporting import Reporter
from cluster4npu.core.engine.opening import open_sources
from cluster4npu.core.engine.outlets import SinkThread
from cluster4npu.core.engine.overload import LATEST, feed_plan
from cluster4npu.core.engine.pool import PAUSED_S, WorkerPool
from cluster4npu.core.engine.preparing import prepared
from cluster4npu.core.engine.preview import PreviewArea
from cluster4npu.core.engine.rating import Rating
from cluster4npu.core.engine.reporting import snapshot, summarize
from cluster4npu.core.engine.resources import check_bandwidth, check_room, exhausted
from cluster4npu.core.engine.ring import Ring, slots_for
from cluster4npu.core.engine.routing import Names, outlet_of, route_of, wired_to_sinks
from cluster4npu.core.engine.signals import leave_signals_to_the_app
from cluster4npu.core.engine.stream import Stream, StreamOptions
from cluster4npu.core.engine.usage import Usage, waste_of
from cluster4npu.core.errors import Cluster4NPUError, NoDeviceLeft, Problem, RunFailed
from cluster4npu.core.metrics.meter import MOST_KEPT, HostMeter, Meter
from cluster4npu.core.metrics.summary import ModeSummary, RunSummary
from cluster4npu.core.nodes.base import FrameSpec, LiveNews, Place, SinkNode, Source, SourceNode
from cluster4npu.core.pipeline.demand_plan import DemandPlan
from cluster4npu.core.pipeline.graph import Graph
from cluster4npu.core.pipeline.plan import ExecutionPlan, StagePlan
from cluster4npu.core.scheduling import policy_types

REPORT_S = 0.25
MOST_TRACED = 4096  # frames whose stamps are told at once
SINK_CLOSE_S = 10.0
GRACE_S = 5.0  # for an orderly end when the app is gone


def manager_main(plan: ExecutionPlan | DemandPlan, options: RunOptions, connection: Connection) -> None:
    """Run the manager until the run is over, or the app is gone."""
    leave_signals_to_the_app()
    _leave_main_to_the_app()
    hub = Hub(connection)
    manager = _make(plan, options, hub)
    event: Finished | Failed
    try:
        with contextlib.suppress(Stopped):
            manager.run()
        manager.close_sinks()
        event = Finished(manager.summary())
    except Cluster4NPUError as error:
        manager.abandon("every device has failed" if isinstance(error, NoDeviceLeft) else "")
        event = Failed(error, manager.summary() if manager.begun else None)
    except (
        Exception
    ) as error:  # a machine at its limits, or a fault of ours: told with its trace, and cleaned up
        hint = "Please report this with the text above."
        broke = RunFailed(Problem("the engine broke", found=traceback.format_exc(), hint=hint))
        event = Failed(exhausted(error) or broke)
    manager.clean_up()  # what follows may wait for an app that reads slowly
    hub.tell(StateChanged("stopped"))
    hub.tell(event)
    hub.close()
    os._exit(0)  # a source's thread may hang in a driver for ever; everything of ours is closed


def _leave_main_to_the_app() -> None:
    """Keep the processes that this one starts from running the caller's main module: they need nothing of it.

    Each of them would import it anew, with whatever that imports, before it is a worker.
    """
    main = sys.modules["__main__"]
    main.__spec__ = None
    main.__file__ = None


def _make(plan: ExecutionPlan | DemandPlan, options: RunOptions, hub: Hub) -> Manager | OnDemandManager:
    """Return what runs this plan: workers that compute every frame, or this process that keeps rates."""
    if isinstance(plan, DemandPlan):
        return OnDemandManager(plan, options, hub)
    return Manager(plan, options, hub)


def nothing_done(plan: ExecutionPlan | DemandPlan) -> RunSummary:
    """Return the summary of a run that was stopped before it began."""
    return Reporter.nothing(plan) if isinstance(plan, DemandPlan) else summarize(plan, None, None, {})


class Manager:
    """One run. `run` returns at its end; `clean_up` must be called after it, also when it raised."""

    def __init__(self, plan: ExecutionPlan, options: RunOptions, hub: Hub) -> None:
        self._plan, self._options, self._hub = plan, options, hub
        self._graph = Graph.build(plan.config)
        self._sources: list[tuple[SourceNode, Source]] = []
        self._pool: WorkerPool | None = None
        self._ring: Ring | None = None
        self._preview: PreviewArea | None = None
        self._sinks: list[SinkThread] = []
        self._rating: Rating | None = None
        self._host = HostMeter()
        self._left_out: list[str] = []  # devices that did not load, in words
        self.stream: Stream | None = None
        self._usage: Usage | None = None
        self._traced = 0  # portions of stamps that have been told

    @property
    def begun(self) -> bool:
        """Tell whether there is anything to sum up."""
        return self.stream is not None

    def abandon(self, failure: str = "") -> None:
        """Count what is still on its way as dropped, or as failed for this reason."""
        if self.stream is not None:
            self.stream.abandon(failure)

    # ---- life

    def run(self) -> None:
        """Start everything and run the one segment, or the commanded ones of a held engine."""
        self._state("starting", "opening the source")
        nodes = [node for node in self._graph.at(Place.SOURCE) if isinstance(node, SourceNode)]
        self._sources = list(zip(nodes, open_sources(nodes, self._hub), strict=True))
        self._feeds(self._whole_run())  # before anything is loaded: what is wrong with it is told at once
        for text in (text for stage in self._plan.stages for text in stage.left_out):
            self._hub.tell(StateChanged("starting", text, notice=True))
        self._state("starting", "loading the model on every device")
        self._load()
        self._start_sinks()
        if self._options.hold:
            self._serve_segments()
        else:
            self._run_segment(self._whole_run())
            if self.stream is not None and self._hub.stop_asked is None:
                self.stream.require_a_frame()

    def _whole_run(self) -> Segment:
        options = self._options
        return Segment(
            devices=tuple(member.settled for member in self._plan.members),
            seconds=options.seconds,
            frames=options.frames,
            window=options.window,
            arrivals=Arrivals(options.target_fps) if options.target_fps else None,
        )

    def _serve_segments(self) -> None:
        while self._hub.stop_asked is None:
            self._state("holding")
            self._hold()
            if self._hub.segments:
                segment = self._hub.segments.popleft()
                collected: list[Result] = []
                self._run_segment(segment, collected if segment.results else None)
                if self._hub.stop_asked is None:
                    self._hub.tell(SegmentFinished(self.summary(), tuple(collected)))

    def _hold(self) -> None:
        """Wait for the next segment; workers that are lost meanwhile are told, and started again."""
        assert self._pool is not None
        pool = self._pool
        while not self._hub.segments and self._hub.stop_asked is None:
            left_s = max(0.0, pool.quiet_until_s - time.monotonic())
            for event in [*self._hub.pump(left_s), *pool.tick()]:
                self._hub.tell_of(event)

    def close_sinks(self) -> None:
        """Let every sink write what it still has; raises its error, RunFailed when it does not come to an end."""
        for sink in self._sinks:
            if not sink.close(SINK_CLOSE_S) and sink.error is None and not sink.node.lossy:
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
        feeders = {i.node_id: i.feeder for i in self.stream.inlets} if self.stream else {}
        for node, source in self._sources:
            feeder = feeders.get(node.id)
            if not isinstance(feeder, ThreadFeeder) or feeder.join(0.3):
                with contextlib.suppress(Cluster4NPUError, OSError):
                    source.close()
        for area in (self._ring, self._preview):
            if area is not None:
                area.unlink()

    def _state(self, state: str, detail: str = "") -> None:
        self._hub.tell(StateChanged(state, detail))

    # ---- starting

    def _load(self) -> None:
        """Start the workers, size the ring by what they report, and let them map it."""
        plan = self._plan = prepared(self._plan, self._sources, self._hub)
        specs = {node.id: source.spec for node, source in self._sources}
        largest = [
            max((specs[source] for source in stage.sources), key=lambda s: s.nbytes) for stage in plan.stages
        ]
        check_room(plan, spares=self._options.warm_spare)
        check_bandwidth(plan.config.targets.fps, [spec.nbytes for spec in specs.values()])
        pool = WorkerPool(
            plan,
            largest,
            self._hub.waiter,
            frame_timeout_s=self._options.frame_timeout_s,
            load_timeout_s=self._options.load_timeout_s,
            copies=self._options.standby,
        )
        self._pool = self._hub.pool = pool
        pool.start()
        leave_with_parent(GRACE_S)  # in order, by the end of the app's pipe; this is for a manager that hangs
        loading = Loading(self._hub, pool, self._options)
        loading.wait("loaded")
        loading.tell_of_models()
        self._preview = PreviewArea.create()  # first, so that the ring takes only what is left
        frame_bytes = max(spec.nbytes for spec in specs.values())
        in_flight = max(self._in_flight(stage) or LEAST_IN_FLIGHT for stage in plan.stages)
        slots = slots_for(frame_bytes, len(pool.workers), in_flight, self._options.ring_slots)
        if len(specs) > 1:
            slots = max(slots, 3 * len(specs))  # each source can always read, while others wait
        result_bytes = [max(int(w.report["result_bytes"]) for w in pool.of(s.index)) for s in plan.stages]
        self._ring = Ring.create(slots, frame_bytes, result_bytes)
        pool.attach(self._ring.layout)
        loading.wait("ready")
        self._left_out = [*(text for stage in plan.stages for text in stage.left_out), *loading.left_out]
        self._rating = Rating(self._hub, pool, self._ring, self._sources, plan, self._options)
        self._names = Names(self._graph, {n: tuple(v) for w in pool.workers for n, v in w.labels.items()})
        self._tell_started(pool, specs[plan.sources[0]], self._preview.name)

    def _in_flight(self, stage: StagePlan) -> int | None:
        return self._options.in_flight or stage.in_flight

    def _tell_started(self, pool: WorkerPool, spec: FrameSpec, preview_area: str) -> None:
        shown = wired_to_sinks(self._graph)
        first = min(self._plan.stages, key=lambda s: [n.id for n in self._plan.config.nodes].index(s.node_id))
        self._hub.tell(
            Started(
                devices=tuple(w.member.id for w in pool.workers),
                simulated=tuple(w.member.id for w in pool.workers if w.member.simulated),
                labels={key: names for key in shown if (names := self._names.of(key))},
                units={w.member.id: str(w.report["unit"]) for w in pool.workers if not w.given_up},
                model_sha256=max(str(worker.report["sha256"]) for worker in pool.of(first.index)),
                frame_height=spec.height,
                frame_width=spec.width,
                preview_area=preview_area,
                processes=(os.getpid(), *(pid for worker in pool.workers for pid in worker.pids)),
                crop_labels={key: names for key in shown if (names := self._names.of_crops(key))},
                stages={
                    stage.node_id: tuple(member.id for member in stage.pool) for stage in self._plan.stages
                },
            )
        )

    def _pids(self) -> list[int]:
        return self._pool.pids if self._pool else []

    def _start_sinks(self) -> None:
        outlets = []
        for sink_id in self._plan.sinks:
            node = self._graph.nodes[sink_id]
            assert isinstance(node, SinkNode)
            if type(node).append is SinkNode.append:
                continue  # takes nothing of its own: the app's preview
            sink = SinkThread(node, self._hub.wake)
            self._sinks.append(sink)
            outlets.append(outlet_of(self._graph, sink, self._names))
        self._route = route_of(self._graph, self._plan, tuple(outlets))

    # ---- one segment

    def _run_segment(self, segment: Segment, collected: list[Result] | None = None) -> None:
        assert self._pool and self._ring and self._preview
        meter = Meter(
            len(self._pool.workers),
            traces=self._options.traces,
            most_traces=None if self._options.hold else MOST_KEPT,
        )
        feeds = self._feeds(segment)
        lanes, left_out = self._lanes(segment, feeds, meter)
        for _, source in self._sources:
            source.rewind()
        batch: list[Result] = []
        collect = (
            collected.append if collected is not None else batch.append if self._options.results else None
        )
        self._usage = usage = Usage(self._graph, results=collect is not None)
        meter.start()
        self.stream = Stream(
            self._hub,
            self._pool,
            self._ring,
            self._inlets(feeds),
            lanes,
            Deliverer(self._hub, self._pool, self._ring, self._route.begun(), self._preview, collect, usage),
            meter,
            StreamOptions(segment.seconds, segment.window, bounded_end=not self._options.hold),
        )
        self.stream.warnings.extend(left_out)
        if self._options.warm_spare and not self._options.hold:
            self._pool.start_spares()  # after the rating, which their loading would disturb
        elif self._options.standby and not self._options.hold:
            self._pool.keep_standby()
        self._traced = 0
        self._state("running")
        self._loop(self.stream, batch)
        assert self._rating is not None
        self._rating.note_drift(lanes)
        self._report(self.stream, "stopped" if not self._options.hold else "holding")

    def _lanes(self, segment: Segment, feeds: list[FeedPlan], meter: Meter) -> tuple[list[Lane], list[str]]:
        """Rate the workers of every stage and make its lane; also tell who was left out and why."""
        assert self._pool and self._ring and self._rating
        active = self._indices(segment.devices)
        lanes, left_out = [], list(self._left_out)
        self._rating.forget_samples()
        for stage in self._plan.stages:
            own = [i for i in active if self._pool.workers[i].stage is stage]
            if not own:
                raise RunFailed(f"a segment names no device for the stage '{stage.node_id}'")
            rated = self._rating.rates(stage, own)
            if rated.rates:
                own = [i for i in own if self._pool.workers[i].member.settled in rated.rates]
            left_out += rated.words
            policy = policy_types()[stage.policy](rated.rates, self._options.seed)
            newest = any(feed.overload == LATEST for feed in feeds)
            in_flight = self._in_flight(stage) or (1 if newest else None)
            lanes.append(Lane(self._pool, self._ring, stage, own, policy, rated, in_flight, meter))
        return lanes, left_out

    def _feeds(self, segment: Segment) -> list[FeedPlan]:
        plans = []
        counts = shares(segment.frames, len(self._sources))
        for (node, source), frames in zip(self._sources, counts, strict=True):
            own = replace(segment, frames=frames)
            plans.append(feed_plan(node, source.spec, self._options, own, loop=self._is_looped(node)))
        return plans

    def _inlets(self, feeds: list[FeedPlan]) -> list[Inlet]:
        assert self._ring
        inlets = []
        for index, ((node, source), feed) in enumerate(zip(self._sources, feeds, strict=True)):
            feeder = make_feeder(node, source, self._ring, feed, self._hub.wake)
            inlets.append(Inlet(index, node.id, source, feed.overload, feeder))
        return inlets

    def _is_looped(self, node: SourceNode) -> bool:
        if self._options.loop is not None:
            return self._options.loop
        return bool(getattr(node.params, "loop", False)) or self._options.hold

    def _loop(self, stream: Stream, batch: list[Result]) -> None:
        assert self._pool is not None
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
                if now - next_report > PAUSED_S:
                    self._pool.grant_time()
                next_report = now + REPORT_S
                stream.retune()
                self._tell_news()
                self._report(stream, "running")
            self._check_sinks(stream)
        if (error := stream.source_error()) is not None:
            raise error

    def _tell_news(self) -> None:
        """Tell what happened to live sources since the last time."""
        for node, source in self._sources:
            while isinstance(source, LiveNews) and source.notices:
                notice = source.notices.popleft()
                self._hub.tell(SourceChanged(node.id, notice.state, notice.detail))

    def _check_sinks(self, stream: Stream) -> None:
        for sink in self._sinks:
            if sink.error is not None:
                raise sink.error

    def _report(self, stream: Stream, state: str) -> None:
        if not self._options.metrics:
            return
        assert self._pool is not None and self._ring is not None
        self._host.update([os.getpid(), *self._pids()])
        slots = self._ring.layout.slots
        found = snapshot(stream, self._pool, self._host, state, slots, self._goal())
        found = replace(found, sinks=tuple(sink.snapshot() for sink in self._sinks))
        self._hub.tell(MetricsUpdated(found))
        log = stream.meter.traces
        if self._options.live_traces and log is not None:
            self._hub.tell(FramesTraced(log.since(self._traced, MOST_TRACED)))
            self._traced = log.chunks

    def _goal(self) -> int | None:
        """Return how many frames will come in all, where that is known."""
        if self._options.frames is not None:
            return self._options.frames
        known = [source.spec.frames for _, source in self._sources]
        endless = self._options.seconds is not None or any(self._is_looped(n) for n, _ in self._sources)
        return None if endless or None in known else sum(frames or 0 for frames in known)

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
        there = [known[d] for d in devices if not self._pool.workers[known[d]].given_up]
        if not there:
            raise RunFailed(f"none of {', '.join(devices)} is there any more")
        return there

    def summary(self) -> RunSummary:
        """Return the figures of the last segment."""
        calibration = self._rating.last() if self._rating else {}
        found = summarize(self._plan, self.stream, self._pool, calibration)
        outputs = tuple(sink.snapshot() for sink in self._sinks)
        lost = tuple(output.lost for output in outputs if output.lost)
        warnings = (*found.warnings, *lost)
        return replace(
            found,
            outputs=outputs,
            warnings=warnings,
            host_peak_bytes=self._host.peak_bytes,
            waste=self._waste(found.wall_s),
        )

    def _waste(self, wall_s: float) -> ModeSummary | None:
        """Return what was computed for nobody; None for the segments of a held engine, which only measure."""
        stream = self.stream
        if stream is None or self._pool is None or self._usage is None or self._options.hold or not wall_s:
            return None
        return waste_of(self._graph, self._usage, stream.inlets, stream.lanes, self._pool, wall_s)
