"""Read every frame's results in Python: how often each digit is seen in the bundled clip.

    python examples/read_results.py [PIPELINE.json] [--devices onnx:cpu,onnx:cpu#2]

Works in a notebook too. In a script the `if __name__ == "__main__":` is needed, since workers are spawned.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from cluster4npu import Engine, Pipeline
from cluster4npu.core.nodes.values import Detections
from cluster4npu.core.settings import assets_dir


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pipeline", nargs="?", default=str(Path(assets_dir()) / "example.json"))
    parser.add_argument("--devices", default="onnx:cpu,onnx:cpu#2")
    given = parser.parse_args()
    seen: Counter[str] = Counter()
    frames: Counter[str] = Counter()
    with Engine(Pipeline.open(given.pipeline), devices=given.devices.split(",")) as run:
        for result in run.results():  # in the order of the clip
            frames[result.device] += 1
            for port, value in result.values.items():
                if isinstance(value, Detections):
                    names = run.labels.get(port, ())
                    for *_box, _score, index in value.rows:  # x1, y1, x2, y2 in pixels of the frame
                        seen[names[int(index)] if names else str(int(index))] += 1
        summary = run.wait()
    print(f"{summary.frames_out} frames at {summary.fps:.1f} frames/s, {dict(frames)}")
    for name, count in sorted(seen.items()):
        print(f"{name}: {count}")


if __name__ == "__main__":
    main()
