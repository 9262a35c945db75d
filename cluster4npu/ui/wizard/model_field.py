"""The field for the user's own model: typed, browsed for or dropped, and looked into before it is accepted."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from cluster4npu.core.devices.inspection import inspect_model
from cluster4npu.core.devices.model_package import is_model_file
from cluster4npu.core.devices.model_report import ModelReport, about
from cluster4npu.core.errors import Cluster4NPUError
from cluster4npu.ui import theme
from cluster4npu.ui.dialogs.background import Background
from cluster4npu.ui.dialogs.errors import plain_label
from cluster4npu.ui.dialogs.paths import PathField
from cluster4npu.ui.text import told_problem, tr

SUFFIXES = (".onnx", ".pt", ".torchscript", ".pt2", ".safetensors", ".mlpackage", ".mlmodel")
_FILTER = f"Models ({' '.join('*' + suffix for suffix in SUFFIXES)});;All files (*)"
_TYPED_MS = 300  # after the last key a name is taken for whole


class ModelField(QWidget):
    """A path and, under it, what the model is. `changed` tells of every edit and of the end of every look."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.field = PathField(
            tr("Model file"), tr("Path of an .onnx file; or drop it here"), file_filter=_FILTER
        )
        self.told = plain_label()
        theme.give_role(self.told, "muted")
        self.told.setAccessibleName(tr("What the model is"))
        self.info: ModelReport | None = None
        self._error = ""
        self._looking: Background | None = None
        self._pause = QTimer(self, singleShot=True, interval=_TYPED_MS)
        self._pause.timeout.connect(self._look)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.field)
        layout.addWidget(self.told)
        self.setFocusProxy(self.field)
        self.field.changed.connect(self._edited)
        self._tell("")

    def text(self) -> str:
        """Return the path as it stands."""
        return self.field.text()

    def path(self) -> str:
        """Return the path so that it means the same wherever it is saved."""
        return self.field.path()

    def set_text(self, text: str) -> None:
        """Put a path into the field."""
        self.field.set_text(text)

    def missing(self) -> str:
        """Return why this model cannot be taken (yet), in words; "" when it can."""
        if not self.text():
            return "choose a model file, or try it without one of your own."
        if not is_model_file(Path(self.path())):
            return f"there is no model file {self.path()}"
        return self._error or ("" if self.info is not None else "wait until the model was looked into.")

    def _edited(self) -> None:
        self.info, self._error = None, ""
        if self._looking is not None:
            self._looking.abandon()
            self._looking = None
        exists = bool(self.text()) and is_model_file(Path(self.path()))
        self._tell("Looking into the model …" if exists else "")
        if exists:
            self._pause.start()
        self.changed.emit()

    def _look(self) -> None:
        path = Path(self.path())
        self._looking = Background(lambda _report: inspect_model(path), "inspect-model")
        self._looking.succeeded.connect(self._found)
        self._looking.failed.connect(self._refused)
        self._looking.start()

    def _found(self, info: ModelReport) -> None:
        self.info = info
        self._tell(about(info))
        self.changed.emit()

    def _refused(self, error: Exception) -> None:
        problem = error.problems[0] if isinstance(error, Cluster4NPUError) else None
        self._error = (
            told_problem(problem)
            if problem is not None
            else tr("the model cannot be looked into: {0}").format(error)
        )
        self._tell("")
        self.changed.emit()

    def _tell(self, text: str) -> None:
        self.told.setText(text)
        self.told.setVisible(bool(text))
