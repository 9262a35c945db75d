"""How soon a benchmark ends after Ctrl-C, at any moment of it, and what it leaves behind. SIMULATED devices.

python -m benchmarks.cancel [--times 20] [--latest-s 14] [PIPELINE]

Moments are drawn from the first in which the program answers to Ctrl-C at all up to `--latest-s`: loading, comparing,
warming up and measuring. The time runs from the signal until the process and all that it started are gone.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.common import machine, tell_at_most

LIMIT_S = 1.0
EARLIEST_S = 0.8
_LOOK_S = 0.005
WINDOWS = sys.platform == "win32"
INTERRUPT = signal.CTRL_BREAK_EVENT if WINDOWS else signal.SIGINT  # type: ignore[attr-defined,unused-ignore]
OWN_GROUP = subprocess.CREATE_NEW_PROCESS_GROUP if WINDOWS else 0  # type: ignore[attr-defined,unused-ignore]


def is_alive(process: psutil.Process) -> bool:
    """Tell whether a process still runs: one that nobody has asked for its end yet is gone."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def cancelled(arguments: list[str], store: Path, after_s: float) -> tuple[float, int, list[str]]:
    """Return how long a benchmark took to end, its exit code, and the files that it left."""
    command = [sys.executable, "-m", "cluster4npu", "benchmark", *arguments, "--store", str(store)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=not WINDOWS,
        creationflags=OWN_GROUP,
    ) as process:  # fmt: skip
        time.sleep(after_s)
        family = psutil.Process(process.pid).children(recursive=True)
        begin = time.perf_counter()
        process.send_signal(INTERRUPT)
        while process.poll() is None or any(map(is_alive, family)):
            time.sleep(_LOOK_S)
        spent = time.perf_counter() - begin
    return spent, process.returncode, sorted(item.name for item in store.parent.iterdir())


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pipeline", nargs="?", default="simulated")
    parser.add_argument("--devices", default="sim:a?ms=10,sim:b?ms=500")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--latest-s", type=float, default=14.0)
    asked = parser.parse_args()
    print(f"# {machine()}; SIMULATED devices unless --devices names others")
    draw, spent, left = random.Random(3), [], 0
    arguments = [
        asked.pipeline,
        "--profile",
        "certified",
        *(["--devices", asked.devices] if asked.devices else []),
    ]
    for number in range(asked.times):
        after = draw.uniform(EARLIEST_S, asked.latest_s)
        with tempfile.TemporaryDirectory() as folder:
            took, code, files = cancelled(arguments, Path(folder) / "results.duckdb", after)
        spent.append(took)
        left += bool(files)
        print(
            f"# {number}: after {after:.2f} s, ended in {took:.2f} s, exit code {code}, left {files}",
            flush=True,
        )
    ranks = sorted(spent)
    more = {f"p{rank}_s": round(ranks[rank * len(ranks) // 100], 3) for rank in (50, 90)}
    figure = "the longest that a benchmark took to end after Ctrl-C, in seconds"
    done = [tell_at_most(figure, ranks[-1], LIMIT_S, times=asked.times, **more)]
    done.append(tell_at_most("cancelled benchmarks that left a file", left, 0))
    print(json.dumps({"all_s": [round(item, 3) for item in ranks]}))
    return 0 if all(done) else 1


if __name__ == "__main__":
    raise SystemExit(main())
