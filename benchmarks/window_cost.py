"""What the open window costs: FPS of a run with every chart live, over the same run without a window.

    python -m benchmarks.window_cost [--pairs 5] [--seconds 10]

Each pair is two new processes, in turns first: one runs the bundled example headless, one runs it in the main window
with dashboard, preview, overlay and timeline. Neither calibrates: both have the same devices, and correct their weights
by what they see. The figure is the median of the pairs' ratios; it is not valid where the headless runs themselves
are too far apart: then the machine was not quiet. Beside it stands what the window's process computes itself, as a part
of all cores, which hardly depends on what else the machine does, and how far the figures on the canvas are behind.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

from benchmarks.common import machine, median, tell, tell_at_most

REACH = 0.98
BEHIND_S = 0.5
STEADY = 1.15  # the fastest headless run over the slowest one, at most


def options(seconds: float) -> object:
    """Return how both sides run."""
    from cluster4npu import RunOptions

    return RunOptions(seconds=seconds, loop=True, traces=True, calibration="never")


def headless(seconds: float) -> float:
    """Run without a window and return the FPS."""
    from cluster4npu import Engine, PipelineConfig
    from cluster4npu.core.settings import assets_dir

    with Engine(PipelineConfig.open(assets_dir() / "example.json"), options(seconds)) as run:  # type: ignore[arg-type]
        return run.wait().fps


def windowed(seconds: float) -> tuple[float, float, float]:
    """Run in the window; return the FPS, what the window's process computed meanwhile, of all cores, and how old (s) at
    most the newest frame was of which the canvas told, until it told of newer ones.
    """
    from PySide6.QtCore import QEvent, QEventLoop, QObject, QTimer

    from cluster4npu.core.settings import assets_dir
    from cluster4npu.ui.app import make_application
    from cluster4npu.ui.main_window import IntegratedPipelineDashboard

    make_application()
    window = IntegratedPipelineDashboard()
    window.resize(1440, 900)
    window.show()
    window.files.open(assets_dir() / "example.json")
    window.runs.run(options(seconds))  # type: ignore[arg-type]
    loop = QEventLoop()
    clocks: list[tuple[float, float]] = []

    behind: list[float] = []
    overlay, log = window.workspace.overlay, window.workspace.visualizer.log

    class Painted(QObject):
        newest_ns = 0

        def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
            if event.type() is QEvent.Type.Paint and log.end_ns > self.newest_ns:
                behind.extend([(time.monotonic_ns() - self.newest_ns) / 1e9] * (self.newest_ns > 0))
                self.newest_ns = log.end_ns
            return False

    painted = Painted()
    overlay.installEventFilter(painted)

    def note() -> None:
        clocks.append((time.perf_counter(), time.process_time()))

    window.runs.bridge.metrics_updated.connect(lambda now: note() if now.state == "running" else None)
    window.runs.busy_changed.connect(loop.quit)
    QTimer.singleShot(round((seconds + 60) * 1000), loop.quit)
    loop.exec()
    summary = window.runs.summary
    window.runs.shutdown()
    assert summary is not None, window.messages.text()
    (began, before), (ended, after) = clocks[0], clocks[-1]
    overlay.removeEventFilter(painted)
    return summary.fps, (after - before) / (ended - began) / (os.cpu_count() or 1), max(behind)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--side", choices=("headless", "windowed"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        done = (headless(given.seconds), 0.0, 0.0) if given.side == "headless" else windowed(given.seconds)
        print(json.dumps(done), flush=True)
        os._exit(0)
    print(f"# {machine()}")
    ratios, rates_of, computed, late = [], [], [], []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
        env = {"QT_QPA_PLATFORM": "offscreen", **os.environ, "CLUSTER4NPU_DATA": data}

        def side(name: str, seconds: float) -> tuple[float, float, float]:
            command = [sys.executable, "-m", "benchmarks.window_cost"]
            command += ["--side", name, "--seconds", str(seconds)]
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
            fps, cpu, behind = json.loads(done.stdout.splitlines()[-1])
            return float(fps), float(cpu), float(behind)

        side("headless", 1.0)  # fills the file cache
        for number in range(given.pairs):
            order = ("headless", "windowed") if number % 2 == 0 else ("windowed", "headless")
            rates = {name: side(name, given.seconds) for name in order}
            (fps, cpu, behind), (alone, _, _) = rates["windowed"], rates["headless"]
            ratios.append(fps / alone)
            rates_of.append([round(fps, 1), round(alone, 1)])
            computed.append(cpu)
            late.append(behind)
    pairs = [round(r, 3) for r in ratios]
    without = [rate for _, rate in rates_of]
    steady = max(without) <= STEADY * min(without)
    reached = tell("window_cost", median(ratios), REACH, pairs=pairs, fps=rates_of, valid=steady)
    cheap = tell_at_most("what the window computes, of all cores", median(computed), 1 - REACH)
    now = tell_at_most("figures on the canvas behind, s", median(late), BEHIND_S, longest=round(max(late), 3))
    return 0 if reached and cheap and now else 1


if __name__ == "__main__":
    raise SystemExit(main())
