"""Timeline, replay and overlay on the real window, from a real run's stamps."""

from __future__ import annotations

import time

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt
from pytestqt.qtbot import QtBot

from cluster4npu.core.engine.messages import RunOptions
from cluster4npu.core.metrics.bottleneck import DEVICES
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui.main_window import MainWindow
from cluster4npu.ui.overlay.pills import words
from cluster4npu.ui.visualizer.frame_log import FrameLog
from cluster4npu.ui.visualizer.timeline import SOURCE_LANE
from cluster4npu.ui.visualizer.visualizer import ParallelExecutionVisualizer
from tests.core.metrics.stamps import made_run


@pytest.fixture
def panel(qtbot: QtBot) -> ParallelExecutionVisualizer:
    """Return a panel with a run of 300 frames on two devices that is over."""
    panel = ParallelExecutionVisualizer()
    qtbot.addWidget(panel)
    panel.resize(1000, 260)
    panel.show()
    panel.begin(PipelineTemplates.get("simulated"))
    panel.show_started(("sim:ane", "sim:gpu"), ("sim:ane", "sim:gpu"))
    panel.end(made_run(300, [20.0, 50.0]))
    return panel


def test_bars_are_the_stamps(panel: ParallelExecutionVisualizer) -> None:
    rows = panel.log.rows
    for worker, lane in enumerate(panel.workers):
        own = rows[rows["worker"] == worker]
        bars = panel.timeline.bars(lane)
        np.testing.assert_array_equal(bars[:, 0], own["frame_id"])
        np.testing.assert_allclose(bars[:, 1] * 1e9 + panel.log.origin_ns, own["started_ns"], atol=1)
        np.testing.assert_allclose(bars[:, 2] * 1e9 + panel.log.origin_ns, own["finished_ns"], atol=1)
    assert len(panel.timeline.bars(SOURCE_LANE)) == 300


def test_shares_are_the_frames_counted(panel: ParallelExecutionVisualizer) -> None:
    counted = np.bincount(panel.log.rows["worker"]) / 300
    assert [load.share for load in panel.show_load_balancing()] == pytest.approx(counted.tolist())


def test_the_bottleneck_is_told_and_marked(panel: ParallelExecutionVisualizer) -> None:
    found = panel.highlight_bottlenecks()
    assert found is not None and found.kind == DEVICES
    assert panel.words.text() == f"▲ {found.text}"
    assert panel.timeline.red == ("sim:ane", "sim:gpu")


def test_keys_scrub_zoom_and_show_all(panel: ParallelExecutionVisualizer, qtbot: QtBot) -> None:
    view, moments = panel.timeline, []
    panel.moment.connect(moments.append)
    qtbot.keyClick(view, Qt.Key.Key_Home)
    assert (view.start_s, view.end_s) == (0.0, pytest.approx(view.last_s))
    qtbot.keyClick(view, Qt.Key.Key_Plus)
    assert view.end_s - view.start_s == pytest.approx(view.last_s / 2)
    qtbot.keyClick(view, Qt.Key.Key_Right)
    assert view.cursor_s is not None and moments[-1] == panel.log.origin_ns + int(view.cursor_s * 1e9)
    qtbot.keyClick(view, Qt.Key.Key_Left)
    panel.stop_replay()
    assert moments[-1] is None and view.cursor_s is None


def test_a_bar_tells_what_it_is(panel: ParallelExecutionVisualizer) -> None:
    view = panel.timeline
    view.show_range(0.0, 0.2)
    frame, start, end, _status = view.bars("sim:ane")[2]
    lane = 20 + 1.5 * view._lane_height()
    assert view.told(QPointF(view._x((start + end) / 2), lane)).startswith(
        f"Frame {frame:.0f} on sim:ane: 20.00 ms"
    )
    assert view.told(QPointF(view._x(0.1), 2.0)) == ""


def test_a_replay_runs_to_the_end_and_holds(panel: ParallelExecutionVisualizer, qtbot: QtBot) -> None:
    panel.animate_data_flow(panel.timeline.last_s - 0.05, speed=1.0)
    qtbot.waitUntil(lambda: not panel._timer.isActive(), timeout=5_000)
    assert panel.timeline.cursor_s == panel.timeline.last_s


def test_the_log_of_a_long_run_is_bounded() -> None:
    log, rows = FrameLog(capacity=4096), made_run(1000, [1.0])
    for _ in range(20):
        log.extend(rows)
    assert len(log.rows) <= 4096 and log._rows.nbytes < 600_000
    assert log.rows[-1] == rows[-1]


def test_a_run_is_seen_on_timeline_and_canvas(window: MainWindow, qtbot: QtBot) -> None:
    window.files.new(PipelineTemplates.get("simulated"))
    workspace = window.workspace
    window.runs.run(RunOptions(loop=True, traces=True, calibration="never"))
    overlay, panel = workspace.overlay, workspace.visualizer
    qtbot.waitUntil(lambda: len(overlay.tokens) > 0, timeout=60_000)
    qtbot.waitUntil(lambda: "bottleneck" in words(overlay.figures.nodes["inference"]), timeout=20_000)
    inference = overlay.figures.nodes["inference"]
    assert [device.device for device in inference.devices] == list(panel.workers)
    assert inference.ms is not None and inference.fps is not None
    assert set(overlay.figures.nodes) == {node.id for node in window.document.config.nodes}
    assert set(overlay.figures.wires) == set(window.document.config.edges)
    newest = (time.monotonic_ns() - panel.log.end_ns) / 1e6
    assert newest < 2000  # 0.5 s when nothing else runs on the machine
    for zoom in (0.2, 4.0):
        workspace.editor.canvas.zoom_by(zoom)
        window.grab()
    window.runs.stop()
    qtbot.waitUntil(lambda: not window.runs.busy, timeout=20_000)
    summary = window.runs.summary
    assert summary is not None and summary.traces is not None
    assert len(panel.log.rows) == len(summary.traces)
    assert overlay.tokens == ()
    assert overlay.figures.nodes["inference"].fps == summary.fps  # the total, not the last moment
    panel.scrub(panel.timeline.last_s / 2)
    assert len(overlay.tokens) > 0
    window.files.new(PipelineTemplates.get("simulated"))
    assert not overlay.figures.nodes and not overlay.tokens
