"""Full garbage collections come between runs, and what is alive is not looked at again during one."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from cluster4npu.core.engine.messages import RunOptions
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui.collector import Collector
from cluster4npu.ui.main_window import MainWindow


@pytest.fixture(autouse=True)
def thaw() -> Iterator[None]:
    """Let later tests find their garbage."""
    yield
    gc.unfreeze()


class Knot:
    """Part of a cycle, which only the collector finds."""

    def __init__(self) -> None:
        self.itself = self


def test_what_is_alive_is_frozen_and_garbage_still_goes(window: MainWindow) -> None:
    collector = Collector(window)
    knots = Knot()
    collector.collect()
    assert gc.get_freeze_count() > 10_000
    frozen = gc.get_freeze_count()
    assert not any(isinstance(o, Knot) for o in gc.get_objects())  # nobody looks at it again
    del knots
    collector.collect()
    assert gc.get_freeze_count() < frozen + 5_000


def test_nothing_is_collected_during_a_run(window: MainWindow, qtbot: QtBot) -> None:
    collector = Collector(window)
    seen: list[str] = []

    def listen(phase: str, info: dict[str, int]) -> None:
        if phase == "stop" and info["generation"] == 2:
            seen.append("full")

    window.files.new(PipelineTemplates.get("simulated"))
    window.runs.run(RunOptions(frames=20, calibration="never"))
    assert window.runs.busy
    assert gc.get_freeze_count() > 10_000  # frozen when it began
    gc.callbacks.append(listen)
    collector.collect()
    gc.callbacks.remove(listen)
    assert seen == []
    qtbot.waitUntil(lambda: not window.runs.busy, timeout=60_000)
