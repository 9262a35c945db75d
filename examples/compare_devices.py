"""Measure sets of devices on one loaded pipeline, without starting anything anew in between.

    python examples/compare_devices.py [PIPELINE.json] [--devices sim:ane,sim:gpu,sim:cpu] [--seconds 2]

The pipeline of this example is made in Python. Devices whose names begin with sim: are SIMULATED.
"""

from __future__ import annotations

import argparse

from cluster4npu import Engine, Pipeline, RunOptions, Segment
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig


def synthetic() -> Pipeline:
    """Return made-up frames through a model that does nothing."""
    return Pipeline(
        name="synthetic",
        nodes=(
            NodeConfig(id="source", type="synthetic", params={"width": 640, "height": 480}),
            NodeConfig(id="preprocess", type="preprocess"),
            NodeConfig(id="inference", type="inference"),
            NodeConfig(id="preview", type="preview"),
        ),
        edges=(
            EdgeConfig(source="source.frame", target="preprocess.frame"),
            EdgeConfig(source="preprocess.tensor", target="inference.tensor"),
            EdgeConfig(source="source.frame", target="preview.frame"),
            EdgeConfig(source="inference.outputs", target="preview.result"),
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pipeline", nargs="?")
    parser.add_argument("--devices", default="sim:ane,sim:gpu,sim:cpu")
    parser.add_argument("--seconds", type=float, default=2.0)
    given = parser.parse_args()
    pipeline = Pipeline.open(given.pipeline) if given.pipeline else synthetic()
    devices = given.devices.split(",")
    with Engine(pipeline, RunOptions(hold=True), devices=devices) as run:
        for chosen in [*([d] for d in devices), devices]:
            summary = run.measure(Segment(tuple(chosen), seconds=given.seconds)).summary
            mark = " (SIMULATED)" if summary.simulated else ""
            print(f"{', '.join(chosen)}: {summary.fps:.1f} frames/s{mark}")


if __name__ == "__main__":
    main()
