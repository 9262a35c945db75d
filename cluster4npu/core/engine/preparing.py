"""Making the versions of a model that devices ask for (int8, fp16, their own format) before workers load it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from cluster4npu.core.devices import registry
from cluster4npu.core.devices.backend import Calibration, Preparation
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.model import ModelInfo
from cluster4npu.core.devices.precision import asked
from cluster4npu.core.engine.hub import Hub, Stopped
from cluster4npu.core.engine.launch import leave_with_parent
from cluster4npu.core.engine.messages import StateChanged
from cluster4npu.core.engine.signals import leave_signals_to_the_app
from cluster4npu.core.errors import Cluster4NPUError, DeviceUnavailable, InputError, Problem, RunFailed
from cluster4npu.core.nodes.base import Source, SourceNode, WorkerNode
from cluster4npu.core.pipeline.graph import Graph
from cluster4npu.core.pipeline.plan import ExecutionPlan, StagePlan

FRAMES = 32  # that int8 is calibrated with, spread over the source
_MOST_BYTES = 256 << 20
_MOST_READ = 600


@dataclass(frozen=True, slots=True)
class _Task:
    plan: ExecutionPlan
    stage: int
    devices: tuple[str, ...]
    frames: tuple[np.ndarray, ...]


def prepared(plan: ExecutionPlan, sources: Sequence[tuple[SourceNode, Source]], hub: Hub) -> ExecutionPlan:
    """Return the plan whose pools name the model file of each device; sources are at their first frames again.

    Raises Stopped, the error of a model that cannot be converted, RunFailed when the process does not end well.
    """
    stages = []
    for stage in plan.stages:
        wanted = [m.settled for m in stage.pool if _preparation(stage, m.settled) is not Preparation.NONE]
        if wanted:
            source = next(source for node, source in sources if node.id in stage.sources)
            stage = _prepared_stage(plan, stage, tuple(dict.fromkeys(wanted)), source, hub)
        stages.append(stage)
    return replace(plan, stages=tuple(stages))


def _prepared_stage(
    plan: ExecutionPlan, stage: StagePlan, wanted: tuple[str, ...], source: Source, hub: Hub
) -> StagePlan:
    names = ", ".join(sorted({asked(DeviceId.parse(settled)) or "device's own" for settled in wanted}))
    calibrate = any(_preparation(stage, settled) is Preparation.CALIBRATE for settled in wanted)
    if calibrate and stage.takes:
        raise InputError(
            Problem(
                f"the {names} model of a later stage cannot be made here",
                node=stage.node_id,
                field="devices",
                found=", ".join(wanted),
                allowed=f"a precision option in stages that see the frame itself, not what '"
                f"{plan.stages[stage.takes[0]].node_id}' has found in it",
                hint="Leave the precision out, or choose a model file that has it already.",
            )
        )
    made_of = "the source's frames" if calibrate else "its file"
    hub.tell(StateChanged("starting", f"making the {names} model from {made_of}"))
    frames = _in_background(lambda: _sample(source), hub) if calibrate else []
    found = _in_process(_Task(plan, stage.index, wanted, tuple(frames)), hub)
    return replace(stage, pool=tuple(replace(m, model=found.get(m.settled)) for m in stage.pool))


def _preparation(stage: StagePlan, settled: str) -> Preparation:
    if stage.model is None:
        return Preparation.NONE
    device = DeviceId.parse(settled)
    return registry.backend(device.backend).preparation(device, stage.model)


def _sample(source: Source) -> list[np.ndarray]:
    """Return frames (H x W x 3 BGR) spread over the source's first minutes, and rewind it."""
    spec = source.spec
    count = max(4, min(FRAMES, _MOST_BYTES // spec.nbytes))
    step = max(1, min(spec.frames or count, _MOST_READ) // count)
    slot = np.empty(spec.nbytes, np.uint8)
    frames: list[np.ndarray] = []
    number = 0
    while len(frames) < count and (info := source.read_into(slot)) is not None:
        if number % step == 0:
            size = info.height * info.width * 3
            frames.append(slot[:size].reshape(info.height, info.width, 3).copy())
        number += 1
    source.rewind()
    return frames


def _in_background(work: Callable[[], list[np.ndarray]], hub: Hub) -> list[np.ndarray]:
    """Do this on a thread, since a camera may wait for ever, and listen to the user meanwhile."""
    done: list[list[np.ndarray]] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            done.append(work())
        except Exception as error:  # raised again below, on the manager's own thread
            errors.append(error)
        hub.wake()

    threading.Thread(target=run, name="sample", daemon=True).start()
    while not done and not errors:
        hub.pump(None)
        if hub.stop_asked is not None:
            raise Stopped
    if errors:
        raise errors[0]
    return done[0]


def _in_process(task: _Task, hub: Hub) -> dict[str, Path]:
    """Let a child process do the task, and end it when the user does not want to wait."""
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=prepare_main, args=(task, theirs), name="cluster4npu-prepare", daemon=True)
    child.start()
    theirs.close()
    hub.waiter.add("prepare", ours)
    answer: dict[str, Path] | Cluster4NPUError | None = None
    try:
        while not ours.poll(0):
            hub.pump(1.0)
            if hub.stop_asked is not None:
                raise Stopped
        answer = ours.recv()
    except (EOFError, OSError):
        pass  # told below, with its exit code
    finally:
        hub.waiter.remove("prepare")
        child.join(1.0 if answer is not None else 0.0)
        if child.is_alive():
            child.kill()
        child.join(5.0)
        ours.close()
    if isinstance(answer, Cluster4NPUError):
        raise answer
    if answer is None:
        raise RunFailed(
            Problem(
                "the process that converts the model was ended from outside",
                node=task.plan.stages[task.stage].node_id,
                field="devices",
                found=f"exit code {child.exitcode}",
                hint="Leave the precision out, or free some memory.",
            )
        )
    return answer


def prepare_main(task: _Task, connection: Connection) -> None:
    """Prepare the model for every device of the task and send {settled id: file}, or the error."""
    leave_signals_to_the_app()
    leave_with_parent()
    answer: dict[str, Path] | Cluster4NPUError
    try:
        answer = {device: _prepare(task, DeviceId.parse(device)) for device in task.devices}
    except Cluster4NPUError as error:
        first, *more = (
            replace(p, node=p.node or task.plan.stages[task.stage].node_id) for p in error.problems
        )
        answer = type(error)(first, *more)
    connection.send(answer)
    connection.close()


def _prepare(task: _Task, device: DeviceId) -> Path:
    model = task.plan.stages[task.stage].model
    assert model is not None
    backend = registry.backend(device.backend)
    calibration = None
    if backend.preparation(device, model) is Preparation.CALIBRATE:
        looked = backend.look(model)
        if looked is None:
            raise DeviceUnavailable(
                Problem(
                    f"{backend.title} cannot look at the model on this machine's processor",
                    field="devices",
                    found=str(device),
                    hint="Leave the precision out, or choose a model file that has it already.",
                )
            )
        info, _ = looked
        calibration = Calibration.of_images(info.input_name, _batches(task, info))
    return backend.prepare(model, device, calibration)


def _batches(task: _Task, model: ModelInfo) -> Sequence[np.ndarray]:
    """Take the frames through the nodes before the model, as a worker does."""
    stage = task.plan.stages[task.stage]
    graph = Graph.build(task.plan.config)
    steps = []
    for node_id in stage.before:
        node = graph.nodes[node_id]
        assert isinstance(node, WorkerNode)
        node.bind(model)
        steps.append(node)
    wanted = ".".join(graph.wires[stage.node_id]["tensor"])
    found = []
    for frame in task.frames:
        values: dict[str, Any] = dict.fromkeys(stage.frames, frame)
        for node in steps:
            inputs = {port: values[f"{n}.{o}"] for port, (n, o) in graph.wires[node.id].items()}
            values |= {f"{node.id}.{port}": value for port, value in node.process(inputs).items()}
        found.append(values[wanted].data.copy())
    return found
