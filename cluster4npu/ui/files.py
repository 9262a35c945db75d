"""New, open, save: what replaces or writes the open pipeline, and the question before edits are lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.pipeline.mflow import GOES_ON
from cluster4npu.core.settings import assets_dir
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui.document import Document, resolved
from cluster4npu.ui.preferences import Preferences
from cluster4npu.ui.recovery import Lost
from cluster4npu.ui.text import tr

_FILTER = "Pipelines (*.json);;All files (*)"
_OPEN_FILTER = "Pipelines (*.json *.mflow);;All files (*)"
MFLOW = ".mflow"
Button = QMessageBox.StandardButton


class FileControl(QObject):
    """Each method asks first when there are unsaved edits, and tells whether it was done.

    `opened`: another pipeline is in the document; `failed` carries an InputError, the document is as it was.
    """

    opened = Signal()
    saved = Signal()
    taken_over = Signal(int)  # an earlier designer's file; how many of its settings have no counterpart
    failed = Signal(object)

    def __init__(
        self,
        window: QWidget,
        document: Document,
        preferences: Preferences,
        opened_elsewhere: Callable[[Path], bool] = lambda path: False,
    ) -> None:
        super().__init__(window)
        self._opened_elsewhere = opened_elsewhere
        self._window = window
        self._document = document
        self._preferences = preferences

    def may_lose_edits(self) -> bool:
        """Ask what shall become of unsaved edits; False: the reader wants to stay."""
        if not self._document.is_modified():
            return True
        answer = QMessageBox.question(
            self._window,
            tr("Unsaved changes"),
            tr("Save the changes to “{0}” first?").format(display_name(self._document)),
            Button.Save | Button.Discard | Button.Cancel,
            Button.Save,
        )
        if answer == Button.Save:
            return self.save()
        return answer == Button.Discard

    def new(self, config: PipelineConfig, *, modified: bool = False) -> bool:
        """Begin with this pipeline, which has no file yet; `modified`: closing asks, as after an edit."""
        if not self.may_lose_edits():
            return False
        self._document.new(config, modified=modified)
        self.opened.emit()
        return True

    def new_from_template(self, key: str) -> bool:
        """Begin with a template."""
        try:
            return self.new(PipelineTemplates.get(key))
        except InputError as error:
            self.failed.emit(error)
            return False

    def open_example(self) -> bool:
        """Begin with the bundled example."""
        return self.open(assets_dir() / "example.json")

    def ask_open(self) -> bool:
        """Let the reader choose a file."""
        recent = self._preferences.recent
        folder = str(recent[0].parent) if recent else str(Path.home())
        name, _ = QFileDialog.getOpenFileName(self._window, tr("Open pipeline"), folder, _OPEN_FILTER)
        return bool(name) and self.open(Path(name))

    def open(self, path: Path) -> bool:
        """Open a file. What ships with the program, or is an earlier designer's, becomes a new pipeline: it stays."""
        path = path.absolute()
        try:
            config = PipelineConfig.open(path)
            if path.resolve().parent == assets_dir().resolve():
                return self.new(config.replace(base=None))
            if path.suffix.lower() == MFLOW:
                return self._take_over(config)
            if self._opened_elsewhere(path):
                return False
            if not self.may_lose_edits():
                return False
            self._document.open(path)
        except InputError as error:
            self.failed.emit(error)
            return False
        self._preferences.remember(path)
        self.opened.emit()
        return True

    def _take_over(self, config: PipelineConfig) -> bool:
        """Begin with what an earlier designer's file became."""
        if not self.new(config, modified=True):
            return False
        lines = [line for box in config.boxes for line in box.text.split("\n")[1:]]
        self.taken_over.emit(sum(not line.startswith(GOES_ON) for line in lines))
        return True

    def recover(self, lost: Lost) -> bool:
        """Go on with edits that a killed program had not saved."""
        if not self.may_lose_edits():
            return False
        self._document.restore(lost.config, lost.path, lost.on_disk)
        self.opened.emit()
        return True

    def save(self) -> bool:
        """Write the file; asks for its name where there is none yet, and before another program's work is lost."""
        path = self._document.path
        if path is None:
            return self.ask_save_as()
        if self._document.is_changed_outside():
            return self._save_over_changes(path)
        return self._save(path)

    def _save_over_changes(self, path: Path) -> bool:
        """Ask what shall become of a file that has changed since it was read here."""
        box = QMessageBox(QMessageBox.Icon.Warning, tr("File changed"), "", parent=self._window)
        box.setText(tr("Another program has changed “{0}” since it was opened here.").format(path.name))
        box.setInformativeText(tr("Overwrite takes the place of those changes; Save as keeps both."))
        overwrite = box.addButton(tr("Overwrite"), QMessageBox.ButtonRole.DestructiveRole)
        other = box.addButton(tr("Save as …"), QMessageBox.ButtonRole.AcceptRole)
        box.addButton(Button.Cancel)
        box.setDefaultButton(other)
        box.exec()
        if box.clickedButton() is overwrite:
            return self._save(path)
        return box.clickedButton() is other and self.ask_save_as()

    def ask_save_as(self) -> bool:
        """Let the reader choose where to save."""
        document = self._document
        place = document.path or Path.home() / f"{_file_name(document.config.name)}.json"
        name, _ = QFileDialog.getSaveFileName(self._window, tr("Save pipeline"), str(place), _FILTER)
        if not name:
            return False
        path = Path(name)
        if (
            path.suffix.lower() != ".json"
        ):  # "cams v1.2" has no suffix of ours: the list of files would hide it
            path = path.with_name(f"{path.name}.json")
            if path.exists() and not self._may_replace(path):
                return False
        return self._save(path)

    def _may_replace(self, path: Path) -> bool:
        """Ask for a name that the file dialog has not seen with its suffix."""
        answer = QMessageBox.question(
            self._window,
            tr("Replace the file?"),
            tr("“{0}” exists. Replace it?").format(path.name),
            Button.Yes | Button.Cancel,
            Button.Cancel,
        )
        return answer == Button.Yes

    def _save(self, path: Path) -> bool:
        try:
            if self._opened_elsewhere(resolved(path)):
                raise InputError(
                    Problem(
                        "this file is open in another window",
                        found=str(path),
                        hint="Choose another name, or close the other window first.",
                    )
                )
            self._document.save(path)
        except InputError as error:
            self.failed.emit(error)
            return False
        self._preferences.remember(path.absolute())
        self.saved.emit()
        return True


def display_name(document: Document) -> str:
    """Return what the title calls the pipeline: its file, or its own name before it has one."""
    return document.path.stem if document.path is not None else _named(document.config)


def _named(config: PipelineConfig) -> str:
    """Return a pipeline's name; the one that it has before it is named is the program's own word."""
    return tr("Untitled") if config.name in ("", "Untitled") else config.name


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_ " else "_" for c in name).strip() or "pipeline"
