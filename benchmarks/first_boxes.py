"""How long a user waits: from the start to the visible window, and from the click on Run to the first boxes.

    python -m benchmarks.first_boxes [--turns 5]

Each turn is a new process with an empty data folder (so that calibration is measured too), without a display unless
QT_QPA_PLATFORM says otherwise. The figures are the medians.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

from benchmarks.common import machine, median

WINDOW_S, BOXES_S = 1.5, 5.0


def child(started: float) -> None:
    """Open the window on the example, click Run, and print when what was seen (seconds)."""
    from PySide6.QtCore import QTimer

    from cluster4npu.core.settings import assets_dir
    from cluster4npu.ui.app import make_application
    from cluster4npu.ui.main_window import IntegratedPipelineDashboard

    app = make_application()
    window = IntegratedPipelineDashboard()
    window.show()
    app.processEvents()
    seen = {"window_s": time.time() - started}
    window.files.open(assets_dir() / "example.json")
    app.processEvents()
    clicked = time.time()

    def look(frame: object) -> None:
        if "boxes_s" not in seen and any(len(v.rows) for v in frame.values.values()):  # type: ignore[attr-defined]
            app.processEvents()
            seen["boxes_s"] = time.time() - clicked
            print(json.dumps(seen), flush=True)
            window.runs.shutdown()
            app.exit()

    window.runs.bridge.preview_ready.connect(look)
    QTimer.singleShot(60_000, lambda: app.exit(1))
    window.run()
    app.exec()
    os._exit(0)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--child", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child is not None:
        child(given.child)
    print(f"# {machine()}")
    turns = []
    for _ in range(given.turns):
        with tempfile.TemporaryDirectory() as data:
            env = {"QT_QPA_PLATFORM": "offscreen", **os.environ, "CLUSTER4NPU_DATA": data}
            command = [sys.executable, "-m", "benchmarks.first_boxes", "--child", str(time.time())]
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
            turns.append(json.loads(done.stdout.splitlines()[-1]))
    reached = True
    for key, limit in (("window_s", WINDOW_S), ("boxes_s", BOXES_S)):
        value = median([t[key] for t in turns])
        reached &= value <= limit
        seconds = [round(t[key], 2) for t in turns]
        print(
            json.dumps({"figure": key, "value": round(value, 2), "at_most": limit, "turns": seconds}),
            flush=True,
        )
    return 0 if reached else 1


if __name__ == "__main__":
    raise SystemExit(main())
