"""A run whose result cannot be kept: told at its beginning, and kept as soon as the store is free."""

from __future__ import annotations

import subprocess
import sys

import duckdb
import pytest
from pytestqt.qtbot import QtBot

from cluster4npu.core.engine.messages import RunOptions
from cluster4npu.core.store import Store
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui import run_control
from cluster4npu.ui.main_window import MainWindow

HOLD = """
import sys
import duckdb
held = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""


def test_a_store_that_is_in_use_is_told_at_once_and_the_run_is_kept_later(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_control, "TRY_AGAIN_MS", 50)
    path = window.runs._store
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline().strip() == "held"
        window.document.new(PipelineTemplates.get("simulated"))
        window.runs.run(RunOptions(seconds=60.0, calibration="never"))
        qtbot.waitUntil(lambda: "could not be kept now" in window.messages.text(), timeout=30_000)
        assert window.runs.busy and "--store" not in window.messages.text()
        chart = window.workspace.dashboard.fps_chart
        qtbot.waitUntil(lambda: chart.points() > 0, timeout=60_000)  # a run without a frame is not kept
        window.runs.stop()
        qtbot.waitUntil(lambda: "not kept yet" in window.messages.text(), timeout=30_000)
    finally:
        with qtbot.waitSignal(window.runs.stored, timeout=30_000) as stored:
            holder.communicate("\n")
    assert Store(path).run(stored.args[0]).kind == "run"


def test_a_store_that_will_never_do_is_not_asked_again(window: MainWindow, qtbot: QtBot) -> None:
    path = window.runs._store
    with Store(path):
        pass
    with duckdb.connect(str(path)) as raw:
        raw.execute("UPDATE schema_version SET version = 9999")
    asked: list[object] = []

    def save(report: object) -> str:
        asked.append(report)
        with Store(path) as store:
            return str(store.runs())

    window.runs._store_in_background(save)
    qtbot.waitUntil(lambda: "was not kept" in window.messages.text(), timeout=30_000)
    assert "newer version" in window.messages.text()
    assert len(asked) == 1
