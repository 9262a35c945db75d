"""The comments on the canvas: one item for each box of the config, kept in line with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from PySide6.QtCore import QRectF
from PySide6.QtWidgets import QGraphicsScene

from cluster4npu.core.pipeline.config import BoxConfig
from cluster4npu.ui.editor.box_item import BoxItem

Place = tuple[float, float]
Moved = Callable[[dict[str, tuple[Place, Place]], dict[str, Place]], None]


class BoxLayer:
    """Holds the box items of a scene. `moved(boxes, nodes)` is called when a drag ends, with ids and places."""

    def __init__(self, scene: QGraphicsScene, moved: Moved, edit: Callable[[str], None]) -> None:
        self._scene = scene
        self._moved, self._edit = moved, edit
        self._shown: dict[str, BoxConfig] = {}
        self.items: dict[str, BoxItem] = {}

    def show(self, boxes: Iterable[BoxConfig]) -> None:
        """Bring the items in line with these boxes."""
        wanted = {box.id: box for box in boxes}
        for box_id in [b for b in self.items if b not in wanted]:
            self._scene.removeItem(self.items.pop(box_id))
        for box_id, box in wanted.items():
            item = self.items.get(box_id)
            if item is None:
                item = self.items[box_id] = BoxItem(box, self._settle, self._edit)
                self._scene.addItem(item)
            elif self._shown[box_id] is not box or item.place != box.position or item.size != box.size:
                item.show_box(box)
        self._shown = wanted

    def selected_ids(self) -> list[str]:
        """Return the ids of the selected boxes."""
        return [box_id for box_id, item in self.items.items() if item.isSelected()]

    def select(self, ids: Iterable[str]) -> None:
        """Select exactly these boxes."""
        wanted = set(ids)
        for box_id, item in self.items.items():
            item.setSelected(box_id in wanted)

    def areas(self) -> Iterator[QRectF]:
        """Return where the boxes lie in the scene."""
        return (item.area() for item in self.items.values())

    def _settle(self, item: BoxItem) -> None:
        self._moved({item.id: (item.place, item.size)}, {node.id: node.place for node in item.members})
