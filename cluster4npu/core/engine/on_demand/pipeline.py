"""A pipeline at work in this process: its beats, questions and modes, and what comes of them at its sinks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from cluster4npu.core.demand import Answer, Clock, Execution, MonotonicClock, NodeCounts
from cluster4npu.core.engine.on_demand.models import LoadedModel, load_models
from cluster4npu.core.engine.on_demand.parts import beat_of, make_demand_graph
from cluster4npu.core.engine.on_demand.periods import Periods
from cluster4npu.core.engine.on_demand.reader import FrameReader, LiveReader, make_reader
from cluster4npu.core.nodes.base import Delivery, SinkNode, SourceNode
from cluster4npu.core.nodes.demand import ComputeNode
from cluster4npu.core.nodes.switch_mode import SwitchMode
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.pipeline.demand_plan import DemandPlan, make_demand_plan
from cluster4npu.core.pipeline.graph import Graph


class RunningPipeline:
    """One run of a checked graph. `run` computes in the calling thread; the rest may be called from any.

    `deliver` gets each sink's results, from the thread that runs; `mode_changed` the new mode and the second of the
    run. By a `VirtualClock` the run waits for nothing, and counts the same each time.
    """

    def __init__(
        self,
        plan: DemandPlan,
        graph: Graph,
        reader: FrameReader,
        models: Mapping[str, LoadedModel],
        deliver: Callable[[SinkNode, Delivery], None],
        mode_changed: Callable[[str, float], None] = lambda mode, at_s: None,
        clock: Clock | None = None,
    ) -> None:
        self.plan, self.graph, self.reader, self.models = plan, graph, reader, models
        self.labels = _labels(graph)
        self._clock = clock or MonotonicClock()
        self._deliver, self._mode_changed = deliver, mode_changed
        computes = {name: model.compute for name, model in models.items()}
        self._devices = {name: model.plan.member.id for name, model in models.items()}
        parts = make_demand_graph(graph, reader, computes)
        self._start_ns = self._clock.now_ns()
        self.execution = Execution(parts, self._clock, plan.style, plan.config.mode)
        self.periods = Periods(plan.config.mode, self.counts)
        self._inside = {part.name for part in parts.parts}
        for node in graph.nodes.values():
            if isinstance(node, SinkNode) and node.id in self._inside:
                self.execution.watch(node.id, partial(self._take, node))
        # By a task, as a live source may end before the run has begun, and a stop then would be forgotten.
        reader.on_end = partial(self.execution.later, self.execution.stop)
        if isinstance(reader, LiveReader):
            reader.arrived = partial(self.execution.later, self._take_live)
        self._reset()

    @classmethod
    def open(
        cls,
        config: PipelineConfig,
        clock: Clock | None = None,
        deliver: Callable[[SinkNode, Delivery], None] = lambda node, delivery: None,
        mode_changed: Callable[[str, float], None] = lambda mode, at_s: None,
    ) -> RunningPipeline:
        """Open a pipeline's source and models in this process; `close` lets go of them. Raises InputError."""
        plan = make_demand_plan(config)
        graph = Graph.build(plan.config)
        node = graph.nodes[plan.source]
        assert isinstance(node, SourceNode)
        reader = make_reader(node, node.open())
        return cls(plan, graph, reader, load_models(graph, plan.models), deliver, mode_changed, clock)

    def close(self) -> None:
        """Let go of the source and the models."""
        for model in self.models.values():
            model.session.close()
        self.reader.close()

    @property
    def elapsed_s(self) -> float:
        """Return the time since the start, by the run's clock."""
        return (self._clock.now_ns() - self._start_ns) / 1e9

    @property
    def mode(self) -> str:
        """Return the present mode."""
        return self.execution.mode

    def run(self, seconds: float) -> None:
        """Do what falls due in the next seconds; returns early when the source ends. Raises RunFailed."""
        if isinstance(self.reader, LiveReader):
            self.reader.start()
        self.execution.run(seconds)

    def counts(self) -> dict[str, NodeCounts]:
        """Return the counts of every node since the start, by the pipeline's own names."""
        return {name: c for name, c in self.execution.counts().items() if name in self.graph.nodes}

    def switch(self, mode: str) -> None:
        """Go over to another mode; nodes that remember begin anew. Not from within a computation."""
        if mode == self.mode:
            return
        self.periods.end(self.elapsed_s, mode)
        self.execution.switch(mode)
        self._reset()
        self._mode_changed(mode, self.elapsed_s)

    def newest(self, node: str, output: str, *, make: bool = False) -> tuple[Any, int] | None:
        """Return what a node gave last and the number of its frame; computed only if `make`. None: nothing yet."""
        if node not in self._inside:
            return None
        answer = self.execution.ask(node) if make else self.execution.peek(node)
        value = answer.value.get(output) if answer.ok else None
        return None if value is None else (value, self.reader.number(answer.data_version))

    def _take_live(self) -> None:
        frame = self.reader.newest() if isinstance(self.reader, LiveReader) else None
        if frame is not None:
            self.execution.push(beat_of(self.plan.source), frame)

    def _take(self, node: SinkNode, answer: Answer) -> None:
        number = self.reader.number(answer.data_version)
        info = self.reader.info(number)
        wires = self.graph.wires[node.id].values()
        labels = next((self.labels[key] for n, o in wires if (key := f"{n}.{o}") in self.labels), ())
        delivery = Delivery(
            frame_id=number,
            stream_ms=info.stream_ms if info else None,
            device=next((self._devices[n] for n in self.graph.upstream(node.id) if n in self._devices), ""),
            latency_ms=(self._clock.now_ns() / 1e9 - (answer.data_s or 0.0)) * 1e3,
            height=info.height if info else 0,
            width=info.width if info else 0,
            inputs=dict(answer.value),
            labels=labels,
        )
        self._deliver(node, delivery)
        if isinstance(node, SwitchMode) and (mode := node.wanted(delivery)) is not None:
            self.switch(mode)

    def _reset(self) -> None:
        for node in self.graph.nodes.values():
            if isinstance(node, ComputeNode):
                node.reset()
                if node.opaque:
                    self.execution.forget(node.id)


def _labels(graph: Graph) -> dict[str, tuple[str, ...]]:
    """Return the class names behind the outputs (NODE.PORT) of nodes that know some."""
    return {
        f"{node.id}.{port.name}": tuple(names)
        for node in graph.nodes.values()
        for port in node.outputs
        if (names := getattr(node, "labels", ()))
    }
