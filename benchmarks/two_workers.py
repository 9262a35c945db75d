"""The bundled detector on two one-thread CPU workers against one: decode, pre- and post-processing included.

    python -m benchmarks.two_workers [--turns 5] [--frames 540]

Turns interleave one and two workers (A B B A ...); the figure is the median of the paired ratios. Each turn also runs
the bare model in one and in two processes, without any pipeline: what this machine's second core is worth at the
moment (two virtual cores may share a real one), and so the most that any engine could reach. A ratio well above that
is not valid: the machine was disturbed in one half of the turns.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import numpy as np
import onnxruntime

from benchmarks.common import machine, median, run, tell
from cluster4npu import PipelineConfig, RunOptions
from cluster4npu.core.settings import assets_dir

ONE = ("onnx:cpu?threads=1",)
TWO = ("onnx:cpu?threads=1", "onnx:cpu?threads=1#2")
REACH = 1.7
MOST = 1.1  # times the bare processes


RUNS = 200


def bare(start: Barrier, rates: SimpleQueue[float]) -> None:
    """Run the bare model in this process as often as `RUNS` says, and put the runs a second into `rates`."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(Path(assets_dir()) / "digits_detector.onnx"), options, providers=["CPUExecutionProvider"]
    )
    given = session.get_inputs()[0]
    tensor = np.random.default_rng(0).random([1, *given.shape[1:]], dtype=np.float32)
    for _ in range(10):
        session.run(None, {given.name: tensor})
    start.wait()
    begin = time.perf_counter()
    for _ in range(RUNS):
        session.run(None, {given.name: tensor})
    rates.put(RUNS / (time.perf_counter() - begin))


def bare_rate(processes: int) -> float:
    """Return the summed runs a second of so many processes at once."""
    context = multiprocessing.get_context("spawn")
    start, rates = context.Barrier(processes), context.SimpleQueue()
    workers = [context.Process(target=bare, args=(start, rates)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    total = sum(rates.get() for _ in workers)
    for worker in workers:
        worker.join()
    return float(total)


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
    ceilings = []
    for turn in range(given.turns):
        for devices in (ONE, TWO) if turn % 2 == 0 else (TWO, ONE):
            summary = run(pipeline, RunOptions(devices=devices, frames=given.frames, loop=True))
            rates[devices].append(summary.fps)
        ceilings.append(bare_rate(2) / bare_rate(1))
    ratios = [two / one for one, two in zip(rates[ONE], rates[TWO], strict=True)]
    reached = tell(
        "two one-thread workers over one",
        median(ratios),
        REACH,
        valid=median(ratios) <= MOST * median(ceilings),
        fps_one=[round(v, 1) for v in rates[ONE]],
        fps_two=[round(v, 1) for v in rates[TWO]],
        ratios=[round(v, 3) for v in ratios],
        bare_processes=[round(v, 3) for v in ceilings],
    )
    return 0 if reached else 1


if __name__ == "__main__":
    raise SystemExit(main())
