"""The waste report of runs that are spread over workers: who used what, and what the rest cost."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.messages import MetricsUpdated, PreviewReady, RunOptions
from cluster4npu.core.metrics.summary import NodeSummary
from tests.backends.models import network
from tests.core.engine.stages import config, model, synthetic

WIRES = (
    "source.frame>prep.frame prep.tensor>left.tensor prep.tensor>right.tensor "
    "left.outputs>kept.result source.frame>seen.frame right.outputs>seen.result"
)


@pytest.fixture
def pipeline(tmp_path: Path):
    """Return a maker of two models on the same frames: one is counted, the other only to be seen."""
    path = str(network(tmp_path / "m.onnx"))

    def make(**kept: object):
        nodes = {
            "source": synthetic(frames=200, pattern="stamp"),
            "prep": "preprocess",
            "left": model("sim:a?ms=1"),
            "right": model("onnx:cpu?threads=1", model=path),
            "kept": ("count", kept),
            "seen": "preview",
        }
        return config(nodes, WIRES)

    return make


def rows(summary) -> dict[str, NodeSummary]:
    return {node.id: node for node in summary.waste.nodes}


def test_what_only_a_preview_shows_is_waste_while_nobody_looks(pipeline):
    with Engine(pipeline(), RunOptions(calibration="never")) as run:
        found = rows(run.wait(60))
    assert {name: (row.computes, row.unused) for name, row in found.items()} == {
        "source": (200, 0),
        "prep": (200, 200),  # only the right model looks at what it makes: the left one is simulated
        "left": (200, 0),
        "right": (200, 200),
    }
    assert found["right"].cpu_s > 0 and found["prep"].cpu_s > 0 and found["source"].cpu_s > 0
    assert found["right"].wasted_cpu_s == pytest.approx(found["right"].cpu_s)
    assert found["left"].wasted_cpu_s == 0


def test_what_is_read_or_shown_is_of_use(pipeline):
    with Engine(pipeline(), RunOptions(calibration="never", results=True)) as run:
        assert all(row.unused == 0 for row in rows(run.wait(60)).values())
    shown = 0
    with Engine(pipeline(), RunOptions(calibration="never", target_fps=150)) as run:
        for event in run.events():
            if isinstance(event, MetricsUpdated):
                run.want_preview()
            shown += isinstance(event, PreviewReady)
        found = rows(run.wait())
    assert shown > 2 and found["right"].computes - found["right"].unused == shown


def test_an_output_with_a_rate_uses_no_more_than_it_asks_for(pipeline):
    options = RunOptions(calibration="never", target_fps=200)
    with Engine(pipeline(every_ms=100.0), options) as run:
        summary = run.wait(60)
    used = rows(summary)["left"].computes - rows(summary)["left"].unused
    assert 3 <= used <= summary.wall_s * 10 + 2
