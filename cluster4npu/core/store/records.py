"""What is kept of a run: the record as it is saved and read back, and the short row of a list."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from cluster4npu.core.devices import truth
from cluster4npu.core.metrics.statistics import LatencyStats
from cluster4npu.core.metrics.summary import RunSummary
from cluster4npu.core.metrics.traces import FRAME_TRACE

RUN = "run"
BENCHMARK = "benchmark"
CALIBRATION = "calibration"
FAMILY = "family"
KINDS = (RUN, BENCHMARK, CALIBRATION, FAMILY)

MEASURED = "measured"
SIMULATED = "simulated"

# A stored frame: which segment of the run it belongs to, then its stamps (see `metrics.traces`).
SAMPLE = np.dtype([("segment", np.int32), *((name, FRAME_TRACE[name]) for name in FRAME_TRACE.names or ())])

NO_LATENCY = LatencyStats(0, None, None, None, None, None)


@dataclass(frozen=True, slots=True)
class PipelineRecord:
    """The pipeline that ran: `digest` of what is computed, and the file's text (URLs without passwords)."""

    digest: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """The model file that ran, known by its content. `bytes` is None where the file could not be read.

    `family` is that of `cluster4npu families`, else the layout of its boxes, else
    its task; `flops` are those of one input. "" and None: not known.
    """

    sha256: str
    name: str
    bytes: int | None = None
    family: str = ""
    parameters: int | None = None
    flops: int | None = None


@dataclass(frozen=True, slots=True)
class DeviceRecord:
    """One worker's device as it ran: `settled_id` has every option, `unit` is what the runtime says it is.

    `batch_size`: how many frames went into its model at once, at most; None: not known. `failed`: why it was given
    up in the run, in words; "" where it was not.
    """

    id: str
    settled_id: str = ""
    name: str = ""
    kind: str = ""
    backend: str = ""
    unit: str = "unknown"
    simulated: bool = False
    batch_size: int | None = None
    failed: str = ""
    differs: str = ""  # from the reference, and in what ("" where it agrees, or was not compared)

    @property
    def fell_back(self) -> bool | None:
        """Tell whether it was to be an accelerator and left all to the processor; None where nobody knows what ran."""
        return None if self.unit in ("", truth.UNKNOWN) else truth.fell_back(self.id, self.unit)

    @property
    def provenance(self) -> str:
        """Return how its figures came about: "measured" or "simulated"."""
        return SIMULATED if self.simulated else MEASURED


@dataclass(frozen=True, slots=True)
class ResultRecord:
    """Figures of one side of a run. What was not measured is None.

    `side` is "run", "single" or "parallel"; `device` is a worker's id, or "" for the side as a whole (each
    row of side "single" is one device measured alone). Latency (ms) is end to end for "run", "parallel" and
    "single", and service time for one worker of a run or of the parallel side. `startup_ms` and
    `first_inference_ms` are cold. `stage` is the inference node that a worker serves; peaks are of resident memory
    (manager and workers together) and of the device's own.
    """

    side: str
    device: str = ""
    fps: float | None = None
    latency_ms: LatencyStats = NO_LATENCY
    frames: int = 0
    frames_dropped: int = 0
    frames_failed: int = 0
    wall_s: float | None = None
    share: float | None = None
    busy: float | None = None
    weight: float | None = None
    startup_ms: float | None = None
    first_inference_ms: float | None = None
    restarts: int = 0
    simulated: bool = False
    stage: str = ""
    host_peak_bytes: int | None = None
    device_peak_bytes: int | None = None

    @property
    def provenance(self) -> str:
        """Return how the figures came about: "measured" or "simulated"."""
        return SIMULATED if self.simulated else MEASURED


@dataclass(frozen=True, slots=True)
class StageRecord:
    """One stage of a run: `inferences` are the inputs that its model got, one a frame or one for each crop."""

    stage: str
    frames_in: int
    frames_out: int
    frames_dropped: int
    frames_failed: int
    inferences: int
    policy: str
    devices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LookRecord:
    """How a device (its id without options) was at a moment of the run. `utilization` is 0..1; None: not reported."""

    device: str
    looked_at: datetime
    status: str
    utilization: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    memory_used_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class PredictionRecord:
    """A figure that was told before it was measured, and what it turned out to be: never of simulated devices."""

    predictor: str
    version: str
    devices: tuple[str, ...]
    metric: str
    unit: str
    value: float
    actual: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SegmentRecord:
    """One stretch of measuring. `samples` is a FRAME_TRACE array; its `worker` is an index into `workers`.

    Only frames delivered after `measure_from_ns` and up to `measure_to_ns` (time.monotonic_ns) were counted;
    None: all of them.
    """

    stage: str  # run, parity, warm-up, survey, pair
    side: str
    devices: tuple[str, ...]
    workers: tuple[str, ...]
    samples: np.ndarray = field(repr=False)
    measure_from_ns: int | None = None
    measure_to_ns: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class RunRecord:
    """Everything that is kept of one run. `id` is "" until it is saved; `created_at` is in UTC.

    `detail` is JSON of the kind's own making (for a benchmark: its JSON as on the command line). `segments`
    and `looks` are only for saving: records that are read back have none, see `Store.samples`, `Store.segments` and
    `Store.device_looks`.
    """

    kind: str
    pipeline: PipelineRecord
    results: tuple[ResultRecord, ...]
    devices: tuple[DeviceRecord, ...] = ()
    model: ModelRecord | None = None
    command: str = ""
    conditions: dict[str, Any] = field(default_factory=dict)
    detail: dict[str, Any] = field(default_factory=dict)
    simulated: bool = False
    valid: bool = True
    invalid_reason: str = ""
    headline: str = ""
    segments: tuple[SegmentRecord, ...] = ()
    stages: tuple[StageRecord, ...] = ()
    predictions: tuple[PredictionRecord, ...] = ()
    looks: tuple[LookRecord, ...] = ()
    id: str = ""
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    sample_rows: int = 0

    @property
    def provenance(self) -> str:
        """Return how the figures came about: "measured" or "simulated"."""
        return SIMULATED if self.simulated else MEASURED

    def result(self, side: str, device: str = "") -> ResultRecord | None:
        """Return the figures of one side (as a whole, or of one worker on it), or None."""
        return next((r for r in self.results if r.side == side and r.device == device), None)


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run in a list. `fps` is the run's, or a benchmark's parallel side's; `speedup` is a benchmark's.

    `host` is the machine's name and `machine` what it is; `precisions` are those that its devices were asked for,
    `batch_sizes` how many frames went into their models at once.
    """

    id: str
    kind: str
    created_at: datetime
    pipeline_name: str
    devices: tuple[str, ...]
    fps: float | None
    speedup: float | None
    headline: str
    valid: bool
    invalid_reason: str
    simulated: bool
    scenario: str = ""
    model: str = ""
    host: str = ""
    machine: str = ""
    pipeline_digest: str = ""
    precisions: tuple[str, ...] = ()
    batch_sizes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """What a query gave: JSON-safe values, row by row. `truncated` tells that there was more."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool = False

    def as_dicts(self) -> list[dict[str, Any]]:
        """Return each row as an object, as `db query --json` prints it."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def summary_results(summary: RunSummary, side: str = RUN) -> tuple[ResultRecord, ...]:
    """Return the figures of a finished run, as a whole and for each worker."""
    whole = ResultRecord(
        side,
        fps=summary.fps,
        latency_ms=summary.latency_ms,
        frames=summary.frames_out,
        frames_dropped=summary.frames_dropped,
        frames_failed=summary.frames_failed,
        wall_s=summary.wall_s,
        restarts=summary.restarts,
        simulated=summary.simulated,
        host_peak_bytes=summary.host_peak_bytes,
    )
    workers = [
        ResultRecord(
            side,
            d.id,
            fps=d.fps if d.frames else None,  # who took no frame has no rate
            latency_ms=d.latency_ms,
            frames=d.frames,
            share=d.share,
            busy=d.busy,
            weight=d.weight,
            startup_ms=d.startup_ms,
            first_inference_ms=d.first_inference_ms,
            restarts=d.restarts,
            simulated=d.simulated,
            stage=d.stage,
        )
        for d in summary.devices
    ]
    return (whole, *workers)


def summary_stages(summary: RunSummary) -> tuple[StageRecord, ...]:
    """Return what each stage of a finished run did."""
    return tuple(
        StageRecord(
            s.id, s.frames_in, s.frames_out, s.frames_dropped, s.frames_failed, s.runs, s.policy, s.devices
        )
        for s in summary.stages
    )
