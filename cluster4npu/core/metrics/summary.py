"""How a run ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from cluster4npu.core.metrics.snapshot import SinkSnapshot
from cluster4npu.core.metrics.spans import NodeTrace
from cluster4npu.core.metrics.statistics import LatencyStats


@dataclass(frozen=True, slots=True)
class DeviceSummary:
    """One worker over a whole run; `share` is its part of what its stage delivered.

    `weight` is the share that it was meant to have, by its rate as calibrated or, where the policy
    follows them, as measured while frames were computed. `latency_ms` is the time that it needed for
    a frame. At most `batch_size` frames went into its model at once, and shared that.
    """

    id: str
    settled_id: str
    unit: str
    simulated: bool
    frames: int
    share: float
    busy: float
    fps: float
    latency_ms: LatencyStats
    weight: float | None = None
    restarts: int = 0
    startup_ms: float | None = None
    first_inference_ms: float | None = None
    failed: str = ""
    unit_detail: str = ""  # "118 nodes on cuda, 2 on cpu", where the runtime tells
    fell_back: bool = False  # an accelerator was asked for, and the processor ran it all
    stage: str = ""
    batch_size: int = 1  # frames that went into its model at once, at most
    name: str = ""  # of the device, as its backend lists it
    kind: str = ""  # cpu, gpu, npu, ane


@dataclass(frozen=True, slots=True)
class StageSummary:
    """One stage over a whole run, by its inference node. frames_in = frames_out + frames_dropped + frames_failed.

    `runs` are the inputs that its model got: one a frame, or one for each crop.
    """

    id: str
    frames_in: int
    frames_out: int
    frames_dropped: int
    frames_failed: int
    runs: int
    policy: str
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceSummary:
    """One source over a whole run. frames_in = frames_out + frames_dropped + frames_failed; `fps` of frames_out."""

    id: str
    frames_in: int
    frames_out: int
    frames_dropped: int
    frames_failed: int
    fps: float


@dataclass(frozen=True, slots=True)
class NodeSummary:
    """What one node did in a stretch of time.

    `unused` of its `computes` went into nothing that was asked for or shown; `wasted_cpu_s` is what they cost.
    """

    id: str
    computes: int
    per_s: float
    unused: int
    cpu_s: float
    wasted_cpu_s: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON; `unused_share` is None where nothing was computed."""
        share = self.unused / self.computes if self.computes else None
        return {**asdict(self), "unused_share": share}


@dataclass(frozen=True, slots=True)
class ModeSummary:
    """All the time that a run spent in one mode; "" where it has none. `nodes` in the order of the graph."""

    mode: str
    seconds: float
    nodes: tuple[NodeSummary, ...]

    @property
    def wasted_cpu_s(self) -> float:
        """Return the CPU seconds of everything that nobody used."""
        return sum(node.wasted_cpu_s for node in self.nodes)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON."""
        nodes = [node.as_dict() for node in self.nodes]
        return {"mode": self.mode, "seconds": self.seconds, "wasted_cpu_s": self.wasted_cpu_s, "nodes": nodes}


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A finished run, or one measured segment of it. frames_in = frames_out + frames_dropped + frames_failed."""

    frames_in: int
    frames_out: int
    frames_dropped: int
    frames_failed: int
    fps: float
    wall_s: float
    latency_ms: LatencyStats
    devices: tuple[DeviceSummary, ...]
    buffer_full_waits: int
    restarts: int
    out_of_order: int
    policy: str
    simulated: bool
    warnings: tuple[str, ...] = ()
    reconnects: int = 0  # of a live source that was lost and came back
    stages: tuple[StageSummary, ...] = ()
    sources: tuple[SourceSummary, ...] = ()
    outputs: tuple[SinkSnapshot, ...] = ()
    failures: tuple[str, ...] = ()  # the first few frame errors, in words
    execution: str = "push"
    frames_not_asked: int = (
        0  # of runs in one process: the source's frames that nobody asked for, beside frames_in
    )
    host_peak_bytes: int | None = (
        None  # resident, of manager and workers together, as looked up once a second
    )
    modes: tuple[ModeSummary, ...] = ()  # of runs in one process: what each node did, and for nobody
    waste: ModeSummary | None = None  # of runs that are spread over workers: the same, in all of the run
    traces: np.ndarray | None = field(default=None, repr=False, compare=False)  # FRAME_TRACE, where asked for
    spans: NodeTrace | None = field(
        default=None, repr=False, compare=False
    )  # of runs in one process, where asked for

    @property
    def node_periods(self) -> tuple[ModeSummary, ...]:
        """Return what each node did and for whom: by mode, or in all of the run where it has none."""
        return self.modes or (() if self.waste is None else (self.waste,))

    def as_dict(self) -> dict[str, Any]:
        """Return the object that `cluster4npu run --json` prints."""
        return {
            "frames_in": self.frames_in,
            "frames_out": self.frames_out,
            "frames_dropped": self.frames_dropped,
            "frames_failed": self.frames_failed,
            "fps": self.fps,
            "wall_s": self.wall_s,
            "latency_ms": self.latency_ms.as_dict(),
            "devices": [
                {
                    "id": d.id,
                    "frames": d.frames,
                    "share": d.share,
                    "busy": d.busy,
                    "latency_ms": d.latency_ms.as_dict(),
                    "fps": d.fps,
                    "unit": d.unit,
                    "unit_detail": d.unit_detail,
                    "fell_back": d.fell_back,
                    "simulated": d.simulated,
                    "weight": d.weight,
                    "restarts": d.restarts,
                    "startup_ms": d.startup_ms,
                    "first_inference_ms": d.first_inference_ms,
                    "failed": d.failed,
                    "stage": d.stage,
                    "batch_size": d.batch_size,
                    "name": d.name,
                    "kind": d.kind,
                }
                for d in self.devices
            ],
            "stages": [{**asdict(stage), "devices": list(stage.devices)} for stage in self.stages],
            "sources": [asdict(source) for source in self.sources],
            "outputs": [asdict(output) for output in self.outputs],
            "buffer_full_waits": self.buffer_full_waits,
            "restarts": self.restarts,
            "reconnects": self.reconnects,
            "out_of_order": self.out_of_order,
            "policy": self.policy,
            "simulated": self.simulated,
            "warnings": list(self.warnings),
            "failures": list(self.failures),
            "execution": self.execution,
            "frames_not_asked": self.frames_not_asked,
            "host_peak_bytes": self.host_peak_bytes,
            "modes": [mode.as_dict() for mode in self.modes],
            "waste": None if self.waste is None else self.waste.as_dict(),
        }
