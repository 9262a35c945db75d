"""The bottleneck that is named is the one that was planted."""

from __future__ import annotations

import random

import numpy as np
import pytest

from cluster4npu.core.metrics.bottleneck import (
    DEVICES,
    POSTPROCESSING,
    RATE,
    SOURCE,
    Bottleneck,
    find_bottleneck,
    loads,
)
from tests.core.metrics.stamps import made_run, made_stages


def judged(rows: np.ndarray, workers: list[str]) -> Bottleneck:
    found = find_bottleneck(rows, workers, 0, int(rows["delivered_ns"].max()))
    assert found is not None
    return found


def test_slow_devices_are_named_with_their_figures() -> None:
    found = judged(made_run(300, [20.0, 50.0]), ["a", "b"])
    assert (found.kind, found.devices) == (DEVICES, ("a", "b"))
    assert found.text.startswith("Inference on a and b: they work ")
    assert found.evidence[0].startswith("a: 100% busy, ") and "20.0 ms each" in found.evidence[0]


def test_a_slow_source_is_named() -> None:
    assert judged(made_run(300, [5.0, 5.0], source_ms=20.0), ["a", "b"]).kind == SOURCE


def test_a_paced_source_leaves_devices_idle() -> None:
    found = judged(made_run(300, [5.0], period_ms=40.0), ["a"])
    assert found.kind == RATE and "could do more" in found.text


def test_slow_postprocessing_is_told_apart_from_the_model() -> None:
    assert judged(made_run(300, [2.0], post_ms=9.0), ["a"]).kind == POSTPROCESSING


def test_a_hundred_random_pipelines() -> None:
    dice, right = random.Random(7), 0
    for _ in range(100):
        service = [dice.uniform(2, 60) for _ in range(dice.randint(1, 4))]
        rate = sum(1 / ms for ms in service)
        source_ms = (1 / rate) * dice.choice((0.1, 0.3, 0.5, 2.0, 4.0))
        found = judged(made_run(400, service, source_ms=source_ms), [str(n) for n in range(len(service))])
        right += found.kind == (SOURCE if source_ms * rate > 1 else DEVICES)
    assert right >= 98


def test_a_hundred_random_pipelines_of_several_stages() -> None:
    """The stage is named whose workers together finish the fewest frames a second."""
    dice, right = random.Random(11), 0
    for _ in range(100):
        stages = [[dice.uniform(5, 60) for _ in range(dice.randint(1, 3))] for _ in range(dice.randint(2, 3))]
        names = [[f"{stage}:{worker}" for worker in range(len(s))] for stage, s in enumerate(stages)]
        slowest = min(range(len(stages)), key=lambda stage: sum(1 / ms for ms in stages[stage]))
        found = judged(made_stages(400, stages), [name for stage in names for name in stage])
        right += found.kind == DEVICES and {d.split(":")[0] for d in found.devices} == {str(slowest)}
    assert right >= 98


def test_loads_count_frames_and_busy_time() -> None:
    rows = made_run(200, [10.0, 30.0])
    end = int(rows["delivered_ns"].max())
    for load, worker in zip(loads(rows, ["a", "b"], 0, end), (0, 1), strict=True):
        own = rows[rows["worker"] == worker]
        assert load.frames == len(own)
        assert load.share == pytest.approx(len(own) / len(rows))
        assert load.busy == pytest.approx(float((own["finished_ns"] - own["started_ns"]).sum()) / end)
    assert sum(load.share for load in loads(rows, ["a", "b"], 0, end)) == pytest.approx(1.0)


def test_too_few_frames_tell_nothing() -> None:
    rows = made_run(5, [10.0])
    assert find_bottleneck(rows, ["a"], 0, int(rows["delivered_ns"].max())) is None
