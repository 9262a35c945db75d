"""How long the window's history takes to open with 10,000 runs, and how long it holds the window's thread meanwhile.

    python -m benchmarks.history [--runs 10000] [--turns 5]

From the moment at which the page is made until its list and the newest run beside it are painted: every turn a new
page on the same store, the first in a process that has drawn nothing yet. The store is read on a thread; the longest
block is that of the window's own. Without a display unless QT_QPA_PLATFORM says otherwise.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.common import machine, median, tell_at_most
from benchmarks.storage import DEVICES, PER_RUN, fill, records
from cluster4npu.core.store import PipelineRecord, ResultRecord, RunRecord, Store

OPEN_S, BLOCK_MS = 1.0, 100.0


def filled(path: Path, count: int) -> Store:
    """Make a store of so many runs, with three devices each."""
    store, runs = Store(path), records((count - 1) * PER_RUN)

    def write(opened: object) -> None:
        fill(opened, runs)
        ids = [f"r{number}" for number in range(len(runs)) for _ in DEVICES]
        columns = {
            "run_id": ids,
            "position": list(range(len(DEVICES))) * len(runs),
            **{
                name: list(DEVICES) * len(runs)
                for name in ("id", "settled_id", "name", "kind", "backend", "unit")
            },
            "provenance": ["measured"] * len(ids),
        }
        opened.register("new_devices", {name: np.array(values) for name, values in columns.items()})  # type: ignore[attr-defined]
        names = ", ".join(columns)
        opened.execute(f"INSERT INTO devices ({names}) SELECT {names} FROM new_devices")  # type: ignore[attr-defined]
        opened.unregister("new_devices")  # type: ignore[attr-defined]

    store.writing(write)
    figures = (ResultRecord("run", fps=78.9), ResultRecord("run", DEVICES[0], fps=78.9))
    store.save(RunRecord("run", PipelineRecord("newest", "Newest", "{}"), figures))
    return store


def opened(path: Path, count: int) -> tuple[float, float]:
    """Open the page once; return how long it took, in s, and its longest block, in ms."""
    from cluster4npu.ui.app import make_application
    from cluster4npu.ui.history.history import HistoryPage

    app = make_application()
    begin = time.perf_counter()
    page = HistoryPage(path)
    page.resize(1280, 800)
    page.show()
    longest = time.perf_counter() - begin
    while not (page.model.rowCount() == count and page.details.isVisible()):
        before = time.perf_counter()
        app.processEvents()
        longest = max(longest, time.perf_counter() - before)
        if time.perf_counter() - begin > 60:
            raise SystemExit(
                f"it does not come: {page.model.rowCount()} rows, {page.run_problems.isVisible()}"
            )
        time.sleep(0.001)
    page.repaint()
    spent = time.perf_counter() - begin
    page.close()
    page.deleteLater()
    app.processEvents()
    return spent, longest * 1e3


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    print(f"# {machine()}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "results.duckdb"
        filled(path, given.runs)
        turns = [opened(path, given.runs) for _ in range(given.turns)]
    spent, blocks = ([turn[place] for turn in turns] for place in (0, 1))
    done = [
        tell_at_most(f"history with {given.runs} runs opened, s", median(spent), OPEN_S, first=round(spent[0], 3),
                     turns=[round(value, 3) for value in spent]),
        tell_at_most("longest block of the window meanwhile, ms", median(blocks), BLOCK_MS,
                     turns=[round(value, 1) for value in blocks]),
    ]  # fmt: skip
    return 0 if all(done) else 1


if __name__ == "__main__":
    raise SystemExit(main())
