"""Benchmarks in tests keep what they measure to themselves, and leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing import active_children
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER4NPU_DATA", str(tmp_path / "data"))


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    assert [p for p in active_children() if p.name.startswith("cluster4npu")] == []
