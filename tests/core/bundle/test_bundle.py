"""A benchmark bundled, proven, changed, and run again: real files; in the long form the real engine, too."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cluster4npu.core.bench import BenchmarkOptions, PerformanceBenchmarker, Profile
from cluster4npu.core.bundle import Bundle, replay, write_bundle
from cluster4npu.core.bundle.manifest import MANIFEST, PIPELINE, STORE
from cluster4npu.core.errors import Cluster4NPUError, InputError
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig
from cluster4npu.core.settings import assets_dir
from cluster4npu.core.store import Store
from tests.core.bench.fake import FakeEngine
from tests.core.store.records import record

TINY = Profile("tiny", "Tiny", leg_s=0.25, pairs=2, ramp_s=0.05, survey_s=0.2, windows=2, warm_up_s=0.2,
               warm_up_window_s=0.1, warm_up_limit_s=0.5, parity_frames=2)  # fmt: skip


def pipeline(folder: Path, model: str) -> PipelineConfig:
    """Return images of a folder of one's own through a model on two simulated devices, and results into a file."""
    import cv2

    images = folder / "images"
    images.mkdir()
    for number in range(4):
        cv2.imwrite(str(images / f"{number}.png"), np.full((32, 32, 3), number * 40, np.uint8))
    return PipelineConfig(
        name="bundled",
        base=folder,
        nodes=(
            NodeConfig(id="source", type="image_folder", params={"path": "images"}),
            NodeConfig(id="preprocess", type="preprocess"),
            NodeConfig(
                id="inference",
                type="inference",
                params={"model": model, "devices": ["sim:a?ms=4", "sim:b?ms=4"]},
            ),
            NodeConfig(id="count", type="count"),
        ),
        edges=(
            EdgeConfig(source="source.frame", target="preprocess.frame"),
            EdgeConfig(source="preprocess.tensor", target="inference.tensor"),
            EdgeConfig(source="inference.outputs", target="count.result"),
        ),
    )


def fast(options: BenchmarkOptions) -> PerformanceBenchmarker:
    """Return a benchmarker whose engine has no processes and does not wait."""
    return PerformanceBenchmarker(options, open_engine=FakeEngine({"sim:a": 4.0, "sim:b": 4.0}, noise=0.02))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, str, Path, Path]:
    """A stored benchmark: store, run, the folder of its files, and its bundle."""
    folder = tmp_path_factory.mktemp("origin")
    model = folder / "own.onnx"
    model.write_bytes((assets_dir() / "digits_detector.onnx").read_bytes())
    store = Store(folder / "results.duckdb")
    options = BenchmarkOptions(profile=TINY, store=store.path)
    result = fast(options).run(pipeline(folder, "own.onnx"))
    path = folder / "result.c4n"
    write_bundle(store, result.run_id, path, folder=folder)
    return store, result.run_id, folder, path


@pytest.mark.parametrize("benchmarker", [fast, pytest.param(PerformanceBenchmarker, marks=pytest.mark.soak)])
def test_a_bundle_runs_again_elsewhere_and_is_compared(
    made: tuple[Store, str, Path, Path],
    tmp_path: Path,
    benchmarker: Callable[[BenchmarkOptions], PerformanceBenchmarker],
) -> None:
    origin, run_id, _, path = made
    here = Store(tmp_path / "here.duckdb")
    with Bundle.open(path) as bundle:
        assert set(bundle.manifest.files) == {
            STORE, PIPELINE, "files/1/own.onnx", *(f"files/0/{n}.png" for n in range(4)),
        }  # fmt: skip
        result, comparison = replay(bundle, here, profile=TINY, benchmarker=benchmarker)
        unpacked = bundle.pipeline.base
    assert unpacked is not None and not unpacked.exists()
    assert {row.id for row in here.runs()} == {run_id, result.run_id}
    assert np.array_equal(here.samples(run_id), origin.samples(run_id))
    assert comparison.base == run_id
    model = here.run(result.run_id).model
    assert model is not None and model.sha256 == origin.run(run_id).model.sha256  # type: ignore[union-attr]
    assert [reason for reason in comparison.refusals if "INVALID" not in reason] == []


def changed(path: Path, target: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    """Copy a bundle with one file's content changed."""
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.namelist():
            new.writestr(item, change(old.read(item)) if item == name else old.read(item))
    return target


@pytest.mark.parametrize("name", ["files/1/own.onnx", "files/0/2.png", PIPELINE, STORE])
def test_what_was_changed_is_refused(made: tuple[Store, str, Path, Path], tmp_path: Path, name: str) -> None:
    bad = changed(made[3], tmp_path / "bad.c4n", name, lambda data: data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(InputError, match="changed"), Bundle.open(bad):
        pass


def test_a_pipeline_that_fits_its_hash_but_not_the_run_is_refused(
    made: tuple[Store, str, Path, Path], tmp_path: Path
) -> None:
    """Whoever changes the pipeline can change its hash in the manifest, too, but not that in the run's own record."""
    from cluster4npu.core.bundle.manifest import entry_of

    other = tmp_path / PIPELINE
    with zipfile.ZipFile(made[3]) as file:
        text = file.read(PIPELINE).decode().replace("sim:a?ms=4", "sim:a?ms=9")
        other.write_text(text, encoding="utf-8")
        manifest = json.loads(file.read(MANIFEST))
    manifest["files"][PIPELINE] = entry_of(other).model_dump()
    manifest["pipeline_digest"] = PipelineConfig.parse(text).digest()
    step = changed(made[3], tmp_path / "a.c4n", PIPELINE, lambda _: other.read_bytes())
    bad = changed(step, tmp_path / "b.c4n", MANIFEST, lambda _: json.dumps(manifest).encode())
    with pytest.raises(InputError, match="the run's pipeline"), Bundle.open(bad):
        pass


@pytest.mark.parametrize("harm", ["text", "empty", "outside", "surplus", "cut", "manifest"])
def test_what_is_no_bundle_is_refused(made: tuple[Store, str, Path, Path], tmp_path: Path, harm: str) -> None:
    bad = tmp_path / "bad.c4n"
    if harm == "text":
        bad.write_text("hello")
    elif harm == "empty":
        zipfile.ZipFile(bad, "w").close()
    elif harm == "cut":
        bad.write_bytes(made[3].read_bytes()[:-500])
    elif harm == "surplus":
        changed(made[3], bad, "", lambda data: data)
        with zipfile.ZipFile(bad, "a") as file:
            file.writestr("more.txt", "x")
    elif harm == "outside":
        changed(made[3], bad, MANIFEST, lambda data: data.replace(b'"files/0/0.png"', b'"../0.png"'))
    else:
        changed(made[3], bad, MANIFEST, lambda data: data.replace(b"cluster4npu-bundle", b"other"))
    with pytest.raises(InputError, match="no result bundle"), Bundle.open(bad):
        pass
    assert not (tmp_path.parent / "0.png").exists()


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("version", 99, "made by a newer version"),
        ("run_id", 7, "run_id"),
        ("question", {}, "question.scenario"),
        ("question.devices", ["onnx:cpu"], "another question"),
    ],
)
def test_a_manifest_that_does_not_fit_is_told_in_own_words(
    made: tuple[Store, str, Path, Path], tmp_path: Path, field: str, value: object, says: str
) -> None:
    def change(data: bytes) -> bytes:
        whole = json.loads(data)
        *outer, last = field.split(".")
        inner = whole[outer[0]] if outer else whole
        inner[last] = value
        return json.dumps(whole).encode()

    bad = changed(made[3], tmp_path / "bad.c4n", MANIFEST, change)
    with pytest.raises(InputError, match=says) as caught, Bundle.open(bad):
        pass
    assert "pydantic" not in str(caught.value)
    assert "type=" not in str(caught.value)


def test_another_model_than_the_measured_one_is_not_bundled(
    made: tuple[Store, str, Path, Path], tmp_path: Path
) -> None:
    store, run_id, folder, _ = made
    model = folder / "own.onnx"
    before = model.read_bytes()
    try:
        model.write_bytes((assets_dir() / "digit_classifier.onnx").read_bytes())
        with pytest.raises(InputError, match="not the one that was measured"):
            write_bundle(store, run_id, tmp_path / "x.c4n", folder=folder)
        with pytest.raises(InputError, match="--folder"):
            write_bundle(store, run_id, tmp_path / "x.c4n", folder=tmp_path)
    finally:
        model.write_bytes(before)
    assert list(tmp_path.iterdir()) == []


def test_a_pipeline_without_a_model_is_bundled(tmp_path: Path) -> None:
    without = pipeline(tmp_path, "none")
    options = BenchmarkOptions(profile=TINY, store=tmp_path / "results.duckdb")
    result = fast(options).run(without)
    manifest = write_bundle(Store(options.store), result.run_id, tmp_path / "x.c4n", folder=tmp_path)
    assert list(manifest.places) == ["source.path"] and manifest.model_sha256 == ""


def test_only_benchmarks_are_bundled_and_only_what_stays_on_the_machine(tmp_path: Path) -> None:
    store = Store(tmp_path / "results.duckdb")
    run_id = store.save(record(3, kind="run"))
    with pytest.raises(Cluster4NPUError, match="only benchmarks"):
        write_bundle(store, run_id, tmp_path / "x.c4n")
    live = PipelineConfig(nodes=(NodeConfig(id="camera", type="rtsp", params={"url": "rtsp://127.0.0.1/x"}),))
    from cluster4npu.core.store.recording import pipeline_record

    run_id = store.save(record(3, pipeline=pipeline_record(live), model=None))
    with pytest.raises(InputError, match="reaches out"):
        write_bundle(store, run_id, tmp_path / "x.c4n")
