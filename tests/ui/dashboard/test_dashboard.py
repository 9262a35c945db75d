"""The dashboard shows snapshots: figures, charts, devices, targets."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from cluster4npu.core.engine.messages import Calibrated
from cluster4npu.core.metrics.snapshot import DeviceSnapshot, MetricsSnapshot
from cluster4npu.core.metrics.statistics import LatencyStats
from cluster4npu.core.metrics.summary import DeviceSummary, RunSummary
from cluster4npu.core.pipeline.config import Targets
from cluster4npu.ui.dashboard.dashboard import PerformanceDashboard
from cluster4npu.ui.dashboard.numbers import NOT_REPORTED

DEVICE = DeviceSnapshot("onnx:cpu", "busy", False, 60, 0.6, 14.0, 0.93, 62.0, 2, 0, "cpu")
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


LATENCY = LatencyStats(200, 60.0, 58.0, 65.0, 70.0, 80.0)
SUMMARY = RunSummary(
    frames_in=227,
    frames_out=200,
    frames_dropped=27,
    frames_failed=0,
    fps=31.0,
    wall_s=7.0,
    latency_ms=LATENCY,
    devices=(
        DeviceSummary("onnx:cpu", "onnx:cpu", "", False, 120, 0.6, 0.9, 18.0, LATENCY),
        DeviceSummary("sim:ane", "sim:ane", "", True, 80, 0.4, 0.5, 13.0, LATENCY, failed="it died"),
    ),
    buffer_full_waits=0,
    restarts=2,
    out_of_order=0,
    policy="adaptive",
    simulated=True,
)


def test_a_run_that_is_over_shows_its_totals(dashboard: PerformanceDashboard) -> None:
    dashboard.update_snapshot(SNAPSHOT)
    dashboard.show_end(SUMMARY, "stopped")
    figures = dashboard.figures
    assert figures.state.text() == "stopped"
    assert (figures.fps.number.text(), figures.latency.number.text()) == ("31.0", "70.0 ms")
    assert figures.fps_target.text() == "met: at least 30 FPS"
    assert figures.dropped.number.text() == "27"
    assert figures.dropped.toolTip() == "24 in flight at Stop"  # 3 were dropped before
    rows = dashboard.device_chart.rows
    assert (rows["onnx:cpu"].state.text(), rows["sim:ane"].state.text()) == ("stopped", "failed")
    assert rows["onnx:cpu"].detail.text() == "18.0 FPS · 60.0 ms · 120 frames"
    assert "waiting" not in rows["sim:ane"].detail.text()
    assert "31.0" in dashboard.fps_chart._newest.text()
    assert "12.5" in dashboard.throughput_chart._newest.text()  # the mean of what was seen


def test_a_run_in_which_nothing_ran_leaves_the_dashboard_empty(dashboard: PerformanceDashboard) -> None:
    dashboard.show_end(None, "failed")
    assert dashboard._pages.currentIndex() == 0


def test_a_slow_device_does_not_flicker(dashboard: PerformanceDashboard) -> None:
    for number, fps in enumerate((12.0, 8.0, 12.0, 8.0)):
        device = replace(DEVICE, fps=fps)
        dashboard.update_snapshot(replace(SNAPSHOT, elapsed_s=1 + number / 4, devices=(device,)))
    assert dashboard.device_chart.rows["onnx:cpu"].detail.text().startswith("10.0 FPS")


def test_a_phrase_is_told_once(dashboard: PerformanceDashboard) -> None:
    dashboard.show_state("starting", "loading the model on every device")
    assert dashboard.figures.status.text().casefold().count("loading") == 1


def test_an_accelerator_that_fell_back_is_flagged(dashboard: PerformanceDashboard) -> None:
    fallen = replace(DEVICE, id="onnx:cuda:0", fell_back=True)
    dashboard.update_snapshot(replace(SNAPSHOT, devices=(fallen, OTHER)))
    rows = dashboard.device_chart.rows
    assert rows["onnx:cuda:0"].fallback.text() == "ON THE CPU"
    assert rows["sim:ane"].fallback.text() == ""


def test_a_device_that_is_left_out_says_so_and_why(dashboard: PerformanceDashboard) -> None:
    device, other = SNAPSHOT.devices[0].id, SNAPSHOT.devices[1].id
    dashboard.begin(Targets())
    dashboard.show_calibrated(Calibrated((), cached=False, harmful=(device, "together they made less")))
    dashboard.update_snapshot(SNAPSHOT)
    rows = dashboard.device_chart.rows
    assert rows[device].state.text() == "left out" and rows[other].state.text() != "left out"
    assert "together they made less" in rows[device].detail.text()
    assert "together they made less" in rows[device].toolTip()
    dashboard.device_chart.show_end(())
    assert rows[device].state.text() == "left out" and rows[other].state.text() == "stopped"
    dashboard.begin(Targets())
    dashboard.update_snapshot(SNAPSHOT)
    assert dashboard.device_chart.rows[device].state.text() != "left out"
