"""The editor of a pool of devices: those of this machine to tick, and a line for any other device id."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import JsonValue
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout

from cluster4npu.core.devices.backend import DeviceInfo
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.registry import detect, device_options
from cluster4npu.core.errors import InputError
from cluster4npu.ui import theme
from cluster4npu.ui.dialogs.background import Background
from cluster4npu.ui.dialogs.looks import dress
from cluster4npu.ui.editor.field import FieldEditor
from cluster4npu.ui.text import told, tr


class DeviceFinder(QObject):
    """Looks for devices in the background, since asking a vendor's runtime may take seconds."""

    found = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.devices: list[DeviceInfo] | None = None  # None: not known yet
        self.error = ""
        self._work: Background | None = None

    def search(self) -> None:
        """Start looking, unless that is going on; `found` tells that `devices` or `error` is new."""
        if self._work is None:
            self._work = Background(lambda _report: detect(age_s=0.0), "look-for-devices")
            self._work.succeeded.connect(self._keep)
            self._work.failed.connect(self._fail)
            self._work.start()

    def _keep(self, devices: list[DeviceInfo]) -> None:
        self._work, self.devices, self.error = None, devices, ""
        self.found.emit()

    def _fail(self, error: Exception) -> None:
        self._work, self.error = None, tr("Looking for devices failed: {0}").format(error)
        self.found.emit()


class DeviceField(FieldEditor):
    """Edits a list of device ids; their order is the order in which they were ticked or added."""

    def __init__(self, finder: DeviceFinder) -> None:
        super().__init__()
        self.finder = finder
        self.boxes: dict[str, QCheckBox] = {}
        self._ids: list[str] = []
        self._own: list[str] = []  # added by hand; stay in the list when their tick is taken away
        self._rows = QVBoxLayout()
        self._rows.setSpacing(2)
        self.line = QLineEdit(placeholderText=tr("Another, like onnx:cpu#2"))
        self.line.setAccessibleName(tr("Another device id"))
        self.add = QPushButton(tr("Add"))
        self.again = QPushButton(tr("Look again"))
        self.error = QLabel(wordWrap=True, textFormat=Qt.TextFormat.PlainText)
        dress(self.error, lambda c: f"color: {c.fail};")
        self.error.hide()
        typed = QHBoxLayout()
        typed.addWidget(self.line)
        typed.addWidget(self.add)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._rows)
        column.addLayout(typed)
        column.addWidget(self.error)
        column.addWidget(self.again, alignment=Qt.AlignmentFlag.AlignLeft)
        self.line.returnPressed.connect(self._add_typed)
        self.add.clicked.connect(self._add_typed)
        self.again.clicked.connect(finder.search)
        finder.found.connect(self._build)
        if finder.devices is None:
            finder.search()
        self._build()

    def show_value(self, value: JsonValue) -> None:
        ids = [str(v) for v in value] if isinstance(value, list | tuple) else []
        if ids != self._ids:
            self._ids = ids
            self._build()

    def _build(self) -> None:
        while (item := self._rows.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self.boxes = {}
        known = self.finder.devices
        if known is None or self.finder.error:
            self._note(self.finder.error or tr("Looking for devices …"))
        for device in known or ():
            self._row_for(device.id, _remark(device), device.available)
        for text in dict.fromkeys([*self._ids, *self._own]):
            if text not in self.boxes:
                simulated = text.startswith("sim:")
                self._row_for(
                    text,
                    tr("SIMULATED")
                    if simulated
                    else tr("named in this pipeline")
                    if known is not None
                    else "",
                    True,
                )

    def _row_for(self, text: str, remark: str, available: bool) -> None:
        box = QCheckBox(text.replace("&", "&&"))
        box.setChecked(text in self._ids)
        box.setEnabled(available or text in self._ids)
        box.toggled.connect(lambda on, text=text: self._tick(text, on))
        self.boxes[text] = box
        self._rows.addWidget(box)
        if remark:
            self._note(remark)

    def _note(self, text: str) -> None:
        label = QLabel(text, wordWrap=True, textFormat=Qt.TextFormat.PlainText, indent=22)
        theme.give_role(label, "muted")
        self._rows.addWidget(label)

    def _tick(self, text: str, on: bool) -> None:
        self._ids = [*self._ids, text] if on else [i for i in self._ids if i != text]
        self.edited.emit(list(self._ids))

    def _add_typed(self) -> None:
        text = self.line.text().strip()
        if not text:
            return
        try:
            device = DeviceId.parse(text)
            device_options(device)
        except InputError as error:
            problem = error.problems[0]
            self.error.setText(
                tr("Not added: {0}. Allowed: {1}. {2}").format(
                    told(problem.message), told(problem.allowed), told(problem.hint)
                )
            )
            self.error.show()
            return
        self.error.hide()
        self.line.clear()
        self._own.append(str(device))
        if str(device) not in self._ids:
            self._tick(str(device), True)
        self._build()


def _remark(device: DeviceInfo) -> str:
    words: Sequence[str] = [
        tr("SIMULATED") if device.simulated else "",
        told(device.name),
        "" if device.available else tr("not available: {0}").format(told(device.reason)),
    ]
    return ", ".join(word for word in words if word)
