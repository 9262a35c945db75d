"""The user's own templates in the window: keep the open pipeline as one, take one over, share and remove."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QInputDialog, QLineEdit, QMessageBox, QWidget

from cluster4npu.core.errors import InputError
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui.document import Document
from cluster4npu.ui.message_bar import MessageBar
from cluster4npu.ui.text import tr

_FILTER = "Templates (*.json);;All files (*)"


class TemplateControl(QObject):
    """Asks, does it, and says what came of it in the message bar; `changed` tells that the list is another."""

    changed = Signal()

    def __init__(self, window: QWidget, document: Document, messages: MessageBar) -> None:
        super().__init__(window)
        self._window, self._document, self._messages = window, document, messages

    def ask_save(self) -> None:
        """Let the user name the template, and keep the open pipeline as it."""
        name, wanted = QInputDialog.getText(
            self._window,
            tr("Save as template"),
            tr("Name of the template:"),
            QLineEdit.EchoMode.Normal,
            self._document.config.name,
        )
        if wanted:
            self.save(name)

    def save(self, name: str) -> bool:
        """Keep the open pipeline as a template of this name."""
        try:
            _key, left_out = PipelineTemplates.save_own(self._document.config, name)
        except InputError as error:
            self._messages.show_problems(error.problems)
            return False
        self._tell(tr("Kept as the template “{0}”; the start page shows it.").format(name.strip()), left_out)
        return True

    def ask_take(self) -> None:
        """Let the user choose a template file of somebody else's."""
        name, _ = QFileDialog.getOpenFileName(self._window, tr("Import template"), str(Path.home()), _FILTER)
        if name:
            self.take(Path(name))

    def take(self, path: Path) -> bool:
        """Take over a template file."""
        try:
            _key, left_out = PipelineTemplates.take(path)
        except InputError as error:
            self._messages.show_problems(error.problems)
            return False
        self._tell(tr("Took over the template {0}; the start page shows it.").format(path.name), left_out)
        return True

    def ask_share(self, key: str) -> None:
        """Let the user choose where to write a template for others."""
        place = Path.home() / f"{key}.json"
        name, _ = QFileDialog.getSaveFileName(self._window, tr("Share template"), str(place), _FILTER)
        if name:
            self.share(key, Path(name))

    def share(self, key: str, path: Path) -> bool:
        """Write a template into a file."""
        try:
            PipelineTemplates.share(key, path)
        except InputError as error:
            self._messages.show_problems(error.problems)
            return False
        self._messages.show_text(tr("Wrote {0}. It holds no paths of this machine.").format(path), "ok")
        return True

    def ask_remove(self, key: str) -> None:
        """Remove a template once the user has said so."""
        answer = QMessageBox.question(
            self._window,
            tr("Remove template"),
            tr("Remove the template “{0}”? Its file is deleted.").format(key),
        )
        if answer == QMessageBox.StandardButton.Yes:
            self.remove(key)

    def remove(self, key: str) -> bool:
        """Remove a template of the user's."""
        try:
            PipelineTemplates.remove_own(key)
        except InputError as error:
            self._messages.show_problems(error.problems)
            return False
        self.changed.emit()
        return True

    def _tell(self, text: str, left_out: list[str]) -> None:
        if left_out:
            text += " " + tr("Left out, since they belong to one machine: {0}.").format(", ".join(left_out))
        self._messages.show_text(text, "ok")
        self.changed.emit()
