"""Gestures for the random-action test: keys, searches, the clipboard, what is dropped, files, the view."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from PySide6.QtCore import QPointF
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QInputDialog

from cluster4npu.core.settings import assets_dir
from cluster4npu.ui.autosave import Autosave
from cluster4npu.ui.editor.items import INPUT, OUTPUT
from cluster4npu.ui.recovery import find_lost
from cluster4npu.ui.search_popup import SearchPopup
from tests.ui.editor.pipelines import chain
from tests.ui.editor.random_edits import FAR, INDEX, NEAR, PLACE, Edits

KEYS = (
    "delete", "copy", "cut", "paste", "duplicate", "bypass", "group", "select_all", "fit", "fit_selection",
    "actual_size", "minimap", "arrange", "zoom_in", "zoom_out", "left", "right", "up", "down",
    "go_left", "go_right", "go_up", "go_down",
)  # fmt: skip
TEXTS = st.text(max_size=40) | st.sampled_from(
    [
        chain().text(),
        chain().text()[:-9],
        '{"version": 1, "nodes": [{"id": "a", "type": "no such type"}]}',
        '{"version": 1, "nodes": [{"id": "a", "type": "count", "position": [1e999, 0]}]}',
        '{"version": 99}',
        "[" * 5000,
        "<b>bold</b>",
    ]
)


class Gestures(Edits):
    """What else a user can do. `folder` is where files are written."""

    folder: ClassVar[Path]

    @initialize()
    def begin_gestures(self) -> None:
        (self.folder / "notes.txt").write_text("no node works with this")
        (self.folder / "pictures").mkdir(exist_ok=True)

    def begin_autosave(self) -> None:
        if not hasattr(self, "autosave"):
            self.autosave = Autosave(self.document)

    @rule(name=st.sampled_from(KEYS), indices=st.lists(INDEX, max_size=3), boxes=st.booleans())
    def press(self, name: str, indices: list[int], boxes: bool) -> None:
        self.editor.canvas.select([node for i in indices if (node := self.pick(i))])
        if boxes:
            self.editor.canvas.boxes.select([b.id for b in self.document.config.boxes])
        self.editor.actions_by_name[name].trigger()

    @rule(text=TEXTS)
    def paste_text(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self.editor.paste()

    @rule(index=INDEX, choice=INDEX, removing=st.booleans())
    def wire_by_keys(self, index: int, choice: int, removing: bool) -> None:
        self.editor.canvas.select([node] if (node := self.pick(index)) else [])
        self.editor.actions_by_name["disconnect" if removing else "connect"].trigger()
        self.take(self.editor.keyboard.wires, choice)

    @rule(index=INDEX, port=INDEX, choice=INDEX, x=PLACE, y=PLACE)
    def let_a_wire_go(self, index: int, port: int, choice: int, x: float, y: float) -> None:
        if node := self.pick(index):
            item = self.editor.canvas.items_by_id[node]
            dots = [*item.outputs, *item.inputs]
            dot = dots[port % len(dots)]
            side = OUTPUT if dot in item.outputs else INPUT
            self.editor.canvas.wire_dropped.emit(dot.address, side, QPointF(x, y))
            self.take(self.editor.adding.quick_add, choice)

    @rule(choice=INDEX)
    def search(self, choice: int) -> None:
        self.editor.search_node()
        self.take(self.editor.adding.quick_add, choice)

    @rule(
        names=st.lists(st.sampled_from(["clip", "pictures", "notes.txt", "gone.mp4"]), max_size=3),
        x=PLACE,
        y=PLACE,
    )
    def drop_files(self, names: list[str], x: float, y: float) -> None:
        paths = [assets_dir() / "digits.mp4" if name == "clip" else self.folder / name for name in names]
        self.editor.canvas.files_dropped.emit(paths, (x, y))

    @rule(device=st.sampled_from(["sim:ane", "onnx:cpu", "no device"]), index=INDEX, onto=st.booleans())
    def drop_device(self, device: str, index: int, onto: bool) -> None:
        node = self.pick(index)
        x, y = self.editor.canvas.items_by_id[node].place if onto and node else (-5000.0, -5000.0)
        self.editor.canvas.device_dropped.emit(device, (x + 20.0, y + 10.0))

    @rule(text=st.text(max_size=30) | st.just("x" * 5000), taken=st.booleans())
    def comment(self, text: str, taken: bool) -> None:
        self.editor.add_comment()
        for dialog in self.editor.findChildren(QInputDialog):
            dialog.setTextValue(text)
            dialog.accept() if taken else dialog.reject()

    @rule(index=INDEX, x=PLACE, y=PLACE, width=PLACE, height=PLACE)
    def resize_box(self, index: int, x: float, y: float, width: float, height: float) -> None:
        if boxes := self.document.config.boxes:
            box = boxes[index % len(boxes)]
            self.editor.canvas.boxes_moved.emit({box.id: ((x, y), (width, height))}, {})

    @rule(factor=st.floats(0.01, 100), x=NEAR | FAR, y=NEAR | FAR)
    def look(self, factor: float, x: float, y: float) -> None:
        self.editor.canvas.zoom_by(factor)
        self.editor.canvas.look_at(QPointF(x, y))

    @rule(near=NEAR, name=st.sampled_from(["a.json", "deeper/b.json"]))
    def save_and_open(self, near: float, name: str) -> None:
        """From here on it is undone to what was opened."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        self.document.save(path)
        assert not self.document.is_modified()
        saved = self.document.config
        if near > 0:
            self.document.open(path)
            assert self.document.config == saved
            self.start = self.document.config.text()

    @rule()
    def die_and_recover(self) -> None:
        self.begin_autosave()
        kept = self.document.config
        if not self.document.is_modified():
            return
        self.autosave.end(keep=True)
        (lost,) = find_lost()
        assert lost.config == kept
        self.document.restore(lost.config, lost.path, lost.on_disk)
        lost.discard()
        self.start = self.document.config.text()
        del self.autosave

    @invariant()
    def nothing_is_open(self) -> None:
        if hasattr(self, "editor"):
            assert not self.editor.keyboard.wires.isVisible()
            assert not self.editor.adding.quick_add.isVisible()
            if self.done % 8 == 0:
                self.editor.grab()  # whatever is seen can be painted

    def take(self, popup: SearchPopup, choice: int) -> None:
        """Take one of the entries that a popup shows, or close it."""
        if popup.isVisible():
            shown = popup.shown()
            popup.list.setCurrentRow(choice % (len(shown) + 1))
            item = popup.list.item(choice % (len(shown) + 1))
            popup.list.itemClicked.emit(item) if item is not None else popup.hide()

    def teardown(self) -> None:
        if hasattr(self, "autosave"):
            self.autosave.end(keep=False)
        super().teardown()
