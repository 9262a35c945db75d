"""`cluster4npu run` on demand: what it tells of each node, and what it refuses."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from tests.cli.test_run import FIELDS
from tests.core.pipeline.test_rates import watched

NODE_FIELDS = {"id", "computes", "per_s", "cpu_s", "unused", "unused_share", "wasted_cpu_s"}


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    path = tmp_path / "watched.json"
    watched().replace(mode="idle").save(path)
    return path


@pytest.mark.skipif(
    importlib.util.find_spec("skimage") is None,
    reason="needs scikit-image: pip install 'cluster4npu[vision]'",
)
def test_the_template_in_push_tells_what_nobody_used(cli, tmp_path: Path) -> None:
    assert cli("templates", "new", "looking_away", "-o", "mine.json").code == 0
    done = cli("run", "mine.json", "--seconds", 4, "--unpaced", "--execution", "push", "--no-store", "--json")
    assert done.code == 0, done.err
    summary = done.json
    assert summary.keys() >= FIELDS
    assert (summary["execution"], summary["devices"]) == ("push", [])
    (mode,) = summary["modes"]
    assert mode["mode"] == "idle"
    nodes = {node["id"]: node for node in mode["nodes"]}
    assert all(node.keys() == NODE_FIELDS for node in nodes.values())
    assert nodes["contrast"]["per_s"] == pytest.approx(33.3, abs=0.3)
    assert nodes["movement"]["per_s"] == pytest.approx(2, abs=0.3)
    assert nodes["contrast"]["unused_share"] == pytest.approx(0.94, abs=0.01)
    assert nodes["contrast"]["wasted_cpu_s"] > 0.5 * mode["wasted_cpu_s"]


def test_results_and_store_as_for_every_run(cli, pipeline: Path, tmp_path: Path) -> None:
    done = cli(
        "run", pipeline, "--seconds", 3, "--unpaced", "--results", "r.jsonl", "--store", "s.duckdb"
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "computed only what was asked for" in done.out
    assert "mode: active" in done.err
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["kind"] for line in lines] == ["number"] * len(lines)
    assert len(lines) >= 4
    stored = cli("db", "query", "SELECT kind FROM runs", "--store", "s.duckdb", "--json")
    assert stored.code == 0, stored.err
    assert "run" in stored.out


def test_a_trace_has_a_track_for_each_node(cli_here, pipeline: Path, tmp_path: Path) -> None:
    done = cli_here("run", pipeline, "--seconds", 3, "--unpaced", "--no-store", "--trace", "t.json")
    assert done.code == 0, done.err
    events = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))["traceEvents"]
    tracks = {e["args"]["name"]: e["tid"] for e in events if e["name"] == "thread_name"}
    spans = [e for e in events if e["ph"] == "X"]
    moved = [e for e in spans if e["tid"] == tracks["movement"]]
    assert {"source", "movement", "count"} <= tracks.keys()
    assert len(moved) >= 4 and all(e["dur"] > 0 for e in moved)
    assert [e["args"]["frame"] for e in moved[:3]] == sorted({e["args"]["frame"] for e in moved[:3]})
    assert any(e["name"] == "mode active" for e in events) and any(e["name"] == "delivered" for e in events)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("calibrate",), "rates of its own"),
        (("benchmark",), "rates of its own"),
    ],
)
def test_what_needs_workers_is_refused(
    cli_here, pipeline: Path, arguments: tuple[str, ...], message: str
) -> None:
    command, *options = arguments
    done = cli_here(command, pipeline, *options)
    assert done.code == 2
    assert message in done.err


def test_a_pipeline_that_keeps_no_rates_is_always_unpaced(cli_here) -> None:
    done = cli_here("run", "simulated", "--unpaced", "--no-store")
    assert done.code == 2
    assert "--unpaced" in done.err
