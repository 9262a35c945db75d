"""Scene: a run in which everything goes wrong, with figures that are made up: no machine shows all of it at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

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
from cluster4npu.core.metrics.traces import FRAME_TRACE
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
_STAMPS = (
    "scheduled_ns", "captured_ns", "queued_ns", "started_ns", "inferred_ns", "finished_ns", "delivered_ns",
)  # fmt: skip


def trouble(stage: Stage) -> None:
    """Every tab of the dashboard; messages of what was lost; the alerts that have fired and cleared."""
    stage.open(simulated())
    workspace, runs = stage.window.workspace, stage.window.runs
    workspace.begin_run(simulated())
    dashboard = workspace.dashboard
    dashboard.alerts.set_user_rules([AlertRule("fps", "below", 55.0), AlertRule("queue", "above", 500.0)])
    ids = tuple(device.id for device in _DEVICES)
    stages = {"inference": ids}
    runs.bridge.started.emit(Started(ids, ids, {}, {}, "", 240, 320, "", (), {}, stages))
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
    _assistant(stage)
    workspace.forget_run()
    stage.window.messages.hide()


def _assistant(stage: Stage) -> None:
    """What could be changed about a run, and what was; then what a run says whose source is too slow for more."""
    workspace = stage.window.workspace
    panel = workspace.assistant
    stage.window.messages.hide()
    workspace.visualizer.end(_stamps(300, (20.0, 50.0, 100.0)))
    panel.end()
    workspace.docks["Assistant"].raise_()
    stage.wait(lambda: bool(panel.rows), "the assistant's answer")
    stage.show("assistant")
    panel.rows[0].button.click()
    stage.show("assistant-applied")
    stage.window.document.undo_stack.undo()
    before = panel.rows[0]
    workspace.visualizer.end(_stamps(300, (20.0, 50.0, 100.0), reading_ms=40.0))
    panel.end()
    stage.wait(lambda: panel.rows[0] is not before, "the assistant's next answer")
    stage.show("assistant-no-gain")
    workspace.docks["Dashboard"].raise_()


def _stamps(count: int, service_ms: tuple[float, ...], reading_ms: float = 0.1) -> np.ndarray:
    """Return the stamps of frames that whoever is free first computes."""
    rows = np.zeros(count, FRAME_TRACE)
    free = [0.0] * len(service_ms)
    read = 0.0
    for number, row in enumerate(rows):
        worker = min(range(len(free)), key=lambda w: max(free[w], read) + service_ms[w])
        due = max(read, min(free) - 100.0)
        read = due + reading_ms
        begun = max(read, free[worker])
        free[worker] = begun + service_ms[worker]
        stamps = (due, read, read, begun, free[worker], free[worker], max(free[worker], read))
        row["frame_id"], row["worker"] = number, worker
        for name, moment in zip(_STAMPS, stamps, strict=True):
            row[name] = round((moment + 1.0) * 1e6)
    rows["delivered_ns"] = np.maximum.accumulate(rows["finished_ns"])  # in order
    return rows
