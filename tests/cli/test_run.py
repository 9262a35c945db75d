"""`cluster4npu run` against its contract: figures, files, store, and what each option does."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

FIELDS = {
    "frames_in", "frames_out", "frames_dropped", "frames_failed", "fps", "wall_s", "latency_ms", "devices",
    "buffer_full_waits", "restarts", "out_of_order",
}  # fmt: skip
DEVICE_FIELDS = {"id", "frames", "share", "busy", "latency_ms", "fps"}
LATENCIES = {"mean", "p50", "p90", "p95", "p99"}


def test_json_results_trace_and_store(cli, quick: Path, tmp_path: Path) -> None:
    done = cli(
        "run",
        quick,
        "--frames",
        70,
        "--results",
        "r.jsonl",
        "--trace",
        "t.json",
        "--store",
        "s.duckdb",
        "--json",
    )
    assert done.code == 0, done.err
    summary = done.json
    assert summary.keys() >= FIELDS
    assert (summary["frames_in"], summary["frames_out"], summary["out_of_order"]) == (70, 70, 0)
    assert summary["frames_dropped"] == summary["frames_failed"] == 0
    assert summary["latency_ms"].keys() == LATENCIES
    assert summary["latency_ms"]["p90"] > 0 and summary["latency_ms"]["p99"] is None
    assert [d["id"] for d in summary["devices"]] == ["sim:fast?ms=2", "sim:slow?ms=4"]
    assert all(d.keys() >= DEVICE_FIELDS and d["latency_ms"].keys() == LATENCIES for d in summary["devices"])
    assert sum(d["frames"] for d in summary["devices"]) == 70
    total = sum(d["frames"] for d in summary["devices"])
    assert all(d["share"] == pytest.approx(d["frames"] / total) for d in summary["devices"])
    assert summary["simulated"] is True and "SIMULATED" in done.err

    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["frame"] for line in lines] == list(range(70))
    check_trace(json.loads((tmp_path / "t.json").read_text(encoding="utf-8")), 70)

    stored = cli("db", "query", "SELECT id, kind FROM runs", "--store", "s.duckdb", "--json").json
    assert stored["rows"] == [{"id": summary["run_id"], "kind": "run"}]


def check_trace(trace: dict, frames: int) -> None:
    """Hold that each worker's process has a track without overlaps, and that each frame's waits begin and end."""
    events = trace["traceEvents"]
    tracks = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert list(tracks.values()) == ["sim:fast?ms=2", "sim:slow?ms=4"]
    model = [e for e in events if e["name"] == "preprocess + model"]
    assert sorted(e["args"]["frame"] for e in model) == list(range(frames))
    for track in tracks:
        spans = sorted((e["ts"], e["ts"] + e["dur"]) for e in events if e["ph"] == "X" and e["tid"] == track)
        assert spans and all(end <= start + 1 for (_, end), (start, _) in pairwise(spans))
    for name in ("queue", "reorder"):
        begun = {e["id"]: e["ts"] for e in events if e["ph"] == "b" and e["name"] == name}
        ended = {e["id"]: e["ts"] for e in events if e["ph"] == "e" and e["name"] == name}
        assert begun.keys() == ended.keys() and all(ended[key] >= begun[key] for key in begun)
        assert len(begun) > frames / 2
    check_spans(events, frames)
    processes = {e["pid"]: e["args"]["name"] for e in events if e["name"] == "process_name"}
    assert list(processes.values())[1:] == ["worker sim:fast?ms=2", "worker sim:slow?ms=4"]
    assert {e["pid"] for e in events} == processes.keys()
    delivered = [e["ts"] for e in events if e["name"] == "delivered"]
    assert len(delivered) == frames and delivered == sorted(delivered)
    under_way = [e["args"]["frames"] for e in events if e["name"] == "frames under way"]
    assert max(under_way) > 1 and min(under_way) == under_way[-1] == 0


def check_spans(events: list[dict], frames: int, *, side_by_side: bool = False) -> None:
    """Hold that the spans of each frame go without a gap from when it was due to its delivery, and add up to that."""
    begun = {e["id"]: e for e in events if e["ph"] == "b"}
    spans = [
        (begun[e["id"]]["args"]["frame"], begun[e["id"]]["ts"], e["ts"]) for e in events if e["ph"] == "e"
    ]
    spans += [(e["args"]["frame"], e["ts"], e["ts"] + e["dur"]) for e in events if e["ph"] == "X"]
    delivered = {e["args"]["frame"]: e["ts"] for e in events if e["name"] == "delivered"}
    assert delivered.keys() == set(range(frames))
    for frame, end in delivered.items():
        own = sorted((first, last) for number, first, last in spans if number == frame)
        until = due = own[0][0]
        for first, last in own:
            assert first <= until + 0.01, f"a gap in frame {frame}"  # us
            until = max(until, last)
        assert until == pytest.approx(end, abs=0.01)
        if not side_by_side:
            assert sum(last - first for first, last in own) == pytest.approx(end - due, rel=1e-6)


def test_the_text_for_people(cli, quick: Path) -> None:
    done = cli("run", quick, "--frames", 20, "--no-store")
    assert done.code == 0
    assert "SIMULATED" in done.out and "20 frames" in done.out and "sim:slow?ms=4" in done.out
    assert not done.out.lstrip().startswith("{")


def test_nothing_is_stored_unless_wanted(cli, quick: Path, tmp_path: Path) -> None:
    assert cli("run", quick, "--frames", 5, "--no-store", "--json").code == 0
    assert not (tmp_path / "data" / "results.duckdb").exists()
    assert cli("run", quick, "--frames", 5, "--json").code == 0
    assert (tmp_path / "data" / "results.duckdb").exists()


def test_devices_policy_and_parameters_can_be_replaced(cli, quick: Path) -> None:
    done = cli(
        "run", quick, "--devices", "sim:a?ms=1,sim:a?ms=1#2,sim:b?ms=1", "--policy", "shuffled",
        "--set", "source.frames=33", "--set", "source.width=96", "--no-store", "--json",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert done.json["frames_out"] == 33
    assert [d["id"] for d in done.json["devices"]] == ["sim:a?ms=1", "sim:a?ms=1#2", "sim:b?ms=1"]
    assert done.json["policy"] == "shuffled"


def test_seconds_end_an_endless_source(cli, quick: Path) -> None:
    done = cli("run", quick, "--set", "source.frames=null", "--seconds", "0.5", "--no-store", "--json")
    assert done.code == 0, done.err
    assert done.json["frames_out"] > 20
    assert done.json["wall_s"] < 10


def test_devices_of_one_stage_are_set_as_a_list_is_typed(cli) -> None:
    done = cli(
        "run",
        "simulated",
        "--set",
        "inference.devices=sim:a?ms=1,sim:b?ms=1",
        "--frames",
        5,
        "--no-store",
        "--json",
    )
    assert done.code == 0, done.err
    assert [device["id"] for device in done.json["devices"]] == ["sim:a?ms=1", "sim:b?ms=1"]


def test_the_example_detects_on_two_workers(cli) -> None:
    done = cli("run", "example", "--frames", 24, "--results", "r.jsonl", "--no-store", "--json")
    assert done.code == 0, done.err
    assert done.json["frames_out"] == 24 and done.json["simulated"] is False
    assert {d["id"] for d in done.json["devices"]} == {"onnx:cpu", "onnx:cpu#2"}
    for device in done.json[
        "devices"
    ]:  # each in a process of its own, which loads the model and meets it cold
        assert device["startup_ms"] > 0 and device["first_inference_ms"] > 0


def test_paths_belong_to_the_pipelines_folder_and_outputs_to_ours(cli, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    assert (
        cli("templates", "new", "object_detection", "-o", folder / "p.json", "--devices", "sim:a?ms=1").code
        == 0
    )
    from cluster4npu.core.settings import assets_dir

    (folder / "clip.mp4").write_bytes((assets_dir() / "digits.mp4").read_bytes())
    done = cli(
        "run", folder / "p.json", "--set", "source.path=clip.mp4", "--frames", 5, "--no-store", "--json",
        "--results", "here.jsonl",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert (tmp_path / "here.jsonl").exists()


def test_debug_and_json_may_stand_anywhere(cli, quick: Path) -> None:
    assert cli("run", "--json", "--no-store", "--frames", 3, quick, "--debug").json["frames_out"] == 3


def test_a_fallback_is_told_and_stored(cli, quick: Path) -> None:
    devices = "sim:gpu?ms=1&runs_on=cpu,sim:ane?ms=1"
    done = cli("run", quick, "--frames", 40, "--devices", devices, "--store", "s.duckdb", "--json")
    told = done.err.splitlines()
    begin = told.index(
        "Running on sim:gpu?ms=1&runs_on=cpu (unit: simulated cpu), sim:ane?ms=1 (unit: simulated ane)"
    )
    assert told[begin + 1].startswith("warning: sim:gpu?ms=1&runs_on=cpu did not run on what was asked for")
    first, second = done.json["devices"]
    assert (first["unit"], first["fell_back"]) == ("simulated cpu", True)
    assert (second["unit"], second["fell_back"]) == ("simulated ane", False)
    assert any("did not run on what was asked for" in text for text in done.json["warnings"])
    rows = cli(
        "db", "query", "SELECT id, unit FROM devices ORDER BY unit", "--store", "s.duckdb", "--json"
    ).json
    assert [row["unit"] for row in rows["rows"]] == ["simulated ane", "simulated cpu"]
