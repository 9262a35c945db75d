"""`cluster4npu templates`: the list, and files that run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster4npu.core.settings import assets_dir


def test_the_list(cli_here) -> None:
    for arguments in (["templates"], ["templates", "list"]):
        done = cli_here(*arguments, "--json")
        assert done.code == 0
        keys = {template["key"] for template in done.json["templates"]}
        assert {"simulated", "object_detection", "classification", "fire_detection"} <= keys
    assert "fire_detection" in cli_here("templates").out


@pytest.mark.parametrize("name", ["simulated", "object_detection", "classification", "fire_detection"])
def test_a_new_file_is_valid(cli_here, tmp_path: Path, name: str) -> None:
    done = cli_here(
        "templates", "new", name, "-o", "new.json", "--devices", "sim:a?ms=1,sim:a?ms=1#2", "--json"
    )
    assert done.code == 0, done.err
    assert done.json["path"] == "new.json"
    assert cli_here("validate", "new.json", "--json").json == {"ok": True, "problems": []}


def test_an_existing_file_is_kept(cli_here, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("mine")
    done = cli_here("templates", "new", "simulated", "-o", "mine.json")
    assert done.code == 2 and "--force" in done.err
    assert (tmp_path / "mine.json").read_text() == "mine"
    assert cli_here("templates", "new", "simulated", "-o", "mine.json", "--force").code == 0


def test_the_model_is_found_from_the_new_files_folder(cli_here, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    model = tmp_path / "sub" / "m.onnx"
    model.write_bytes((assets_dir() / "digits_detector.onnx").read_bytes())
    for output in ("beside.json", "sub/inside.json"):
        done = cli_here("templates", "new", "object_detection", "-o", output, "--model", "sub/m.onnx")
        assert done.code == 0, done.err
        assert cli_here("validate", output).code == 0
    data = json.loads((tmp_path / "sub" / "inside.json").read_text(encoding="utf-8"))
    inference = next(node for node in data["nodes"] if node["type"] == "inference")
    assert inference["params"]["model"] == "m.onnx"


def test_a_missing_model_is_refused(cli_here, tmp_path: Path) -> None:
    done = cli_here(
        "templates", "new", "object_detection", "-o", "new.json", "--model", "none.onnx", "--json"
    )
    assert done.code == 2
    assert done.json["error"][0]["node"] == "inference"
    assert not (tmp_path / "new.json").exists()


def test_a_model_that_cannot_be_read_or_is_for_another_task_is_refused(cli_here, tmp_path: Path) -> None:
    whole = (assets_dir() / "digits_detector.onnx").read_bytes()
    (tmp_path / "cut.onnx").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "classifier.onnx").write_bytes((assets_dir() / "digit_classifier.onnx").read_bytes())
    for model, word in (("cut.onnx", "cut.onnx"), ("classifier.onnx", "for classification")):
        done = cli_here("templates", "new", "object_detection", "-o", "new.json", "--model", model, "--json")
        assert done.code == 2 and word in done.err
        assert done.json["error"][0]["hint"]
        assert not (tmp_path / "new.json").exists()


def test_an_unwritable_place_is_refused(cli_here) -> None:
    done = cli_here("templates", "new", "simulated", "-o", "none/new.json", "--json")
    assert done.code == 2 and "none" in done.err
