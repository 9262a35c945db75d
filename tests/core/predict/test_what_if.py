"""What is predicted of a change is what the changed run makes."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from cluster4npu.core.metrics.bottleneck import DEVICES, POSTPROCESSING, RATE, SOURCE, find_bottleneck
from cluster4npu.core.predict.what_if import READING, Plant, WhatIf, what_ifs
from tests.core.metrics.stamps import made_run, made_stages

FREE: dict[str, float | None] = {"source": None}


def asked(rows: np.ndarray, plant: Plant) -> list[WhatIf]:
    workers = [worker for own in plant.stages.values() for worker in own]
    end = int(rows["delivered_ns"].max())
    found = find_bottleneck(rows, workers, 0, end)
    assert found is not None
    return what_ifs(rows, workers, 0, end, plant, found)


def plant(*stages: int, pace: float | None = None) -> Plant:
    """Return stages with so many simulated workers each."""
    own = {f"s{s}": tuple(f"sim:s{s}w{w}" for w in range(n)) for s, n in enumerate(stages)}
    return Plant(own, {"source": pace}, {}, frozenset(w for workers in own.values() for w in workers))


def rate(rows: np.ndarray) -> float:
    return len(np.unique(rows["frame_id"])) / (float(rows["delivered_ns"].max()) / 1e9)


def test_a_second_worker_makes_what_was_predicted_of_it() -> None:
    """Fifty made-up runs of one to three stages: the best change is carried out, and its rate is within a tenth."""
    dice = random.Random(5)
    for _ in range(50):
        stages = [[dice.uniform(5, 60) for _ in range(dice.randint(1, 3))] for _ in range(dice.randint(1, 3))]
        before = plant(*map(len, stages))
        known = zip(before.stages.values(), stages, strict=True)
        alone = {w: 1000 / ms for own, each in known for w, ms in zip(own, each, strict=True)}
        before = replace(before, calibrated=alone)  # in a stage that waits, some have nothing to do
        rows = made_stages(300, stages)
        best = asked(rows, before)[0]
        assert best.param == "devices" and best.now == pytest.approx(rate(rows), rel=0.02)
        stage = list(before.stages).index(best.node)
        copied = [w.split("#")[0] for w in best.value if "#" in w]  # type: ignore[attr-defined]
        more = stages[stage][before.stages[best.node].index(copied[0])]
        stages[stage] = [*stages[stage], more]
        assert rate(made_stages(300, stages)) == pytest.approx(best.fps, rel=0.1)


def test_a_worker_where_nothing_holds_the_run_back_brings_nothing() -> None:
    found = {w.node: w for w in asked(made_stages(300, [[5.0], [20.0]]), plant(1, 1))}
    assert found["s1"].worth_it and found["s1"].fps == pytest.approx(100, rel=0.05)
    assert not found["s0"].worth_it and found["s0"].limit == "s1"


def test_a_slow_source_is_proven_and_more_workers_do_not_help() -> None:
    first, *rest = asked(made_run(300, [5.0], source_ms=20.0), plant(1))
    assert (first.text, first.param) == ("If reading took no time", "")
    assert first.fps == pytest.approx(200, rel=0.1)
    assert rest and not any(w.worth_it for w in rest) and {w.limit for w in rest} == {READING}


def test_a_pace_that_is_set_can_be_taken_away() -> None:
    first, *rest = asked(made_run(300, [5.0], period_ms=40.0), plant(1, pace=25.0))
    assert (first.node, first.param, first.value) == ("source", "target_fps", None)
    assert first.fps == pytest.approx(200, rel=0.1) and not any(w.worth_it for w in rest)


def test_a_rate_that_comes_from_outside_cannot_be_raised() -> None:
    assert not any(w.worth_it for w in asked(made_run(300, [5.0], period_ms=40.0), plant(1)))


def test_postprocessing_is_proven_without_an_edit() -> None:
    found = asked(made_run(300, [2.0], post_ms=9.0), plant(1))
    proof = next(w for w in found if not w.param)
    assert proof.fps == pytest.approx(500, rel=0.1)


def test_workers_on_one_real_device_share_it() -> None:
    """Nothing was measured of two together: what is told is the most that could come of it."""
    real = Plant({"s0": ("onnx:cpu?threads=1",)}, FREE)
    (found,) = asked(made_run(300, [20.0]), real)
    assert found.at_most and found.fps == pytest.approx(100, rel=0.05)
    assert found.value == ["onnx:cpu?threads=1", "onnx:cpu?threads=1#2"]


def test_chance_widens_the_interval() -> None:
    steady = asked(made_run(400, [10.0]), plant(1))[0]
    dice = np.random.default_rng(1)
    rows = made_run(400, [10.0])
    length = dice.uniform(2e6, 18e6, 400)
    rows["finished_ns"] = rows["inferred_ns"] = rows["delivered_ns"] = length.cumsum()
    rows["started_ns"] = rows["finished_ns"] - length
    shaken = asked(rows, plant(1))[0]
    assert shaken.high - shaken.low > 5 * (steady.high - steady.low)
    assert shaken.low < shaken.fps < shaken.high


@pytest.mark.parametrize("kind", [DEVICES, POSTPROCESSING, RATE, SOURCE])
def test_workers_that_did_nothing_do_no_harm(kind: str) -> None:
    rows = made_run(60, [10.0])
    end = int(rows["delivered_ns"].max())
    found = find_bottleneck(rows, ["sim:a", "sim:idle"], 0, end)
    assert found is not None
    idle = Plant({"s0": ("sim:a", "sim:idle", "sim:never")}, FREE, {}, frozenset({"sim:a"}))
    for change in what_ifs(rows, ["sim:a", "sim:idle"], 0, end, idle, replace(found, kind=kind)):
        assert np.isfinite([change.now, change.fps, change.low, change.high]).all(), change
