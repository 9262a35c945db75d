"""The families of models: inputs from a seed, networks that run, and what is measured of them by itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from benchmarks.families import MEASURED, UNAVAILABLE, Case, measure
from cluster4npu.core.bench.families import FAMILIES, family
from cluster4npu.core.bench.random_weights import build
from cluster4npu.core.devices import registry
from cluster4npu.core.devices.onnx_outline import read_outline
from cluster4npu.core.errors import InputError


def test_there_are_thirteen_by_id_and_a_wrong_one_is_told() -> None:
    assert len(FAMILIES) == 13 and all(key == item.id and item.title for key, item in FAMILIES.items())
    with pytest.raises(InputError, match="whisper"):
        family("wisper")


@pytest.mark.parametrize("name", FAMILIES)
def test_inputs_are_equal_for_a_seed_and_the_network_takes_them(name: str, tmp_path: Path) -> None:
    one, again, other = (family(name).build_inputs(3, seed) for seed in (5, 5, 6))
    assert list(one) == [item.name for item in family(name).inputs]
    for item in family(name).inputs:
        assert one[item.name].shape == (3, *item.shape) and str(one[item.name].dtype) == item.dtype
        assert np.array_equal(one[item.name], again[item.name])
        assert not np.array_equal(one[item.name], other[item.name])
    model = build(family(name))
    onnx.checker.check_model(model, full_check=True)
    assert "speed only" in {entry.key: entry.value for entry in model.metadata_props}["description"]
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    assert read_outline(path).parameters > 50_000
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    whole = session.run(None, one)
    single = session.run(None, {key: value[:1] for key, value in one.items()})
    for all_three, first in zip(whole, single, strict=True):
        assert all_three.shape[0] == 3 and np.isfinite(all_three).all() and np.ptp(all_three) > 0
        assert np.allclose(all_three[:1], first, atol=1e-4)  # inputs of a batch know nothing of each other


def test_a_family_is_measured_in_a_process_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "vit-speed-only.onnx"
    onnx.save(build(family("vit")), path)
    for precision in ("fp32", "int8"):
        told = measure(Case("vit", "onnx:cpu", precision, 4, seconds=0.2), path)
        assert (told.status, told.unit) == (MEASURED, "cpu"), told.reason
        assert told.startup_ms and told.first_inference_ms and told.peak_bytes and told.throughput
        assert told.first_inference_ms >= np.median(told.samples_ms)
        assert told.throughput == pytest.approx(4e3 / np.mean(told.samples_ms))
        ranks = told.as_dict()["latency_ms"]
        for rank, floor in ((90, 10), (95, 20), (99, 100)):
            expected = np.percentile(told.samples_ms, rank) if len(told.samples_ms) >= floor else None
            if ranks[f"p{rank}"] is not None:
                assert ranks[f"p{rank}"] == pytest.approx(expected)


def test_what_is_not_here_is_unavailable_and_not_the_processor(tmp_path: Path) -> None:
    gone = [info.id for info in registry.detect() if info.backend == "onnx" and not info.available]
    told = measure(Case("bert", gone[0], "fp32", 1), tmp_path / "none.onnx")
    assert told.status == UNAVAILABLE and "not available" in told.reason and told.throughput is None
    told = measure(Case("bert", "onnx:cpu", "fp16", 1), tmp_path / "none.onnx")
    assert told.status == UNAVAILABLE and "does not compute in fp16" in told.reason


def test_the_peak_of_200_mb_is_seen() -> None:
    code = (
        "import numpy as np, time\n"
        "from cluster4npu.core.metrics.memory import PeakMemory\n"
        "with PeakMemory() as peak:\n"
        "    block = np.ones(200_000_000, np.uint8)\n"
        "    time.sleep(0.05)\n"
        "    del block\n"
        "print(peak.grown_bytes)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert abs(int(done.stdout) - 200_000_000) < 10_000_000
