"""What a report shows, made once from a stored run, so that every form of it has the same numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from cluster4npu.core.devices.truth import fell_back
from cluster4npu.core.store.records import BENCHMARK, FAMILY, RUN, ResultRecord, RunRecord

NOT_REPORTED = "not reported"

_METHOD_BENCHMARK = (
    "Every device ran alone and all devices ran together, on the same frames and the same model file, in one process "
    "with every worker loaded. The best single device (A) and all together (B) were measured in turn, A B B A, and "
    "the beginning and the drain of each leg were cut off. FPS is completed frames over counted time. The interval is "
    "a paired bootstrap of the legs' rates; one that touches 1.0 reads 'no measurable gain'. A result counts only "
    "when windows of each side agree within 10% and when the devices' answers on the same frames are the same. "
    "Latency is end to end, from the frame's turn to its delivery; while the pipeline runs as fast as it can, that "
    "is mostly waiting. Percentiles below their sample floor are not reported."
)
_METHOD_RUN = (
    "FPS is completed frames over wall time. Latency of the run is end to end, from the frame's turn to its delivery "
    "in order; latency of a device is its service time. Percentiles below their sample floor are not reported."
)

_METHOD_FAMILY = (
    "Each device was measured by itself, in a process of its own, on a network with random weights: after its first "
    "inference and a warm-up, inferences followed each other. FPS is inputs over wall time; latency is that of one "
    "inference of the whole batch. Percentiles below their sample floor are not reported."
)
_METHODS = {RUN: _METHOD_RUN, FAMILY: _METHOD_FAMILY}


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One line of figures, rounded as they are shown everywhere. None: not measured, or not meaningful."""

    side: str
    device: str
    latency_of: str  # what the latencies beside it are of: frames "end to end", or "in the device"
    fps: float | None
    mean_ms: float | None
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    frames: int
    share: float | None
    busy: float | None
    startup_ms: float | None
    first_inference_ms: float | None
    provenance: str

    @property
    def label(self) -> str:
        """Return how the row is called."""
        if self.side == "single":
            return f"{self.device} alone"
        return self.device or ("All together" if self.side == "parallel" else "Whole run")

    @classmethod
    def of(cls, result: ResultRecord) -> ReportRow:
        """Round one stored result."""
        latency = result.latency_ms
        return cls(
            result.side,
            result.device,
            "end to end" if result.side == "single" or not result.device else "in the device",
            _round(result.fps, 2),
            _round(latency.mean, 3),
            _round(latency.p50, 3),
            _round(latency.p90, 3),
            _round(latency.p95, 3),
            _round(latency.p99, 3),
            result.frames,
            _round(result.share, 4),
            _round(result.busy, 4),
            _round(result.startup_ms, 1),
            _round(result.first_inference_ms, 1),
            result.provenance,
        )


COLUMNS = tuple(ReportRow.__dataclass_fields__)
HEADINGS = (
    "", "FPS", "Latency", "Mean (ms)", "p50 (ms)", "p90 (ms)", "p95 (ms)", "p99 (ms)", "Frames", "Share", "Busy",
    "Start-up (ms)", "First inference (ms)", "Provenance",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReportView:
    """A report before it takes a form: plain values and texts, nothing escaped."""

    title: str
    run_id: str
    kind: str
    created_at: str
    headline: str
    explanation: str
    simulated: bool
    valid: bool
    invalid_reason: str
    speedup: float | None
    speedup_ci95: tuple[float, float] | None
    efficiency: float | None
    efficiency_told: str  # how it follows from the report's own figures; "" where there is none
    rows: tuple[ReportRow, ...]
    facts: tuple[tuple[str, str], ...]
    conditions: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    method: str

    @classmethod
    def of(cls, record: RunRecord) -> ReportView:
        """Make the view of a stored run."""
        detail = record.detail
        interval = detail.get("speedup_ci95")
        return cls(
            title=f"{'Benchmark' if record.kind == BENCHMARK else record.kind.capitalize()}: {record.pipeline.name}",
            run_id=record.id,
            kind=record.kind,
            created_at=f"{record.created_at:%Y-%m-%d %H:%M:%S} UTC",
            headline=record.headline,
            explanation=str(detail.get("explanation") or ""),
            simulated=record.simulated,
            valid=record.valid,
            invalid_reason=record.invalid_reason,
            speedup=_round(detail.get("speedup"), 3),
            speedup_ci95=(round(interval[0], 3), round(interval[1], 3)) if interval else None,
            efficiency=_round(detail.get("efficiency"), 3),
            efficiency_told=_efficiency(record),
            rows=tuple(ReportRow.of(result) for result in record.results),
            facts=tuple(_facts(record)),
            conditions=tuple(_flat("", record.conditions)),
            warnings=tuple(str(text) for text in detail.get("warnings") or ()),
            method=_METHODS.get(record.kind, _METHOD_BENCHMARK),
        )

    @property
    def bars(self) -> tuple[ReportRow, ...]:
        """Return the rows that are compared as bars: each device alone and all together, or the run's devices."""
        if any(row.side == "parallel" for row in self.rows):
            return tuple(
                r for r in self.rows if r.side == "single" or (r.side == "parallel" and not r.device)
            )
        return self.rows

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON holds it."""
        values = asdict(self)
        values["facts"] = dict(self.facts)
        values["conditions"] = dict(self.conditions)
        return values


def cells(row: ReportRow) -> tuple[str, ...]:
    """Return a row's texts under HEADINGS."""
    numbers = (row.mean_ms, row.p50_ms, row.p90_ms, row.p95_ms, row.p99_ms, row.frames)
    parts = (row.share, row.busy)
    cold = (row.startup_ms, row.first_inference_ms)
    return (
        row.label,
        number(row.fps),
        row.latency_of,
        *(number(value) for value in numbers),
        *(NOT_REPORTED if value is None else f"{value:.2%}" for value in parts),
        *(number(value) for value in cold),
        row.provenance,
    )


def number(value: float | None) -> str:
    """Return a number as it is shown: no more digits than it has, "not reported" where there is none."""
    return NOT_REPORTED if value is None else f"{value:.10g}"


def _efficiency(record: RunRecord) -> str:
    """Return the scaling efficiency as a sum that a reader can do: all together over each worker's device alone."""
    detail, together = record.detail, record.result("parallel")
    if detail.get("efficiency") is None or together is None or together.fps is None:
        return ""
    shared = detail.get("measured_as") or {}
    alone = [record.result("single", shared.get(name, name)) for name in detail.get("devices") or ()]
    rates = [_round(result.fps, 2) for result in alone if result is not None and result.fps is not None]
    if not rates or len(rates) != len(alone):
        return ""
    parts = " + ".join(number(rate) for rate in rates)
    return (
        f"Scaling efficiency {number(_round(detail['efficiency'], 3))}: {number(_round(together.fps, 2))} frames/s "
        f"together / ({parts}) frames/s alone, each worker's device counted."
    )


def _facts(record: RunRecord) -> Iterator[tuple[str, str]]:
    detail = record.detail
    yield "Run", record.id
    for name in ("scenario", "profile", "policy", "baseline", "seed"):
        if detail.get(name) not in (None, ""):
            yield name.capitalize(), str(detail[name])
    if detail.get("parity"):
        yield "Same answers", str(detail["parity"].get("state", NOT_REPORTED))
    for device in record.devices:
        label = " (SIMULATED)" if device.simulated else ""
        label += ", not on what was asked for" if fell_back(device.id, device.unit) else ""
        yield f"Device {device.id}", f"{device.settled_id or device.id}, runs on {device.unit}{label}"
    yield "Model", f"{record.model.name} (SHA-256 {record.model.sha256})" if record.model else "none"
    yield "Pipeline digest", record.pipeline.digest
    yield "Frames kept as samples", str(record.sample_rows)
    if record.command:
        yield "Command", record.command


def _flat(prefix: str, values: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield nested values as one list; what is unknown reads "not reported"."""
    for name, value in values.items():
        title = f"{prefix}{name.replace('_', ' ')}"
        if isinstance(value, dict):
            yield from _flat(f"{title} / ", value)
        else:
            yield title, NOT_REPORTED if value is None else str(value)


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)
