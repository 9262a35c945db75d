"""The dashboard shows snapshots: figures, charts, devices, targets."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from cluster4npu.core.metrics.snapshot import DeviceSnapshot, MetricsSnapshot
from cluster4npu.core.pipeline.config import Targets
from cluster4npu.ui.dashboard.dashboard import PerformanceDashboard
from cluster4npu.ui.dashboard.numbers import NOT_REPORTED

DEVICE = DeviceSnapshot("onnx:cpu", "busy", False, 60, 0.6, 14.0, 0.93, 62.0, 2, 0, "CPUExecutionProvider")
OTHER = DeviceSnapshot("sim:ane", "restarting", True, 40, 0.4, 10.0, 0.5, None, 0, 2)
SNAPSHOT = MetricsSnapshot(
    elapsed_s=1.0,
    state="running",
    frames_in=104,
    frames_out=100,
    frames_dropped=3,
    frames_failed=1,
    in_flight=4,
    fps=24.0,
    throughput_mb_s=12.5,
    latency_mean_ms=60.0,
    latency_p50_ms=58.0,
    latency_p95_ms=71.0,
    latency_p99_ms=80.0,
    buffer_full_waits=0,
    ring_slots=16,
    ring_used=4,
    reorder_waiting=0,
    devices=(DEVICE, OTHER),
)


@pytest.fixture
def dashboard(qtbot: QtBot) -> PerformanceDashboard:
    dashboard = PerformanceDashboard()
    qtbot.addWidget(dashboard)
    dashboard.begin(Targets(fps=30.0, latency_p95_ms=100.0))
    return dashboard


def test_figures_and_charts_show_the_snapshot(dashboard: PerformanceDashboard) -> None:
    dashboard.update_snapshot(SNAPSHOT)
    figures = dashboard.figures
    assert figures.fps.number.text() == "24.0"
    assert figures.latency.number.text() == "71.0 ms"
    assert figures.frames.number.text() == "100"
    assert figures.dropped.number.text() == "3"
    assert figures.failed.number.text() == "1"
    assert figures.restarts.number.text() == "2"
    assert dashboard.fps_chart.newest() == (24.0,)
    assert dashboard.latency_chart.newest() == (58.0, 71.0, 80.0)
    assert dashboard.throughput_chart.newest() == (12.5,)


def test_targets_are_judged_in_words(dashboard: PerformanceDashboard) -> None:
    dashboard.update_snapshot(SNAPSHOT)
    assert dashboard.figures.fps_target.text() == "not met: at least 30 FPS"
    assert dashboard.figures.latency_target.text() == "met: p95 at most 100 ms"


def test_without_targets_nothing_is_judged(dashboard: PerformanceDashboard) -> None:
    dashboard.begin(Targets())
    dashboard.update_snapshot(SNAPSHOT)
    assert dashboard.figures.fps_target.isHidden()
    assert dashboard.figures.latency_target.isHidden()


def test_devices_show_share_use_state_and_simulation(dashboard: PerformanceDashboard) -> None:
    dashboard.update_snapshot(SNAPSHOT)
    rows = dashboard.device_chart.rows
    assert list(rows) == ["onnx:cpu", "sim:ane"]
    real, simulated = rows["onnx:cpu"], rows["sim:ane"]
    assert (real.share_text.text(), real.busy_text.text()) == ("60%", "93%")
    assert (real.share.value, real.busy.value) == (0.6, 0.93)
    assert real.state.text() == "busy"
    assert real.simulated.isHidden()
    assert simulated.state.text() == "restarting"
    assert not simulated.simulated.isHidden()
    assert NOT_REPORTED in simulated.detail.text()
    assert not dashboard.figures.simulated.isHidden()


def test_a_device_that_is_gone_loses_its_row(dashboard: PerformanceDashboard) -> None:
    dashboard.update_snapshot(SNAPSHOT)
    dashboard.update_snapshot(replace(SNAPSHOT, elapsed_s=2.0, devices=(DEVICE,)))
    assert list(dashboard.device_chart.rows) == ["onnx:cpu"]
    assert dashboard.figures.simulated.isHidden()


def test_latency_that_was_not_measured_is_said_so(dashboard: PerformanceDashboard) -> None:
    silent = replace(SNAPSHOT, latency_p50_ms=None, latency_p95_ms=None, latency_p99_ms=None)
    dashboard.update_snapshot(silent)
    assert dashboard.figures.latency.number.text() == NOT_REPORTED
    assert dashboard.latency_chart.points() == 0


def test_calibration_draws_no_points_but_says_what_goes_on(dashboard: PerformanceDashboard) -> None:
    dashboard.show_state("calibrating", "measuring sim:ane alone")
    dashboard.update_snapshot(replace(SNAPSHOT, state="calibrating"))
    assert dashboard.fps_chart.points() == 0
    assert dashboard.figures.state.text() == "calibrating"
    assert "sim:ane alone" in dashboard.figures.status.text()


def test_a_new_run_starts_empty(dashboard: PerformanceDashboard) -> None:
    dashboard.update_snapshot(SNAPSHOT)
    dashboard.begin(Targets())
    assert dashboard.fps_chart.points() == 0
    assert dashboard.device_chart.rows == {}
