"""A program that is killed loses no more than some seconds of edits, and offers the rest at its next start."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.ui import autosave
from cluster4npu.ui.main_window import MainWindow
from cluster4npu.ui.recovery import find_lost, folder
from tests.distribution import Rounds, note, soak
from tests.ui.editor.pipelines import chain

_APP = """
import sys
from PySide6.QtCore import QTimer
from cluster4npu.ui import app, main_window
show = main_window.MainWindow.show
def edited(window):
    show(window)
    window.autosave.kept.connect(lambda: print(window.autosave._held.name, flush=True))
    number = iter(range(10**9))
    timer = QTimer(window)
    timer.timeout.connect(lambda: window.document.describe(name=str(next(number))))
    timer.start(5)
main_window.MainWindow.show = edited
main_window.find_lost = list
from cluster4npu.ui import autosave
autosave.KEEP_AFTER_MS = int(sys.argv[1])
raise SystemExit(app.run_app(None))
"""


def killed_app(data: Path, keep_ms: int, delay_s: float = 0.0) -> int:
    """Start the program, let it edit and keep, kill it; return the number that it said to have kept last."""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "CLUSTER4NPU_DATA": str(data)}
    command = [sys.executable, "-c", _APP, str(keep_ms)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay_s)
        process.kill()
        said = process.stdout.read().split()
    return int(said[-1]) if said else 0


def test_a_killed_program_offers_its_edits(
    data_folder: Path, make_window: Callable[[], MainWindow], qtbot: QtBot
) -> None:
    killed_app(data_folder, 50)
    window = make_window()
    assert window.recovery.isVisible()
    assert "not saved" in window.recovery.label.text()
    window.recovery.recover.click()
    assert not window.recovery.isVisible()
    assert int(window.document.config.name) >= 0
    assert window.document.is_modified()
    assert window.stack.currentWidget() is window.workspace
    assert len(list(folder().glob("*.json"))) == 1  # its own copy, until it is saved
    assert find_lost() == []
    window.document.save(data_folder / "kept.json")
    assert list(folder().glob("*.json")) == []


def test_unsaved_edits_have_a_copy_and_saved_ones_none(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert autosave.KEEP_AFTER_MS <= 5000
    window.autosave._timer.setInterval(10)
    window.document.new(chain())
    assert list(folder().glob("*.json")) == []
    with qtbot.waitSignal(window.autosave.kept, timeout=5000):
        window.document.add_node("count", (0.0, 0.0))
    assert len(list(folder().glob("*.json"))) == 1
    assert find_lost() == []  # this window holds it
    with qtbot.waitSignal(window.autosave.kept, timeout=5000):
        window.document.describe(name="again")
    window.document.undo_stack.undo()
    window.document.undo_stack.undo()
    assert list(folder().glob("*.json")) == []


def test_a_program_ended_from_outside_keeps_its_edits(
    make_window: Callable[[], MainWindow], tmp_path: Path
) -> None:
    path = tmp_path / "chain.json"
    chain().save(path)
    first = make_window()
    first.files.open(path)
    first.document.describe(name="edited")
    first._unasked = True
    first.close()
    (lost,) = find_lost()
    assert lost.path == path.resolve()
    assert lost.config.name == "edited"
    assert lost.config.base == tmp_path
    second = make_window()
    second.recovery.recover.click()
    assert second.document.path == path.resolve()
    assert second.document.is_modified()
    assert PipelineConfig.open(path).name == "Chain"  # the file itself only changes when it is saved
    assert not second.document.is_changed_outside()
    chain().replace(name="theirs").save(path)
    assert second.document.is_changed_outside()  # since the edits were made, not since they were recovered


def test_discarding_and_asking_later(make_window: Callable[[], MainWindow], tmp_path: Path) -> None:
    for name in ("one", "two"):
        window = make_window()
        window.recovery.hide()
        window.document.new(chain())
        window.document.describe(name=name)
        window._unasked = True
        window.close()
    third = make_window()
    assert "And 1 more" in third.recovery.label.text()
    third.recovery.discard.click()
    assert len(find_lost()) == 1
    third.recovery.drop(third.recovery._offered[0])  # the button with the cross
    assert not third.recovery.isVisible()
    assert len(find_lost()) == 1
    assert make_window().recovery.isVisible()


WHOLE = '"base": null, "pipeline": {"version": 1}'
DAMAGED = [
    *("", "{", "[]", "[" * 100_000, '{"kept_s": "x"}', '{"kept_s": 1, "path": 3, "base": 4}'),
    *(f'{{"kept_s": {when}, "path": null, {WHOLE}}}' for when in ("1e400", "1e18", "NaN", "9" * 400)),
    f'{{"kept_s": 1, "path": "a\\u0000b", {WHOLE}}}',
]


@pytest.mark.parametrize("text", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_copy_is_left_where_it_is(data_folder: Path, qapp: object, text: str) -> None:
    (folder() / "bad.json").write_text(text)
    assert find_lost() == []
    assert (folder() / "bad.json").exists()


def test_a_damaged_copy_hinders_nothing(make_window: Callable[[], MainWindow]) -> None:
    (folder() / "bad.json").write_text("{")
    assert not make_window().recovery.isVisible()


def test_a_full_disk_is_told(window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cluster4npu.ui.recovery.write_whole", full)
    window.autosave._timer.setInterval(10)
    with qtbot.waitSignal(window.autosave.failed, timeout=5000):
        window.document.describe(name="x")
    assert "no space is left" in window.messages.text()


@pytest.mark.parametrize("times", [soak(500)])
def test_killed_at_any_moment(times: Rounds, data_folder: Path, qapp: object) -> None:
    for turn in times:
        last = killed_app(data_folder, 50, random.uniform(0, 0.2))
        (lost,) = find_lost()
        assert int(lost.config.name) >= last, turn
        lost.discard()
    note("window killed at any moment: every edit that was kept is found again", times)
