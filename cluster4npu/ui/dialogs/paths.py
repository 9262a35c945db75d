"""A field for a file or folder, with a button that opens the system's own dialog."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget

from cluster4npu.core.settings import resolve_path
from cluster4npu.ui.text import tr


class PathField(QWidget):
    """A path that can be typed or browsed for. `changed` tells of every edit."""

    changed = Signal()

    def __init__(
        self,
        name: str,
        placeholder: str,
        *,
        file_filter: str = "",
        folder: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._name = name
        self._filter = file_filter
        self._folder = folder
        self.edit = QLineEdit()
        self.edit.setPlaceholderText(placeholder)
        self.edit.setAccessibleName(name)
        self.edit.setClearButtonEnabled(True)
        self.edit.setMaxLength(4096)
        self.edit.textChanged.connect(self.changed)
        self.browse = QPushButton(tr("Browse ..."))
        self.browse.setAccessibleName(tr("Browse for {0}").format(name.lower()))
        self.browse.clicked.connect(self._browse)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.edit, 1)
        layout.addWidget(self.browse)
        self.setFocusProxy(self.edit)

    def text(self) -> str:
        """Return the path as it stands, without blanks around it."""
        return self.edit.text().strip()

    def path(self) -> str:
        """Return the path so that it means the same wherever it is saved; "" when nothing was typed."""
        return str(resolve_path(self.text(), None)) if self.text() else ""

    def set_text(self, text: str) -> None:
        """Put a path into the field."""
        self.edit.setText(text)

    def _browse(self) -> None:
        if self._folder:
            path = QFileDialog.getExistingDirectory(self, self._name, self.text())
        else:
            path, _ = QFileDialog.getOpenFileName(self, self._name, self.text(), self._filter)
        if path:
            self.edit.setText(path)
