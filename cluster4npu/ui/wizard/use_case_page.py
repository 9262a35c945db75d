"""First page: what to do, with which model, on which input."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, Qt, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFrame, QGroupBox, QHBoxLayout, QRadioButton, QScrollArea, QVBoxLayout, QWidget

from cluster4npu.core.devices.model_package import is_package
from cluster4npu.core.devices.model_report import CLASSIFICATION, DETECTION, UNKNOWN
from cluster4npu.core.nodes.inference import NO_MODEL
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui import theme
from cluster4npu.ui.dialogs.cards import CardGroup
from cluster4npu.ui.dialogs.errors import plain_label
from cluster4npu.ui.dialogs.looks import text_indent
from cluster4npu.ui.text import tr
from cluster4npu.ui.wizard.draft import Draft, template_model, template_task
from cluster4npu.ui.wizard.inputs import InputChooser
from cluster4npu.ui.wizard.model_field import SUFFIXES, ModelField
from cluster4npu.ui.wizard.page import Page

_USE_CASES = {DETECTION: "object_detection", CLASSIFICATION: "classification"}
_VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".m4v", ".webm")


class UseCaseSelectionPage(Page):
    """Chooses a template, its model and its input."""

    def __init__(self, draft: Draft) -> None:
        super().__init__(
            draft, "What do you want to do?", "Choose a use case, a model and where the frames come from."
        )
        self._dropped = False  # a model of which it is not yet known what it is for
        self._infos = {info.key: info for info in PipelineTemplates.catalogue() if info.has_devices}
        self.cards = CardGroup(tr("Use case"))
        for info in self._infos.values():
            simulated = not info.model_needed and template_model(info.key) == NO_MODEL
            self.cards.add(info.key, info.title, tr(info.use_case) + ".", "SIMULATED" if simulated else "")
        self.about = plain_label(name="About")
        theme.give_role(self.about, "muted")
        self.inputs = InputChooser()
        self.model_box = self._make_model_box()
        input_box = QGroupBox(tr("Input"))
        QVBoxLayout(input_box).addWidget(self.inputs)
        right = QVBoxLayout()
        right.setSpacing(12)
        right.addWidget(self.about)
        right.addWidget(self.model_box)
        right.addWidget(input_box)
        right.addStretch(1)
        columns = QHBoxLayout()
        columns.setSpacing(18)
        columns.addWidget(_scrolled(self.cards), 5)
        columns.addLayout(right, 6)
        self.body.addLayout(columns, 1)
        self.cards.chosen.connect(self._template_chosen)
        self.inputs.changed.connect(self._edited)
        self.cards.choose(next(iter(self._infos)))
        self.setAcceptDrops(True)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        event.setAccepted(_dropped(event.mimeData()) is not None)

    def dropEvent(self, event: QDropEvent) -> None:
        """Take a dropped model, video or folder of images into the field it is for."""
        path = _dropped(event.mimeData())
        if path is None:
            event.ignore()
            return
        if path.is_dir() and not is_package(path):
            self.inputs.choose("images")
            self.inputs.folder.set_text(str(path))
        elif path.suffix.lower() in _VIDEO_SUFFIXES:
            self.inputs.choose("video")
            self.inputs.video.set_text(str(path))
        else:
            if not self.draft.info.model_needed:
                self.cards.choose("object_detection")
            self.own_model.setChecked(True)
            self._dropped = True
            self.model.set_text(str(path))
        event.acceptProposedAction()

    def missing(self) -> str:
        if not self.draft.template:
            return "choose a use case."
        if self.draft.info.model_needed and self.own_model.isChecked():
            lacking = self.model.missing() or self._wrong_task()
            if lacking:
                return lacking
        lacking = self.inputs.lacking()
        if lacking:
            return lacking
        errors = [p for p in self.draft.source_problems() if p.severity == "error"]
        return f"{errors[0].message}: {errors[0].found or errors[0].allowed}" if errors else ""

    def _wrong_task(self) -> str:
        """Return why a model of another task cannot be taken, "" for one that fits, or of which it is not known."""
        wanted, info = template_task(self.draft.template), self.model.info
        if info is None or not wanted or info.task in (wanted, UNKNOWN):
            return ""
        told = tr("this model is for {0}, and '{1}' needs one for {2}: choose another.")
        return told.format(info.task, self.draft.info.title, wanted)

    def _suit_template(self) -> None:
        """Turn to the use case of a model that was dropped, where the chosen one needs a model of another task."""
        if self._dropped and self.model.info is not None:
            self._dropped = False
            if self._wrong_task() and self.model.info.task in _USE_CASES:
                self.cards.choose(_USE_CASES[self.model.info.task])

    def _make_model_box(self) -> QGroupBox:
        box = QGroupBox(tr("Model"))
        self.own_model = QRadioButton(tr("My own model"))
        self.model = ModelField()
        self.try_out = QRadioButton()
        self.try_out.setChecked(
            True
        )  # the shortest way to a pipeline that runs, with what it finds told below
        self.try_note = plain_label(name="TryNote")
        theme.give_role(self.try_note, "muted")
        self.try_note.setContentsMargins(text_indent(self.try_out), 0, 0, 0)
        layout = QVBoxLayout(box)
        for widget in (self.own_model, self.model, self.try_out, self.try_note):
            layout.addWidget(widget)
        self.own_model.toggled.connect(self._edited)
        self.model.changed.connect(self._suit_template)
        self.model.changed.connect(self._edited)
        return box

    @Slot(str)
    def _template_chosen(self, key: str) -> None:
        info = self._infos[key]
        self.draft.template = key
        self.model_box.setVisible(info.model_needed)
        if template_model(key) == NO_MODEL:
            self.try_out.setText(tr("Try it without a model"))
            self.try_note.setText(tr("On SIMULATED devices: nothing is recognised, the pipeline just runs."))
        elif template_task(key) == CLASSIFICATION:
            self.try_out.setText(tr("Try it with the bundled digit classifier"))
            self.try_note.setText(
                tr("It reads one handwritten digit: what it says of a whole frame shows only that it runs.")
            )
        else:
            self.try_out.setText(tr("Try it with the bundled digits detector"))
            self.try_note.setText(tr("It finds handwritten digits, and nothing else."))
        self.inputs.suggest("bundled" if info.model_needed else "synthetic")
        self._edited()

    @Slot()
    def _edited(self) -> None:
        own = self.draft.info.model_needed and self.own_model.isChecked()
        self.model.setEnabled(own)
        self.about.setText(
            PipelineTemplates.described(self.draft.template, own_model=own and self.model.info is not None)
        )
        self.draft.model = self.model.path() if own else None
        self.draft.source = self.inputs.node_type()
        self.draft.source_params = self.inputs.params()
        self.refresh()


def _dropped(data: QMimeData) -> Path | None:
    """Return the one file or folder that is dropped, if it is of a kind that has a field here."""
    urls = [url for url in data.urls() if url.isLocalFile()]
    if len(urls) != 1:
        return None
    path = Path(urls[0].toLocalFile())
    return path if path.is_dir() or path.suffix.lower() in (*SUFFIXES, *_VIDEO_SUFFIXES) else None


def _scrolled(widget: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    inner = QWidget()
    layout = QVBoxLayout(inner)
    layout.setContentsMargins(0, 0, 6, 0)
    layout.addWidget(widget)
    layout.addStretch(1)
    area.setWidget(inner)
    area.setMinimumWidth(inner.minimumSizeHint().width() + area.verticalScrollBar().sizeHint().width())
    return area
