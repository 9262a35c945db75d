"""What a running engine tells several times a second. Everything that could not be measured is None."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeviceSnapshot:
    """One worker since the run began (`frames`, `share`) and over the last period (`fps`, `busy`, `latency_ms`)."""

    id: str
    state: str  # starting, ready, busy, restarting, failed, stopped
    simulated: bool
    frames: int  # delivered since the run began
    share: float  # of all frames that its stage delivered, 0..1
    fps: float  # finished a second, over the last period
    busy: float  # part of the last period in which it worked, 0..1
    latency_ms: float | None  # mean service time (pre, model, post) over the last period
    queue: int  # frames assigned to it and not finished
    restarts: int
    spare: str = ""  # state of its warm spare (starting, loaded, ready), where it has one
    unit: str = "unknown"  # what really ran it, as the runtime says
    fell_back: bool = False  # an accelerator was asked for, and the processor runs it all
    stage: str = ""  # the inference node that it serves


@dataclass(frozen=True, slots=True)
class StageSnapshot:
    """One stage since the run began, by its inference node."""

    id: str
    frames_in: int
    frames_out: int
    frames_failed: int
    runs: int  # inputs that the model got: one a frame, or one for each crop


@dataclass(frozen=True, slots=True)
class SourceSnapshot:
    """One source since the run began."""

    id: str
    frames_in: int
    frames_dropped: int
    frames_out: int
    frames_failed: int
    in_flight: int


@dataclass(frozen=True, slots=True)
class SinkSnapshot:
    """One output since the run began, in results. `waiting` of at most `room`; `trouble` says why one failed last."""

    id: str
    delivered: int
    dropped: int
    failed: int
    waiting: int
    room: int
    trouble: str = ""

    @property
    def lost(self) -> str:
        """Say in words what did not arrive; "" when nothing was lost."""
        parts = []
        if self.failed:
            parts.append(f"{self.failed} results did not arrive ({self.trouble})")
        if self.dropped:
            parts.append(f"{self.dropped} were dropped, since the receiver is slower than the run")
        return f"{self.id}: {' and '.join(parts)}" if parts else ""


@dataclass(frozen=True, slots=True)
class NodeSnapshot:
    """One node of a run in one process, over the last seconds; `cpu_ms` is the mean cost of one computation."""

    id: str
    per_s: float
    cpu_ms: float | None = None


@dataclass(frozen=True, slots=True)
class MetricsSnapshot:
    """A whole run at one moment. Rates and latencies are of the last period (about a quarter of a second)."""

    elapsed_s: float
    state: str  # starting, calibrating, running, draining, stopped
    frames_in: int
    frames_out: int
    frames_dropped: int
    frames_failed: int
    in_flight: int
    fps: float
    throughput_mb_s: float  # pixels delivered, in 10^6 bytes a second
    latency_mean_ms: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    latency_p99_ms: float | None
    buffer_full_waits: int
    ring_slots: int
    ring_used: int
    reorder_waiting: int  # finished frames that wait for an earlier one
    devices: tuple[DeviceSnapshot, ...]
    host_cpu: float | None = None  # 0..1 of all cores
    host_memory_bytes: int | None = None  # resident, of manager and workers
    reconnects: int = 0  # of a live source, since the run began
    progress: float | None = None  # 0..1 where the end is known
    mode: str = ""  # of runs in one process
    nodes: tuple[NodeSnapshot, ...] = ()  # of runs in one process
    stages: tuple[StageSnapshot, ...] = ()
    sources: tuple[SourceSnapshot, ...] = ()
    sinks: tuple[SinkSnapshot, ...] = ()
