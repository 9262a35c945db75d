"""The benchmark's steps and verdicts, on an engine whose devices need no time."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cluster4npu.core.bench import (
    PROFILES,
    BenchmarkCancelled,
    BenchmarkInput,
    BenchmarkOptions,
    BenchmarkProgress,
    BenchmarkResult,
    PerformanceBenchmarker,
    Profile,
)
from cluster4npu.core.errors import InputError, RunFailed, StoreError
from cluster4npu.core.nodes.values import Detections, Value
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig
from cluster4npu.core.settings import assets_dir
from cluster4npu.core.store import Store
from tests.core.bench.fake import FakeEngine

TRIO = ("sim:ane", "sim:gpu", "sim:cpu")
SEED_0 = "b6ff539879cb981af1f9033c13b6f71d73b3388329c5fa06bfb85fe532dc1485"
MS = {"sim:ane": 20.0, "sim:gpu": 50.0, "sim:cpu": 100.0}


def pipeline(*devices: str) -> PipelineConfig:
    nodes = (
        NodeConfig(id="source", type="synthetic", params={"width": 32, "height": 32}),
        NodeConfig(id="pre", type="preprocess"),
        NodeConfig(id="model", type="inference", params={"devices": list(devices or TRIO)}),
        NodeConfig(id="out", type="count"),
    )
    wires = (("source.frame", "pre.frame"), ("pre.tensor", "model.tensor"), ("model.outputs", "out.result"))
    return PipelineConfig(
        name="three devices", nodes=nodes, edges=tuple(EdgeConfig(source=s, target=t) for s, t in wires)
    )


def bench(engine: FakeEngine, *devices: str, **options: object) -> BenchmarkResult:
    benchmarker = PerformanceBenchmarker(BenchmarkOptions(**options), open_engine=engine)  # type: ignore[arg-type]
    return benchmarker.run(pipeline(*devices))


def test_three_devices_against_the_best() -> None:
    engine = FakeEngine(MS, noise=0.02)
    result = bench(engine)
    assert result.valid, result.invalid_reason
    assert result.best_single == result.baseline == "sim:ane"
    assert {name: side.fps for name, side in result.single.items()} == pytest.approx(
        {"sim:ane": 50.0, "sim:gpu": 20.0, "sim:cpu": 10.0}, rel=0.03
    )
    assert result.parallel is not None
    assert result.parallel.fps == pytest.approx(80.0, rel=0.03)
    assert result.speedup is not None
    assert result.speedup.ratio == pytest.approx(1.6, rel=0.03)
    assert result.speedup.low > 1.5
    assert result.efficiency == pytest.approx(1.0, rel=0.03)
    assert result.headline() == f"{result.speedup.ratio:.2f}x FASTER"
    assert result.simulated
    assert sum(worker.share for worker in result.workers) == pytest.approx(1.0)
    assert engine.open == 0


def test_the_json_has_what_the_command_line_promises() -> None:
    told = bench(FakeEngine(MS)).as_dict()
    promised = ("run_id", "scenario", "profile", "valid", "invalid_reason", "single", "parallel", "best_single",
                "speedup", "speedup_ci95", "efficiency", "simulated")  # fmt: skip
    assert set(promised) <= set(told)
    assert told["single"]["sim:gpu"].keys() >= {"fps", "latency_ms"}
    assert told["parallel"].keys() >= {"fps", "latency_ms"}
    assert told["efficiency"] == pytest.approx(
        told["parallel"]["fps"] / sum(side["fps"] for side in told["single"].values())
    )
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_legs_are_interleaved_and_long_enough() -> None:
    engine = FakeEngine(MS)
    result = bench(engine, profile="quick")
    legs = [s.devices for s in engine.segments][-10:]
    sides = "".join("B" if len(devices) == 3 else "A" for devices in legs)
    assert sides == "ABBAABBAAB"
    assert result.parallel is not None
    for side in (result.parallel, result.single["sim:ane"]):
        assert len(side.windows_fps) == 3
        assert 2 * side.measured_s / 3 >= 4.9  # both sides take turns in a window


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_meet_the_standard(name: str) -> None:
    profile = PROFILES[name]
    assert profile.conforms
    assert profile.pairs >= 5
    assert 3 <= profile.windows <= 10
    assert profile.window_s >= 5.0
    assert profile.lone_leg_s * profile.pairs / profile.windows >= 5.0


@pytest.mark.parametrize(("name", "seconds"), [("quick", 30), ("standard", 60), ("certified", 600)])
def test_profiles_take_as_long_as_they_say(name: str, seconds: float) -> None:
    """With two real devices, and two seconds for loading."""
    assert PROFILES[name].estimate_s(2) + 2.0 == pytest.approx(seconds, rel=0.1)


def test_a_short_profile_is_never_a_headline() -> None:
    short = Profile("mine", "Mine", leg_s=0.5)
    result = bench(FakeEngine(MS), profile=short)
    assert not result.valid
    assert result.invalid_reason == "profile too short"
    assert result.headline() == "INVALID: profile too short"
    assert result.speedup is not None


def test_a_gain_that_is_none() -> None:
    """The second device shares the first one's power: together they are as fast as one."""
    engine = FakeEngine({"sim:a": 20.0, "sim:b": 20.0}, noise=0.05)
    engine.slow_down = lambda device, number: 2.0 if len(engine.segments[-1].devices) == 2 else 1.0
    result = bench(engine, "sim:a?ms=20", "sim:b?ms=20")
    assert result.valid, result.invalid_reason
    assert result.headline() == "no measurable gain"


def test_a_loss_is_told() -> None:
    engine = FakeEngine({"sim:a": 20.0, "sim:b": 20.0})
    engine.slow_down = lambda device, number: 2.5 if len(engine.segments[-1].devices) == 2 else 1.0
    result = bench(engine, "sim:a?ms=20", "sim:b?ms=20")
    assert result.headline() == "0.80x SLOWER"


def test_one_device_is_not_compared() -> None:
    result = bench(FakeEngine({"sim:a": 10.0}), "sim:a?ms=10")
    assert result.valid, result.invalid_reason
    assert result.speedup is None
    assert result.parallel is None
    assert result.as_dict()["speedup"] is None
    assert result.headline() == "100.0 FPS on one device"
    assert result.workers[0].share == 1.0


def test_workers_on_one_device_share_one_single_measurement() -> None:
    engine = FakeEngine({"sim:a": 20.0})
    result = bench(engine, "sim:a?ms=20", "sim:a?ms=20#2")
    assert list(result.single) == ["sim:a?ms=20"]
    told = result.as_dict()
    assert told["measured_as"] == {"sim:a?ms=20#2": "sim:a?ms=20"}
    assert told["single"]["sim:a?ms=20#2"] == told["single"]["sim:a?ms=20"]
    assert result.efficiency == pytest.approx(1.0, rel=0.02)
    assert result.speedup is not None
    assert result.speedup.ratio == pytest.approx(2.0, rel=0.02)


def test_a_device_has_other_settings_alone() -> None:
    engine = FakeEngine({"onnx:cpu": 20.0})
    result = bench(engine, "onnx:cpu", "onnx:cpu#2")
    assert engine.options is not None
    assert engine.options.devices is not None
    alone = [s.devices[0] for s in engine.segments if len(s.devices) == 1 and not s.results]
    assert len(set(alone)) == 1
    assert alone[0] in engine.options.devices
    assert list(result.single) == ["onnx:cpu"]


def test_against_another_device() -> None:
    result = bench(FakeEngine(MS), against="sim:gpu")
    assert (result.baseline, result.best_single) == ("sim:gpu", "sim:ane")
    assert result.speedup is not None
    assert result.speedup.ratio == pytest.approx(4.0, rel=0.03)
    assert "the device you chose" in result.explanation()


def test_against_a_device_outside_the_pool() -> None:
    engine = FakeEngine({**MS, "sim:x": 10.0})
    result = bench(engine, "sim:gpu", against="sim:x?ms=10")
    assert result.speedup is not None
    assert result.speedup.ratio == pytest.approx(0.2, rel=0.03)
    assert result.devices == ("sim:gpu",)


def test_the_best_single_changes_when_another_turns_out_faster() -> None:
    engine = FakeEngine({"sim:a": 20.0, "sim:b": 22.0})
    settled_a = "sim:a?ms=20"

    def slow_down(device: str, number: int) -> float:
        pairs_begun = any(len(s.devices) == 1 for s in engine.segments[:-2])
        return 1.5 if device == settled_a and pairs_begun and number > 8 else 1.0

    engine.slow_down = slow_down
    result = bench(engine, settled_a, "sim:b?ms=22")
    assert result.best_single == result.baseline == "sim:b?ms=22"
    assert result.single["sim:b?ms=22"].fps >= result.single[settled_a].fps


def test_failed_frames_make_it_invalid() -> None:
    result = bench(FakeEngine(MS, fail=1))
    assert not result.valid
    assert "frames failed" in result.invalid_reason


def test_unstable_windows_make_it_invalid() -> None:
    engine = FakeEngine(MS)
    engine.slow_down = lambda device, number: 1.0 + 0.06 * max(0, number - 8)
    result = bench(engine)
    assert not result.valid
    assert "unstable" in result.invalid_reason
    assert any("throttling" in text for text in result.warnings)


def boxes(shift: float) -> Callable[[str, int], dict[str, Value]]:
    def answer(device: str, frame: int) -> dict[str, Value]:
        moved = shift if "threads=1" not in device else 0.0
        row = np.array([[moved, 0, moved + 10, 10, 0.9, 1]], dtype=np.float32)
        return {"post.detections": Detections(row)}

    return answer


@pytest.mark.parametrize(("shift", "same"), [(1.0, True), (9.0, False)])
def test_other_answers_make_it_invalid(shift: float, same: bool) -> None:
    engine = FakeEngine({"onnx:cpu": 20.0, "sim:a": 30.0}, answer=boxes(shift))
    result = bench(engine, "onnx:cpu?threads=1", "onnx:cpu?threads=2", "sim:a?ms=30")
    assert result.valid is same
    assert result.parity["state"] == ("same" if same else "different")
    if not same:
        assert "outputs differ (onnx:cpu?threads=2)" in result.invalid_reason
    compared = [s.devices for s in engine.segments if s.results]
    assert len(compared) == 2
    assert all(not device[0].startswith("sim") for device in compared)


def test_single_stream_lets_one_frame_in() -> None:
    engine = FakeEngine(MS)
    result = bench(engine, scenario="single-stream")
    assert {s.window for s in engine.segments} == {1}
    assert result.single["sim:ane"].latency_ms.mean == pytest.approx(20.0)


@pytest.mark.parametrize("scenario", ["ofline", ""])
def test_other_scenarios_are_refused(scenario: str) -> None:
    with pytest.raises(InputError, match="offline, single-stream"):
        PerformanceBenchmarker(BenchmarkOptions(scenario=scenario))


def test_unknown_profile_is_refused() -> None:
    with pytest.raises(InputError, match="quick, standard, certified"):
        PerformanceBenchmarker(BenchmarkOptions(profile="quik"))


def test_unknown_devices_are_refused() -> None:
    with pytest.raises(InputError):
        bench(FakeEngine(MS), "nope:cpu")
    with pytest.raises(InputError):
        bench(FakeEngine(MS), against="sim:")


def test_progress_never_falls_and_ends_at_one() -> None:
    told: list[BenchmarkProgress] = []
    PerformanceBenchmarker(BenchmarkOptions(), open_engine=FakeEngine(MS)).run(pipeline(), told.append)
    fractions = [p.fraction for p in told]
    assert all(a <= b for a, b in itertools.pairwise(fractions))
    assert (fractions[-1], told[-1].eta_s) == (1.0, 0.0)
    assert all(f < 1.0 for f in fractions[:-1])
    assert all(p.stage for p in told)
    assert any(p.window_fps for p in told)


def test_cancelling_stores_nothing(tmp_path: Path) -> None:
    store = tmp_path / "results.duckdb"
    for after in (0, 5, 12):
        asked = itertools.count()
        engine = FakeEngine(MS)
        benchmarker = PerformanceBenchmarker(BenchmarkOptions(store=store), open_engine=engine)
        with pytest.raises(BenchmarkCancelled):
            benchmarker.run(pipeline(), cancelled=lambda asked=asked, after=after: next(asked) >= after)
        assert engine.open == 0
    with Store(store) as opened:
        assert opened.runs() == []


def test_everything_is_stored(tmp_path: Path) -> None:
    path = tmp_path / "results.duckdb"
    engine = FakeEngine(MS)
    result = bench(engine, store=path, command="cluster4npu benchmark x")
    with Store(path) as store:
        (row,) = store.runs()
        record = store.run(result.run_id)
        segments = store.segments(result.run_id)
    assert row.id == result.run_id
    assert row.headline == f"{result.headline()} (SIMULATED)"
    assert row.speedup == result.speedup.ratio if result.speedup else None
    assert result.parallel is not None
    assert row.fps == result.parallel.fps
    assert record.detail == result.as_dict()
    assert record.result("parallel", "sim:gpu") is not None
    assert record.result("single", "sim:cpu").fps == result.single["sim:cpu"].fps  # type: ignore[union-attr]
    assert record.conditions["host"]["cores"] >= 1
    assert len(segments) == len(engine.segments)
    # Any figure can be recomputed from the samples alone.
    legs = [s for s in segments if s.stage == "pair" and s.side == "parallel"]
    counted = seconds = 0.0
    for leg in legs:
        assert leg.measure_from_ns is not None
        assert leg.measure_to_ns is not None
        at = leg.samples["delivered_ns"][leg.samples["status"] == 0]
        counted += int(((at > leg.measure_from_ns) & (at <= leg.measure_to_ns)).sum())
        seconds += (leg.measure_to_ns - leg.measure_from_ns) / 1e9
    assert counted / seconds == pytest.approx(result.parallel.fps)


def test_a_store_that_cannot_be_used_is_told_before_measuring(tmp_path: Path) -> None:
    engine = FakeEngine(MS)
    with pytest.raises(StoreError):
        bench(engine, store=tmp_path)
    assert engine.segments == []


def test_a_store_that_fails_at_the_end_does_not_lose_the_result(tmp_path: Path) -> None:
    path = tmp_path / "store" / "results.duckdb"
    path.parent.mkdir()
    engine = FakeEngine(MS)

    def lose_the_folder(device: str, number: int) -> float:
        shutil.rmtree(path.parent, ignore_errors=True)
        return 1.0

    engine.slow_down = lose_the_folder
    result = bench(engine, store=path)
    assert result.run_id == ""
    assert any("not stored" in text for text in result.warnings)


def test_sides_can_be_measured_by_themselves_and_compared() -> None:
    benchmarker = PerformanceBenchmarker(open_engine=FakeEngine(MS))
    single = benchmarker.run_single_device_benchmark(pipeline(), "seed:3", device="sim:ane")
    multi = benchmarker.run_multi_device_benchmark(pipeline(), "seed:3", 2)
    assert single.fps == pytest.approx(50, rel=0.02)
    assert multi.fps == pytest.approx(70, rel=0.03)
    assert multi.devices == ("sim:ane", "sim:gpu")
    assert single.n == len(single.samples_ms) == single.figures.frames
    assert single.mean_ms == pytest.approx(np.mean(single.samples_ms))
    assert single.std_ms == pytest.approx(np.std(single.samples_ms, ddof=1))
    assert single.figures.latency_ms.p95 == np.percentile(single.samples_ms, 95)
    found = benchmarker.calculate_speedup_metrics(single, multi)
    assert found.speedup.ratio == pytest.approx(multi.fps / single.fps)
    assert found.speedup.low <= found.speedup.ratio <= found.speedup.high
    assert found.simulated and found.efficiency is None  # sim:gpu was not measured alone
    slow = benchmarker.run_single_device_benchmark(pipeline(), "seed:3", device="sim:gpu")
    whole = benchmarker.calculate_speedup_metrics([slow, single], multi)
    assert whole.single is single and whole.speedup == found.speedup
    assert whole.efficiency == pytest.approx(multi.fps / (single.fps + slow.fps))


def test_sides_that_do_not_fit_are_refused() -> None:
    benchmarker = PerformanceBenchmarker(open_engine=FakeEngine(MS))
    single = benchmarker.run_single_device_benchmark(pipeline(), "seed:3")
    other = benchmarker.run_multi_device_benchmark(pipeline(), "seed:4")
    short = replace(single, legs=single.legs[:1])
    empty = replace(single, legs=(replace(single.legs[0], at_s=np.zeros(0)),) * 2)
    for one, two in (
        (single, other),
        (other, other),
        (short, single),
        (empty, single),
        (single, single),
        (single, None),
        ([], single),
    ):
        with pytest.raises(InputError, match="cannot be compared"):
            benchmarker.calculate_speedup_metrics(one, two)
    with pytest.raises(InputError, match="not there"):
        benchmarker.run_multi_device_benchmark(pipeline(), device_count=9)
    for data in ("nowhere.mp4", "", "seed:-1", "seed:x"):
        with pytest.raises(InputError, match="test data"):
            benchmarker.run_single_device_benchmark(pipeline(), data)


def test_standard_inputs_are_known_by_their_checksum(tmp_path: Path) -> None:
    assert BenchmarkInput.of("seed:7") == BenchmarkInput.seeded(7)
    assert BenchmarkInput.seeded(7).checksum != BenchmarkInput.seeded(8).checksum
    assert BenchmarkInput.seeded(0, width=64, height=48).checksum == SEED_0  # the same bytes on every machine
    clip = (assets_dir() / "digits.mp4").read_bytes()
    assert BenchmarkInput.of("clip").checksum == hashlib.sha256(clip).hexdigest()
    (tmp_path / "a.png").write_bytes(b"1")
    before = BenchmarkInput.of(tmp_path)
    assert before.type == "image_folder"
    (tmp_path / "a.png").write_bytes(b"2")
    assert BenchmarkInput.of(tmp_path).checksum != before.checksum
    own = BenchmarkInput.own(pipeline())
    assert own.type == "synthetic" and own.checksum


def test_a_report_of_a_stored_result(tmp_path: Path) -> None:
    options = BenchmarkOptions(store=tmp_path / "results.duckdb")
    benchmarker = PerformanceBenchmarker(options, open_engine=FakeEngine(MS))
    result = benchmarker.run(pipeline())
    path = benchmarker.generate_performance_report(result, tmp_path / "report.md")
    assert isinstance(path, Path)
    texts = benchmarker.generate_performance_report(result)
    assert isinstance(texts, dict) and texts.keys() == {".html", ".md", ".json"}
    assert texts[".md"] == path.read_text(encoding="utf-8")
    assert result.headline() in path.read_text(encoding="utf-8").replace("\\", "")
    with pytest.raises(InputError, match="stored"):
        PerformanceBenchmarker().generate_performance_report(result, tmp_path / "report.md")


def test_when_every_frame_fails_it_ends_at_once() -> None:
    engine = FakeEngine(MS, fail=10**9)
    with pytest.raises(RunFailed, match="every frame failed on sim:ane"):
        bench(engine)
    assert len(engine.segments) == 1
    assert engine.open == 0


def test_an_invalid_result_prints_no_ratio() -> None:
    result = bench(FakeEngine(MS), profile=Profile("mine", "Mine", leg_s=0.5))
    assert result.speedup is not None
    assert "x of" not in result.explanation()
