"""The editor of a file or folder: a line of text, and a button that opens the system's dialog."""

from __future__ import annotations

from pathlib import Path

from pydantic import JsonValue
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QLineEdit, QPushButton

from cluster4npu.core.settings import resolve_path
from cluster4npu.ui.editor.field import FieldEditor
from cluster4npu.ui.text import tr


class PathField(FieldEditor):
    """A path as text. What is chosen below `base` (the pipeline's folder) is kept relative to it.

    `kind` is "file", "folder" or "save" (a file that may not exist yet).
    """

    def __init__(
        self, kind: str, file_filter: str = "", base: Path | None = None, optional: bool = False
    ) -> None:
        super().__init__()
        self.kind = kind
        self.file_filter = file_filter
        self.base = base
        self.optional = optional
        self.line = QLineEdit()
        self.button = QPushButton(tr("Choose…"))
        self.dialog: QFileDialog | None = None
        self._row(self.line, self.button)
        self.line.textEdited.connect(self._tell)
        self.button.clicked.connect(self._open_dialog)

    def show_value(self, value: JsonValue) -> None:
        text = "" if value is None else str(value)
        if text != self.line.text():
            self.line.setText(text)
            self.line.setCursorPosition(0)

    def choose(self, path: str) -> None:
        """Take this path as if it had been chosen in the dialog."""
        text = path
        if self.base is not None:
            real, base = Path(path).resolve(), self.base.resolve()
            text = real.relative_to(base).as_posix() if real.is_relative_to(base) else path
        self.line.setText(text)
        self._tell(text)

    def _tell(self, text: str) -> None:
        self.edited.emit(None if self.optional and not text else text)

    def _open_dialog(self) -> None:
        here = resolve_path(self.line.text(), self.base)
        start = here if here.is_dir() else here.parent
        dialog = QFileDialog(
            self, "Choose a folder" if self.kind == "folder" else "Choose a file", str(start)
        )
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if self.kind == "folder":
            dialog.setFileMode(QFileDialog.FileMode.Directory)
            dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        elif self.kind == "save":
            dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
            dialog.setOption(QFileDialog.Option.DontConfirmOverwrite)  # nothing is written before the run
        else:
            dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        if self.file_filter:
            dialog.setNameFilter(self.file_filter)
        dialog.fileSelected.connect(self.choose)
        self.dialog = dialog
        dialog.open()
