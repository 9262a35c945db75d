"""What every test of the window needs: a data folder of its own, the theme, and no unexpected Qt warnings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QtMsgType, qInstallMessageHandler
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from cluster4npu.ui import theme
from cluster4npu.ui.garbage import collect_here
from cluster4npu.ui.main_window import MainWindow

EXPECTED_WARNINGS = (
    "This plugin does not support",  # the offscreen platform cannot move or raise windows
    "QFontDatabase: Cannot find font directory",
)
WARNINGS = (QtMsgType.QtWarningMsg, QtMsgType.QtCriticalMsg, QtMsgType.QtFatalMsg)


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a data folder of its own: settings, store, calibration cache."""
    folder = tmp_path / "data"
    monkeypatch.setenv("CLUSTER4NPU_DATA", str(folder))
    return folder


@pytest.fixture(autouse=True)
def qt_is_quiet(qapp: QApplication) -> Iterator[None]:
    """Fail a test in which Qt warned of something."""
    collect_here(qapp)
    said: list[str] = []

    def listen(kind: QtMsgType, _context: object, text: str) -> None:
        if kind in WARNINGS and not text.startswith(EXPECTED_WARNINGS):
            said.append(text)

    if theme.changes().follows is None:
        theme.apply_theme(qapp, "light")
    before = qInstallMessageHandler(listen)
    yield
    qInstallMessageHandler(before)
    assert not said, "Qt warned:\n" + "\n".join(said)


@pytest.fixture
def make_window(qtbot: QtBot, tmp_path: Path) -> Iterator[Callable[[], MainWindow]]:
    """Return a function that opens a window on one store; every window is closed, and its run ended, afterwards."""
    windows: list[MainWindow] = []

    def make() -> MainWindow:
        window = MainWindow(tmp_path / "results.duckdb")
        windows.append(window)
        qtbot.addWidget(window, before_close_func=lambda w: w.document.undo_stack.setClean())
        window.resize(1280, 800)
        window.show()
        qtbot.waitExposed(window)
        return window

    yield make
    for window in windows:
        window.runs.shutdown()


@pytest.fixture
def window(make_window: Callable[[], MainWindow]) -> MainWindow:
    """Return an open window on the start page."""
    return make_window()
