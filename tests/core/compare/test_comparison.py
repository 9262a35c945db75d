"""Two stored runs: the interval, what is refused and why, the gate, and which run is the baseline."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cluster4npu.core.compare import Gate, baseline_for, compare_runs, may_have_baseline
from cluster4npu.core.compare.comparison import NO_CHANGE, NO_INTERVAL, REFUSED, SLOWER, welch
from cluster4npu.core.errors import InputError
from cluster4npu.core.store import PipelineRecord, Store
from tests.core.compare.runs import PIPELINE, benchmark


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "s.duckdb")


def test_a_slower_run_and_an_equal_one(store: Store) -> None:
    base = store.save(benchmark(100.0))
    slow, same = store.save(benchmark(95.0, seed=1)), store.save(benchmark(100.1, seed=2))
    slower, equal = compare_runs(store, base, [slow, same])
    assert slower.verdict == SLOWER
    assert slower.ratio == pytest.approx(0.95, rel=0.01)
    assert slower.low is not None and slower.high is not None
    assert slower.low < 0.95 < slower.high < 1.0
    assert equal.verdict == NO_CHANGE
    assert "no measurable change (SIMULATED)" in equal.headline()
    assert json.loads(json.dumps(slower.as_dict(), allow_nan=False))["verdict"] == SLOWER
    with pytest.raises(InputError, match="than itself"):
        compare_runs(store, base, [slow, base])
    rate = next(figure for figure in slower.figures if figure.name == "all together: frames/s")
    assert (rate.base, rate.other, rate.ratio) == (100.0, 95.0, 0.95)


def test_false_alarms_are_rare() -> None:
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(2000):
        interval = welch(rng.normal(0, 0.01, 5), rng.normal(0, 0.02, 5))
        assert interval is not None
        alarms += not interval[0] <= 0 <= interval[1]
    assert alarms < 0.06 * 2000


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"detail": {"scenario": "single-stream", "load": None}}, "scenarios differ"),
        ({"pipeline": PipelineRecord("e" * 64, "x", PIPELINE.replace("3", "4"))}, "different things"),
        ({"simulated": False}, "one is simulated"),
        ({"valid": False, "invalid_reason": "unstable (parallel latency)"}, "INVALID: unstable"),
        ({"kind": "run"}, "different kinds"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(store: Store, changed: dict, reason: str) -> None:
    base, other = store.save(benchmark(100.0)), store.save(benchmark(100.0, **changed))
    (found,) = compare_runs(store, base, [other])
    assert found.verdict == REFUSED
    assert found.ratio is None
    assert reason in found.headline()
    assert not Gate(found, 0.95).passed


def test_other_devices_and_machines_are_told_and_not_refused(store: Store) -> None:
    moved = PIPELINE.replace("sim:a", "sim:b")
    base = store.save(benchmark(100.0))
    other = store.save(
        benchmark(100.0, pipeline=PipelineRecord("f" * 64, "x", moved), conditions={"host": {"cpu": "other"}})
    )
    (found,) = compare_runs(store, base, [other])
    assert not found.refusals
    assert ("machine", "c, 2", "other") in found.differences


def test_the_gate(store: Store) -> None:
    base = store.save(benchmark(100.0))
    for fps, passed in ((100.0, True), (97.0, True), (93.0, False)):
        (found,) = compare_runs(store, base, [store.save(benchmark(fps, seed=int(fps)))])
        assert Gate(found, 0.95).passed is passed, found.headline()
    (noisy,) = compare_runs(store, base, [store.save(benchmark(93.0, noise=0.3, seed=3))])
    assert Gate(noisy, 0.95).passed  # slower perhaps, but not for sure


def test_a_run_without_stamps_has_no_interval_and_passes_no_bound(store: Store) -> None:
    base = store.save(benchmark(100.0))
    (found,) = compare_runs(store, base, [store.save(benchmark(50.0, segments=()))])
    assert found.verdict == NO_INTERVAL
    assert found.ratio == pytest.approx(0.5, rel=0.01)
    assert not Gate(found, 0.95).passed
    assert Gate(found).passed


def test_searched_loads_have_the_interval_of_what_was_held_and_refused(store: Store) -> None:
    def load(amount: float, refused: float) -> dict:
        side = {"amount": amount, "refused": refused}
        return {"scenario": "server", "load": {"unit": "frames/s", "searched": True, "sides": {"": side}}}

    base = store.save(benchmark(1.0, detail=load(100.0, 104.0)))
    (found,) = compare_runs(store, base, [store.save(benchmark(1.0, detail=load(110.0, 115.0)))])
    assert (found.ratio, found.low, found.high) == pytest.approx((1.1, 110 / 104, 1.15))


def test_the_baseline_is_the_marked_run_or_else_the_newest(store: Store) -> None:
    first, second = store.save(benchmark(100.0, day=0)), store.save(benchmark(100.0, day=1))
    store.save(benchmark(100.0, day=2, conditions={"host": {"cpu": "other"}}))
    new = store.run(store.save(benchmark(100.0, day=3)))
    assert baseline_for(store, new) == second
    assert store.mark_baseline(first) == first
    assert baseline_for(store, new) == first
    assert store.baselines() == [first]
    with pytest.raises(InputError):
        store.mark_baseline("nothing")


def test_without_an_earlier_run_there_is_no_baseline(store: Store) -> None:
    assert not may_have_baseline(store, "benchmark", "offline", PIPELINE)
    record = store.run(store.save(benchmark(100.0)))
    assert baseline_for(store, record) is None
    asked = (record.kind, str(record.detail.get("scenario") or ""))
    assert may_have_baseline(store, *asked, record.pipeline.text)
    assert not may_have_baseline(store, *asked, PIPELINE.replace("3", "4"))
