"""Edits for the random-action test: what changes the document, and what must hold after each of them."""

from __future__ import annotations

from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cluster4npu.core.nodes import node_types
from cluster4npu.core.pipeline.bounds import FARTHEST
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.ui.app import delete_now
from cluster4npu.ui.document import Document
from cluster4npu.ui.editor.align import KINDS
from cluster4npu.ui.editor.editor import EnhancedPipelineEditor
from cluster4npu.ui.editor.properties import PropertyPanel
from tests.ui.editor.pipelines import chain
from tests.ui.editor.test_canvas import assert_shown

TYPES = sorted(node_types())
INDEX = st.integers(0, 10_000)
NEAR, FAR = st.floats(-2000, 2000), st.floats(-2 * FARTHEST, 2 * FARTHEST)
PLACE = NEAR | FAR | st.sampled_from([-1e308, 1e308, FARTHEST, -FARTHEST])


class Edits(RuleBasedStateMachine):
    """What a user can do, in any order, with an editor and a property panel on one document."""

    done: ClassVar[int] = 0  # edits of all sittings

    @initialize(full=st.booleans())
    def begin(self, full: bool) -> None:
        self.document = Document(chain() if full else PipelineConfig())
        self.start = self.document.config.text()
        self.editor = EnhancedPipelineEditor(self.document)
        self.panel = PropertyPanel(self.document)
        self.editor.node_selected.connect(self.panel.show_node)

    def pick(self, index: int) -> str:
        nodes = self.document.config.nodes
        return nodes[index % len(nodes)].id if nodes else ""

    @rule(key=st.sampled_from(TYPES), x=PLACE, y=PLACE)
    def add(self, key: str, x: float, y: float) -> None:
        self.editor.add_node(key, (x, y))

    @rule(indices=st.lists(INDEX, max_size=3))
    def remove(self, indices: list[int]) -> None:
        self.editor.canvas.select([self.pick(i) for i in indices])
        self.editor.remove_selection()

    @rule(first=INDEX, second=INDEX, out=INDEX, into=INDEX)
    def draw_wire(self, first: int, second: int, out: int, into: int) -> None:
        if not self.document.config.nodes:
            return
        items = self.editor.canvas.items_by_id
        outputs = items[self.pick(first)].outputs
        inputs = items[self.pick(second)].inputs
        if outputs and inputs:
            pair = (outputs[out % len(outputs)].address, inputs[into % len(inputs)].address)
            self.editor.canvas.wires_drawn.emit([], [pair])

    @rule(index=INDEX)
    def cut_wire(self, index: int) -> None:
        edges = self.document.config.edges
        if edges:
            self.editor.canvas.wires_drawn.emit([edges[index % len(edges)]], [])

    @rule(indices=st.lists(INDEX, min_size=1, max_size=3), x=PLACE, y=PLACE)
    def move(self, indices: list[int], x: float, y: float) -> None:
        if self.document.config.nodes:
            self.editor.canvas.nodes_moved.emit({self.pick(i): (x, y) for i in indices})

    @rule(
        index=INDEX, name=INDEX, value=st.none() | st.booleans() | st.integers(-5, 500) | st.text(max_size=5)
    )
    def set_param(self, index: int, name: int, value: bool | int | str | None) -> None:
        node = self.pick(index)
        if node:
            fields = sorted(node_types()[self.document.config.node(node).type].Params.model_fields)
            if fields:
                self.editor.select_node(node)
                self.panel.form.rows[fields[name % len(fields)]].editor.edited.emit(value)

    @rule(index=INDEX, title=st.text(max_size=5))
    def rename(self, index: int, title: str) -> None:
        if self.document.config.nodes:
            self.document.rename(self.pick(index), title)

    @rule(indices=st.lists(INDEX, min_size=1, max_size=3))
    def duplicate(self, indices: list[int]) -> None:
        self.editor.canvas.select([self.pick(i) for i in indices])
        self.editor.duplicate()

    @rule(indices=st.lists(INDEX, max_size=3))
    def bypass(self, indices: list[int]) -> None:
        self.editor.canvas.select([self.pick(i) for i in indices])
        self.editor.bypass_selection()

    @rule(indices=st.lists(INDEX, max_size=3))
    def group(self, indices: list[int]) -> None:
        self.editor.canvas.select([self.pick(i) for i in indices])
        self.editor.group_selection()

    @rule(index=INDEX, text=st.text(max_size=5))
    def write_box(self, index: int, text: str) -> None:
        if boxes := self.document.config.boxes:
            self.document.write_box(boxes[index % len(boxes)].id, text)

    @rule(index=INDEX, x=PLACE, y=PLACE)
    def drag_box(self, index: int, x: float, y: float) -> None:
        if boxes := self.document.config.boxes:
            box = boxes[index % len(boxes)]
            nodes = {self.pick(index): (x, y)} if self.document.config.nodes else {}
            self.editor.canvas.boxes_moved.emit({box.id: ((x, y), box.size)}, nodes)

    @rule(index=INDEX)
    def remove_box(self, index: int) -> None:
        if boxes := self.document.config.boxes:
            self.editor.canvas.select(())
            self.editor.canvas.boxes.select([boxes[index % len(boxes)].id])
            self.editor.remove_selection()

    @rule(indices=st.lists(INDEX, max_size=4), kind=st.sampled_from(KINDS))
    def align(self, indices: list[int], kind: str) -> None:
        self.editor.canvas.select([self.pick(i) for i in indices])
        self.editor.align(kind)

    @rule()
    def arrange(self) -> None:
        self.editor.arrange()

    @rule(steps=st.integers(1, 4))
    def undo(self, steps: int) -> None:
        for _ in range(steps):
            self.document.undo_stack.undo()

    @rule(steps=st.integers(1, 4))
    def redo(self, steps: int) -> None:
        for _ in range(steps):
            self.document.undo_stack.redo()

    @invariant()
    def canvas_shows_the_document(self) -> None:
        if hasattr(self, "editor"):
            type(self).done += 1
            assert_shown(self.editor.canvas, self.document.config)
            assert self.panel.node_id in ("", *(n.id for n in self.document.config.nodes))
            again = PipelineConfig.parse(self.document.config.text())
            assert again.text() == self.document.config.text()

    def teardown(self) -> None:
        if not hasattr(self, "document"):
            return
        end = self.document.config.text()
        steps = self.document.undo_stack.index()
        self.document.undo_stack.setIndex(0)
        assert self.document.config.text() == self.start
        assert_shown(self.editor.canvas, self.document.config)
        self.document.undo_stack.setIndex(steps)
        assert self.document.config.text() == end
        self.editor.deleteLater()
        self.panel.deleteLater()
        delete_now()
