"""Work on a thread of its own, and how its end comes back."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from PySide6.QtCore import QObject, Slot
from pytestqt.qtbot import QtBot

from cluster4npu.ui.dialogs.background import Background


class Listener(QObject):
    """Notes what arrives, and on which thread."""

    def __init__(self, work: Background) -> None:
        super().__init__()
        self.heard: list[tuple[str, object, int]] = []
        work.progressed.connect(self.progress)
        work.succeeded.connect(self.success)
        work.failed.connect(self.failure)

    @Slot(object)
    def progress(self, value: object) -> None:
        self.heard.append(("progress", value, threading.get_ident()))

    @Slot(object)
    def success(self, value: object) -> None:
        self.heard.append(("success", value, threading.get_ident()))

    @Slot(object)
    def failure(self, value: object) -> None:
        self.heard.append(("failure", value, threading.get_ident()))


def test_news_and_result_arrive_in_order_on_the_window_s_thread(qtbot: QtBot) -> None:
    ran_on: list[int] = []

    def work(report: object) -> object:
        ran_on.append(threading.get_ident())
        for number in range(3):
            report(number)  # type: ignore[operator]
        return "done"

    task = Background(work, "test")
    listener = Listener(task)
    with qtbot.waitSignal(task.succeeded):
        task.start()
        assert task.running
    here = threading.get_ident()
    assert [(what, value) for what, value, _ in listener.heard] == [
        ("progress", 0),
        ("progress", 1),
        ("progress", 2),
        ("success", "done"),
    ]
    assert {thread for _, _, thread in listener.heard} == {here}
    assert ran_on != [here]
    assert not task.running


def test_an_error_arrives_as_it_was_raised(qtbot: QtBot) -> None:
    error = ValueError("no")

    def work(_report: object) -> object:
        raise error

    task = Background(work, "test")
    with qtbot.waitSignal(task.failed) as signal:
        task.start()
    assert signal.args == [error]


@pytest.mark.parametrize("fails", [True, False])
def test_an_abandoned_work_tells_nothing(qtbot: QtBot, fails: bool) -> None:
    go = threading.Event()

    def work(report: object) -> object:
        assert go.wait(10)
        report("news")  # type: ignore[operator]
        if fails:
            raise ValueError("no")
        return "done"

    task = Background(work, "test")
    listener = Listener(task)
    task.start()
    task.abandon()
    go.set()
    qtbot.waitUntil(lambda: not task.running)
    assert listener.heard == []


def test_the_end_may_come_after_the_listener_has_gone(qtbot: QtBot) -> None:
    go = threading.Event()

    def work(_report: object) -> object:
        return go.wait(10)

    task = Background(work, "test")
    listener = Listener(task)
    listener.deleteLater()
    del listener
    task.start()
    go.set()
    with qtbot.waitSignal(task.succeeded):
        pass


AT_THE_END = """
import sys, time
import duckdb
from PySide6.QtCore import QCoreApplication
from cluster4npu.ui.dialogs.background import Background

app = QCoreApplication([])
def work(report):
    until = time.monotonic() + 1.0
    while time.monotonic() < until:
        with duckdb.connect() as connection:
            connection.sql("SELECT sum(i) FROM range(100000) t(i)").fetchall()
Background(work, "busy").start()
sys.exit(3)
"""


def test_a_program_ends_in_order_while_a_library_still_computes_on_a_thread() -> None:
    done = subprocess.run(
        [sys.executable, "-c", AT_THE_END], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (3, "")
