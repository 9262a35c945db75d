"""The property panel: the selected node's parameters, or those of the pipeline when no node is selected."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from cluster4npu.core.errors import Problem
from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import Node, Place, ui_hint
from cluster4npu.core.pipeline.bypass import meaning
from cluster4npu.core.pipeline.config import NodeConfig, PipelineConfig, Targets
from cluster4npu.ui.document import Document
from cluster4npu.ui.editor.device_field import DeviceField, DeviceFinder
from cluster4npu.ui.editor.field import FieldEditor
from cluster4npu.ui.editor.fields import (
    ChoiceField,
    FlagField,
    LongTextField,
    TextField,
    simple_editor,
    without_none,
)
from cluster4npu.ui.editor.form import Form, FormRow
from cluster4npu.ui.editor.number_field import NumberField
from cluster4npu.ui.editor.path_field import PathField
from cluster4npu.ui.text import tr

BYPASS = "node.bypassed"  # no parameter has such a name
_EXECUTIONS = {"push": "every frame (push)", "on_demand": "on demand"}
_EXECUTION = "On demand, only what a node with a rate asks for is computed; else every frame is."
_MODE = "The mode in which a run begins, where rates of nodes depend on modes; else empty."


class PropertyPanel(QScrollArea):
    """Edits what `show_node` names; "" is the pipeline itself. It follows every change of the document.

    The simple view holds what most pipelines need, the advanced one (`advanced_action`) everything: for all nodes.
    """

    advanced_changed = Signal(bool)

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.document = document
        self.finder = DeviceFinder(self)
        self.setAccessibleName(tr("Properties"))
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.node_id = ""
        self._type = ""
        self._base = document.config.base
        self.advanced_action = QAction(tr("Ad&vanced settings"), self, checkable=True)
        self.advanced_action.setShortcut(QKeySequence("Ctrl+Shift+A"))
        self.advanced_action.toggled.connect(self._show_advanced)
        self.form = Form()
        document.config_changed.connect(self._on_change)
        document.problems_changed.connect(self._show_problems)
        self.show_node("")

    def show_node(self, node_id: str) -> None:
        """Edit this node ("" or an unknown id: the pipeline)."""
        entry = self._entry(node_id)
        self.node_id = entry.id if entry else ""
        self._type = entry.type if entry else ""
        self._base = self.document.config.base
        self.form = self._node_form(entry) if entry else self._pipeline_form()
        self.form.advanced.setChecked(self.advanced_action.isChecked())
        self.form.wanted.connect(self.advanced_action.setChecked)
        self.setWidget(self.form)  # deletes the one before
        self._fill()

    def focus_first(self, name: str = "") -> None:
        """Give the keyboard to this field, or to the first one."""
        row = self.form.rows.get(name) or next(iter(self.form.rows.values()), None)
        if row is not None:
            self.form.unfold(row)
            self.ensureWidgetVisible(row)
            row.editor.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _show_advanced(self, on: bool) -> None:
        self.form.advanced.setChecked(on)
        self.advanced_changed.emit(on)

    def _entry(self, node_id: str) -> NodeConfig | None:
        return next((n for n in self.document.config.nodes if n.id == node_id), None)

    def _on_change(self) -> None:
        entry = self._entry(self.node_id)
        same = entry is not None and entry.type == self._type if self.node_id else True
        if same and self._base == self.document.config.base:
            self._fill()
        else:
            self.show_node(self.node_id)

    def _fill(self) -> None:
        entry = self._entry(self.node_id)
        if entry is None:
            config = self.document.config
            self.form.show_values({**dict(config), **dict(config.targets)})
        else:
            cls = node_types().get(entry.type)
            fields = cls.Params.model_fields if cls else {}
            defaults = {
                n: f.get_default(call_default_factory=True) for n, f in fields.items() if not f.is_required()
            }
            self.form.show_values({**defaults, **entry.params, "title": entry.title, BYPASS: entry.bypassed})
        self._show_problems(self.document.problems)

    def _show_problems(self, problems: Sequence[Problem]) -> None:
        if self.node_id:
            self.form.show_problems([p for p in problems if p.node == self.node_id])

    # --- the two forms ---

    def _pipeline_form(self) -> Form:
        form = Form("Pipeline", "Select a node to edit it. These settings belong to the pipeline as a whole.")
        rows: list[tuple[str, str, str, FieldEditor]] = [
            (
                "name",
                "Name",
                "Shown in reports and in the history; the window's title until there is a file.",
                TextField(),
            ),
            ("description", "Description", "What this pipeline is for.", LongTextField()),
            ("execution", "Execution", _EXECUTION, ChoiceField(_EXECUTIONS)),
            ("mode", "First mode", _MODE, TextField()),
        ]
        for name, title, unit in (
            ("fps", "Target rate", "frames/s"),
            ("latency_p95_ms", "Target latency", "ms"),
        ):
            info = Targets.model_fields[name]
            rows.append((name, title, info.description or "", NumberField(info, False, "no target", unit)))
        for name, title, text, editor in rows:
            info = (PipelineConfig.model_fields | Targets.model_fields)[name]
            row = FormRow(name, title, text, editor, info)
            form.add(row, advanced=name in ("execution", "mode"))
            row.editor.edited.connect(
                lambda value, row=row: row.show_problem(self.document.describe(**{row.name: value}))
            )
        return form

    def _node_form(self, entry: NodeConfig) -> Form:
        cls = node_types().get(entry.type)
        if cls is None:
            return Form(
                f"Unknown: {entry.type}", "No part of this program knows this type of node.", entry.id
            )
        form = Form(cls.title, cls.description, entry.id)
        title = TextField()
        title.line.setPlaceholderText(tr(cls.title))
        row = FormRow("title", tr("Title"), tr("Shown on the canvas."), title)
        title.edited.connect(lambda text: row.show_problem(self.document.rename(entry.id, text)))
        form.add(row)
        flag = FlagField(tr("Bypass this node"))
        flag.edited.connect(lambda _: self.document.bypass([entry.id]))
        form.add(FormRow(BYPASS, tr("Bypass"), meaning(entry), flag))
        for name, info in cls.Params.model_fields.items():
            editor = self._editor(name, cls)
            param = FormRow(name, info.title or name, info.description or "", editor, info)
            editor.edited.connect(lambda value, param=param: self._set(param, value))
            form.add(param, advanced=bool(ui_hint(info, "advanced")))
        return form

    def _set(self, row: FormRow, value: object) -> None:
        row.show_problem(self.document.set_param(self.node_id, row.name, value))  # type: ignore[arg-type]

    def _editor(self, name: str, cls: type[Node]) -> FieldEditor:
        info = cls.Params.model_fields[name]
        widget = ui_hint(info, "widget")
        if widget == "devices":
            return DeviceField(self.finder)
        if widget in ("file", "folder"):
            kind = "save" if widget == "file" and cls.place is Place.SINK else widget
            _, optional = without_none(info.annotation)
            return PathField(kind, ui_hint(info, "file_filter") or "", self.document.config.base, optional)
        return simple_editor(name, info)
