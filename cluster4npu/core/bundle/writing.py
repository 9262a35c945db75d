"""Writing a bundle: the run with its frames, the pipeline, the model and the input, each with its hash."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from cluster4npu.core.bundle.files import file_params, is_bundled, is_result, parts_of
from cluster4npu.core.bundle.manifest import (
    MANIFEST,
    PIPELINE,
    STORE,
    FileEntry,
    Manifest,
    Question,
    entry_of,
)
from cluster4npu.core.errors import InputError, Problem, StoreError
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.reasons import reason_of
from cluster4npu.core.settings import resolve_path
from cluster4npu.core.store.records import BENCHMARK, RunRecord
from cluster4npu.core.store.store import Store


def write_bundle(store: Store, run_id: str, path: Path, *, folder: Path | None = None) -> Manifest:
    """Write a stored benchmark with all that it takes to run it again, whole or not at all; return what is in it.

    `folder` is the one to which relative paths of the pipeline belong (None: the working folder). Raises InputError
    for a run that is no benchmark, whose model has changed since, or that reaches out of the machine.
    """
    record = store.run(run_id)
    if record.kind != BENCHMARK:
        raise InputError(
            Problem("only benchmarks can be run again", field="run_id", found=f"{record.id}: {record.kind}")
        )
    pipeline = PipelineConfig.parse(record.pipeline.text, base=folder or Path.cwd())
    if pipeline.digest() != record.pipeline.digest:
        raise InputError(
            Problem("the stored pipeline is not the one that ran: it holds a password", found=record.id)
        )
    contents, bundled, places = _files(pipeline)
    whole = replace(record, segments=store.segments(record.id))
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
            own = Path(temporary) / STORE
            Store(own).save(whole)
            text = Path(temporary) / PIPELINE
            text.write_text(record.pipeline.text, encoding="utf-8")
            contents = {STORE: own, PIPELINE: text, **contents}
            manifest = Manifest(
                run_id=record.id,
                question=question_of(record),
                pipeline_digest=record.pipeline.digest,
                model_sha256=record.model.sha256 if record.model else "",
                files={name: entry_of(file) for name, file in contents.items()},
                bundled=bundled,
                places=places,
            )
            _check_model(manifest, record)
            with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bundle:
                bundle.writestr(MANIFEST, manifest.model_dump_json(indent=1))
                for name, file in contents.items():
                    bundle.write(file, name)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        hint = "Choose a folder that exists and can be written, with room for the model and the input."
        raise StoreError(
            Problem("the bundle cannot be written", found=f"{path}: {reason_of(error)}", hint=hint)
        ) from error
    return manifest


def question_of(record: RunRecord) -> Question:
    """Return how a stored benchmark was asked for."""
    detail: dict[str, Any] = record.detail
    load = detail.get("load") or {}
    searched, unit = bool(load.get("searched")), load.get("unit")
    amount = next(reversed(load["sides"].values()))["amount"] if load.get("sides") else None
    baseline, best = detail.get("baseline"), detail.get("best_single")
    return Question(
        scenario=str(detail["scenario"]),
        profile=str(detail["profile"]),
        devices=tuple(str(device.id) for device in record.devices),
        against=baseline if baseline != best else None,
        seed=int(detail.get("seed") or 0),
        rate=load.get("rate") if load.get("rate") is not None else (None if searched else amount),
        streams=int(amount) if load and not searched and unit == "streams" and amount else None,
        limit_ms=load.get("limit_ms"),
    )


def _files(pipeline: PipelineConfig) -> tuple[dict[str, Path], dict[str, FileEntry], dict[str, str]]:
    contents: dict[str, Path] = {}
    bundled: dict[str, FileEntry] = {}
    places: dict[str, str] = {}
    for number, (node, name, text) in enumerate(file_params(pipeline)):
        path = resolve_path(text, pipeline.base)
        if is_bundled(text):
            bundled[text] = entry_of(path)
        elif not is_result(node):
            contents |= {f"files/{number}/{item.name}": item for item in parts_of(path)}
            places[f"{node.id}.{name}"] = f"files/{number}" + ("" if path.is_dir() else f"/{path.name}")
    return contents, bundled, places


def _check_model(manifest: Manifest, record: RunRecord) -> None:
    """Refuse to bundle another model than the one that was measured."""
    known = {entry.sha256 for entry in (*manifest.files.values(), *manifest.bundled.values())}
    if manifest.model_sha256 and manifest.model_sha256 not in known:
        name = record.model.name if record.model else ""
        raise InputError(
            Problem(
                "the model is not the one that was measured",
                found=f"another content of {name}",
                allowed=f"SHA-256 {manifest.model_sha256}",
                hint="Put the file back that was benchmarked, or benchmark the new one.",
            )
        )
