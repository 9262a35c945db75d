"""What it costs a run to keep and store every frame's stamps. SIMULATED devices.

python -m benchmarks.sample_cost [--pairs 6]

Runs with and without stamps take turns (A B B A): on devices of 2 ms, where these bound the rate as in a real run,
and on one that takes no time at all, where whatever the engine does more is paid at once. What those ratios cannot tell
from noise is measured by itself: the time in which the engine's log keeps the stamps, joins them, and the store saves
them, for each frame, as a part of the time between two frames.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.common import machine, median, null_pipeline, run, tell, tell_at_most
from cluster4npu import PipelineConfig, RunOptions
from cluster4npu.core.metrics.meter import TraceLog
from cluster4npu.core.metrics.traces import FRAME_TRACE
from cluster4npu.core.store import PipelineRecord, RunRecord, SegmentRecord, Store

PORTION, PORTIONS = (
    250,
    400,
)  # rows that the engine keeps at once: those of a quarter second at 1,000 frames/s


def cost(what: str, pipeline: PipelineConfig, frames: int, pairs: int, reach: float) -> tuple[bool, float]:
    """Print the rate with stamps over the rate without; return whether it is reached, and the rate without."""
    ratios, rates = [], []
    for number in range(pairs):
        order = (False, True) if number % 2 == 0 else (True, False)
        found = {
            traces: run(pipeline, RunOptions(frames=frames, traces=traces, calibration="never")).fps
            for traces in order
        }
        ratios.append(found[True] / found[False])
        rates.append(found[False])
    more = {
        "frames_per_s": round(median(rates), 1),
        "pairs": [round(r, 4) for r in ratios],
        "simulated": True,
    }
    figure = f"frames/s with every stamp kept, of those without: {what}"
    return tell(figure, median(ratios), reach, **more), median(rates)


def alone(fps: float) -> bool:
    """Print what keeping, joining and saving take of a run at this rate, were all of it in the engine's way."""
    portions = [np.zeros(PORTION, dtype=FRAME_TRACE) for _ in range(PORTIONS)]
    for number, rows in enumerate(portions):
        for name in FRAME_TRACE.names or ():
            rows[name] = np.arange(len(rows)) + number * len(rows)
    turns = []
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "stamps.duckdb")
        store.require_writable()
        for _ in range(5):
            begin, log = time.perf_counter(), TraceLog()
            for rows in portions:
                log.append(rows.copy())
            segment = SegmentRecord("run", "run", (), (), log.array())
            kept = time.perf_counter()
            store.save(RunRecord("run", PipelineRecord("d", "x", "{}"), (), segments=(segment,)))
            turns.append((kept - begin, time.perf_counter() - kept))
    frames = PORTION * PORTIONS
    keep, save = (median([turn[place] for turn in turns]) / frames for place in (0, 1))
    more = {"keep_us": round(keep * 1e6, 3), "save_us": round(save * 1e6, 3), "frames": frames}
    figure = f"part of a run's time at {fps:.0f} frames/s that keeping and saving stamps take"
    return tell_at_most(figure, (keep + save) * fps, 0.01, **more)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=6)
    pairs = parser.parse_args().pairs
    print(f"# {machine()}; SIMULATED devices")
    slow = null_pipeline("sim:a?ms=2", "sim:b?ms=2", height=64, width=64)
    fast = null_pipeline("sim:a?ms=0", height=64, width=64)
    reached, fps = cost("devices of 2 ms", slow, 3000, pairs, 0.99)
    done = [reached, alone(fps), cost("a device of no time", fast, 15_000, pairs, 0.0)[0]]
    return 0 if all(done) else 1


if __name__ == "__main__":
    raise SystemExit(main())
