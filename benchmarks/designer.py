"""How long the designer holds the window's thread: a pipeline of 1,000 nodes and 2,000 wires is opened and edited.

    python -m benchmarks.designer [--turns 5]

Each figure is the longest single block of the window's thread, in ms, from the gesture until its picture is painted and
the check of the pipeline has come in: the median of the turns, with the longest of all. Opening is the whole time until
the picture stands. Without a display unless QT_QPA_PLATFORM says otherwise; 1280 x 800 pixels, all nodes in view.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.common import machine, median

if TYPE_CHECKING:
    from cluster4npu.core.pipeline.config import PipelineConfig

NODES, WIRES = 1000, 2000
_GIVERS = 8  # sources, and as many inference nodes
OPEN_MS, BLOCK_MS = 2000.0, 50.0
_QUIET_S = 0.6  # the check is made 0.1 s after the last edit, on a thread


def large(nodes: int = NODES, wires: int = WIRES) -> PipelineConfig:
    """Return a pipeline of this size: every output node is fed by one of the sources and one of the inference nodes."""
    from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig

    rng = random.Random(1)
    kinds = ["synthetic"] * _GIVERS + ["inference"] * _GIVERS + ["preprocess"] * _GIVERS
    kinds += ["preview"] * (nodes - len(kinds))
    entries = tuple(
        NodeConfig(id=f"n{i}", type=kind, position=((i % 40) * 260.0, (i // 40) * 200.0))
        for i, kind in enumerate(kinds)
    )
    edges = [EdgeConfig(source=f"n{i}.frame", target=f"n{i + 2 * _GIVERS}.frame") for i in range(_GIVERS)]
    edges += [
        EdgeConfig(source=f"n{i + 2 * _GIVERS}.tensor", target=f"n{i + _GIVERS}.tensor")
        for i in range(_GIVERS)
    ]
    for i in range(3 * _GIVERS, nodes):
        edges.append(EdgeConfig(source=f"n{rng.randrange(_GIVERS)}.frame", target=f"n{i}.frame"))
        edges.append(EdgeConfig(source=f"n{_GIVERS + rng.randrange(_GIVERS)}.outputs", target=f"n{i}.result"))
    return PipelineConfig(name="large", nodes=entries, edges=tuple(edges[:wires]))


def blocked_ms(gesture: Callable[[], object], events: Callable[[], object]) -> tuple[float, float]:
    """Make the gesture and let the window come to rest; return its longest block and all that it took."""
    start = time.perf_counter()
    gesture()
    spent = longest = time.perf_counter() - start
    end = time.perf_counter() + _QUIET_S
    while time.perf_counter() < end:
        before = time.perf_counter()
        events()
        block = time.perf_counter() - before
        longest = max(longest, block)
        spent += block
        time.sleep(0.001)
    return longest * 1000, spent * 1000


def measure(folder: Path) -> dict[str, float]:
    """Open and edit the large pipeline once; return each gesture's figure in ms."""
    from cluster4npu.ui.app import make_application
    from cluster4npu.ui.collector import Collector
    from cluster4npu.ui.main_window import IntegratedPipelineDashboard
    from cluster4npu.ui.render import hush_offscreen

    app = make_application()
    hush_offscreen()
    path = folder / "large.json"
    large().save(path)
    window = IntegratedPipelineDashboard()
    collector = Collector(window)
    window.resize(1280, 800)
    window.show()
    window.show_designer()
    app.processEvents()
    figures: dict[str, float] = {}
    _, figures["open"] = blocked_ms(lambda: window.files.open(path), app.processEvents)
    collector.collect()  # as it does itself after 2 s
    editor, document = window.workspace.editor, window.document
    hundred = [f"n{i}" for i in range(500, 600)]
    everything = [n.id for n in document.config.nodes]

    def time_of(name: str, gesture: Callable[[], object]) -> None:
        figures[name], _ = blocked_ms(gesture, app.processEvents)

    def move(ids: list[str]) -> None:
        places = {n.id: n.position for n in document.config.nodes if n.id in set(ids)}
        document.move_nodes({n: (x + 12.0, y) for n, (x, y) in places.items()})

    undo = document.undo_stack.undo
    for label, ids in (("one", ["n500"]), ("100", hundred), ("all", everything)):
        time_of(f"select {label}", lambda ids=ids: editor.canvas.select(ids))  # type: ignore[misc]
        time_of(f"move {label}", lambda ids=ids: move(ids))  # type: ignore[misc]
        time_of(f"undo move {label}", undo)
        if label != "all":
            editor.copy_selection()
            time_of(f"paste {label}", editor.paste)
            time_of(f"undo paste {label}", undo)
            editor.canvas.select(ids)
        time_of(f"delete {label}", editor.remove_selection)
        time_of(f"undo delete {label}", undo)
    window.show_history()
    window.show_database()
    blocked_ms(window.show_designer, app.processEvents)
    time_of("change light and dark", window.toggle_theme)
    document.undo_stack.setClean()
    window.close()
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=5)
    given = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    print(f"# {machine()}; {NODES} nodes, {WIRES} wires, {given.turns} turns")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CLUSTER4NPU_DATA"] = folder
        turns = [measure(Path(folder)) for _ in range(given.turns)]
    missed = False
    for name in turns[0]:
        values = [turn[name] for turn in turns]
        limit = OPEN_MS if name == "open" else None if name.endswith("all") else BLOCK_MS
        reached = limit is None or median(values) <= limit
        missed = missed or not reached
        line = {"figure": name, "ms": round(median(values), 1), "longest": round(max(values), 1)}
        print(json.dumps(line | ({"at_most": limit, "reached": reached} if limit else {})), flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # Qt's own end is not measured
