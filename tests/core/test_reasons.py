"""What the system and pydantic say is told in our own words, and what the program itself has said stays."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from cluster4npu.core.errors import InputError
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.pipeline.graph import find_problems
from cluster4npu.core.reasons import reason_of


@pytest.mark.parametrize("name", ["ENOENT", "EACCES", "ENOSPC", "EISDIR", "ENAMETOOLONG", "ECONNREFUSED"])
def test_the_system_is_not_quoted(name: str) -> None:
    number = getattr(errno, name)
    told = reason_of(OSError(number, os.strerror(number), "/some/where"))
    assert told and os.strerror(number) not in told and "Errno" not in told and "/some" not in told


def test_own_words_and_unknown_ones_stay() -> None:
    assert reason_of(OSError(errno.EEXIST, "this is a folder or a device")) == "this is a folder or a device"
    assert reason_of(OSError("something else")) == "something else"
    assert reason_of(ValueError("too large")) == "too large"


def test_files_that_cannot_be_read_say_why(tmp_path: Path) -> None:
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00")
    for path, why in (
        (tmp_path / "missing.json", "it does not exist"),
        (tmp_path, "folder"),
        (binary, "it is no text in UTF-8"),
        (tmp_path / "a\0b.json", "NUL"),
    ):
        with pytest.raises(InputError) as caught:
            PipelineConfig.open(path)
        assert why in caught.value.problems[0].found, path


WRONG = (
    ("synthetic", "width", "wide", "this is no whole number", "a whole number, in px"),
    ("synthetic", "width", 0, "the value is too small", "at least"),
    ("synthetic", "width", 10**9, "the value is too large", "at most"),
    ("synthetic", "loop", "perhaps", "this is neither true nor false", "true or false"),
    ("crop", "choose", "larges", "there is no such choice", "'largest'"),
    ("inference", "devices", 7, "this is no list", "a list"),
    ("inference", "model", 7, "this is no text", "text"),
    ("count", "nothing", 7, "unknown field", ""),
)


@pytest.mark.parametrize(("type", "field", "value", "message", "allowed"), WRONG)
def test_a_wrong_value_is_told_in_own_words(
    type: str, field: str, value: object, message: str, allowed: str
) -> None:
    node = {"id": "node", "type": type, "params": {field: value}}
    config = PipelineConfig.parse(json.dumps({"version": 1, "nodes": [node]}))
    found = next(p for p in find_problems(config) if p.field.split(".")[0] == field)
    assert (found.node, found.message) == ("node", message)
    assert allowed in found.allowed and found.hint
    if message == "there is no such choice":
        assert found.hint == "Did you mean 'largest'?"
