"""The engine's handle: what the app, the command line and a notebook use. It never computes and never blocks long."""

from __future__ import annotations

import atexit
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from types import TracebackType

import psutil
from pydantic import JsonValue

from cluster4npu.core.engine import shm, unread
from cluster4npu.core.engine.manager import manager_main, nothing_done
from cluster4npu.core.engine.messages import (
    Command,
    Event,
    Failed,
    Finished,
    PreviewFrame,
    PreviewReady,
    Result,
    RunOptions,
    Segment,
    SegmentFinished,
    Started,
    Stop,
    WantPreview,
)
from cluster4npu.core.engine.options import (
    check_options,
    check_pipeline,
    check_segment,
    check_size,
    named_devices,
)
from cluster4npu.core.engine.preview import PreviewArea
from cluster4npu.core.engine.resources import exhausted
from cluster4npu.core.engine.signals import signals_held
from cluster4npu.core.errors import Cancelled, Cluster4NPUError, InputError, Problem, RunFailed
from cluster4npu.core.metrics.summary import RunSummary
from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import Place
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig
from cluster4npu.core.pipeline.demand_plan import DemandPlan, make_demand_plan
from cluster4npu.core.pipeline.graph import Graph
from cluster4npu.core.pipeline.plan import ExecutionPlan, make_plan
from cluster4npu.core.pipeline.rates import runs_in_one_process

_STOP_S = 3.0
_CANCEL_CHECK_S = 0.1
_CANCELLED_S = 0.6  # after which processes are killed: what they would still tell is thrown away


class Engine:
    """A pipeline ready to be run on devices.

    >>> with Engine(Pipeline.open("digits.json"), devices=["onnx:cpu"]) as run:  # doctest: +SKIP
    ...     for result in run.results():
    ...         print(result.frame_id, result.values)
    >>> with Engine(Pipeline.open("digits.json"), RunOptions(frames=100)) as run:  # doctest: +SKIP
    ...     summary = run.wait()

    Leaving the block stops the run and waits until no process and no shared memory of it is left.
    """

    def __init__(
        self,
        pipeline: PipelineConfig,
        options: RunOptions | None = None,
        *,
        devices: Sequence[str] | str | None = None,
    ) -> None:
        """Check the pipeline; nothing is loaded yet.

        `devices` are ids (or one) as `cluster4npu devices` lists them; they take the place of those in `options` and
        in the file. Without `options` every frame's results can be read (`Run.results`). Raises PipelineInvalid with
        every problem, InputError for wrong options, DeviceUnavailable for a device that is not here.
        """
        check_pipeline(pipeline)
        options = RunOptions(results=True) if options is None else options
        check_options(options)
        if devices is not None:
            options = replace(options, devices=named_devices(devices))
            check_options(options)
        self.options = options
        if self.options.results_file is not None:
            pipeline = _with_results_file(pipeline, self.options.results_file)
        self.plan: ExecutionPlan | DemandPlan
        if runs_in_one_process(pipeline):
            self.plan = make_demand_plan(pipeline, devices=self.options.devices)
        else:
            self.plan = make_plan(
                pipeline,
                devices=self.options.devices,
                policy=self.options.policy,
                all_of_them=self.options.hold,
            )
        self._run: Run | None = None

    def start(self) -> Run:
        """Start the manager process and return at once; loading goes on in the background.

        Raises RunFailed when this machine has no room for it, InputError while the run that it started before is not
        over: another engine runs beside it.
        """
        if self._run is not None and not self._run.finished:
            hint = "Wait for its end or call its close() first, or make another Engine."
            raise InputError(Problem("this engine's run is not over", found="a second start", hint=hint))
        try:
            shm.sweep()
            self._run = Run(self.plan, self.options)
        except (OSError, MemoryError) as error:
            raise exhausted(error) or error from error
        return self._run

    def __enter__(self) -> Run:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Stop the run if it still goes on, and wait until nothing of it is left."""
        if self._run is not None:
            self._run.close()


class Run:
    """A run that goes on in the manager process. Used by one thread."""

    def __init__(self, plan: ExecutionPlan | DemandPlan, options: RunOptions) -> None:
        self._plan = plan
        context = get_context("spawn")
        self._connection, theirs = context.Pipe(duplex=True)
        self._process = context.Process(
            target=manager_main, args=(plan, options, theirs), name="cluster4npu-manager", daemon=False
        )
        with signals_held():
            self._process.start()
        theirs.close()
        self._started: Started | None = None
        self._area: PreviewArea | None = None
        self._preview: PreviewReady | None = None
        self._end: Finished | Failed | None = None
        self._heard = False  # anything from the manager
        self._unborn = False  # it was ended before it had begun
        self._has_results = options.results
        self._unread = unread.Unread()
        atexit.register(self.close)

    @property
    def finished(self) -> bool:
        """Tell whether Finished or Failed has come."""
        return self._end is not None

    @property
    def started(self) -> Started | None:
        """Return what the workers reported when they were loaded, or None before that."""
        return self._started

    @property
    def labels(self) -> dict[str, tuple[str, ...]]:
        """Return the class names behind class indices, by the NODE.PORT of the values; empty before the start."""
        return self._started.labels if self._started else {}

    def poll(self, timeout_s: float = 0.0) -> list[Event]:
        """Return the events that have come since the last call; waits for the first of them, at most `timeout_s`.

        The last is Finished or Failed. Results come in `ResultsReady`; `results` does not give these again.
        """
        return self._take(timeout_s)

    def _take(self, timeout_s: float | None) -> list[Event]:
        """Wait for at least one event, then return all that are there."""
        if self._end is not None:
            return []
        events: list[Event] = []
        wait([self._connection, self._process.sentinel], timeout_s)
        while self._end is None:
            try:
                if not self._connection.poll(0):
                    break
                event: Event = self._connection.recv()
            except (EOFError, OSError):
                event = self._died()
            self._note(event)
            events.append(event)
        return events

    def _note(self, event: Event) -> None:
        self._heard = True
        if isinstance(event, Started):
            self._started = event
        elif isinstance(event, PreviewReady):
            self._preview = event
        elif isinstance(event, Finished | Failed):
            self._end = event
            self._release()

    def _died(self) -> Finished | Failed:
        self._process.join(1.0)
        if self._unborn:
            return Finished(nothing_done(self._plan))
        return Failed(
            RunFailed(
                Problem(
                    "the engine's manager process was ended from outside",
                    found=f"exit code {self._process.exitcode}",
                    hint="Run again; if the memory ran out, use smaller frames or fewer devices.",
                )
            )
        )

    def events(self) -> Iterator[Event]:
        """Wait for events and yield them until the run is over (also Finished or Failed itself).

        Results come in `ResultsReady`; `results` gives those only that were not yielded here.
        """
        while self._end is None:
            events = deque(self._take(None))
            try:
                while events:
                    yield events.popleft()
            finally:
                self._unread.keep(events)  # the caller has left the loop

    def wait(self, timeout_s: float | None = None) -> RunSummary:
        """Wait for the end and return the summary; raises the run's error, TimeoutError after `timeout_s`.

        Results that come meanwhile are kept for `results`, 256 MB of them at most: beyond that all of them are given
        up, and `results` raises.
        """
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while self._end is None:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError(f"the run is not over after {timeout_s} s")
            self._unread.keep(self._take(left), unread.MOST_BYTES)
        return self._outcome()

    def _outcome(self) -> RunSummary:
        if isinstance(self._end, Failed):
            raise self._end.error
        assert self._end is not None
        return self._end.summary

    def results(self) -> Iterator[Result]:
        """Yield every delivered frame's results in order until the run is over; raises the run's error.

        A frame that failed comes too, with its reason in `error` and no values. Arrays are the caller's own. The run
        does not wait for a reader that falls behind: what he has not read is kept in memory, also during `wait`. What
        `poll` and `events` have given does not come again. Raises InputError when the options do not ask for results,
        or when `wait` had to give some up.
        """
        if not self._has_results:
            hint = "Run with RunOptions(results=True), or make the Engine without options."
            raise InputError(Problem("this run sends no results", field="results", found="False", hint=hint))
        self._unread.check()
        return self._results()

    def _results(self) -> Iterator[Result]:
        yield from self._unread.take()
        while self._end is None:
            self._unread.keep(self._take(None))
            yield from self._unread.take()
        self._outcome()

    def measure(self, segment: Segment, cancelled: Callable[[], bool] | None = None) -> SegmentFinished:
        """Run one segment on a held engine and wait for it.

        `cancelled` is asked ten times a second; when it says yes the run is stopped and Cancelled is raised. Raises
        the run's error, InputError for a segment that would measure nothing.
        """
        check_segment(segment)
        self._send(segment)
        while self._end is None:
            events = self._take(_CANCEL_CHECK_S if cancelled else None)
            self._unread.keep(events, unread.MOST_BYTES)
            for event in events:
                if isinstance(event, SegmentFinished):
                    return event
            if cancelled is not None and cancelled():
                self.close(timeout_s=_CANCELLED_S)
                raise Cancelled
        self._outcome()
        raise Cancelled("the run was stopped before the segment was over")

    def stop(self, *, now: bool = True) -> None:
        """Ask the run to end; returns at once. The end comes as an event, within a second.

        `now` drops (and counts) what is in flight; otherwise it is finished first.
        """
        if not self._heard and not self._unborn and not self._connection.poll(0):
            self._unborn = True
            self._kill()  # it is importing still, for seconds on a busy machine: nothing has begun
        self._send(Stop(now))

    def close(self, timeout_s: float = _STOP_S) -> None:
        """Stop and wait; kills the processes that have not left by then. Safe to call again."""
        if self._end is None:
            self.stop()
            with contextlib.suppress(TimeoutError, Cluster4NPUError):
                self.wait(timeout_s)
        if not self.finished:
            self._kill()
            self._end = self._died()
        self._release()

    def _kill(self) -> None:
        """Kill the manager and all that it has started: those leave by themselves, but not while they still load."""
        family: list[psutil.Process] = []
        with contextlib.suppress(psutil.Error):
            family = psutil.Process(self._process.pid).children(recursive=True)
        self._process.kill()
        for child in family:
            with contextlib.suppress(psutil.Error):
                child.kill()

    def _release(self) -> None:
        """Make sure that the manager is gone, and that it has left nothing in shared memory."""
        atexit.unregister(self.close)
        self._process.join(2.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(2.0)
        if self._process.exitcode != 0 and self._process.pid is not None:
            shm.sweep(self._process.pid)

    def _send(self, command: Command) -> None:
        if self._end is None:
            with contextlib.suppress(OSError):  # it has just ended by itself: its last event tells how
                self._connection.send(command)

    def want_preview(self, max_width: int = 960, max_height: int = 720) -> None:
        """Ask for one frame of at most so many pixels; PreviewReady tells when it is there.

        Nothing is copied unless asked for. Raises InputError for sizes that are no whole numbers above 0.
        """
        check_size(max_width=max_width, max_height=max_height)
        self._send(WantPreview(max_width, max_height))

    def read_preview(self) -> PreviewFrame | None:
        """Return a copy of the frame that the last PreviewReady told of, or None."""
        ready, started = self._preview, self._started
        if ready is None or started is None:
            return None
        self._preview = None
        if self._area is None:
            try:
                self._area = PreviewArea.attach(started.preview_area)
            except RunFailed:
                return None  # the run ended meanwhile
        pixels = self._area.read(ready.height, ready.width)
        return PreviewFrame(
            ready.frame_id,
            pixels,
            ready.scale,
            ready.values,
            started.labels,
            ready.source,
            started.crop_labels,
        )


def _with_results_file(pipeline: PipelineConfig, path: str) -> PipelineConfig:
    """Add a node that writes every result to `path`: that of the last stage, or of the node that joins all."""
    if runs_in_one_process(pipeline):
        return _with_results_beside(pipeline, path)
    models = [n for n in pipeline.nodes if n.type == "inference" and not n.bypassed]
    if not models:
        return pipeline  # the checks tell what is wrong with it
    if len(models) > 1:
        return _with_sink(pipeline, path, _last_result(pipeline), {})
    behind = [e.target_node for e in pipeline.edges if e.source_node == models[0].id]
    types = node_types()
    producers = [n for n in pipeline.nodes if n.id in behind and n.type in types and types[n.type].outputs]
    producer = producers[0] if producers else models[0]
    return _with_sink(pipeline, path, f"{producer.id}.{types[producer.type].outputs[0].name}", {})


def _last_result(pipeline: PipelineConfig) -> str:
    """Return the one value (NODE.PORT) in which the results of all stages end; raises InputError for several."""
    graph = Graph.build(pipeline)
    inner = [node.id for node in graph.nodes.values() if node.place is not Place.SINK]
    used = {source for node_id in inner for source, _ in graph.wires[node_id].values()}
    ends = [
        f"{node.id}.{node.outputs[0].name}"
        for node in graph.nodes.values()
        if node.outputs and node.id not in used and graph.cut.models[node.id]
    ]
    if len(ends) != 1:
        raise InputError(
            Problem(
                "there is more than one result that could be written",
                field="--results",
                found=", ".join(ends),
                allowed="one result in which all stages end",
                hint="Join them (with 'Merge boxes', for one), or put a 'JSON lines' node behind each.",
            )
        )
    return ends[0]


def _with_results_beside(pipeline: PipelineConfig, path: str) -> PipelineConfig:
    """Add a node that writes to `path` what the first output gets, at its rate: so it asks for nothing more."""
    types = node_types()
    for node in pipeline.nodes:
        if node.type not in types or types[node.type].place is not Place.SINK or node.type == "preview":
            continue
        for edge in pipeline.edges:
            if edge.target == f"{node.id}.result":
                rate: dict[str, JsonValue] = {
                    key: value for key, value in node.params.items() if key in ("every_ms", "modes")
                }
                return _with_sink(pipeline, path, edge.source, rate)
    hint = "Wire an output node (count, for one) to what you want to keep."
    raise InputError(Problem("no output takes results that could be written", field="--results", hint=hint))


def _with_sink(
    pipeline: PipelineConfig, path: str, source: str, params: dict[str, JsonValue]
) -> PipelineConfig:
    taken = {n.id for n in pipeline.nodes}
    node_id = next(name for i in range(len(taken) + 1) if (name := f"results_file{i or ''}") not in taken)
    sink = NodeConfig(id=node_id, type="jsonl", params={**params, "path": str(Path(path).absolute())})
    edge = EdgeConfig(source=source, target=f"{node_id}.result")
    return pipeline.replace(nodes=(*pipeline.nodes, sink), edges=(*pipeline.edges, edge))
