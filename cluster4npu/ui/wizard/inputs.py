"""Where the frames come from: the kinds of input, each with the few values that it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import JsonValue
from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from cluster4npu.ui import theme
from cluster4npu.ui.dialogs.errors import plain_label
from cluster4npu.ui.dialogs.paths import PathField
from cluster4npu.ui.text import tr

BUNDLED_CLIP = "bundled:digits.mp4"
_VIDEOS = "Videos (*.mp4 *.avi *.mov *.mkv *.m4v *.webm);;All files (*)"


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of input: the node type it stands for, and what reads its fields."""

    key: str
    node_type: str
    read: Callable[[], dict[str, JsonValue]]
    lacking: Callable[[], str]


class InputChooser(QWidget):
    """A list of kinds of input and the fields of the chosen one. `changed` tells of every edit."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kinds: list[_Kind] = []
        self._pages: list[QWidget] = []
        self.kind = QComboBox()
        self.kind.setAccessibleName(tr("Input"))
        self._stack = QStackedWidget()
        self._stack.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.kind)
        layout.addWidget(self._stack)
        self._add_files()
        self._add_live()
        self._add_synthetic()
        self._settled = False
        self._show_fields(0)
        self.kind.activated.connect(self._settle)
        self.kind.currentIndexChanged.connect(self._show_fields)
        self.kind.currentIndexChanged.connect(self.changed)

    @property
    def key(self) -> str:
        """Return the chosen kind: bundled, video, images, camera, rtsp or synthetic."""
        return self._current.key

    def choose(self, key: str) -> None:
        """Choose a kind by its key."""
        self.kind.setCurrentIndex([kind.key for kind in self._kinds].index(key))

    def suggest(self, key: str) -> None:
        """Choose a kind unless the user has chosen one."""
        if not self._settled:
            self.choose(key)

    def node_type(self) -> str:
        """Return the node type that the input stands for."""
        return self._current.node_type

    def params(self) -> dict[str, JsonValue]:
        """Return the node's parameters as the fields say."""
        return self._current.read()

    def lacking(self) -> str:
        """Return what must still be filled in, in words; "" when nothing."""
        return self._current.lacking()

    def _show_fields(self, chosen: int) -> None:
        """Show one kind's fields and take no more room than they need."""
        for index, page in enumerate(self._pages):
            fits = QSizePolicy.Policy.Preferred if index == chosen else QSizePolicy.Policy.Ignored
            page.setSizePolicy(QSizePolicy.Policy.Preferred, fits)
        self._stack.setCurrentIndex(chosen)

    def _settle(self) -> None:
        self._settled = True

    @property
    def _current(self) -> _Kind:
        return self._kinds[self.kind.currentIndex()]

    def _add(self, title: str, kind: _Kind, page: QWidget) -> None:
        self._kinds.append(kind)
        self._pages.append(page)
        self._stack.addWidget(page)
        self.kind.addItem(tr(title))

    def _add_files(self) -> None:
        self._add(
            "Bundled clip (handwritten digits)",
            _Kind("bundled", "video_file", lambda: {"path": BUNDLED_CLIP}, _nothing),
            _page(note="A short clip that ships with the program."),
        )
        self.video = PathField(tr("Video file"), tr("Path of a video file"), file_filter=_VIDEOS)
        self.loop = QCheckBox(tr("Start again at the end"))
        self._add(
            "Video file",
            _Kind(
                "video",
                "video_file",
                lambda: {"path": self.video.path(), "loop": self.loop.isChecked()},
                lambda: "" if self.video.text() else "choose a video file.",
            ),
            _page(("File", self.video), ("", self.loop)),
        )
        self.folder = PathField(tr("Folder of images"), tr("Path of a folder"), folder=True)
        self._add(
            "Folder of images",
            _Kind(
                "images",
                "image_folder",
                lambda: {"path": self.folder.path()},
                lambda: "" if self.folder.text() else "choose a folder of images.",
            ),
            _page(("Folder", self.folder)),
        )
        for signal in (self.video.changed, self.loop.toggled, self.folder.changed):
            signal.connect(self.changed)

    def _add_live(self) -> None:
        self.camera = _spin(0, 63, 0, "Number of the camera")
        self._add(
            "Camera",
            _Kind("camera", "camera", lambda: {"index": self.camera.value()}, _nothing),
            _page(("Camera number", self.camera), note="The first camera of a machine is usually number 0."),
        )
        self.url = QLineEdit()
        self.url.setPlaceholderText(tr("rtsp://host:554/stream"))
        self.url.setAccessibleName(tr("RTSP address"))
        self.url.setMaxLength(4096)
        self._add(
            "Network camera (RTSP)",
            _Kind("rtsp", "rtsp", lambda: {"url": self.url.text().strip()}, self._url_lacking),
            _page(("Address", self.url)),
        )
        self.camera.valueChanged.connect(self.changed)
        self.url.textChanged.connect(self.changed)

    def _add_synthetic(self) -> None:
        self.width_px = _spin(16, 7680, 320, "Width of generated frames", " px")
        self.height_px = _spin(16, 4320, 240, "Height of generated frames", " px")
        self.frames = _spin(1, 10_000_000, 800, "Number of generated frames")
        self._add(
            "Generated frames (synthetic)",
            _Kind(
                "synthetic",
                "synthetic",
                lambda: {
                    "width": self.width_px.value(),
                    "height": self.height_px.value(),
                    "frames": self.frames.value(),
                },
                _nothing,
            ),
            _page(("Width", self.width_px), ("Height", self.height_px), ("Frames", self.frames)),
        )
        for spin in (self.width_px, self.height_px, self.frames):
            spin.valueChanged.connect(self.changed)

    def _url_lacking(self) -> str:
        url = self.url.text().strip()
        if not url:
            return "enter the camera's address, for example rtsp://192.168.0.20:554/stream."
        scheme, _, rest = url.partition("://")
        if scheme.lower() not in ("rtsp", "rtsps", "http", "https") or not rest.strip("/"):
            return "the address must begin with rtsp:// or http:// and name a host."
        return ""


def _nothing() -> str:
    return ""


def _spin(low: int, high: int, value: int, name: str, unit: str = "") -> QSpinBox:
    spin = QSpinBox()
    spin.setRange(low, high)
    spin.setValue(value)
    spin.setSuffix(tr(unit))
    spin.setAccessibleName(tr(name))
    spin.setMaximumWidth(160)
    return spin


def _page(*rows: tuple[str, QWidget], note: str = "") -> QWidget:
    page = QWidget()
    form = QFormLayout(page)
    form.setContentsMargins(0, 0, 0, 0)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    for title, widget in rows:
        if title:
            form.addRow(tr(title), widget)
        else:
            form.addRow(widget)
    if note:
        label = plain_label(tr(note))
        theme.give_role(label, "muted")
        form.addRow(label)
    return page
