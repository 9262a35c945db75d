"""What goes wrong before or while a pipeline runs: one clear message, the right exit code, nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster4npu.core.settings import assets_dir
from tests.backends import models
from tests.sinks_in_children import FULL, needs_full, path_with


def detection(tmp_path: Path, **options: str) -> Path:
    """Write an object detection pipeline with one parameter changed: NODE__PARAM=VALUE."""
    from cluster4npu.templates import PipelineTemplates

    config = PipelineTemplates.get("object_detection", devices=["onnx:cpu"])
    for place, value in options.items():
        node, _, name = place.partition("__")
        config = config.with_params(node, **{name: value})
    config.save(tmp_path / "pipeline.json")
    return tmp_path / "pipeline.json"


def assert_refused(done, code: int, *words: str) -> None:
    """Hold that there is one JSON object with an error, and a message for people that says these words."""
    assert done.code == code, done.text
    assert done.json["ok"] is False and done.json["error"]
    assert all(word in done.err for word in words), done.err
    assert "Traceback" not in done.err and "internal error" not in done.err
    assert "to do:" in done.err


def test_a_missing_video(cli_here, tmp_path: Path) -> None:
    done = cli_here("run", detection(tmp_path, source__path="none.mp4"), "--json")
    assert_refused(done, 2, "source.path", "none.mp4")


@pytest.mark.parametrize("content", ["", "not a video"], ids=["empty", "text"])
def test_a_file_that_is_no_video(cli, tmp_path: Path, content: str) -> None:
    (tmp_path / "clip.mp4").write_text(content)
    done = cli("run", detection(tmp_path, source__path="clip.mp4"), "--json")
    assert_refused(done, 2, "source")


def test_a_truncated_video(cli, tmp_path: Path) -> None:
    whole = (assets_dir() / "digits.mp4").read_bytes()
    (tmp_path / "clip.mp4").write_bytes(whole[: len(whole) // 2])
    done = cli("run", detection(tmp_path, source__path="clip.mp4"), "--json")
    assert done.code in (1, 2), done.text
    assert_refused(done, done.code, "source")


@pytest.mark.parametrize(
    "content", [b"", b"not a model", b"\x08\x07\x12\x07pytorch:"], ids=["empty", "text", "cut"]
)
def test_a_corrupt_model(cli, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    done = cli("run", detection(tmp_path, inference__model="model.onnx"), "--json")
    assert_refused(done, 2, "inference", "model.onnx")


def test_a_model_cut_in_half(cli, tmp_path: Path) -> None:
    whole = (assets_dir() / "digits_detector.onnx").read_bytes()
    (tmp_path / "model.onnx").write_bytes(whole[: len(whole) // 2])
    done = cli("run", detection(tmp_path, inference__model="model.onnx"), "--json")
    assert_refused(done, 2, "inference", "model.onnx")


def test_a_model_of_another_task(cli) -> None:
    done = cli("run", "example", "--set", "inference.model=bundled:digit_classifier.onnx", "--json")
    assert_refused(done, 2, "detections.layout", "detection model")


def test_a_model_whose_operators_a_device_lacks(cli, tmp_path: Path) -> None:
    models.custom_operator(tmp_path / "model.onnx")
    done = cli("run", detection(tmp_path, inference__model="model.onnx"), "--json")
    assert_refused(done, 2, "inference.model", "Warp", "Choose another device")


def test_an_input_size_that_does_not_fit_the_model(cli, tmp_path: Path) -> None:
    done = cli("run", "example", "--set", "preprocess.width=100", "--set", "preprocess.height=100", "--json")
    assert_refused(done, 2, "preprocess")


@pytest.mark.parametrize(
    ("devices", "words"),
    [
        ("nothing:cpu", ["nothing"]),
        ("onnx:tpu", ["onnx:tpu"]),
        ("sim:mine?mss=20", ["mss"]),
        ("sim:ane,sim:ane", ["sim:ane#2"]),
        ("not a device", ["not a device"]),
        ("onnx:cpu?precision=fp7", ["int8", "leave the option out"]),
    ],
)
def test_devices_that_are_not_there(cli_here, devices: str, words: list[str]) -> None:
    assert_refused(cli_here("run", "simulated", "--frames", 3, "--devices", devices, "--json"), 2, *words)


@pytest.mark.parametrize("option", ["--results", "--trace"])
def test_an_output_that_cannot_be_written(cli_here, quick: Path, tmp_path: Path, option: str) -> None:
    done = cli_here("run", quick, "--frames", 3, option, tmp_path / "none" / "file", "--no-store", "--json")
    assert_refused(done, 2, option, "none")


@needs_full
@pytest.mark.parametrize("frames", [3, 60])
def test_a_full_disk(cli, cli_env, quick: Path, tmp_path: Path, frames: int) -> None:
    """Also when only what was still in memory at the end does not fit."""
    cli_env["PYTHONPATH"] = path_with(FULL, tmp_path)
    done = cli("run", quick, "--frames", frames, "--results", "out.jsonl", "--no-store", "--json")
    assert_refused(done, 1, "results_file", "out.jsonl", "no space is left")


@pytest.mark.skipif(os.name == "nt", reason="devices have no paths there")
@pytest.mark.parametrize("option", ["--results", "--trace"])
def test_a_device_is_no_file_for_results(cli_here, quick: Path, option: str) -> None:
    done = cli_here("run", quick, "--frames", 3, option, "/dev/zero", "--no-store", "--json")
    assert_refused(done, 2, option, "no file")


def test_a_database_that_another_process_holds(cli, quick: Path, tmp_path: Path) -> None:
    store = tmp_path / "s.duckdb"
    assert cli("run", quick, "--frames", 3, "--store", store, "--json").code == 0
    code = (
        f"import duckdb, sys; c = duckdb.connect({str(store)!r}); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline().strip() == b"held"
        told = cli("db", "info", "--store", store, "--json")  # what the copy for readers knows
        assert told.code == 0 and told.json["rows"]["runs"] == 1 and "is held by" in told.err
        done = cli("run", quick, "--frames", 5, "--store", store, "--json")
        holder.communicate()
    assert_refused(done, 1, "in use", "--store")
    assert "frames_out" not in done.json, "it is told before the work, not after it"
    if os.name == "posix":
        assert str(holder.pid) in done.err


def test_a_store_in_a_missing_folder(cli, quick: Path, tmp_path: Path) -> None:
    done = cli("run", quick, "--frames", 3, "--store", tmp_path / "none" / "s.duckdb", "--json")
    assert_refused(done, 1, "none")
    assert "frames_out" not in done.json, "it is told before the work, not after it"


def test_results_are_not_written_over_the_pipeline(cli, quick: Path) -> None:
    before = quick.read_text(encoding="utf-8")
    done = cli("run", quick, "--frames", 3, "--no-store", "--results", quick, "--json")
    assert_refused(done, 2, "--results", "write over")
    assert quick.read_text(encoding="utf-8") == before


def test_a_run_of_which_nothing_came_out_has_failed(cli, quick: Path) -> None:
    done = cli("run", quick, "--devices", "sim:bad?ms=1&fail_at=1", "--frames", 1, "--no-store", "--json")
    assert_refused(done, 1, "every frame failed")
    assert done.json["frames_failed"] == 1


def test_control_characters_of_a_name_do_not_reach_the_terminal(cli, quick: Path, tmp_path: Path) -> None:
    text = quick.read_text(encoding="utf-8").replace('"name": "', '"name": "\\u001b[31m', 1)
    (tmp_path / "red.json").write_text(text, encoding="utf-8")
    done = cli("run", tmp_path / "red.json", "--frames", 2, "--no-store")
    assert done.code == 0 and "\x1b" not in done.out and "\\x1b[31m" in done.out


def test_a_run_that_is_not_stored(cli) -> None:
    assert_refused(cli("report", "last", "-o", "r.md", "--store", "s.duckdb", "--json"), 2, "s.duckdb")


@pytest.mark.parametrize("sql", ["SELEC 1", "SELECT * FROM nothing", "DROP TABLE runs", "SELECT 1; SELECT 2"])
def test_queries_that_cannot_be_answered(cli, sql: str) -> None:
    assert_refused(cli("db", "query", sql, "--json"), 2, "sql")


@pytest.mark.parametrize("command", [("info",), ("query", "SELECT 1"), ("check",)])
def test_a_store_that_is_only_read_is_not_made(cli, tmp_path: Path, command: tuple[str, ...]) -> None:
    assert_refused(cli("db", *command, "--store", tmp_path / "none.duckdb", "--json"), 2, "none.duckdb")
    assert not (tmp_path / "none.duckdb").exists()


def test_a_worker_that_dies_costs_no_frame(cli, quick: Path) -> None:
    devices = "sim:good?ms=2,sim:weak?ms=2&die_at=40"
    done = cli("run", quick, "--frames", 100, "--devices", devices, "--no-store", "--json")
    assert done.code == 0, done.text
    assert (done.json["frames_out"], done.json["out_of_order"]) == (100, 0)
    assert "sim:weak" in done.err and "is started again" in done.err


def test_a_frame_that_fails_is_counted_and_told(cli, quick: Path) -> None:
    done = cli("run", quick, "--frames", 30, "--devices", "sim:odd?ms=1&fail_at=7", "--no-store", "--json")
    assert done.code == 0, done.text
    assert (done.json["frames_out"], done.json["frames_failed"]) == (29, 1)
    assert done.json["failures"]


def test_a_device_that_never_loads(cli, quick: Path) -> None:
    done = cli("run", quick, "--frames", 30, "--devices", "sim:dead?ms=1&die_at=1", "--no-store", "--json")
    assert_refused(done, 1, "sim:dead")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there is always a display")
def test_no_display(cli_here, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    assert_refused(cli_here("app", "--json"), 1, "display", "--render")


def test_an_output_never_replaces_what_is_not_its_own(cli_here, quick: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes((assets_dir() / "digits_detector.onnx").read_bytes())
    other = tmp_path / "other.json"
    other.write_bytes(quick.read_bytes())
    before = {path: path.read_bytes() for path in (model, other)}
    run = ("run", quick, "--frames", "3", "--no-store")
    for arguments in (
        (*run, "--trace", "m.onnx"),
        (*run, "--results", "m.onnx"),
        (*run, "--trace", "other.json"),
        ("report", "last", "-o", "other.json"),
    ):
        done = cli_here(*arguments)
        assert done.code == 2, done.text
        assert "would write over" in done.err
    assert {path: path.read_bytes() for path in before} == before


def test_a_path_of_an_option_belongs_to_the_working_folder(cli_here, tmp_path: Path) -> None:
    clip = tmp_path / "mine.mp4"
    clip.write_bytes((assets_dir() / "digits.mp4").read_bytes())
    assert cli_here("validate", "example", "--set", "source.path=mine.mp4").code == 0


def test_a_home_of_nobody_is_a_missing_file(cli_here) -> None:
    done = cli_here("run", "example", "--no-store", "--set", "source.path=~nobody-is-called-so/x.mp4")
    assert done.code == 2
    assert "the video file is missing" in done.err and "internal" not in done.err


def test_a_folder_is_no_store(cli_here, quick: Path, tmp_path: Path) -> None:
    done = cli_here("run", quick, "--frames", "1", "--store", tmp_path)
    assert done.code == 2 and "is a folder" in done.err
