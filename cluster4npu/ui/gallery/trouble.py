"""Scene: a run in which everything goes wrong, with figures that are made up: no machine shows all of it at once."""

from __future__ import annotations

from dataclasses import replace

from cluster4npu.core.engine.messages import (
    Calibrated,
    DeviceCalibration,
    SourceChanged,
    Started,
    WorkerFailed,
)
from cluster4npu.core.metrics.alerts import AlertRule
from cluster4npu.core.metrics.snapshot import (
    DeviceSnapshot,
    MetricsSnapshot,
    NodeSnapshot,
    SinkSnapshot,
)
from cluster4npu.ui.gallery.stage import Stage, simulated
from cluster4npu.ui.render import settle

_DEVICES = (
    DeviceSnapshot("sim:ane", "busy", True, 600, 0.7, 40.0, 0.98, 21.4, 2, 0, unit="simulated ane"),
    DeviceSnapshot("sim:gpu", "restarting", True, 250, 0.3, 11.0, 0.5, None, 0, 3, unit="simulated gpu"),
    DeviceSnapshot("sim:cpu", "failed", True, 0, 0.0, 0.0, 0.0, None, 0, 5, unit="cpu", fell_back=True),
)
_SNAPSHOT = MetricsSnapshot(
    elapsed_s=0.0, state="running", frames_in=900, frames_out=850, frames_dropped=31, frames_failed=4, in_flight=15,
    fps=51.0, throughput_mb_s=11.7, latency_mean_ms=290.0, latency_p50_ms=274.0, latency_p95_ms=331.0,
    latency_p99_ms=402.0, buffer_full_waits=8, ring_slots=16, ring_used=16, reorder_waiting=3, devices=_DEVICES,
    host_cpu=0.83, host_memory_bytes=561_000_000, nodes=(NodeSnapshot("preprocess", 51.0, 0.4),),
    sinks=(SinkSnapshot("count", 810, 40, 6, 12, 64, "connection refused"),),
)  # fmt: skip


def trouble(stage: Stage) -> None:
    """Every tab of the dashboard; messages of what was lost; the alerts that have fired and cleared."""
    stage.open(simulated())
    workspace, runs = stage.window.workspace, stage.window.runs
    workspace.begin_run(simulated())
    dashboard = workspace.dashboard
    dashboard.alerts.set_user_rules([AlertRule("fps", "below", 55.0), AlertRule("queue", "above", 500.0)])
    ids = tuple(device.id for device in _DEVICES)
    runs.bridge.started.emit(Started(ids, ids, {}, {}, "", 240, 320, "", ()))
    alone = tuple(
        DeviceCalibration(name, fps, fps, fps / 80) for name, fps in zip(ids, (50, 20, 10), strict=True)
    )
    runs.bridge.calibrated.emit(Calibrated(alone, False, "", ("sim:cpu", "it makes the others slower")))
    stage.show("trouble-left-out")
    runs.bridge.state_changed.emit("running", "")
    for second in range(0, 60, 3):
        up = 20.0 * (second > 50)
        runs.bridge.metrics_updated.emit(replace(_SNAPSHOT, elapsed_s=float(second), fps=51.0 + up))
    settle(100)
    for index in range(dashboard.tabs.count()):
        dashboard.tabs.setCurrentIndex(index)
        stage.show(f"trouble-{index + 1}")
    dashboard.tabs.setCurrentIndex(0)
    runs.bridge.worker_failed.emit(WorkerFailed("sim:gpu", "the driver has lost the device", False))
    stage.show("trouble-worker")
    runs.bridge.source_changed.emit(SourceChanged("source", "lost", "the camera was unplugged"))
    stage.show("trouble-source")
    workspace.forget_run()
    stage.window.messages.hide()
