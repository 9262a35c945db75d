"""Several stages and sources on the command line: figures of each, results that say where they are from."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.test_run import check_spans
from tests.core.engine.stages import branches, cameras, synthetic


def test_each_stage_has_its_figures_and_one_result(cli, tmp_path: Path) -> None:
    branches(("sim:a?ms=2", "sim:b?ms=4"), ("sim:c?ms=1",)).save(tmp_path / "two.json")
    done = cli(
        "run", "two.json", "--frames", 40, "--results", "r.jsonl", "--trace", "t.json", "--no-store", "--json"
    )
    assert done.code == 0, done.err
    stages = {stage["id"]: stage for stage in done.json["stages"]}
    assert stages.keys() == {"left", "right"}
    assert all(s["frames_in"] == s["frames_out"] == s["runs"] == 40 for s in stages.values())
    assert stages["left"]["devices"] == ["sim:a?ms=2", "sim:b?ms=4"]
    assert {d["id"]: d["stage"] for d in done.json["devices"]}["sim:c?ms=1"] == "right"
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["frame"] for line in lines] == list(range(40))
    events = json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))["traceEvents"]
    assert sum(e["name"] == "preprocess + model" for e in events) == 80
    assert sum(e["name"] == "delivered" for e in events) == 40
    check_spans(events, 40, side_by_side=True)


def test_every_stage_is_calibrated(cli, tmp_path: Path) -> None:
    branches(("sim:a?ms=5", "sim:b?ms=10"), ("sim:c?ms=5",)).save(tmp_path / "two.json")
    done = cli("calibrate", "two.json", "--json")
    assert done.code == 0, done.err
    rows = done.json["devices"]
    assert [(row["id"], row["stage"]) for row in rows] == [
        ("sim:a?ms=5", "left"), ("sim:b?ms=10", "left"), ("sim:c?ms=5", "right"),
    ]  # fmt: skip
    assert all(row["fps_alone"] > 0 for row in rows)


def test_each_source_has_its_figures(cli, tmp_path: Path) -> None:
    cameras(synthetic(), synthetic(seed=1), devices=("sim:a?ms=1",)).save(tmp_path / "two.json")
    done = cli("run", "two.json", "--frames", 30, "--results", "r.jsonl", "--store", "s.duckdb", "--json")
    assert done.code == 0, done.err
    assert {s["id"]: s["frames_out"] for s in done.json["sources"]} == {"cam1": 15, "cam2": 15}
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text(encoding="utf-8").splitlines()]
    for camera in ("cam1", "cam2"):
        assert [line["frame"] for line in lines if line["source"] == camera] == list(range(15))


def test_a_benchmark_of_several_stages_says_what_is_possible(cli, tmp_path: Path) -> None:
    branches(("sim:a?ms=2",), ("sim:c?ms=1",)).save(tmp_path / "two.json")
    done = cli("benchmark", "two.json", "--store", "s.duckdb")
    assert done.code == 2 and "one inference node only" in done.err
