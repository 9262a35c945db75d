"""The preview draws frames, boxes at the right place, and says in words why there is nothing to see."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtGui import QColor
from pytestqt.qtbot import QtBot

from cluster4npu.core.engine.messages import PreviewFrame, Started
from cluster4npu.core.nodes.values import Classes, Detections, Value
from cluster4npu.core.pipeline.config import NodeConfig, PipelineConfig
from cluster4npu.ui import theme
from cluster4npu.ui.preview import IDLE, NO_BOXES, NO_PREVIEW_NODE, WAITING, Preview


@pytest.fixture
def preview(qtbot: QtBot) -> Preview:
    preview = Preview()
    qtbot.addWidget(preview)
    preview.resize(400, 300)
    preview.show()
    return preview


def frame(values: dict[str, Value], scale: float = 0.5, labels: tuple[str, ...] = ()) -> PreviewFrame:
    pixels = np.zeros((150, 200, 3), np.uint8)
    pixels[:, :, 0] = 255  # blue, in BGR
    return PreviewFrame(7, pixels, scale, values, dict.fromkeys(values, labels))


def test_empty_states_say_what_to_do(preview: Preview) -> None:
    assert preview.message == IDLE
    preview.begin(PipelineConfig())
    assert preview.message == NO_PREVIEW_NODE
    preview.begin(PipelineConfig(nodes=(NodeConfig(id="preview", type="preview"),)))
    assert preview.message == WAITING


def test_a_frame_is_shown_in_its_own_colours(preview: Preview) -> None:
    preview.show_frame(frame({}))
    assert preview.grab().toImage().pixelColor(200, 150) == QColor(0, 0, 255)


def test_boxes_lie_where_the_source_frame_has_them(preview: Preview) -> None:
    # 400 x 300 source pixels, previewed at half size, shown at twice that: one source pixel is one here.
    rows = np.array([[100, 60, 300, 220, 0.9, 1]], np.float32)
    preview.show_frame(frame({"detections.detections": Detections(rows)}, labels=("a", "seven")))
    assert preview.detections() == [("seven", pytest.approx(0.9))]
    image = preview.grab().toImage()
    color = QColor(theme.DARK.line(1))
    for x, y in ((100, 140), (300, 140), (200, 220)):
        assert image.pixelColor(x, y) == color, (x, y)
    assert image.pixelColor(200, 150) == QColor(0, 0, 255)


def test_boxes_over_the_edge_and_unknown_classes_are_drawn_too(preview: Preview) -> None:
    rows = np.array([[-50, -50, 90, 40, 0.5, 12], [390, 290, 900, 900, 0.4, 3]], np.float32)
    preview.show_frame(frame({"detections.detections": Detections(rows)}))
    preview.grab()
    assert [name for name, _ in preview.detections()] == ["class 12", "class 3"]


def test_classes_are_told_in_words(preview: Preview) -> None:
    blank = preview.grab().toImage()
    rows = np.array([[1, 0.75], [0, 0.2]], np.float32)
    preview.show_frame(frame({"classify.classes": Classes(rows)}, labels=("cat", "dog")))
    assert preview.notes() == ["dog  75.0%", "cat  20.0%"]
    assert preview.grab().toImage() != blank


def test_simulated_devices_are_known_to_find_nothing(preview: Preview) -> None:
    preview.show_started(Started(("sim:ane",), ("sim:ane",), {}, {}, "", 300, 400, "", ()))
    preview.show_frame(frame({"detections.detections": Detections(np.zeros((0, 6), np.float32))}))
    assert preview.notes() == [NO_BOXES]


def test_frames_are_wanted_only_while_somebody_looks(preview: Preview, qtbot: QtBot) -> None:
    with qtbot.waitSignal(preview.wanted) as hidden:
        preview.hide()
    assert hidden.args == [None]
    with qtbot.waitSignal(preview.wanted) as shown:
        preview.show()
    assert shown.args == [(400, 300)]
    with qtbot.waitSignal(preview.wanted) as resized:
        preview.resize(4000, 3000)
    assert resized.args == [(960, 720)]


def test_a_run_that_ended_without_a_frame_is_not_waited_for(preview: Preview) -> None:
    preview.begin(PipelineConfig(nodes=(NodeConfig(id="preview", type="preview"),)))
    preview.end("failed", "the model cannot be read")
    assert preview.message == "The run failed before a frame came.\nthe model cannot be read"


def test_labels_of_close_boxes_are_all_readable(preview: Preview) -> None:
    rows = np.array([[100, 60, 130, 120, 0.7, 1], [112, 58, 140, 120, 0.9, 2]], np.float32)
    preview.show_frame(frame({"detections.detections": Detections(rows)}))
    image = preview.grab().toImage()
    first, second = preview.labels(preview.font())
    assert (first.text, second.text) == ("class 2 90%", "class 1 70%")  # the surest chooses first
    assert not first.place.intersects(second.place)
    for label in (first, second):
        at = label.place.topLeft().toPoint()
        assert image.pixelColor(at.x() + 2, at.y() + 2) == QColor(theme.DARK.line(label.index))
