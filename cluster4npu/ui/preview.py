"""The preview: the newest frame with what the model found on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QHideEvent,
    QImage,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QShowEvent,
)
from PySide6.QtWidgets import QWidget

from cluster4npu.core.engine.messages import PreviewFrame, Started
from cluster4npu.core.nodes.values import Classes, Detections, Flag, Number, Outputs, Tracks
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.ui import theme
from cluster4npu.ui.labels import place_labels
from cluster4npu.ui.text import tr

IDLE = "Press Run to see frames here"
WAITING = "Waiting for the first frame …"
NO_PREVIEW_NODE = (
    "No preview node in this pipeline.\nAdd one from “Outputs” in the palette to see its frames here."
)
NO_BOXES = "Simulated devices give no boxes"
_ENDS = {"finished": "ended", "stopped": "was stopped", "failed": "failed"}
MAX_SIZE = (960, 720)
_TEXT_ON_BOX = "#0b0f14"


@dataclass(frozen=True, slots=True)
class Label:
    """A box on the frame with the words about it and where they stand, in the widget's pixels."""

    index: int
    box: QRectF
    text: str
    place: QRectF


class Preview(QWidget):
    """Shows frames at the size of the widget; boxes and text are drawn at the display's own resolution.

    `wanted` tells the size (width, height; device pixels) in which frames are of use; None: nobody looks.
    """

    wanted = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.frame: PreviewFrame | None = None
        self.message = tr(IDLE)
        self._image = QImage()
        self._only_simulated = False
        self.setMinimumSize(200, 150)
        self.setAccessibleName(tr("Preview"))

    def sizeHint(self) -> QSize:
        return QSize(360, 270)

    def begin(self, config: PipelineConfig) -> None:
        """Forget the last frame; a run of this pipeline starts."""
        self.frame, self._image, self._only_simulated = None, QImage(), False
        has_preview = any(node.type == "preview" for node in config.nodes)
        self.message = tr(WAITING if has_preview else NO_PREVIEW_NODE)
        self.update()

    def end(self, how: str, reason: str = "") -> None:
        """Say that the run is over where no frame came; `how` is "finished", "stopped" or "failed"."""
        if self.message == tr(WAITING):
            self.message = tr("The run {0} before a frame came.\n{1}").format(tr(_ENDS[how]), reason).strip()
            self.update()

    def clear(self) -> None:
        """Go back to the state before the first run."""
        self.frame, self._image = None, QImage()
        self.message = tr(IDLE)
        self.update()

    def show_started(self, started: Started) -> None:
        """Take note of what runs the model: simulated devices find nothing, and the picture says so."""
        self._only_simulated = bool(started.devices) and set(started.devices) == set(started.simulated)

    def show_frame(self, frame: PreviewFrame) -> None:
        """Show this frame."""
        self.frame = frame
        height, width = frame.pixels.shape[:2]
        self._image = QImage(
            frame.pixels.data, width, height, frame.pixels.strides[0], QImage.Format.Format_BGR888
        )
        self.update()

    def detections(self) -> list[tuple[str, float]]:
        """Return name and score of every box on the frame that is shown."""
        if self.frame is None:
            return []
        return [
            (_name(self.frame, key, int(row[5])), float(row[4]))
            for key, value in self.frame.values.items()
            if isinstance(value, Detections)
            for row in value.rows
        ]

    def labels(self, font: QFont) -> list[Label]:
        """Return every box on the frame, the surest first, with its label in this font where it hides no other's."""
        if self.frame is None:
            return []
        place = self._place()
        zoom = place.width() / self._image.width() * self.frame.scale
        found = [
            (row[4], int(row[5]), row[:4], text)
            for key, value in self.frame.values.items()
            if isinstance(value, Detections)
            for row, text in zip(value.rows.tolist(), _words(self.frame, key, value), strict=True)
        ]
        found.sort(key=lambda entry: -entry[0])
        boxes = np.array([box for _, _, box, _ in found]).reshape(-1, 4) * zoom
        boxes += (place.x(), place.y(), place.x(), place.y())
        metrics = QFontMetricsF(font)
        sizes = np.array([(metrics.horizontalAdvance(text) + 8, metrics.height() + 2) for *_, text in found])
        bounds = (place.left(), place.top(), place.right(), place.bottom())
        return [
            Label(index, _rect(box), text, _rect(label))
            for (_, index, _, text), box, label in zip(
                found, boxes, place_labels(boxes, sizes.reshape(-1, 2), bounds), strict=True
            )
        ]

    def notes(self) -> list[str]:
        """Return what stands on the frame in words: classes, shapes, or why there is no box."""
        if self.frame is None:
            return []
        return ([tr(NO_BOXES)] if self._only_simulated else []) + _lines(self.frame)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.wanted.emit(self._wanted_size())

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.wanted.emit(None)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.isVisible():
            self.wanted.emit(self._wanted_size())

    def paintEvent(self, _event: QPaintEvent) -> None:
        c = theme.colors()
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(c.surface))
        if self.frame is None:
            painter.setPen(QColor(c.muted))
            flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect().adjusted(16, 16, -16, -16), flags, self.message)
            return
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        place = self._place()
        painter.drawImage(place, self._image)
        painter.setClipRect(place)
        self._draw_boxes(painter, self.labels(painter.font()))
        self._draw_lines(painter, place, self.notes())

    def _wanted_size(self) -> tuple[int, int]:
        ratio = self.devicePixelRatioF()
        return (
            max(64, min(MAX_SIZE[0], round(self.width() * ratio))),
            max(64, min(MAX_SIZE[1], round(self.height() * ratio))),
        )

    def _place(self) -> QRectF:
        size = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        return QRectF(
            (self.width() - size.width()) / 2,
            (self.height() - size.height()) / 2,
            size.width(),
            size.height(),
        )

    def _draw_boxes(self, painter: QPainter, labels: Sequence[Label]) -> None:
        for label in labels:
            color = QColor(theme.DARK.line(label.index))  # frames are no theme: bright lines on a dark rim
            for pen in (QPen(QColor(0, 0, 0, 160), 4), QPen(color, 2)):
                painter.setPen(pen)
                painter.drawRect(label.box)
        for label in reversed(labels):  # where there is no room for all, the surest are seen whole
            painter.fillRect(label.place, QColor(theme.DARK.line(label.index)))
            painter.setPen(QColor(_TEXT_ON_BOX))
            painter.drawText(label.place, int(Qt.AlignmentFlag.AlignCenter), label.text)

    def _draw_lines(self, painter: QPainter, place: QRectF, lines: list[str]) -> None:
        if not lines:
            return
        metrics = QFontMetricsF(painter.font())
        room = place.width() - 32
        flags, text = int(Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap), "\n".join(lines)
        needed = metrics.boundingRect(QRectF(0, 0, room, place.height()), flags, text)
        box = QRectF(place.x() + 8, place.y() + 8, needed.width() + 17, needed.height() + 12)
        painter.fillRect(box, QColor(0, 0, 0, 170))
        painter.setPen(QColor("#ffffff"))
        painter.drawText(box.adjusted(8, 6, -8, 0), flags, text)


def _rect(corners: np.ndarray) -> QRectF:
    x1, y1, x2, y2 = corners.tolist()
    return QRectF(QPointF(x1, y1), QPointF(x2, y2))


def _name(frame: PreviewFrame, key: str, index: int) -> str:
    names = frame.labels.get(key, ())
    return names[index] if index < len(names) else f"class {index}"


def _words(frame: PreviewFrame, key: str, value: Detections) -> list[str]:
    """Return what is told of each box: its name and score, its track, and what another model found in it."""
    ids = value.ids.tolist() if isinstance(value, Tracks) else [-1] * len(value.rows)
    return [
        f"{f'#{track} ' if track >= 0 else ''}{_name(frame, key, int(index))} {score:.0%}"
        f"{_in_crop(frame, key, value, row)}"
        for row, (track, (*_, score, index)) in enumerate(zip(ids, value.rows.tolist(), strict=True))
    ]


def _in_crop(frame: PreviewFrame, key: str, value: Detections, row: int) -> str:
    """Return what another model found in this box, "" where none was asked."""
    if value.crops is None or np.isnan(value.crops[row, 0]):
        return ""
    names, index = frame.crop_labels.get(key, ()), int(value.crops[row, 0])
    name = names[index] if index < len(names) else f"class {index}"
    return f" → {name} {value.crops[row, 1]:.0%}"


def _lines(frame: PreviewFrame) -> list[str]:
    """Return what was found and is no box, in words."""
    lines = []
    for key, value in frame.values.items():
        match value:
            case Classes():
                lines += [
                    f"{_name(frame, key, int(index))}  {score:.1%}" for index, score in value.rows.tolist()
                ]
            case Flag(value=flag):
                lines.append(f"{key.split('.')[0]}: {'YES' if flag else 'no'}")
            case Number(value=number):
                node, port = key.split(".")
                name = f"{node} {port.replace('_', ' ')}" if port.startswith("to_") else node
                lines.append(f"{name}: {number:.6g}")
            case Outputs(arrays=arrays) if arrays:
                lines.append(f"{key}: {_shapes(arrays)}")
            case _:
                pass
    return lines


def _shapes(arrays: Sequence[np.ndarray]) -> str:
    return ", ".join(" x ".join(str(n) for n in array.shape) for array in arrays)
