"""Model files before a runtime sees them: class names in every writing, and weights elsewhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cluster4npu.core.devices.model_file import labels_from, read_model_file, shape_text


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        ("{0: 'cat', 1: 'dog'}", ("cat", "dog")),
        ('{"0": "cat", "1": "dog"}', ("cat", "dog")),
        ('["cat", "dog"]', ("cat", "dog")),
        ("('cat', 'dog')", ("cat", "dog")),
        ("{1: 'dog', 0: 'cat'}", ("cat", "dog")),
        ("{0: 'cat', 2: 'tree'}", ("cat", "1", "tree")),
        ("{0: \"dog's\", 1: 'k\u00e4fer'}", ("dog's", "k\u00e4fer")),
        ("{}", ()),
        ("", ()),
        ("cat, dog", ()),
        ("42", ()),
        ("{'a': 'cat'}", ()),
        ("{-1: 'cat'}", ()),
        ("{999999999: 'cat'}", ()),
        ("__import__('os').system('true')", ()),
        ("[" * 100_000, ()),
    ],
)
def test_class_names(names: str, labels: tuple[str, ...]) -> None:
    assert labels_from({"names": names}) == labels


def test_no_names() -> None:
    assert labels_from({}) == ()


def test_the_digest_is_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(b"some model")
    assert read_model_file(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_shapes_in_words() -> None:
    assert shape_text((1, 3, None, None)) == "1 x 3 x ? x ?"
    assert shape_text(()) == "scalar"
