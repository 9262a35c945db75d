"""Run the benchmarks named (or all), one after the other; exit code 1 when a figure is missed."""

from __future__ import annotations

import subprocess
import sys

NAMES = (
    "simulated_sum",
    "scheduling",
    "two_workers",
    "handover",
    "records",
    "numba_kernel",
    "observers",
    "mixes",
    "soak",
    "openvino_cpu",
    "accelerator",
    "first_boxes",
    "first_path",
    "window_cost",
    "gui_blocks",
    "long_charts",
    "designer",
    "on_demand",
    "stall",
    "storage",
    "sample_cost",
    "cancel",
    "false_alarms",
    "history",
)


def main() -> int:
    missed = [
        name for name in NAMES if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"]).returncode
    ]
    for name in missed:
        print(f"missed: {name}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
