"""What a device did in the stored runs: one row for each, and its profile by model and precision."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

_MOST = 2000

# A device's workers (#2 ...) and options are the same device; an option that changes the answers is kept apart.
_SQL = """
    SELECT r.id AS run_id, r.created_at, r.pipeline_name, coalesce(m.name, '') AS model,
           coalesce(r.model_sha256, '') AS model_sha256, s.device, d.settled_id, d.unit, s.side = 'single' AS alone,
           s.fps, s.latency_p50_ms, s.latency_p95_ms, s.share, s.busy, s.provenance = 'simulated' AS simulated,
           regexp_extract(d.settled_id, 'precision=([a-z0-9]+)', 1) AS precision
    FROM results s JOIN runs r ON r.id = s.run_id
         JOIN devices d ON d.run_id = s.run_id AND d.id = s.device
         LEFT JOIN models m ON m.sha256 = r.model_sha256
    WHERE s.device <> '' AND s.fps > 0 AND regexp_replace(s.device, '[?#].*$', '') = ?
    ORDER BY r.created_at DESC, r.id DESC, s.position DESC LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class DeviceRun:
    """A worker's part in one stored run. `alone`: measured by itself; else beside the others of its pool.

    Latencies are service times beside others, and end to end alone. None is "not reported".
    """

    run_id: str
    at: datetime
    pipeline: str
    model: str
    model_sha256: str
    device: str
    unit: str
    precision: str  # "" as the model
    alone: bool
    fps: float
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    share: float | None
    busy: float | None
    simulated: bool

    @property
    def key(self) -> tuple[object, ...]:
        """Return what tells one line of a profile from another."""
        return self.model_sha256, self.model, self.precision, self.alone, self.simulated


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """What one worker of a device makes of one model: medians over `runs` stored runs, the newest at `last`."""

    model: str
    model_sha256: str
    precision: str
    alone: bool
    runs: int
    fps: float
    fps_best: float
    latency_p95_ms: float | None
    last: datetime
    simulated: bool

    @property
    def key(self) -> tuple[object, ...]:
        """Return the `key` of its runs."""
        return self.model_sha256, self.model, self.precision, self.alone, self.simulated


def device_runs(opened: duckdb.DuckDBPyConnection, device: str) -> tuple[DeviceRun, ...]:
    """Return a device's part (its id without options) in the newest stored runs, oldest first."""
    answer = opened.execute(_SQL, [device, _MOST])
    names = [column[0] for column in answer.description or ()]
    return tuple(_run(dict(zip(names, row, strict=True))) for row in reversed(answer.fetchall()))


def profile(runs: Iterable[DeviceRun]) -> tuple[ModelProfile, ...]:
    """Return a device's profile, the model with the newest run first; alone and beside others are told apart."""
    groups: dict[tuple[object, ...], list[DeviceRun]] = {}
    for run in runs:
        groups.setdefault(run.key, []).append(run)
    return tuple(sorted((_summary(group) for group in groups.values()), key=lambda p: p.last, reverse=True))


def _summary(group: list[DeviceRun]) -> ModelProfile:
    first = group[0]
    latencies = [run.latency_p95_ms for run in group if run.latency_p95_ms is not None]
    return ModelProfile(
        model=first.model,
        model_sha256=first.model_sha256,
        precision=first.precision,
        alone=first.alone,
        runs=len({run.run_id for run in group}),
        fps=statistics.median(run.fps for run in group),
        fps_best=max(run.fps for run in group),
        latency_p95_ms=statistics.median(latencies) if latencies else None,
        last=max(run.at for run in group),
        simulated=first.simulated,
    )


def _run(row: dict[str, Any]) -> DeviceRun:
    return DeviceRun(
        run_id=row["run_id"],
        at=row["created_at"].replace(tzinfo=UTC),
        pipeline=row["pipeline_name"],
        model=row["model"],
        model_sha256=row["model_sha256"],
        device=row["device"],
        unit=row["unit"],
        precision=row["precision"] or "",
        alone=row["alone"],
        fps=row["fps"],
        latency_p50_ms=row["latency_p50_ms"],
        latency_p95_ms=row["latency_p95_ms"],
        share=row["share"],
        busy=row["busy"],
        simulated=row["simulated"],
    )
