"""How busy workers were, by second, against a count by hand."""

from __future__ import annotations

import numpy as np

from cluster4npu.core.metrics.busy import busy_by_second
from cluster4npu.core.metrics.traces import FRAME_TRACE

S = 1_000_000_000


def frames(*spans: tuple[int, float, float]) -> np.ndarray:
    rows = np.zeros(len(spans), FRAME_TRACE)
    for row, (worker, begin, end) in zip(rows, spans, strict=True):
        row["worker"], row["started_ns"], row["finished_ns"] = (
            worker,
            int((5 + begin) * S),
            int((5 + end) * S),
        )
    return rows


def test_each_second_has_its_part_and_overlaps_count_once() -> None:
    found = busy_by_second(
        frames((0, 0.5, 0.75), (0, 0.6, 0.8), (0, 0.9, 2.25), (1, 2.0, 2.5), (0, 1.0, 1.5)),
        ("a", "b", "c"),
        5 * S,
    )
    assert found.keys() == {"a", "b"}
    assert [round(found["a"][second], 9) for second in (0, 1, 2)] == [0.4, 1.0, 0.25]
    assert found["b"] == {0: 0.0, 1: 0.0, 2: 0.5}


def test_against_a_fine_raster() -> None:
    rng = np.random.default_rng(3)
    begin = rng.uniform(0, 9, 200)
    spans = [
        (int(w), b, b + d)
        for w, b, d in zip(rng.integers(0, 2, 200), begin, rng.uniform(0, 0.1, 200), strict=True)
    ]
    found = busy_by_second(frames(*spans), ("a", "b"), 5 * S)
    raster = np.arange(0, 10, 1e-4)
    for index, worker in enumerate("ab"):
        covered = np.zeros(len(raster), bool)
        for w, first, last in spans:
            covered |= (w == index) & (raster >= first) & (raster < last)
        for second, value in found[worker].items():
            part = covered[(raster >= second) & (raster < second + 1)]
            assert abs(value - part.mean()) < 0.01


def test_nothing_worked() -> None:
    assert busy_by_second(np.zeros(3, FRAME_TRACE), ("a",), 0) == {}
