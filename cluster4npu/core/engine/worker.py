"""The worker process: loads one model on one device, then turns slots with frames into slots with results."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np

from cluster4npu.core.devices import registry
from cluster4npu.core.devices.backend import Session
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.engine import codec
from cluster4npu.core.engine.channel import AWAKE_NS, Channel, Control, Done, Record, Work
from cluster4npu.core.engine.ring import DONE, READING, Ring, RingLayout
from cluster4npu.core.engine.signals import leave_signals_to_the_app
from cluster4npu.core.errors import Cluster4NPUError, DeviceUnavailable, InputError, Problem, RunFailed
from cluster4npu.core.nodes.base import WorkerNode
from cluster4npu.core.nodes.values import Outputs, Tensor
from cluster4npu.core.pipeline.graph import Graph
from cluster4npu.core.pipeline.plan import ExecutionPlan

_MOST_PROBLEM_TEXT = 600
_TOGETHER_NS = 200_000  # answers wait for each other so long at most


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What a worker is started with. `device` is a settled id; the frame size is the largest that will come."""

    plan: ExecutionPlan
    device: str
    frame_height: int
    frame_width: int
    model: Path | None = None  # the version in this device's precision; None: the stage's own file


def leave_with_parent(grace_s: float = 0.0) -> None:
    """End this process `grace_s` after its parent has ended, however that happened."""
    parent = parent_process()
    if parent is None:
        return
    sentinel = parent.sentinel

    def watch() -> None:
        wait([sentinel])
        time.sleep(grace_s)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def worker_main(spec: WorkerSpec, connection: Connection) -> None:
    """Run a worker until it is told to quit or its pipe ends."""
    leave_signals_to_the_app()
    leave_with_parent()
    channel = Channel(connection)
    try:
        stage = LoadedStage.load(spec)
        for chunk in stage.label_chunks():
            channel.send([chunk])
        channel.send([Control("loaded", stage.report)])
        _serve(stage, channel)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the manager is gone or has thrown this generation away
    except Cluster4NPUError as error:
        channel.send([Control("refused", _error_record(error, spec))])
    except Exception as error:  # a runtime's or a third party's own: told, not printed
        failed = RunFailed(Problem(f"the device could not be started: {error}", found=type(error).__name__))
        channel.send([Control("refused", _error_record(failed, spec))])
    finally:
        channel.close()


def _serve(stage: LoadedStage, channel: Channel) -> None:
    """Work until told to quit. Answers to quick frames are sent together, as long as more of them are at hand."""
    ring: Ring | None = None
    answers: list[Record] = []
    quick = False
    while True:
        if quick:
            channel.stay_awake(AWAKE_NS)
        records = channel.receive()
        begun = now = time.monotonic_ns()
        for record in records:
            if isinstance(record, Work) and ring is not None:
                done = stage.work(ring, record)
                answers.append(done)
                now = done.finished_ns
                quick = now - done.started_ns < AWAKE_NS
            elif isinstance(record, Control) and record.kind == "attach":
                ring = Ring.attach(RingLayout(**record.data))
                answers.append(Control("ready", {}))
            else:
                stage.session.close()
                return
            if now - begun > _TOGETHER_NS:
                channel.send(answers)
                answers.clear()
                begun = now
        if answers:
            channel.send(answers)
            answers.clear()


def _error_record(error: Cluster4NPUError, spec: WorkerSpec) -> dict[str, Any]:
    problems = [{k: v[:_MOST_PROBLEM_TEXT] for k, v in p.as_dict().items()} for p in error.problems[:1]]
    problems[0]["node"] = problems[0]["node"] or spec.plan.stage.node_id
    return {"type": type(error).__name__, "problems": problems}


def error_from_record(data: Mapping[str, Any]) -> Cluster4NPUError:
    """Make the error again that a worker sent as a record."""
    kinds: dict[str, type[Cluster4NPUError]] = {
        c.__name__: c for c in (InputError, DeviceUnavailable, RunFailed)
    }
    return kinds.get(data["type"], RunFailed)(*(Problem(**p) for p in data["problems"]))


class LoadedStage:
    """A stage ready to compute: a session and the nodes around it, bound to the model."""

    def __init__(self, spec: WorkerSpec, session: Session, startup_ms: float) -> None:
        plan = spec.plan
        graph = Graph.build(plan.config)
        self.session = session
        self._exports = plan.stage.exports
        self._source = f"{plan.source}.frame"
        self._model = plan.stage.node_id
        self._outputs = f"{self._model}.outputs"
        before, after = (
            [self._step(graph, node_id) for node_id in ids] for ids in (plan.stage.before, plan.stage.after)
        )
        self._before = before if session.needs_input else []
        self._after = after
        self._tensor = ".".join(graph.wires[self._model]["tensor"])
        nodes = [node for node, _ in before + after]
        for node in nodes:
            node.bind(session.info)
        first_ms, result_bytes = self._warm_up(spec)
        self.report: dict[str, Any] = {
            "unit": session.unit,
            "unit_detail": session.unit_detail[:200],
            "sha256": session.info.sha256,
            "startup_ms": startup_ms,
            "first_inference_ms": first_ms,
            "result_bytes": result_bytes,
        }

    @classmethod
    def load(cls, spec: WorkerSpec) -> LoadedStage:
        """Load the model and bind the nodes; raises InputError, DeviceUnavailable or RunFailed."""
        _one_thread_for_opencv()
        start = time.perf_counter()
        device = DeviceId.parse(spec.device)
        options = registry.device_options(device)
        session = registry.backend(device.backend).load(spec.model or spec.plan.stage.model, device, options)
        return cls(spec, session, (time.perf_counter() - start) * 1e3)

    @staticmethod
    def _step(graph: Graph, node_id: str) -> tuple[WorkerNode, dict[str, str]]:
        node = graph.nodes[node_id]
        assert isinstance(node, WorkerNode)
        return node, {port: f"{source}.{output}" for port, (source, output) in graph.wires[node_id].items()}

    def _warm_up(self, spec: WorkerSpec) -> tuple[float | None, int]:
        """Run one blank frame through, so that what does not fit is refused before the first real one."""
        if not self.session.needs_input:
            return None, 4096
        blank = np.zeros((spec.frame_height, spec.frame_width, 3), np.uint8)
        start = time.perf_counter()
        values, _ = self.compute(blank)
        first_ms = (time.perf_counter() - start) * 1e3
        size = codec.encoded_size({key: values[key] for key in self._exports})
        open_shape = any(None in shape for shape in self.session.info.output_shapes)
        return first_ms, max(4 * size, 2**20) if open_shape else max(
            size, 16384
        )  # 300 boxes of 24 bytes, and room

    def label_chunks(self) -> Iterator[Control]:
        """Yield the class names of each node in records of bounded size: a model may name thousands."""
        for node, _ in self._after:
            names = [str(name)[:80] for name in getattr(node, "labels", ())]
            for start in range(0, len(names), 10):
                yield Control("labels", {"node": node.id, "names": names[start : start + 10]})

    def compute(self, image: np.ndarray) -> tuple[dict[str, Any], int]:
        """Take one frame (H x W x 3 uint8, borrowed) through every node.

        Return all values by NODE.PORT, and when the model was done (monotonic ns).
        """
        values: dict[str, Any] = {self._source: image}
        _run(self._before, values)
        if self.session.needs_input:
            tensor: Tensor = values[self._tensor]
            arrays = self.session.infer(tensor.data)
            values[self._outputs] = Outputs(arrays, tensor.geometry)
        else:
            values[self._outputs] = Outputs(self.session.infer(image))
        inferred_ns = time.monotonic_ns()
        _run(self._after, values)
        return values, inferred_ns

    def work(self, ring: Ring, record: Work) -> Done:
        """Compute one slot's frame and leave the results beside it; a frame that fails is told, not raised."""
        started = time.monotonic_ns()
        slot, generation, frame_id = record
        ring.set_state(slot, READING)
        inferred = used = 0
        error = ""
        try:
            values, inferred = self.compute(ring.image(slot))
            if self._exports:
                used = codec.encode(values, self._exports, ring.result(slot))
        except Cluster4NPUError as problem:
            error = str(problem)
        except codec.ResultTooLarge as problem:
            error = f"{self._model}: {problem}. Take only what is needed out of the model, or make its outputs smaller"
        except (
            Exception
        ) as problem:  # a runtime's or a third party's own: this frame fails, the worker goes on
            error = f"{type(problem).__name__}: {problem}"
        ring.set_state(slot, DONE)
        return Done(slot, generation, frame_id, started, inferred, time.monotonic_ns(), used, error)


def _run(steps: list[tuple[WorkerNode, dict[str, str]]], values: dict[str, Any]) -> None:
    for node, wires in steps:
        made = node.process({port: values[key] for port, key in wires.items()})
        for port, value in made.items():
            values[f"{node.id}.{port}"] = value


def _one_thread_for_opencv() -> None:
    """Keep OpenCV's thread pool out of the way: the pool of workers is the parallelism."""
    import cv2

    set_threads: Callable[[int], None] = cv2.setNumThreads
    set_threads(1)
