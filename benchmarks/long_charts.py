"""What the window's memory grows by while a run goes on for an hour with every chart live.


The main window at 1440 x 900 pixels with dashboard, preview, figures on the canvas and timeline; SIMULATED devices at
20 frames/s, so that little but the window works. Growth counts from the third minute on: until then fonts, pictures
and the first points of every chart come. The memory is what the window's process has allocated.
Without a display unless QT_QPA_PLATFORM says otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time

import psutil

from benchmarks.common import machine, null_pipeline, tell_at_most

GROWTH_MB = 20.0
WARM_MIN = 2
FPS = 20.0
_DEVICE = "sim:slow?ms=60#{}"
_START_S = 60.0  # longest until the first figures come


def _memory() -> dict[str, float]:
    """Return the memory of this process in MB: what it has allocated, and with the pages of files, as libraries."""
    info = psutil.Process().memory_info()
    files = getattr(
        info, "shared", 0
    )  # the system drops those and reads them again as it likes; Linux tells them
    return {"allocated_mb": round((info.rss - files) / 1e6, 2), "resident_mb": round(info.rss / 1e6, 2)}


def measure(minutes: int) -> list[dict[str, float]]:
    """Run in the window for so long; return one line a minute, from the end of the warm-up on."""
    from cluster4npu.core.engine.messages import RunOptions
    from cluster4npu.ui.app import make_application
    from cluster4npu.ui.collector import Collector
    from cluster4npu.ui.main_window import IntegratedPipelineDashboard
    from cluster4npu.ui.render import hush_offscreen, settle, wait_for

    make_application()
    hush_offscreen()
    window = IntegratedPipelineDashboard()
    Collector(window)
    window.resize(1440, 900)
    window.show()
    config = null_pipeline(_DEVICE.format(1), _DEVICE.format(2), height=240, width=320)
    source = config.nodes[0]
    source = source.model_copy(update={"params": {**source.params, "fps": FPS}})
    window.files.new(config.model_copy(update={"nodes": (source, *config.nodes[1:])}))
    window.runs.run(RunOptions(traces=True, calibration="never"))
    chart = window.workspace.dashboard.fps_chart
    wait_for(lambda: chart.points() > 0 or not window.runs.busy, _START_S)
    start, lines = time.monotonic(), []
    for minute in range(1, minutes + 1):
        settle(int(1000 * (start + 60 * minute - time.monotonic())))
        assert window.runs.busy, window.messages.text() or "the run ended by itself"
        line = {"minute": minute, "points": chart.points(), **_memory()}
        print(json.dumps(line), flush=True)
        if minute >= WARM_MIN:
            lines.append(line)
    window.runs.shutdown()
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=int, default=60)
    given = parser.parse_args()
    if given.minutes <= WARM_MIN:
        parser.error(f"--minutes must be more than {WARM_MIN}: the growth counts from then on")
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    print(f"# {machine()}; {given.minutes} minutes, {FPS:.0f} frames/s, SIMULATED", flush=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ["CLUSTER4NPU_DATA"] = folder
        lines = measure(given.minutes)
    first, last = lines[0], lines[-1]
    reached = tell_at_most(
        "growth of the window's memory in MB",
        last["allocated_mb"] - first["allocated_mb"],
        GROWTH_MB,
        minutes=given.minutes,
        first_mb=first["allocated_mb"],
        most_mb=max(line["allocated_mb"] for line in lines),
        points=last["points"],
    )
    return 0 if reached else 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # Qt's own end is not measured
