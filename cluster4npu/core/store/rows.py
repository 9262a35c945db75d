"""Every table of the store as a typed record: one field for each column, checked when it is made.

A record says by which fields it is known (`key`) and to what it refers (`refers`); `table.py` reads and writes it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

Provenance = Literal["measured", "simulated", "predicted", "imported", "formula"]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Whole = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class Row(BaseModel):
    """One row of a table. Times are in UTC without a zone, as DuckDB keeps them; None is "not reported"."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    table: ClassVar[str] = ""
    key: ClassVar[tuple[str, ...]] = ()
    refers: ClassVar[
        dict[str, tuple[str, str]]
    ] = {}  # field: table and column; a field that is None refers to nothing


class HostRow(Row):
    """A machine."""

    table: ClassVar[str] = "hosts"
    key: ClassVar[tuple[str, ...]] = ("id",)
    id: str
    name: str
    os: str
    cpu: str
    cores: Count | None = None
    memory_bytes: Count | None = None


class ModelRow(Row):
    """A model file, known by its content."""

    table: ClassVar[str] = "models"
    key: ClassVar[tuple[str, ...]] = ("sha256",)
    sha256: str
    name: str
    bytes: Count | None = None
    family: str | None = ""
    parameters: Count | None = None
    flops: Count | None = None


class PipelineRow(Row):
    """A pipeline's text, known by the digest of what it computes."""

    table: ClassVar[str] = "pipelines"
    key: ClassVar[tuple[str, ...]] = ("digest",)
    digest: str
    text: str


class RunsRow(Row):
    """A run. Versions, conditions and detail are JSON text."""

    table: ClassVar[str] = "runs"
    key: ClassVar[tuple[str, ...]] = ("id",)
    refers: ClassVar[dict[str, tuple[str, str]]] = {
        "host_id": ("hosts", "id"),
        "pipeline_digest": ("pipelines", "digest"),
        "model_sha256": ("models", "sha256"),
    }
    id: str
    kind: str
    created_at: datetime
    host_id: str
    pipeline_digest: str
    pipeline_name: str
    model_sha256: str | None = None
    command: str
    versions: str
    conditions: str
    detail: str
    headline: str
    valid: bool
    invalid_reason: str
    provenance: Provenance
    result_rows: Count
    sample_rows: Count
    sample_checksum: str


class OfRun(Row):
    """A row that belongs to a run."""

    refers: ClassVar[dict[str, tuple[str, str]]] = {"run_id": ("runs", "id")}
    run_id: str


class RuntimeRow(OfRun):
    """A package that was installed when the run was made."""

    table: ClassVar[str] = "runtimes"
    key: ClassVar[tuple[str, ...]] = ("run_id", "name")
    name: str
    version: str


class DeviceRow(OfRun):
    """One worker's device in a run."""

    table: ClassVar[str] = "devices"
    key: ClassVar[tuple[str, ...]] = ("run_id", "position")
    position: Count
    id: str
    settled_id: str
    name: str
    kind: str
    backend: str
    unit: str
    provenance: Provenance
    batch_size: Count | None = None
    fell_back: bool | None = None
    failed: str | None = None


class DeviceLookRow(OfRun):
    """How a device was at a moment of a run, as the system told it."""

    table: ClassVar[str] = "device_looks"
    key: ClassVar[tuple[str, ...]] = ("run_id", "position")
    position: Count
    device: str
    looked_at: datetime
    status: str
    utilization: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    memory_used_bytes: Count | None = None
    provenance: Provenance


class StageRow(OfRun):
    """One stage of a run: what came in and what became of it."""

    table: ClassVar[str] = "stages"
    key: ClassVar[tuple[str, ...]] = ("run_id", "position")
    position: Count
    stage: str
    frames_in: Count
    frames_out: Count
    frames_dropped: Count
    frames_failed: Count
    inferences: Count
    policy: str
    devices: list[str]
    provenance: Provenance


class ResultRow(OfRun):
    """Figures of one side of a run, or of one worker on it."""

    table: ClassVar[str] = "results"
    key: ClassVar[tuple[str, ...]] = ("run_id", "position")
    position: Count
    side: str
    device: str
    fps: float | None = None
    latency_samples: Count
    latency_mean_ms: float | None = None
    latency_p50_ms: float | None = None
    latency_p90_ms: float | None = None
    latency_p95_ms: float | None = None
    latency_p99_ms: float | None = None
    frames: Count
    frames_dropped: Count
    frames_failed: Count
    wall_s: float | None = None
    share: float | None = None
    busy: float | None = None
    weight: float | None = None
    startup_ms: float | None = None
    first_inference_ms: float | None = None
    restarts: Count
    provenance: Provenance
    stage: str | None = ""
    host_peak_bytes: Count | None = None
    device_peak_bytes: Count | None = None


class SegmentRow(OfRun):
    """One stretch of measuring, whose frames are in `samples`."""

    table: ClassVar[str] = "segments"
    key: ClassVar[tuple[str, ...]] = ("run_id", "segment")
    segment: Count
    stage: str
    side: str
    devices: list[str]
    workers: list[str]
    measure_from_ns: Whole | None = None
    measure_to_ns: Whole | None = None


class SampleRow(OfRun):
    """One frame's stamps. `Store.samples` reads all of a run at once, as an array."""

    table: ClassVar[str] = "samples"
    key: ClassVar[tuple[str, ...]] = ("run_id", "position")
    position: Count
    segment: Count
    frame_id: Whole
    worker: int
    status: Annotated[int, Field(ge=0, le=255)]
    scheduled_ns: Whole
    captured_ns: Whole
    queued_ns: Whole
    started_ns: Whole
    inferred_ns: Whole
    finished_ns: Whole
    delivered_ns: Whole


class RowChecksumRow(OfRun):
    """What the rows of one table said of a run when it was saved: MD5 of these columns as text."""

    table: ClassVar[str] = "row_checksums"
    key: ClassVar[tuple[str, ...]] = ("run_id", "of_table")
    of_table: str
    columns: str
    checksum: str


class BaselineRow(OfRun):
    """A mark: with this run new ones are compared."""

    table: ClassVar[str] = "baselines"
    key: ClassVar[tuple[str, ...]] = ("run_id", "marked_at")
    marked_at: datetime


class OfRunOrImport(Row):
    """A row that belongs to a run, or to an imported file, which knows the model by its name only."""

    key: ClassVar[tuple[str, ...]] = ("run_id", "import_sha256", "position")
    refers: ClassVar[dict[str, tuple[str, str]]] = {
        "run_id": ("runs", "id"),
        "import_sha256": ("imports", "sha256"),
    }
    run_id: str | None = None
    position: Count
    import_sha256: str | None = None
    model: str | None = ""


class TrainingRow(OfRunOrImport):
    """What a training step takes; of several, `loss_first` and `loss_last` are those of the first and the last."""

    table: ClassVar[str] = "training_results"
    device: str
    precision: str
    batch_size: Count | None = None
    steps: Count
    forward_ms: float | None = None
    backward_ms: float | None = None
    optimizer_ms: float | None = None
    step_ms: float | None = None
    samples_per_s: float | None = None
    loss_first: float | None = None
    loss_last: float | None = None
    host_peak_bytes: Count | None = None
    device_peak_bytes: Count | None = None
    provenance: Provenance


class BrowserRow(OfRunOrImport):
    """What a browser did; `backend` is what ran, not what was asked for."""

    table: ClassVar[str] = "browser_results"
    browser: str
    browser_version: str
    backend: str
    adapter: str
    batch_size: Count | None = None
    latency_samples: Count
    latency_mean_ms: float | None = None
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    throughput_per_s: float | None = None
    startup_ms: float | None = None
    first_inference_ms: float | None = None
    provenance: Provenance


class PredictionRow(Row):
    """A figure that was predicted, and what was measured afterwards."""

    table: ClassVar[str] = "predictions"
    key: ClassVar[tuple[str, ...]] = ("id",)
    refers: ClassVar[dict[str, tuple[str, str]]] = {"run_id": ("runs", "id")}
    id: str
    created_at: datetime
    predictor: str
    predictor_version: str
    pipeline_digest: str
    model_sha256: str | None = None
    devices: list[str]
    metric: str
    unit: str
    value: float
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    run_id: str | None = None
    actual: float | None = None
    provenance: Literal["predicted"] = "predicted"


class CompatibilityRow(Row):
    """Whether a model runs on a device of a machine, and by which run, file or reason that is known.

    What a run shows is of a model's hash and a machine; what an imported file says, of the names that it has.
    """

    table: ClassVar[str] = "compatibility"
    key: ClassVar[tuple[str, ...]] = (
        "model_sha256", "host_id", "device", "precision", "import_sha256", "model",
    )  # fmt: skip
    refers: ClassVar[dict[str, tuple[str, str]]] = {
        "model_sha256": ("models", "sha256"),
        "host_id": ("hosts", "id"),
        "run_id": ("runs", "id"),
        "import_sha256": ("imports", "sha256"),
    }
    model_sha256: str | None = None
    host_id: str | None = None
    device: str
    precision: str
    status: Literal["runs", "falls back", "fails", "unavailable"]
    reason: str
    run_id: str | None = None
    checked_at: datetime
    provenance: Provenance
    import_sha256: str | None = None
    model: str | None = ""


class ImportRow(Row):
    """A file of another tool that was taken in. Skipped, unknown_fields and notes are JSON text."""

    table: ClassVar[str] = "imports"
    key: ClassVar[tuple[str, ...]] = ("sha256",)
    sha256: str
    file_name: str
    bytes: Count
    imported_at: datetime
    importer_version: Count
    shape: str
    numbers: Count
    measurements: Count
    failures: Count
    skipped: str
    unknown_fields: str
    notes: str
    checksum: str
    content_sha256: str | None = None


class MeasurementRow(Row):
    """One figure of another tool; see docs/importing.md."""

    table: ClassVar[str] = "imported_measurements"
    key: ClassVar[tuple[str, ...]] = ("sha256", "position")
    refers: ClassVar[dict[str, tuple[str, str]]] = {"sha256": ("imports", "sha256")}
    sha256: str
    position: Count
    path: str
    model: str
    device: str
    batch_size: Whole | None = None
    sequence_length: Whole | None = None
    precision: str
    variant: str
    recorded_at: str
    metric: str
    statistic: str
    sample: Count | None = None
    value: float | None = None
    unit: str
    source_value: float | None = None
    source_unit: str
    unit_rule: str
    provenance: Provenance
    status: str
    error: str
    scope: str
    record_digest: str


ROWS: tuple[type[Row], ...] = (
    HostRow, ModelRow, PipelineRow, RunsRow, RuntimeRow, DeviceRow, DeviceLookRow, StageRow, ResultRow, SegmentRow,
    SampleRow, RowChecksumRow, BaselineRow, TrainingRow, BrowserRow, PredictionRow, CompatibilityRow, ImportRow,
    MeasurementRow,
)  # fmt: skip
TABLES = tuple(kind.table for kind in ROWS)
