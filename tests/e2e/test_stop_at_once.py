"""Stop, pressed while a run is only beginning: it ends at once, is told as stopped, and leaves nothing."""

from __future__ import annotations

import time

import psutil
from pytestqt.qtbot import QtBot

from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui.main_window import MainWindow

MOST_S = 2.0
NOISE = 2.5  # of a machine that is busy with other tests
MOMENTS = (
    ("the moment of the click", ""),
    ("opening the source", "opening the source"),
    ("loading", "loading the model on every device"),
    ("calibrating", "calibrating"),
)


def running() -> list[psutil.Process]:
    """Return the processes of runs that still work; the helper that watches shared memory stays."""
    found = psutil.Process().children(recursive=True)
    return [child for child in found if child.status() != psutil.STATUS_ZOMBIE and is_of_a_run(child)]


def is_of_a_run(child: psutil.Process) -> bool:
    try:
        return any("spawn_main" in word for word in child.cmdline())
    except psutil.NoSuchProcess:
        return False


def test_stop_while_a_run_begins(window: MainWindow, qtbot: QtBot) -> None:
    window.files.new(PipelineTemplates.get("simulated", devices=["sim:ane?ms=20", "sim:gpu?ms=50"]))
    told: list[str] = []
    window.runs.bridge.state_changed.connect(lambda state, detail: told.extend((state, detail)))
    for name, moment in MOMENTS:
        told.clear()
        window.run()
        qtbot.waitUntil(lambda moment=moment: not moment or moment in told, timeout=60_000)
        begun = time.monotonic()
        window.actions_by_name["stop"].trigger()
        qtbot.waitUntil(lambda: not window.runs.busy, timeout=20_000)
        assert time.monotonic() - begun < MOST_S * NOISE, name
        assert window.state_label.text() == "Stopped", name
        assert window.messages.text() == "", name
        assert window.workspace.problems.shown() == (), name
        qtbot.waitUntil(lambda: running() == [], timeout=5_000)
    assert window.actions_by_name["run"].isEnabled()
