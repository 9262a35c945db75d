"""What imported records say of training, of browsers, and of what runs where: rows for the tables of just that."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from cluster4npu.core.store.importing.model import FAILED, INCOMPATIBLE, OK, SKIPPED, Context, Figure, Record
from cluster4npu.core.store.importing.names import base_device
from cluster4npu.core.store.rows import BrowserRow, CompatibilityRow, Row, TrainingRow

_WEB = ("webgpu", "webnn", "wasm", "webgl")
_STATUS = {OK: "runs", FAILED: "fails", INCOMPATIBLE: "unavailable"}
_BEST = ("runs", "fails", "unavailable")  # of several that a file says: it ran once, so it runs
_STEPS = ({"step", "time"}, {"iter", "time"}, {"iteration", "time"})
_LONGEST = 300  # characters of a reason


def rows_of_kinds(records: Iterable[Record], sha256: str, now: datetime) -> list[Row]:
    """Return the rows of one import. Nothing is computed: each figure is one that the file says; None: it does not."""
    records = list(records)
    made: list[Row] = []
    for kind, make in ((TrainingRow, _training), (BrowserRow, _browser)):
        found = [values for record in records if (values := make(record)) is not None]
        made += [kind(import_sha256=sha256, position=at, **values) for at, values in enumerate(found)]
    return [*made, *_compatibility(records, sha256, now)]


def _training(record: Record) -> dict[str, Any] | None:
    """Return a training step's figures where both ways through the model stand in one object."""
    forward, backward = _figure(record, _has("forward")), _figure(record, _has("backward"))
    if forward is None or backward is None:
        return None
    c, loss = record.context, _figure(record, lambda f: f.meaning.metric == "loss")
    steps = _figure(record, lambda f: f.meaning.family == "count" and {"steps", "iterations"} & _words(f))
    memory = _figure(record, lambda f: f.meaning.family == "size" and "peak" in _words(f))
    return {
        "model": c.model, "device": c.device, "precision": c.precision, "batch_size": c.batch,
        "steps": int(steps) if steps is not None and steps >= 1 else 1,
        "forward_ms": forward, "backward_ms": backward, "optimizer_ms": _figure(record, _has("optimizer")),
        "step_ms": _figure(record, lambda f: f.meaning.family == "time" and _words(f) in _STEPS),
        "samples_per_s": _figure(record, lambda f: f.target in ("samples/s", "images/s", "items/s")),
        "loss_first": loss, "loss_last": loss,
        "device_peak_bytes": None if memory is None else round(memory * 2**20),
        "provenance": record.provenance,
    }  # fmt: skip


def _browser(record: Record) -> dict[str, Any] | None:
    """Return a record's figures where what ran is a browser's: WebGPU, WebNN, WebGL or WebAssembly."""
    c = record.context
    backend = base_device(c.device)
    if backend not in _WEB or not record.figures:
        return None
    samples = next((f for f in record.figures if f.samples and f.meaning.metric == "latency"), None)
    return {
        "model": c.model, "browser": c.browser, "browser_version": c.browser_version, "backend": backend,
        "adapter": c.adapter, "batch_size": c.batch, "latency_samples": len(samples.values) if samples else 0,
        "latency_mean_ms": _figure(record, _latency("mean", "value")),
        "latency_p50_ms": _figure(record, _latency("p50")),
        "latency_p95_ms": _figure(record, _latency("p95")),
        "throughput_per_s": _figure(record, lambda f: f.meaning.metric == "throughput" and f.target.endswith("/s")),
        "startup_ms": _figure(record, _has("load", "compile", "compilation", "init", "startup")),
        "first_inference_ms": _figure(record, _has("first")),
        "provenance": record.provenance,
    }  # fmt: skip


def _compatibility(records: list[Record], sha256: str, now: datetime) -> list[Row]:
    """Return one row for each model on each device of which the file says whether it ran."""
    said: dict[tuple[str, str, str], list[tuple[str, Record]]] = {}
    for record in records:
        c = record.context
        if c.model and c.device and c.status in _STATUS and c.status != SKIPPED:
            said.setdefault((c.model, c.device, c.precision), []).append((_STATUS[c.status], record))
    found: list[Row] = []
    for (model, device, precision), told in said.items():
        status, record = min(told, key=lambda item: _BEST.index(item[0]))
        values: dict[str, Any] = {
            "model_sha256": None, "host_id": None, "device": device, "precision": precision, "status": status,
            "reason": _reason(record.context), "run_id": None, "checked_at": now, "provenance": record.provenance,
            "import_sha256": sha256, "model": model,
        }  # fmt: skip
        found.append(CompatibilityRow(**values))
    return found


def _reason(context: Context) -> str:
    return " ".join(context.error.split())[-_LONGEST:] if context.status != OK else ""


def _figure(record: Record, fits: Callable[[Figure], object]) -> float | None:
    """Return the first single figure that fits, in the unit to which it was brought."""
    return next((f.settled[0] for f in record.figures if not f.samples and fits(f)), None)


def _has(*words: str) -> Callable[[Figure], bool]:
    return lambda f: (
        f.meaning.family == "time"
        and f.meaning.statistic in ("value", "mean")
        and bool(set(words) & _words(f))
    )


def _latency(*statistics: str) -> Callable[[Figure], bool]:
    return lambda f: f.meaning.metric == "latency" and f.meaning.statistic in statistics


def _words(figure: Figure) -> set[str]:
    return set(figure.meaning.metric.split("_"))
