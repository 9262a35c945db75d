"""Watching a run from the command line: its events told on stderr, a signal turned into a clean stop."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from cluster4npu.cli.console import Console
from cluster4npu.cli.interrupts import StopRequest
from cluster4npu.cli.progress import Progress
from cluster4npu.core.devices import truth
from cluster4npu.core.engine.engine import Engine
from cluster4npu.core.engine.messages import (
    Calibrated,
    Event,
    Failed,
    Finished,
    MetricsUpdated,
    ModeChanged,
    RunOptions,
    SourceChanged,
    Started,
    StateChanged,
    WorkerBack,
    WorkerFailed,
)
from cluster4npu.core.errors import Cluster4NPUError
from cluster4npu.core.metrics.summary import RunSummary
from cluster4npu.core.pipeline.config import PipelineConfig

_POLL_S = 0.05


@dataclass(slots=True)
class Watched:
    """How a run ended. `summary` is None where it failed before anything was done."""

    summary: RunSummary | None = None
    error: Cluster4NPUError | None = None
    calibrated: dict[str, Calibrated] = field(default_factory=dict)  # by stage
    lost: dict[tuple[str, str], str] = field(
        default_factory=dict
    )  # why, by stage and device that is left out
    stages: frozenset[str] = frozenset()
    model_sha256: str = ""
    started: bool = False  # its devices were loaded
    interrupted: bool = False

    @property
    def over(self) -> bool:
        return self.summary is not None or self.error is not None


def watch(
    config: PipelineConfig, options: RunOptions, console: Console, *, only_calibrate: bool = False
) -> Watched:
    """Run a pipeline to its end, or until Ctrl-C, and tell on stderr how it goes.

    Raises InputError when it cannot start; an error of the run itself is returned, since its summary counts
    too. `only_calibrate` stops as soon as the devices' weights are known.
    """
    watched = Watched()
    stopping = False
    with StopRequest() as stop, Progress(console) as progress, Engine(config, options) as run:
        while True:
            for event in run.poll():
                _take(event, watched, console, progress)
            if watched.over:
                return watched
            enough = only_calibrate and bool(watched.stages) and watched.stages <= set(watched.calibrated)
            if not stopping and (stop.requested or enough):
                watched.interrupted = stop.requested
                stopping = True
                run.stop()
            # After the request the wait returns at once: then it is the pause between two looks that counts.
            if stopping:
                time.sleep(_POLL_S)
            else:
                stop.wait(_POLL_S)


def _take(event: Event, watched: Watched, console: Console, progress: Progress) -> None:
    match event:
        case StateChanged(detail=detail, notice=True):
            _tell(console, progress, detail)
        case StateChanged(state, detail):
            progress.update(None, f"{state}  {detail}")
        case Started():
            watched.model_sha256 = event.model_sha256
            watched.started = True
            watched.stages = frozenset(event.stages)
            for line in _units(event):
                _tell(console, progress, line)
            if event.simulated:
                _tell(console, progress, f"SIMULATED, no real hardware: {', '.join(event.simulated)}")
        case Calibrated():
            watched.calibrated.setdefault(event.stage, event)
        case MetricsUpdated(snapshot):
            done = f"{snapshot.frames_out} frames  {snapshot.fps:.1f} frames/s"
            lost = snapshot.frames_dropped + snapshot.frames_failed
            progress.update(snapshot.progress, done + (f"  {lost} lost" if lost else ""))
        case ModeChanged(mode, at_s):
            _tell(console, progress, f"{at_s:8.2f} s  mode: {mode}")
        case WorkerFailed(device, reason, final, node):
            if final:
                watched.lost[node, device] = reason
            consequence = "It is left out from now on." if final else "It is started again."
            _tell(console, progress, f"warning: {node}: {device} failed: {reason.rstrip('.')}. {consequence}")
        case WorkerBack(device, down_s, _):
            _tell(console, progress, f"{device} is back after {down_s:.2f} s")
        case SourceChanged(node, state, detail):
            _tell(console, progress, f"{node}: {detail}" + ("; trying again" if state == "lost" else ""))
        case Finished(summary):
            watched.summary = summary
        case Failed(error, summary):
            watched.error = error
            watched.summary = summary


def _units(started: Started) -> list[str]:
    """Return what really runs each device, as its runtime tells once it has loaded the model."""
    units = [f"{device} (unit: {unit})" for device, unit in started.units.items()]
    fallen = [pair for pair in started.units.items() if truth.fell_back(*pair)]
    return [
        f"Running on {', '.join(units) or 'the processor'}",
        *(f"warning: {truth.warning(device, unit)}" for device, unit in fallen),
    ]


def _tell(console: Console, progress: Progress, text: str) -> None:
    progress.wipe()
    console.note(text)
