"""Starts the window, or draws pictures of it where there is no display."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
import threading
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QApplication, QMainWindow, QMessageBox

from cluster4npu.core.settings import data_dir
from cluster4npu.ui import theme
from cluster4npu.ui.garbage import collect_here
from cluster4npu.ui.preload import Preload
from cluster4npu.ui.text import install_translation, tr

_LOG_BYTES = 1_000_000
_SWITCH_S = 0.001
_PRELOAD_MS = 300  # the first window is painted by then
_log = logging.getLogger("cluster4npu.ui")


def run_app(pipeline: Path | None, *, store: Path | None = None, render: Path | None = None) -> int:
    """Open the window on this pipeline, or on the start page, and return the exit code when it is closed.

    With `render` nothing is shown: the pipeline is run, pictures of the window are written into that folder,
    and the code is that of the error when this did not work. Ctrl-C ends with 130.
    """
    if render is not None:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    app = make_application()
    if render is not None:
        from cluster4npu.ui.render import hush_offscreen, render_pictures

        hush_offscreen()
        return render_pictures(pipeline, store, render)
    from cluster4npu.ui.preferences import Preferences
    from cluster4npu.ui.windows import Windows

    install_translation(app)
    theme.apply_theme(app, Preferences().theme)
    windows = Windows(store)
    window = windows.open()
    keep_log()
    reporter = CrashReporter()
    reporter.install()
    if pipeline is not None:
        QTimer.singleShot(0, window, lambda: window.files.open(pipeline))
    elif not window.preferences.tour_seen:
        QTimer.singleShot(0, window, window.show_tour)
    from cluster4npu.ui.signals import SignalWatch

    preload = Preload()
    QTimer.singleShot(_PRELOAD_MS, windows, preload.start)
    watch = SignalWatch(windows.close_unasked, windows)
    code = app.exec()
    watch.end()
    preload.end()
    delete_now()
    return watch.code or code


def make_application() -> QApplication:
    """Return the one QApplication, named and dressed.

    Threads of the program take turns five times as often as Python lets them: after each call into Qt the window's
    thread may have to wait for its turn, and a panel takes hundreds of calls.
    """
    sys.setswitchinterval(_SWITCH_S)
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(sys.argv[:1])
    app.setApplicationName("Cluster4NPU")
    app.setApplicationDisplayName("")
    app.setOrganizationName("Cluster4NPU")
    app.setDesktopFileName("cluster4npu")
    collect_here(app)
    theme.apply_theme(app)
    return app


def delete_now() -> None:
    """Delete what `deleteLater` has put off, where no event loop will do it.

    A window that is still there when Python ends keeps modules alive, and DuckDB's tell that on stderr, as leaks.
    """
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def keep_log() -> None:
    """Write warnings and errors into the user's data folder as well."""
    handler = logging.handlers.RotatingFileHandler(
        data_dir() / "app.log", maxBytes=_LOG_BYTES, backupCount=1, encoding="utf-8", delay=True
    )
    handler.setLevel(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)


class CrashReporter(QObject):
    """Shows unforeseen errors in a dialog over the active window; the windows and their documents stay."""

    _raised = Signal(str)

    def __init__(self, window: QMainWindow | None = None) -> None:
        super().__init__(window)
        self._window = window
        self.box: QMessageBox | None = None
        self._raised.connect(self._show, Qt.ConnectionType.QueuedConnection)

    def install(self) -> None:
        """Take over what no code has caught, in every thread."""
        sys.excepthook = self.report
        threading.excepthook = lambda args: self.report(
            args.exc_type, args.exc_value or args.exc_type(), args.exc_traceback
        )

    def report(
        self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        """Log the error and show it; Ctrl-C closes the window."""
        if issubclass(kind, KeyboardInterrupt):
            QTimer.singleShot(0, QApplication.closeAllWindows)
            return
        _log.error("unforeseen error", exc_info=(kind, error, traceback))
        self._raised.emit(f"{kind.__name__}: {error}"[:1000])

    def _show(self, text: str) -> None:
        if self.box is not None and self.box.isVisible():
            return  # one at a time; all of them are in the log
        self.box = QMessageBox(self._window or QApplication.activeWindow())
        self.box.setIcon(QMessageBox.Icon.Warning)
        self.box.setWindowTitle(tr("Something went wrong"))
        self.box.setTextFormat(Qt.TextFormat.PlainText)
        self.box.setText(
            tr("Something went wrong that the program did not foresee. Your pipeline is still open.")
        )
        self.box.setInformativeText(
            tr("{0}\n\nThe whole story is in {1}").format(text, data_dir() / "app.log")
        )
        self.box.open()
