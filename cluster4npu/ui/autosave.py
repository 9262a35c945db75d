"""Keeps a copy of the unsaved pipeline every few seconds, on a thread, so that a killed program loses no more."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal
from shiboken6 import isValid

from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.reasons import reason_of
from cluster4npu.ui.dialogs.background import Background
from cluster4npu.ui.document import Document
from cluster4npu.ui.recovery import Slot
from cluster4npu.ui.text import told

KEEP_AFTER_MS = 3000  # from the first edit that is not kept yet
_END_S = 3.0


class Autosave(QObject):
    """Follows a document: unsaved edits have a copy, a saved pipeline has none.

    `kept` tells that a copy is on the disk; `failed` carries the reason why one could not be written.
    """

    kept = Signal()
    failed = Signal(str)

    def __init__(self, document: Document, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._slot = Slot()
        self._held: PipelineConfig | None = None  # what the copy holds
        self._writing: Background | None = None
        self._ended = False
        self._timer = QTimer(self, singleShot=True, interval=KEEP_AFTER_MS)
        self._timer.timeout.connect(self._write)
        document.undo_stack.indexChanged.connect(self._note)
        document.undo_stack.cleanChanged.connect(self._note)

    @property
    def needed(self) -> bool:
        """Tell whether there are edits that are nowhere else."""
        return self._document.is_modified()

    def flush(self) -> None:
        """Write the copy now and wait for it; raises OSError."""
        self._timer.stop()
        self._wait()
        if self._document.is_modified():
            self._slot.keep(self._document.config, self._document.path, self._document.on_disk)
            self._held = self._document.config

    def end(self, *, keep: bool) -> None:
        """Stop: without a copy, or (`keep`) with the newest one, to be offered at the next start."""
        if self._ended:
            return
        self._ended = True
        self._timer.stop()
        self._document.undo_stack.indexChanged.disconnect(self._note)
        self._document.undo_stack.cleanChanged.disconnect(self._note)
        if keep:
            self.flush()
        else:
            self._wait()
            self._slot.clear()
        self._slot.release()

    def _note(self) -> None:
        if not isValid(self._document.undo_stack):
            return  # it tells of its own end, too
        if not self._document.is_modified():
            self._timer.stop()
            self._held = None
            if self._writing is None:
                self._slot.clear()
        elif self._held is not self._document.config and not self._timer.isActive():
            self._timer.start()

    def _write(self) -> None:
        if self._writing is not None:
            self._timer.start()  # the disk is slow: one at a time
            return
        document, slot = self._document, self._slot
        config, path, on_disk = document.config, document.path, document.on_disk
        self._writing = Background(lambda _report: slot.keep(config, path, on_disk), "autosave")
        self._writing.succeeded.connect(lambda _: self._written(config))
        self._writing.failed.connect(self._not_written)
        self._writing.start()

    def _written(self, config: PipelineConfig) -> None:
        self._writing = None
        self._held = config
        self._note()
        self.kept.emit()

    def _not_written(self, error: Exception) -> None:
        self._writing = None
        self.failed.emit(told(reason_of(error)))

    def _wait(self) -> None:
        if self._writing is not None:
            self._writing.abandon()
            self._writing.wait(_END_S)
            self._writing = None
