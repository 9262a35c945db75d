"""Handing frames over with a model that does nothing, against what a user would pick instead, in turn.

    python -m benchmarks.handover [--copy] [--turns 5] [--frames 10000] [--peers-python PYTHON] [--harness FILE.py]

Frames are produced in the slot: their number is written at both ends and compared by the worker. `--copy`: they are
made by one copy into the slot. Ours has everything on: policy, order, accounting, supervision, figures. "window 8" has
as many frames in flight as the peers; "own window" as many as the engine takes by itself.

The peers are those of `benchmarks/peers.py`, in the environment of `--peers-python`; one that is not installed there is
said so, and its figures are left out. `--harness` is another program with the same options.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from benchmarks.common import machine, median, null_pipeline, stamped_pipeline, tell, tell_at_most
from cluster4npu import Engine, PipelineConfig, RunOptions, Segment
from cluster4npu.core.pipeline.plan import ExecutionPlan

SIZES = {"VGA": (480, 640), "1080p": (1080, 1920), "4K": (2160, 3840)}
WORKERS = 2
PEERS = {"shm": "plain ring", "iox": "iceoryx2", "executor": "ProcessPoolExecutor", "ray": "Ray"}
IN_PLACE, COPY = ("shm", "iox"), ("shm", "iox", "executor", "ray")
# What is to be reached, by peer and size, where anything is.
REACH_IN_PLACE = {("iox", size): 1.2 for size in SIZES}
REACH_COPY = {("shm", "VGA"): 1.0, ("shm", "1080p"): 1.0, ("executor", "VGA"): 10.0, ("ray", "VGA"): 20.0}
ROUND_TRIP_REACH = 0.8  # of iceoryx2's, at most
SAME_SPEED = 0.9  # 4K of VGA
OVERHEAD_US = 16.0
WINDOWS = {"window 8": 8, "own window": None}

Figures = dict[tuple[str, str], list[float]]  # size and who -> a figure of each turn


def pipeline(size: str, copy: bool) -> PipelineConfig:
    """Return what is run: stamped in place, or a pattern copied into the slot."""
    height, width = SIZES[size]
    if not copy:
        return stamped_pipeline(height, width, WORKERS)
    return null_pipeline(*[f"sim:null?ms=0#{n}" for n in range(1, WORKERS + 1)], height=height, width=width)


def ours(size: str, frames: int, copy: bool, fps: Figures, trips: Figures) -> None:
    """Note our frames/s (the best of three, as of the peers), and the median round trip with a window of one in us."""
    engine = Engine(pipeline(size, copy), RunOptions(hold=True, calibration="never"))
    assert isinstance(engine.plan, ExecutionPlan)
    devices = tuple(member.settled for member in engine.plan.members)
    with engine as run:
        run.measure(Segment(devices, frames=frames // 10))  # every slot's memory touched once
        for name, window in WINDOWS.items():
            done = [run.measure(Segment(devices, frames=frames, window=window)).summary for _ in range(3)]
            assert all(summary.frames_out == frames for summary in done), done
            fps[size, name].append(max(summary.fps for summary in done))
        trip = run.measure(Segment(devices, frames=frames, window=1)).summary.latency_ms.p50
    assert trip is not None
    trips[size, "ours"].append(trip * 1e3)


def peer(name: str, size: str, frames: int, given: argparse.Namespace) -> dict[str, float | str]:
    """Return what one peer prints: fps and p50_us, or that it was skipped."""
    height, width = SIZES[size]
    command = [given.peers_python, given.harness, "--shape", f"{height}x{width}", "--frames", str(frames)]
    command += ["--workers", str(WORKERS), "--peers", name, *([] if given.copy else ["--in-place"])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    line: dict[str, float | str] = json.loads(done.stdout.splitlines()[-1])
    return line


class Turns:
    """All turns: everybody is measured once in each, in an order that changes."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._given = given
        self.fps: Figures = defaultdict(list)
        self.trips: Figures = defaultdict(list)
        self.missing: set[str] = set()

    def take(self, number: int, size: str) -> None:
        """Measure one size."""
        parts = (self._ours, self._theirs)
        for part in parts if number % 2 == 0 else reversed(parts):
            part(size)

    def _ours(self, size: str) -> None:
        ours(size, self._given.frames, self._given.copy, self.fps, self.trips)

    def _theirs(self, size: str) -> None:
        wanted = COPY if self._given.copy else IN_PLACE
        for name in wanted:
            slow = name in ("executor", "ray")
            if name in self.missing or (slow and size != "VGA"):
                continue
            line = peer(name, size, self._given.frames // (20 if slow else 1), self._given)
            if "fps" not in line:
                self.missing.add(name)
                continue
            self.fps[size, name].append(float(line["fps"]))
            self.trips[size, name].append(float(line["p50_us"]))

    def verdicts(self) -> list[bool]:
        """Print every figure; return which of those that have a goal reach it."""
        for name in sorted(self.missing):
            print(json.dumps({"peer": PEERS[name], "figures": "not reported", "reason": "not installed"}))
        rates = {f"{size}, {PEERS.get(who, who)}": round(median(v), 1) for (size, who), v in self.fps.items()}
        trips = {
            f"{size}, {PEERS.get(who, who)}": round(median(v), 1) for (size, who), v in self.trips.items()
        }
        print(json.dumps({"fps": rates, "p50_us": trips}), flush=True)
        reached = self._against(REACH_COPY if self._given.copy else REACH_IN_PLACE)
        return reached if self._given.copy else reached + self._in_place()

    def _against(self, goals: dict[tuple[str, str], float]) -> list[bool]:
        reached = []
        for (who, size), reach in goals.items():
            for name in WINDOWS if self.fps[size, who] else ():
                ratios = _ratios(self.fps, (size, name), (size, who))
                figure = f"{size}, {name}, against {PEERS[who]}"
                reached.append(tell(figure, median(ratios), reach, ratios=[round(r, 2) for r in ratios]))
        return reached

    def _in_place(self) -> list[bool]:
        reached = []
        for size in self._given.sizes:
            if self.trips[size, "iox"]:
                ratios = _ratios(self.trips, (size, "ours"), (size, "iox"))
                reached.append(
                    tell_at_most(f"{size}, round trip of iceoryx2's", median(ratios), ROUND_TRIP_REACH)
                )
        for name in WINDOWS if {"VGA", "4K"} <= set(self._given.sizes) else ():
            share = median(_ratios(self.fps, ("4K", name), ("VGA", name)))
            reached.append(tell(f"4K of VGA, {name}", share, SAME_SPEED))
        us = 1e6 / median(self.fps[self._given.sizes[0], "own window"])
        reached.append(tell_at_most("microseconds a frame, everything counted", us, OVERHEAD_US))
        return reached


def _ratios(figures: Figures, ours: tuple[str, str], theirs: tuple[str, str]) -> list[float]:
    return [a / b for a, b in zip(figures[ours], figures[theirs], strict=True)]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--sizes", nargs="*", choices=SIZES, default=list(SIZES))
    parser.add_argument("--copy", action="store_true", help="one copy into the slot instead of none")
    parser.add_argument("--peers-python", default=sys.executable, help="the Python that has the peers")
    parser.add_argument("--harness", default=str(Path(__file__).with_name("peers.py")), help="its program")
    given = parser.parse_args()
    how = "one copy into the slot" if given.copy else "produced in the slot"
    print(f"# {machine()}; {WORKERS} workers, {how}, {given.turns} turns")
    turns = Turns(given)
    for number in range(given.turns):
        for size in given.sizes:
            turns.take(number, size)
    return 0 if all(turns.verdicts()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
