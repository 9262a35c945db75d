"""A pipeline at work in this process: its beats, questions and modes, and what comes of them at its sinks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from cluster4npu.core.demand import Answer, Clock, Execution, MonotonicClock, NodeCounts
from cluster4npu.core.engine.on_demand.line import Line, make_lines
from cluster4npu.core.engine.on_demand.models import LoadedModel, load_models
from cluster4npu.core.engine.on_demand.parts import beat_of, make_demand_graph
from cluster4npu.core.engine.on_demand.periods import Periods
from cluster4npu.core.engine.on_demand.reader import LiveReader, make_reader
from cluster4npu.core.engine.routing import Names
from cluster4npu.core.metrics.spans import COMPUTED, DELIVERED, SWITCHED, NodeTrace, SpanLog
from cluster4npu.core.nodes.base import Delivery, InOrderNode, Place, SinkNode, SourceNode
from cluster4npu.core.nodes.demand import ComputeNode
from cluster4npu.core.nodes.switch_mode import SwitchMode
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.pipeline.demand_plan import DemandPlan, make_demand_plan
from cluster4npu.core.pipeline.graph import Graph


class RunningPipeline:
    """One run of a checked pipeline. `run` computes in the calling thread; the rest may be called from any.

    Each source has a line of its own. `deliver` gets each sink's results, from the thread that runs; `mode_changed` the
    new mode and the second of the run. By a `VirtualClock` the run waits for nothing, and counts the same each time.
    """

    def __init__(
        self,
        plan: DemandPlan,
        lines: tuple[Line, ...],
        models: Mapping[str, LoadedModel],
        deliver: Callable[[SinkNode, Delivery], None],
        mode_changed: Callable[[str, float], None] = lambda mode, at_s: None,
        clock: Clock | None = None,
        *,
        traced: bool = False,
    ) -> None:
        self.plan, self.lines, self.models = plan, lines, models
        self.graph = lines[0].graph
        self.names = Names(self.graph, {})
        self._clock = clock or MonotonicClock()
        self._deliver, self._mode_changed = deliver, mode_changed
        computes = {name: model.compute for name, model in models.items()}
        self._devices = {name: model.plan.member.id for name, model in models.items()}
        parts = make_demand_graph(lines, computes)
        self._start_ns = self._clock.now_ns()
        self.execution = Execution(parts, self._clock, plan.style, plan.config.mode)
        self._spans = SpanLog() if traced else None
        self._line_of = {line.name(node.id): line for line in lines for node in line.nodes()}
        if traced:
            self.execution.on_computed = self._computed
        self.periods = Periods(plan.config.mode, self.counts)
        self._inside = {part.name for part in parts.parts}
        for line in lines:
            self._join(line)
        self._reset()

    def _join(self, line: Line) -> None:
        """Let the results of a line come to its outputs, and its source's frames, and its end, to the execution."""
        for node in line.nodes():
            if isinstance(node, SinkNode) and line.name(node.id) in self._inside:
                self.execution.watch(line.name(node.id), partial(self._take, line, node))
        # By a task, as a live source may end before the run has begun, and a stop then would be forgotten.
        line.reader.on_end = partial(self.execution.later, self._ended)
        if isinstance(line.reader, LiveReader):
            line.reader.arrived = partial(self.execution.later, partial(self._take_live, line, line.reader))

    def _ended(self) -> None:
        if all(line.reader.ended for line in self.lines):
            self.execution.stop()

    @classmethod
    def open(
        cls,
        config: PipelineConfig,
        clock: Clock | None = None,
        deliver: Callable[[SinkNode, Delivery], None] = lambda node, delivery: None,
        mode_changed: Callable[[str, float], None] = lambda mode, at_s: None,
    ) -> RunningPipeline:
        """Open a pipeline's sources and models in this process; `close` lets go of them. Raises InputError."""
        plan = make_demand_plan(config)
        graphs = [Graph.build(plan.config) for _ in plan.sources]
        nodes = [node for node in graphs[0].at(Place.SOURCE) if isinstance(node, SourceNode)]
        readers = {node.id: make_reader(node, node.open()) for node in nodes}
        models = load_models(graphs, plan.models)
        return cls(plan, make_lines(readers, graphs), models, deliver, mode_changed, clock)

    def close(self) -> None:
        """Let go of the sources and the models."""
        for model in self.models.values():
            model.session.close()
        for line in self.lines:
            line.reader.close()

    @property
    def elapsed_s(self) -> float:
        """Return the time since the start, by the run's clock."""
        return (self._clock.now_ns() - self._start_ns) / 1e9

    @property
    def mode(self) -> str:
        """Return the present mode."""
        return self.execution.mode

    def run(self, seconds: float) -> None:
        """Do what falls due in the next seconds; returns early when every source has ended. Raises RunFailed."""
        for line in self.lines:
            if isinstance(line.reader, LiveReader):
                line.reader.start()
        self.execution.run(seconds)

    def counts(self) -> dict[str, NodeCounts]:
        """Return the counts of every node since the start, by the pipeline's own names: of all lines together."""
        counts, found = self.execution.counts(), dict[str, NodeCounts]()
        for node in self.graph.nodes:
            own = [counts[name] for line in self.lines if (name := line.name(node)) in counts]
            if own:
                found[node] = sum(own[1:], own[0])
        return found

    @property
    def spans(self) -> NodeTrace | None:
        """Return when each node computed, where that is traced."""
        return (
            None if self._spans is None else self._spans.trace([p.name for p in self.execution.graph.parts])
        )

    def _computed(self, name: str, begun_ns: int, ended_ns: int, data_version: int) -> None:
        assert self._spans is not None
        self._spans.add(COMPUTED, name, self._line_of[name].reader.number(data_version), begun_ns, ended_ns)

    def switch(self, mode: str) -> None:
        """Go over to another mode; nodes that remember begin anew. Not from within a computation."""
        if mode == self.mode:
            return
        self.periods.end(self.elapsed_s, mode)
        self.execution.switch(mode)
        self._reset()
        if self._spans is not None:
            now_ns = self._clock.now_ns()
            self._spans.add(SWITCHED, mode, -1, now_ns, now_ns)
        self._mode_changed(mode, self.elapsed_s)

    def newest(self, line: Line, node: str, output: str, *, make: bool = False) -> tuple[Any, int] | None:
        """Return what a node gave last and the number of its frame; computed only if `make`. None: nothing yet."""
        name = line.name(node)
        if name not in self._inside:
            return None
        answer = self.execution.ask(name) if make else self.execution.peek(name)
        value = answer.value.get(output) if answer.ok else None
        return None if value is None else (value, line.reader.number(answer.data_version))

    def _take_live(self, line: Line, reader: LiveReader) -> None:
        frame = reader.newest()
        if frame is not None:
            self.execution.push(beat_of(line.name(line.source)), frame)

    def _take(self, line: Line, node: SinkNode, answer: Answer) -> None:
        number = line.reader.number(answer.data_version)
        info = line.reader.info(number)
        keys = [f"{source}.{output}" for source, output in line.wires(node.id).values()]
        delivery = Delivery(
            frame_id=number,
            stream_ms=info.stream_ms if info else None,
            device=", ".join(self._devices[n] for n in line.graph.nodes if n in self._behind(line, node)),
            latency_ms=(self._clock.now_ns() / 1e9 - (answer.data_s or 0.0)) * 1e3,
            height=info.height if info else 0,
            width=info.width if info else 0,
            inputs=dict(answer.value),
            labels=next((names for key in keys if (names := self.names.of(key))), ()),
            source=line.source if len(self.lines) > 1 else "",
            crop_labels=next((names for key in keys if (names := self.names.of_crops(key))), ()),
        )
        if self._spans is not None:
            now_ns = self._clock.now_ns()
            self._spans.add(DELIVERED, line.name(node.id), number, now_ns, now_ns)
        self._deliver(node, delivery)
        if isinstance(node, SwitchMode) and (mode := node.wanted(delivery)) is not None:
            self.switch(mode)

    def _behind(self, line: Line, node: SinkNode) -> set[str]:
        """Return the inference nodes that an output's results come from."""
        return line.graph.upstream(node.id) & self._devices.keys()

    def _reset(self) -> None:
        for line in self.lines:
            for node in line.nodes():
                if isinstance(node, ComputeNode | InOrderNode):
                    node.reset()
                    if isinstance(node, InOrderNode) or node.opaque:
                        self.execution.forget(line.name(node.id))
