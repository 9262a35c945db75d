"""Looking into models that were dropped on the canvas, in the background, and setting their nodes up for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from cluster4npu.core.devices.inspection import inspect_model
from cluster4npu.core.devices.model_report import ModelReport, about
from cluster4npu.core.errors import Cluster4NPUError
from cluster4npu.ui.dialogs.background import Background, Report
from cluster4npu.ui.document import Document
from cluster4npu.ui.editor.model_nodes import completed
from cluster4npu.ui.text import told_problem, tr


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a look came to: a report, or the error."""

    node: str
    path: Path
    answer: ModelReport | Cluster4NPUError


class ModelLook(QObject):
    """Looks into one model after the other. `told` carries what was found in words, `refused` why a model is none."""

    told = Signal(str)
    refused = Signal(str)

    def __init__(self, document: Document, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._waiting: dict[str, Path] = {}  # by node, in the order in which they came
        self._now: tuple[str, Background] | None = None

    def look(self, node: str, path: Path) -> None:
        """Look into the model of an inference node; an earlier look for the same node is forgotten."""
        if self._now is not None and self._now[0] == node:
            self._now[1].abandon()
            self._now = None
        self._waiting.pop(node, None)
        self._waiting[node] = path
        self._look_on()

    def _look_on(self) -> None:
        """Begin the next look, which is a process of its own, once the one before has ended."""
        nodes = {node.id: node for node in self._document.config.nodes}
        while self._waiting and self._now is None:
            node = next(iter(self._waiting))
            path = self._waiting.pop(node)
            if node in nodes and nodes[node].params.get("model") == str(path):
                self._begin(node, path)

    def _begin(self, node: str, path: Path) -> None:
        def work(_report: Report) -> object:
            try:
                return _Seen(node, path, inspect_model(path))
            except Cluster4NPUError as error:
                return _Seen(node, path, error)

        looking = Background(work, "inspect-model")
        looking.succeeded.connect(self._take)  # a method: it is let go of together with this object
        self._now = node, looking
        looking.start()

    def _take(self, seen: _Seen) -> None:
        self._now = None
        self._tell(seen)
        self._look_on()

    def _tell(self, seen: _Seen) -> None:
        nodes = {node.id: node for node in self._document.config.nodes}
        if seen.node not in nodes or nodes[seen.node].params.get("model") != str(seen.path):
            return  # undone, removed or changed meanwhile
        if isinstance(seen.answer, Cluster4NPUError):
            problem = seen.answer.problems[0]
            self.refused.emit(told_problem(replace(problem, node=problem.node or seen.node)))
            return
        made = completed(self._document.config, seen.node, seen.answer)
        self._document.apply(made.config, f"Set {seen.node} up for its model")
        added = " " + tr("Added: {0}.").format(made.done) if made.done else ""
        self.told.emit(f"{seen.path.name}: {about(seen.answer)}{added}")
