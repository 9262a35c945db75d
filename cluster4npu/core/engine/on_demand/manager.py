"""The manager of a run in one process: one thread computes, this one listens to the app and tells what happens.

States: starting -> running -> stopped.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections import deque
from dataclasses import replace

from cluster4npu.core.demand import VirtualClock
from cluster4npu.core.engine.hub import Hub
from cluster4npu.core.engine.intake import shares
from cluster4npu.core.engine.messages import (
    MetricsUpdated,
    ModeChanged,
    PreviewReady,
    Result,
    ResultsReady,
    RunOptions,
    SourceChanged,
    Started,
    StateChanged,
)
from cluster4npu.core.engine.on_demand.line import make_lines
from cluster4npu.core.engine.on_demand.models import LoadedModel, load_models
from cluster4npu.core.engine.on_demand.pipeline import RunningPipeline
from cluster4npu.core.engine.on_demand.reader import FrameReader, LiveReader, make_reader
from cluster4npu.core.engine.on_demand.reporting import Reporter
from cluster4npu.core.engine.opening import open_sources
from cluster4npu.core.engine.outlets import SinkThread
from cluster4npu.core.engine.preview import PreviewArea
from cluster4npu.core.engine.routing import wired_to_sinks
from cluster4npu.core.engine.stream import DRAIN_GRACE_S
from cluster4npu.core.errors import Cluster4NPUError, Problem, RunFailed
from cluster4npu.core.metrics.snapshot import SinkSnapshot
from cluster4npu.core.metrics.summary import RunSummary
from cluster4npu.core.nodes.base import Delivery, FrameSpec, Place, SinkNode, SourceNode
from cluster4npu.core.nodes.values import Value
from cluster4npu.core.pipeline.demand_plan import DemandPlan
from cluster4npu.core.pipeline.graph import Graph

REPORT_S = 0.25
SINK_CLOSE_S = 10.0
STOP_S = 0.7  # what still computes after that is left behind: the process ends
_FOR_EVER_S = 1e8


class OnDemandManager:
    """One run. `run` returns at its end; `clean_up` must be called after it, also when it raised."""

    def __init__(self, plan: DemandPlan, options: RunOptions, hub: Hub) -> None:
        self._plan, self._options, self._hub = plan, options, hub
        self._readers: dict[str, FrameReader] = {}
        self._models: dict[str, LoadedModel] = {}
        self._preview: PreviewArea | None = None
        self._sinks: dict[str, SinkThread] = {}
        self._running: RunningPipeline | None = None
        self._reporter: Reporter | None = None
        self._room = threading.Event()
        self._done = threading.Event()
        self._error: Cluster4NPUError | None = None
        self._results: deque[Result] = deque()
        self._shown = 0  # previews

    @property
    def begun(self) -> bool:
        """Tell whether there is anything to sum up."""
        return self._reporter is not None

    def abandon(self, failure: str = "") -> None:
        """Nothing is on its way between two computations."""

    # ---- life

    def run(self) -> None:
        """Start everything, and compute until the end of the source or of the time, or until told to stop."""
        self._state("starting", "opening the source")
        _one_thread_for_opencv()  # the cost of a node is the CPU time of the thread that computes it
        graphs = [Graph.build(self._plan.config) for _ in self._plan.sources]
        spec = self._open_sources(graphs[0])
        if self._plan.models:
            self._state("starting", "loading the model")
        self._models = load_models(graphs, self._plan.models)
        self._preview = PreviewArea.create()
        self._start_sinks(graphs[0])
        clock = VirtualClock() if self._options.unpaced else None
        lines = make_lines(self._readers, graphs)
        self._running = running = RunningPipeline(
            self._plan,
            lines,
            self._models,
            self._deliver,
            self._mode_changed,
            clock,
            traced=self._options.traces,
        )
        self._reporter = Reporter(running, self._models, self._options)
        self._tell_started(spec, running)
        self._state("running", running.mode and f"mode: {running.mode}")
        threading.Thread(target=self._compute, args=(running,), name="compute", daemon=True).start()
        self._serve(running, self._reporter)

    def _open_sources(self, graph: Graph) -> FrameSpec:
        """Open all sources, which share the frames that are wanted evenly; return what the first one's are like."""
        options = self._options
        nodes = [node for node in graph.at(Place.SOURCE) if isinstance(node, SourceNode)]
        opened = open_sources(nodes, self._hub)
        counts = shares(options.frames, len(nodes))
        for node, source, frames in zip(nodes, opened, counts, strict=True):
            self._readers[node.id] = make_reader(
                node, source, fps=options.target_fps, frames=frames, loop=options.loop
            )
        return opened[0].spec

    def close_sinks(self) -> None:
        """Let the sinks finish; raises the first that failed."""
        for sink in self._sinks.values():
            if not sink.close(SINK_CLOSE_S) and not sink.node.lossy:
                raise RunFailed(
                    Problem(f"the output did not finish within {SINK_CLOSE_S:g} s", node=sink.node.id)
                )
            if sink.error is not None:
                raise sink.error

    def clean_up(self) -> None:
        """End threads, models and the source, and remove what is in shared memory."""
        for sink in self._sinks.values():
            sink.close(SINK_CLOSE_S)
        ended = self._done.is_set() or self._running is None
        if ended:  # else a computation still uses them; the process is about to end
            for model in self._models.values():
                with contextlib.suppress(Exception):  # a runtime's own fault at its end harms nobody any more
                    model.session.close()
            for reader in self._readers.values():
                with contextlib.suppress(Cluster4NPUError, OSError):
                    reader.close()
        if self._preview is not None:
            self._preview.unlink()

    def summary(self) -> RunSummary:
        """Return the figures of the run."""
        if self._reporter is None:
            return Reporter.nothing(self._plan)
        outputs = self._outputs()
        lost = tuple(output.lost for output in outputs if output.lost)
        found = self._reporter.summary()
        return replace(found, outputs=outputs, warnings=(*found.warnings, *lost))

    def _outputs(self) -> tuple[SinkSnapshot, ...]:
        return tuple(sink.snapshot() for sink in self._sinks.values())

    # ---- the thread that computes

    def _compute(self, running: RunningPipeline) -> None:
        try:
            running.run(self._options.seconds or _FOR_EVER_S)
        except Cluster4NPUError as error:
            self._error = error
        except Exception as error:  # whatever it is, the run must end in order
            self._error = RunFailed(Problem(f"the run broke: {error}", found=type(error).__name__))
        self._done.set()
        self._hub.wake()

    def _deliver(self, node: SinkNode, delivery: Delivery) -> None:
        """Hand results to a sink; a sink that falls behind holds the run back, since it must not lose any."""
        assert self._running is not None
        self._reporter_of().delivered(delivery)
        sink = self._sinks.get(node.id)
        while sink is not None and not sink.has_room() and sink.error is None and not self._stopping():
            self._room.wait(0.1)
            self._room.clear()
        if sink is not None:
            sink.put(delivery)
        if self._options.results:
            wires = self._running.graph.wires[node.id]
            values = {
                f"{wires[port][0]}.{wires[port][1]}": v
                for port, v in delivery.inputs.items()
                if hasattr(v, "kind")
            }
            self._results.append(
                Result(
                    delivery.frame_id,
                    delivery.device,
                    delivery.latency_ms,
                    delivery.stream_ms,
                    values,
                    source=delivery.source,
                )
            )

    def _mode_changed(self, mode: str, at_s: float) -> None:
        self._hub.tell(ModeChanged(mode, at_s))
        self._state("running", f"mode: {mode}")

    # ---- the thread that listens

    def _serve(self, running: RunningPipeline, reporter: Reporter) -> None:
        next_report = time.monotonic() + REPORT_S
        until: float | None = None
        latest = self._latest_s()
        while not self._done.is_set():
            self._hub.pump(max(0.0, min(next_report, until or next_report) - time.monotonic()))
            now = time.monotonic()
            if until is None and (self._stopping() or now > latest):
                until = now + STOP_S
            if until is not None:
                running.execution.stop()  # again each time: the run may just have been about to begin
                next_report = min(next_report, now + 0.05)
                if now >= until:
                    reporter.hung = True
                    break
            if now >= next_report:
                next_report = now + REPORT_S
                self._flush()
                for source, reader in self._readers.items():
                    for notice in reader.news():
                        self._hub.tell(SourceChanged(source, notice.state, notice.detail))
                self._hub.tell(MetricsUpdated(replace(reporter.snapshot("running"), sinks=self._outputs())))
            elif self._hub.preview_wish is not None and until is None:
                self._show(running)
        reporter.end()
        self._flush()
        self._hub.tell(MetricsUpdated(replace(reporter.snapshot("stopped"), sinks=self._outputs())))
        live = (reader.error for reader in self._readers.values() if isinstance(reader, LiveReader))
        failed = next((sink.error for sink in self._sinks.values() if sink.error is not None), None)
        error = failed or self._error or next((error for error in live if error is not None), None)
        if error is not None:
            raise error

    def _latest_s(self) -> float:
        """Return when a run of so many seconds must be over, if need be without what still computes (monotonic)."""
        if self._options.seconds is None or self._options.unpaced:
            return math.inf
        return time.monotonic() + self._options.seconds + DRAIN_GRACE_S

    def _stopping(self) -> bool:
        return self._hub.stop_asked is not None or any(s.error is not None for s in self._sinks.values())

    def _flush(self) -> None:
        batch = [self._results.popleft() for _ in range(len(self._results))]
        if batch:
            self._hub.tell(ResultsReady(tuple(batch)))

    def _show(self, running: RunningPipeline) -> None:
        """Put the newest frame into the preview area, with what its nodes have found; asks for no result.

        Of several sources each has its turn.
        """
        wish = self._hub.preview_wish
        line = running.lines[self._shown % len(running.lines)]
        self._shown += 1
        picture: tuple[object, int] | None = None
        values: dict[str, Value] = {}
        for node in line.nodes():
            for port, (name, output) in line.wires(node.id).items() if node.type == "preview" else ():
                source = name == line.source
                live = isinstance(line.reader, LiveReader)
                found = running.newest(line, name, output, make=source and not live)
                if found is not None and port == "frame":
                    picture = found
                elif found is not None:
                    values[f"{name}.{output}"] = found[0]
        if wish is None or picture is None or self._preview is None:
            return
        self._hub.preview_wish = None
        height, width, scale = self._preview.write(picture[0], wish)  # type: ignore[arg-type]
        self._hub.tell(PreviewReady(picture[1], height, width, scale, values, line.source))

    # ---- starting

    def _start_sinks(self, graph: Graph) -> None:
        for node in graph.nodes.values():
            if isinstance(node, SinkNode) and type(node).append is not SinkNode.append:
                self._sinks[node.id] = SinkThread(node, self._wake)

    def _wake(self) -> None:
        self._room.set()
        self._hub.wake()

    def _tell_started(self, spec: FrameSpec, running: RunningPipeline) -> None:
        assert self._preview is not None
        models = list(self._models.values())
        shown = wired_to_sinks(running.graph)
        self._hub.tell(
            Started(
                devices=tuple(m.plan.member.id for m in models),
                simulated=tuple(m.plan.member.id for m in models if m.plan.member.simulated),
                labels={key: names for key in shown if (names := running.names.of(key))},
                units={m.plan.member.id: m.session.unit for m in models},
                model_sha256=models[0].session.info.sha256 if models else "",
                frame_height=spec.height,
                frame_width=spec.width,
                preview_area=self._preview.name,
                processes=(os.getpid(),),
                crop_labels={key: names for key in shown if (names := running.names.of_crops(key))},
            )
        )

    def _reporter_of(self) -> Reporter:
        assert self._reporter is not None
        return self._reporter

    def _state(self, state: str, detail: str = "") -> None:
        self._hub.tell(StateChanged(state, detail))


def _one_thread_for_opencv() -> None:
    import cv2

    cv2.setNumThreads(1)
