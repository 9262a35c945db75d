"""The worker process: loads one model on one device, then turns slots with frames into slots with results."""

from __future__ import annotations

import contextlib
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic_ns
from typing import Any, BinaryIO

import numpy as np

from cluster4npu.core.devices import exclusive, registry
from cluster4npu.core.devices.backend import Session
from cluster4npu.core.devices.blank import never_computes, no_memory
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.engine import codec
from cluster4npu.core.engine.chain import Chain
from cluster4npu.core.engine.channel import Channel, Control, Done, Work, new_done
from cluster4npu.core.engine.costs import CostMeter
from cluster4npu.core.engine.launch import PipeEnds
from cluster4npu.core.engine.ring import DONE, READING, Ring
from cluster4npu.core.engine.serving import Serving
from cluster4npu.core.errors import (
    Cluster4NPUError,
    DeviceUnavailable,
    InferenceFailed,
    InputError,
    Problem,
    RunFailed,
    shortened,
)
from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import PortType
from cluster4npu.core.nodes.values import Classes, Detections, Outputs, Value
from cluster4npu.core.pipeline.graph import Graph
from cluster4npu.core.pipeline.plan import ExecutionPlan

_MOST_PROBLEM_TEXT = 600
_LEAST_RESULT = 16384  # bytes
MOST_MEASURED_BATCH = 16  # frames, where nothing else is asked for


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What a worker is started with. `device` is a settled id; the frame size is the largest that will come."""

    plan: ExecutionPlan
    stage: int
    device: str
    frame_height: int
    frame_width: int
    model: Path | None = None  # the version in this device's precision; None: the stage's own file


def worker_main(spec: WorkerSpec, ends: PipeEnds) -> None:
    """Run a worker until it is told to quit or its pipe ends."""
    _serve(spec, ends)


def import_for_workers() -> None:
    """Import what any worker needs, and no vendor's runtime."""
    _one_thread_for_opencv()
    node_types()


def standby_main(backends: Sequence[str], ends: PipeEnds) -> None:
    """Import what any worker of these backends needs, wait for a pickled WorkerSpec, and be that worker."""
    import_for_workers()
    for key in backends:
        with contextlib.suppress(Exception):  # a vendor's: the worker tells of it, when it comes to that
            registry.backend(key).warm()
    try:
        Channel(ends).send([Control("standing by", {})])
        spec: WorkerSpec = pickle.loads(ends[0].recv_bytes())
    except (EOFError, OSError):
        return  # the manager is gone, or needs it no more
    _serve(spec, ends)


def _serve(spec: WorkerSpec, ends: PipeEnds) -> None:
    channel = Channel(ends)
    try:
        stage = LoadedStage.load(spec)
        for chunk in stage.label_chunks():
            channel.send([chunk])
        channel.send([Control("loaded", stage.report)])
        Serving(stage, channel).run()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass  # the manager is gone or has thrown this generation away
    except InferenceFailed as error:
        channel.send([Control("refused", _error_record(_refused_blank(error, spec), spec))])
    except Cluster4NPUError as error:
        channel.send([Control("refused", _error_record(error, spec))])
    except MemoryError as error:
        failed = no_memory(f"on '{spec.device}'", str(error))
        channel.send([Control("refused", _error_record(failed, spec))])
    except Exception as error:  # a driver's or a third party's own, of any kind: told, not printed
        hint = "Look whether its driver or the model is at fault, or leave this device out."
        found = f"{type(error).__name__}: {error}"
        failed = RunFailed(
            Problem(f"'{spec.device}' could not be started", field="devices", found=found, hint=hint)
        )
        channel.send([Control("refused", _error_record(failed, spec))])
    finally:
        channel.close()


def _refused_blank(error: InferenceFailed, spec: WorkerSpec) -> Cluster4NPUError:
    """Return the error for a model that fails on its first, blank frame already."""
    (problem, *_) = error.problems
    model = spec.model or spec.plan.stages[spec.stage].model or Path("no model")
    why = problem.found or problem.message
    return never_computes(model, f"on '{spec.device}'", why, problem.allowed)


def _error_record(error: Cluster4NPUError, spec: WorkerSpec) -> dict[str, Any]:
    problems = [
        {k: shortened(v, _MOST_PROBLEM_TEXT) for k, v in p.as_dict().items()} for p in error.problems[:1]
    ]
    problems[0]["node"] = problems[0]["node"] or spec.plan.stages[spec.stage].node_id
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
        self.session = session
        self.held: BinaryIO | None = (
            None  # the lock of an exclusive device, for as long as this process lives
        )
        self._plan = spec.plan
        self._stage = spec.plan.stages[spec.stage]
        batch = registry.device_options(DeviceId.parse(spec.device)).batch
        self._chain = Chain(Graph.build(spec.plan.config), self._stage, session, batch)
        may_batch = self._chain.may_batch
        self.batch = (
            (batch or 1) if may_batch else 1
        )  # frames that go into the model at once; `Control("batch")`
        self.notices: list[Control] = []  # to be sent with the next answers
        first_ms, result_bytes = self._warm_up(spec)
        self.costs = self._chain.costs = CostMeter()  # the warm-up is not among them
        self.report: dict[str, Any] = {
            "unit": session.unit,
            "unit_detail": session.unit_detail[:200],
            "sha256": session.info.sha256,
            "speed_only": session.info.is_for_speed_only,
            "startup_ms": startup_ms,
            "first_inference_ms": first_ms,
            "result_bytes": result_bytes,
            "batch": self.batch,
            "most_batch": (batch or self._stage.batch or MOST_MEASURED_BATCH) if may_batch else 1,
        }

    @classmethod
    def load(cls, spec: WorkerSpec) -> LoadedStage:
        """Load the model and bind the nodes; raises InputError, DeviceUnavailable or RunFailed."""
        _one_thread_for_opencv()
        start = time.perf_counter()
        device = DeviceId.parse(spec.device)
        options = registry.device_options(device)
        backend = registry.backend(device.backend)
        held = exclusive.hold(device.device) if backend.exclusive(device) else None
        model = spec.model or spec.plan.stages[spec.stage].model
        session = backend.load(model, device, options)
        stage = cls(spec, session, (time.perf_counter() - start) * 1e3)
        stage.held = held
        return stage

    def _warm_up(self, spec: WorkerSpec) -> tuple[float | None, int]:
        """Run one blank frame through, so that what does not fit is refused before the first real one."""
        if not self.session.needs_input:
            return None, _LEAST_RESULT
        blank = np.zeros((spec.frame_height, spec.frame_width, 3), np.uint8)
        imports = {key: self._blank(key, blank) for key in self._stage.imports}
        start = time.perf_counter()
        values, *_ = self._chain.compute(blank, imports)
        first_ms = (time.perf_counter() - start) * 1e3
        size = codec.encoded_size({key: values[key] for key in self._stage.exports})
        open_shape = any(None in shape for shape in self.session.info.output_shapes)
        return first_ms, max(4 * size, 2**20) if open_shape else max(
            size, _LEAST_RESULT
        )  # 300 boxes of 24 bytes and what was found in each, and room

    def _blank(self, key: str, blank: np.ndarray) -> Value:
        """Return what an earlier stage might give for a blank frame: where boxes are wanted, one around all of it."""
        node, port = key.split(".")
        cls = node_types()[self._plan.config.node(node).type]
        kind = next(p.types[0] for p in cls.outputs if p.name == port)
        if kind is PortType.DETECTIONS:
            return Detections(np.array([[0, 0, blank.shape[1], blank.shape[0], 1, 0]], np.float32))
        return Classes(np.empty((0, 2), np.float32)) if kind is PortType.CLASSES else Outputs([])

    def label_chunks(self) -> Iterator[Control]:
        """Yield the class names of each node in records of bounded size: a model may name thousands."""
        for node in self._chain.after:
            names = [str(name)[:80] for name in getattr(node, "labels", ())]
            for start in range(0, len(names), 10):
                yield Control("labels", {"node": node.id, "names": names[start : start + 10]})

    def work(self, ring: Ring, record: Work, started: int | None = None) -> Done:
        """Compute one slot's frame and leave the results beside it; a frame that fails is told, not raised.

        `started` is when it was taken up: where it follows at once, when the frame before was finished; None: now.
        Raises DeviceUnavailable where the device itself is gone: its frames are for others to compute then.
        """
        if started is None:
            started = monotonic_ns()
        slot, generation, frame_id = record
        stage = self._stage
        marks = ring.marks[stage.index]
        marks[slot] = READING
        inferred = used = runs = 0
        error = ""
        try:
            imports = self._imports(ring, slot) if stage.imports else None
            values, inferred, runs = self._chain.compute(ring.image(slot), imports)
            if stage.exports:
                used = codec.encode(values, stage.exports, ring.result(slot, stage.index))
        except DeviceUnavailable:
            raise
        except InferenceFailed as problem:
            error, runs = str(problem), 1
        except Cluster4NPUError as problem:
            error = str(problem)
        except codec.ResultTooLarge as problem:
            remedy = "Take only what is needed out of the model, or make its outputs smaller"
            error = f"{stage.node_id}: {problem}. {remedy}"
        except (
            Exception
        ) as problem:  # a third party's node may raise anything: this frame fails, the worker goes on
            error = f"{type(problem).__name__}: {problem}"
        marks[slot] = DONE
        told = error.encode() if error else b""
        return new_done((slot, generation, frame_id, started, inferred, monotonic_ns(), used, runs, told))

    def work_together(self, ring: Ring, records: Sequence[Work]) -> list[Done]:
        """Compute several slots' frames with one call of the model. Where that fails, each for itself: then it is told
        which of them is at fault; where none is, the device cannot have so many at once and gets them one by one."""
        started, stage = monotonic_ns(), self._stage
        marks = ring.marks[stage.index]
        for record in records:
            marks[record.slot] = READING
        done: list[Done] = []
        try:
            images = [ring.image(record.slot) for record in records]
            imports = [self._imports(ring, record.slot) if stage.imports else None for record in records]
            computed = self._chain.compute_together(images, imports)
            for (slot, generation, frame_id), (values, inferred, runs) in zip(records, computed, strict=True):
                used = codec.encode(values, stage.exports, ring.result(slot, stage.index))
                marks[slot] = DONE
                finished = monotonic_ns()
                done.append(Done(slot, generation, frame_id, started, inferred, finished, used, runs))
        except DeviceUnavailable:
            raise
        except Exception as problem:  # of any of the frames, of any kind: `work` tells of which, and what
            alone = [self.work(ring, record) for record in records[len(done) :]]
            if isinstance(problem, InferenceFailed) and not any(one.error for one in alone):
                self.batch = 1
                text = f"{len(records)} frames at once could not be computed, one by one they can: {problem}"
                self.notices.append(Control("one by one", {"text": shortened(text, _MOST_PROBLEM_TEXT)}))
            done += alone
        return done

    def _imports(self, ring: Ring, slot: int) -> dict[str, Value]:
        """Read what earlier stages have left beside the frame."""
        found: dict[str, Value] = {}
        for index in self._stage.takes:
            found |= codec.decode(ring.result(slot, index), self._plan.stages[index].exports)
        return found


def _one_thread_for_opencv() -> None:
    """Keep OpenCV's thread pool out of the way: the pool of workers is the parallelism."""
    import cv2

    set_threads: Callable[[int], None] = cv2.setNumThreads
    set_threads(1)
