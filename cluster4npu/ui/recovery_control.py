"""Copies of unsaved edits: those of a lost program are recovered or discarded, this window's end with it."""

from __future__ import annotations

import logging

from PySide6.QtCore import QObject

from cluster4npu.core.reasons import reason_of
from cluster4npu.ui.autosave import Autosave
from cluster4npu.ui.files import FileControl
from cluster4npu.ui.message_bar import MessageBar
from cluster4npu.ui.recovery import Lost
from cluster4npu.ui.recovery_bar import RecoveryBar
from cluster4npu.ui.text import told, tr

_log = logging.getLogger(__name__)


class RecoveryControl(QObject):
    """Does what the bar over the window asks for, and tells when no copy can be kept."""

    def __init__(
        self, autosave: Autosave, bar: RecoveryBar, files: FileControl, messages: MessageBar
    ) -> None:
        super().__init__(autosave)
        self._autosave, self._bar, self._files, self._messages = autosave, bar, files, messages
        bar.recover_asked.connect(self._recover)
        bar.discard_asked.connect(self._discard)
        autosave.failed.connect(self._warn)

    def end(self, *, keep: bool) -> None:
        """End with the window; `keep` leaves a copy of unsaved edits, since nobody was asked about them."""
        try:
            self._autosave.end(keep=keep and self._autosave.needed)
        except OSError as error:
            _log.warning(tr("unsaved edits are lost: %s"), error)

    def _recover(self, lost: Lost) -> None:
        if not self._files.recover(lost):
            return
        self._bar.drop(lost)
        try:
            self._autosave.flush()  # before the old copy goes
            lost.discard()
        except OSError as error:
            self._warn(reason_of(error))

    def _discard(self, lost: Lost) -> None:
        try:
            lost.discard()
        except OSError as error:
            text = tr("The copy {0} cannot be deleted: {1}.").format(lost.copy, told(reason_of(error)))
            self._messages.show_text(text, "warn")
        self._bar.drop(lost)

    def _warn(self, reason: str) -> None:
        text = tr("No copy of your unsaved edits can be kept: {0}. Save the pipeline yourself.")
        self._messages.show_text(text.format(reason), "warn")
