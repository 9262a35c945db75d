"""What can be dropped on the canvas: node types of the palette, devices, and files and folders of the desktop."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent

from cluster4npu.core.nodes import node_types
from cluster4npu.ui.editor.camera import Camera

NODE_MIME = "application/x-cluster4npu-node-type"
DEVICE_MIME = "application/x-cluster4npu-device"


class Dropping(Camera):
    """Tells what was dropped and where (canvas pixels); whether it fits is for others to say."""

    node_dropped = Signal(str, object)  # node type, (x, y)
    device_dropped = Signal(str, object)  # device id, (x, y)
    files_dropped = Signal(object, object)  # list[Path | str], (x, y)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        self._accept(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        self._accept(event)

    def dropEvent(self, event: QDropEvent) -> None:
        self._accept(event)
        if not event.isAccepted():
            return
        at = self.mapToScene(event.position().toPoint())
        place = (at.x(), at.y())
        if event.mimeData().hasFormat(NODE_MIME):
            key = dropped_text(event, NODE_MIME)
            if key in node_types():
                self.node_dropped.emit(key, place)
        elif event.mimeData().hasFormat(DEVICE_MIME):
            self.device_dropped.emit(dropped_text(event, DEVICE_MIME), place)
        else:
            self.files_dropped.emit(_paths(event), place)

    def _accept(self, event: QDropEvent) -> None:
        data = event.mimeData()
        if data.hasFormat(NODE_MIME) or data.hasFormat(DEVICE_MIME) or data.hasUrls():
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
        else:
            event.ignore()


def dropped_text(event: QDropEvent, mime: str) -> str:
    """Return what a drag carries in one of our formats; bytes of another program's that are no text are no id."""
    return bytes(event.mimeData().data(mime).data()).decode(errors="replace")


def _paths(event: QDropEvent) -> list[Path | str]:
    """Return the local files; what is not on this machine comes as text, as it is written, to be refused by it."""
    urls = event.mimeData().urls()
    return [Path(url.toLocalFile()) if url.toLocalFile() else url.toString() for url in urls]
