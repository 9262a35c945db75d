"""Reading a bundle and running its benchmark again. Nothing of it is believed before its hash is right."""

from __future__ import annotations

import contextlib
import json
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from cluster4npu.core.bench import (
    BenchmarkOptions,
    BenchmarkProgress,
    BenchmarkResult,
    PerformanceBenchmarker,
    Profile,
)
from cluster4npu.core.bundle.files import file_params, is_bundled, is_result
from cluster4npu.core.bundle.manifest import (
    FORMAT,
    MANIFEST,
    PIPELINE,
    STORE,
    VERSION,
    Manifest,
    digest_of,
    entry_of,
)
from cluster4npu.core.bundle.writing import question_of
from cluster4npu.core.compare import Comparison, compare_runs
from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.pipeline.config import PipelineConfig, validation_problems
from cluster4npu.core.settings import resolve_path
from cluster4npu.core.store import sums
from cluster4npu.core.store.keeper import Keeper
from cluster4npu.core.store.records import RunRecord
from cluster4npu.core.store.store import Store

_MOST_BYTES = 64 * 2**30
_MANIFEST_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was unpacked and proven; it is gone with the block that opened it."""

    manifest: Manifest
    pipeline: PipelineConfig  # with its files where they were unpacked
    store: Store  # with the one run

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Bundle]:
        """Unpack a bundle into a temporary folder; raises InputError where it is none, or any hash is wrong."""
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
            folder = Path(temporary)
            try:
                with zipfile.ZipFile(path) as file:
                    manifest = _manifest(file, path)
                    for name in manifest.files:
                        _unpack(file, name, manifest, folder, path)
            except (
                OSError,
                zipfile.BadZipFile,
                zipfile.LargeZipFile,
                NotImplementedError,
                RuntimeError,
            ) as error:
                raise _no_bundle(path, str(error)[:200]) from error
            yield cls(manifest, _pipeline(manifest, folder, path), _run(manifest, folder, path))


def replay(
    bundle: Bundle,
    store: Store,
    *,
    devices: tuple[str, ...] | None = None,
    profile: str | Profile | None = None,
    progress: Callable[[BenchmarkProgress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    benchmarker: Callable[[BenchmarkOptions], PerformanceBenchmarker] = PerformanceBenchmarker,
) -> tuple[BenchmarkResult, Comparison]:
    """Run the bundle's benchmark here, store it beside the original, and compare the two.

    `devices` and `profile` replace the original's. Raises what PerformanceBenchmarker.run does.
    """
    question, original = bundle.manifest.question, bundle.store.run(bundle.manifest.run_id)
    options = BenchmarkOptions(
        scenario=question.scenario, profile=profile or question.profile, devices=devices or question.devices,
        against=question.against if devices is None else None, store=store.path, seed=question.seed,
        rate=question.rate, streams=question.streams, limit_ms=question.limit_ms,
        command=f"cluster4npu replay ... # of run {original.id}",
    )  # fmt: skip
    result = benchmarker(options).run(bundle.pipeline, progress, cancelled)
    if not any(row.id == original.id for row in store.runs(limit=1_000_000)):
        store.save(replace(original, segments=bundle.store.segments(original.id)))
    (comparison,) = compare_runs(store, original.id, [result.run_id])
    return result, comparison


def _manifest(file: zipfile.ZipFile, path: Path) -> Manifest:
    try:
        if file.getinfo(MANIFEST).file_size > _MANIFEST_BYTES:
            raise _no_bundle(path, "its manifest is too large")
        text = file.read(MANIFEST)
        _check_version(json.loads(text), path)
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        problem = validation_problems(error, {}, node=MANIFEST)[0]
        said = [
            problem.field,
            problem.message,
            problem.found,
            problem.allowed and f"allowed: {problem.allowed}",
        ]
        raise _no_bundle(path, f"{MANIFEST}: {', '.join(filter(None, said))}") from error
    except (KeyError, ValueError, RecursionError) as error:
        raise _no_bundle(path, f"{MANIFEST}: {str(error)[:200]}") from error
    names = [item.filename for item in file.infolist()]
    if sorted(names) != sorted([MANIFEST, *manifest.files]) or not {PIPELINE, STORE} <= set(names):
        raise _no_bundle(path, "other files than its manifest names")
    if (
        any(".." in name.split("/") for name in names)
        or sum(e.bytes for e in manifest.files.values()) > _MOST_BYTES
    ):
        raise _no_bundle(path, "names or sizes that are not allowed")
    return manifest


def _unpack(file: zipfile.ZipFile, name: str, manifest: Manifest, folder: Path, path: Path) -> None:
    """Write one file out, not a byte more than the manifest says, and compare its hash."""
    entry, target = manifest.files[name], folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    left = entry.bytes
    with file.open(name) as packed, target.open("wb") as out:
        while left >= 0 and (block := packed.read(1 << 20)):
            out.write(block)
            left -= len(block)
    with target.open("rb") as unpacked:
        if left != 0 or digest_of(unpacked) != entry.sha256:
            raise _changed(path, name, entry.sha256)


def _pipeline(manifest: Manifest, folder: Path, path: Path) -> PipelineConfig:
    pipeline = PipelineConfig.parse(
        (folder / PIPELINE).read_text(encoding="utf-8"), origin=path.name, base=folder
    )
    if pipeline.digest() != manifest.pipeline_digest:
        raise _changed(path, PIPELINE, manifest.pipeline_digest)
    placed = pipeline
    for node, name, text in file_params(pipeline):
        place = f"{node.id}.{name}"
        if is_result(node):
            placed = placed.with_params(
                node.id, **{name: str(folder / f"results-{node.id}{Path(text).suffix}")}
            )
        elif place in manifest.places:
            placed = placed.with_params(node.id, **{name: str(folder / manifest.places[place])})
        elif not is_bundled(text) or text not in manifest.bundled:
            raise _no_bundle(path, f"{place} names a file that is not in it: {text}")
        else:
            _check_own(text, manifest.bundled[text].sha256, path)
    known = {entry.sha256 for entry in (*manifest.files.values(), *manifest.bundled.values())}
    if manifest.model_sha256 and manifest.model_sha256 not in known:
        raise _changed(path, "the model", manifest.model_sha256)
    return placed


def _check_own(text: str, sha256: str, path: Path) -> None:
    """Refuse where a file that ships with the program is another one here."""
    own = resolve_path(text, None)
    with contextlib.suppress(OSError):
        if entry_of(own).sha256 == sha256:
            return
    raise _changed(path, text, sha256)


def _run(manifest: Manifest, folder: Path, path: Path) -> Store:
    store = Store(folder / STORE)
    record = store.run(manifest.run_id)
    if record.pipeline.digest != manifest.pipeline_digest:
        raise _changed(path, "the run's pipeline", manifest.pipeline_digest)
    if (record.model.sha256 if record.model else "") != manifest.model_sha256:
        raise _changed(path, "the run's model", manifest.model_sha256)
    if manifest.question != question_of(record):
        raise _no_bundle(
            path, f"{MANIFEST} asks another question than the run did: {_difference(manifest, record)}"
        )
    if wrong := Keeper(store).check()["wrong"]:
        raise _no_bundle(path, f"the run is not as it was saved: {wrong[0]}")
    if store.reading(sums.without):
        raise _no_bundle(path, "the run has no checksums, with which every run is saved")
    return store


def _difference(manifest: Manifest, record: RunRecord) -> str:
    asked, ran = manifest.question.model_dump(), question_of(record).model_dump()
    return ", ".join(
        f"{name} {asked[name]!r} in place of {ran[name]!r}" for name in asked if asked[name] != ran[name]
    )


def _changed(path: Path, what: str, sha256: str) -> InputError:
    return InputError(
        Problem(
            "this is not what was measured: it was changed",
            field=what,
            found=f"another content in {path.name}",
            allowed=f"SHA-256 {sha256}",
            hint="Take another copy of the bundle. Nothing was run.",
        )
    )


def _check_version(manifest: object, path: Path) -> None:
    """Refuse what a newer program wrote as that, and not as damaged."""
    told = (
        manifest.get("version") if isinstance(manifest, dict) and manifest.get("format") == FORMAT else None
    )
    if isinstance(told, int) and told > VERSION:
        raise InputError(
            Problem(
                "this bundle was made by a newer version of Cluster4NPU",
                field="version",
                found=f"{told} in {path}",
                allowed=f"up to {VERSION}",
                hint="Update Cluster4NPU to replay it. Nothing was run.",
            )
        )


def _no_bundle(path: Path, found: str) -> InputError:
    return InputError(
        Problem(
            "this is no result bundle, or a damaged one",
            found=f"{path}: {found}",
            allowed="a file made by `cluster4npu bundle`",
            hint="Take another copy of it. Nothing was run.",
        )
    )
