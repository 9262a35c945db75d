"""The bundled detector on two one-thread CPU workers against one: decode, pre- and post-processing included.

    python -m benchmarks.two_workers [--turns 5] [--frames 540]

Turns interleave one and two workers (A B B A ...); the figure is the median of the paired ratios.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.common import machine, median, run, tell
from cluster4npu import PipelineConfig, RunOptions
from cluster4npu.core.settings import assets_dir

ONE = ("onnx:cpu?threads=1",)
TWO = ("onnx:cpu?threads=1", "onnx:cpu?threads=1#2")
REACH = 1.7


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--frames", type=int, default=540)
    given = parser.parse_args()
    print(f"# {machine()}")
    pipeline = PipelineConfig.open(Path(assets_dir()) / "example.json")
    rates: dict[tuple[str, ...], list[float]] = {ONE: [], TWO: []}
    for turn in range(given.turns):
        for devices in (ONE, TWO) if turn % 2 == 0 else (TWO, ONE):
            summary = run(pipeline, RunOptions(devices=devices, frames=given.frames, loop=True))
            rates[devices].append(summary.fps)
    ratios = [two / one for one, two in zip(rates[ONE], rates[TWO], strict=True)]
    reached = tell(
        "two one-thread workers over one",
        median(ratios),
        REACH,
        fps_one=[round(v, 1) for v in rates[ONE]],
        fps_two=[round(v, 1) for v in rates[TWO]],
        ratios=[round(v, 3) for v in ratios],
    )
    return 0 if reached else 1


if __name__ == "__main__":
    raise SystemExit(main())
