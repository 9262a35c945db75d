"""What no code has caught is shown in a dialog, and the window lives on; pictures can be drawn without a display."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui import render
from cluster4npu.ui.app import CrashReporter
from cluster4npu.ui.main_window import MainWindow


@pytest.fixture
def reporter(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> Iterator[CrashReporter]:
    monkeypatch.setattr("sys.excepthook", None)
    monkeypatch.setattr("threading.excepthook", None)
    yield CrashReporter(window)


def test_an_unforeseen_error_is_shown_and_the_window_lives(
    reporter: CrashReporter, window: MainWindow, qtbot: QtBot, caplog: pytest.LogCaptureFixture
) -> None:
    try:
        raise ZeroDivisionError("oops")
    except ZeroDivisionError as error:
        reporter.report(type(error), error, error.__traceback__)
    qtbot.waitUntil(lambda: reporter.box is not None and reporter.box.isVisible())
    assert reporter.box is not None
    assert "ZeroDivisionError: oops" in reporter.box.informativeText()
    assert window.isVisible()
    assert "unforeseen error" in caplog.text
    reporter.box.accept()


def test_errors_in_threads_are_shown_too(reporter: CrashReporter, qtbot: QtBot) -> None:
    reporter.install()
    thread = threading.Thread(target=lambda: [][1])
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: reporter.box is not None and reporter.box.isVisible())
    assert reporter.box is not None
    assert "IndexError" in reporter.box.informativeText()
    reporter.box.accept()


def test_ctrl_c_closes_the_window(reporter: CrashReporter, window: MainWindow, qtbot: QtBot) -> None:
    reporter.report(KeyboardInterrupt, KeyboardInterrupt(), None)
    qtbot.waitUntil(lambda: not window.isVisible())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_an_idle_window_with_unsaved_edits_unasked(tmp_path: Path, number: int) -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "CLUSTER4NPU_DATA": str(tmp_path)}
    code = (
        f"import signal; signal.signal({int(number)}, signal.SIG_DFL)\n"  # a shell's background job ignores Ctrl-C
        "from PySide6.QtCore import QTimer\n"
        "from cluster4npu.ui import app, main_window\n"
        "show = main_window.MainWindow.show\n"
        "def edited(window):\n"
        "    show(window)\n"
        "    window.show_history()\n"  # with DuckDB, which tells on stderr what is left at the end
        "    window.document.add_node('count', (0.0, 0.0))\n"
        "    QTimer.singleShot(300, lambda: print('shown', flush=True))\n"
        "main_window.MainWindow.show = edited\n"
        "raise SystemExit(app.run_app(None))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None and process.stderr is not None
            assert process.stdout.readline() == b"shown\n"
            time.sleep(0.3)
            process.send_signal(number)
            told = [line for line in process.stderr if not line.startswith(b"This plugin does not support")]
            assert (process.wait(10), told) == (128 + number, [])
        finally:
            process.kill()


def test_pictures_of_a_real_run(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(render, "RUN_SECONDS", 1.0)
    path = tmp_path / "simulated.json"
    PipelineTemplates.get("simulated", devices=["sim:ane?ms=5"]).save(path)
    assert render.render_pictures(path, tmp_path / "results.duckdb", tmp_path / "pictures") == 0
    written = {p.name for p in (tmp_path / "pictures").iterdir()}
    assert written == {"start.png", "designer.png", "running.png", "history.png"}
    assert str(tmp_path / "pictures" / "running.png") in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "told"), [(PipelineConfig().text(), "pipeline is empty"), ("{", "not a pipeline file")]
)
def test_pictures_of_a_pipeline_that_cannot_run_say_why(
    qtbot: QtBot, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, told: str
) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    assert render.render_pictures(path, tmp_path / "results.duckdb", tmp_path / "pictures") == 2
    assert told in capsys.readouterr().err
