"""`cluster4npu families`: listed, made, looked into and measured."""

from __future__ import annotations

from pathlib import Path


def test_the_list(cli_here) -> None:
    done = cli_here("families", "--json")
    assert done.code == 0, done.err
    told = {item["id"]: item for item in done.json["families"]}
    assert len(told) == 13 and done.json["label"] == "speed only: random weights"
    assert told["llava"]["sizes"] == ["reduced"] and "7 billion" in told["llava"]["not_made"]
    assert told["whisper"]["inputs"]["published"][0]["shape"] == ["batch", 80, 3000]


def test_a_network_says_what_it_is(cli, tmp_path: Path) -> None:
    done = cli("families", "build", "clip,vit", "-o", "made", "--json")
    assert done.code == 0, done.err
    assert [Path(item["path"]).name for item in done.json["files"]] == [
        "clip-reduced-speed-only.onnx",
        "vit-reduced-speed-only.onnx",
    ]
    text = cli("inspect", "made/clip-reduced-speed-only.onnx").out
    assert "speed only: random weights" in text and "input_ids: ? x 16 int64" in text
    new = ("templates", "new", "classification", "-o", "p.json")
    refused = cli(*new, "--model", "made/clip-reduced-speed-only.onnx")
    assert refused.code == 2 and "exactly one input" in refused.err  # pipelines take one image


def test_a_run_is_stored(cli) -> None:
    done = cli("families", "run", "vit", "--devices", "onnx:cpu,sim:gpu", "--seconds", "0.1", "--json")
    assert done.code == 0, done.err
    (run,) = done.json["runs"]
    measured, refused = run["cells"]
    assert measured["measured"] and measured["unit"] == "cpu" and measured["throughput_per_s"] > 0
    assert not refused["measured"] and "simulated" in refused["refusal"]
    stored = cli("db", "query", "SELECT headline FROM runs WHERE kind = 'family'")
    assert "speed only: random weights" in stored.out
    report = cli("report", run["run_id"], "-o", "r.md")
    assert report.code == 0, report.err


def test_nothing_measured_is_a_failure_with_its_reason(cli_here) -> None:
    done = cli_here("families", "run", "vit", "--devices", "sim:gpu", "--batches", "1,2", "--no-store")
    assert done.code == 1 and "not measured: sim:gpu batch 1, 2: a simulated device" in done.out


def test_wrong_arguments(cli_here) -> None:
    for arguments, word in (
        (("run", "berd"), "Did you mean 'bert'"),
        (("run", "qwen2", "--size", "published"), "0.49 billion"),
        (("run", "bert", "--precisions", "int9"), "int9"),
        (("run", "bert", "--batches", "1,0"), "'0'"),
        (("run", "bert", "--devices", "cpu"), "device id"),
    ):
        done = cli_here("families", *arguments)
        assert done.code == 2 and word in done.err, done.err
