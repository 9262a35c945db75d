"""What the benchmarks share: the machine's name, medians, and a line of JSON per figure with what is to be reached."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path

from cluster4npu import Engine, PipelineConfig, RunOptions, RunSummary
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig


def machine() -> str:
    """Return the processor, its cores and the system in one line."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = lines[0].split(":")[1].strip() if lines else name
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{name}, {os.cpu_count()} cores, {system}"


def tell(figure: str, value: float, reach: float, **more: object) -> bool:
    """Print one figure and whether it is reached; return that."""
    reached = value >= reach
    line = {"figure": figure, "value": round(value, 4), "reach": reach, "reached": reached, **more}
    print(json.dumps(line), flush=True)
    return reached


def median(values: Sequence[float]) -> float:
    """Return the median; several turns are always taken."""
    return float(statistics.median(values))


def null_pipeline(*devices: str, height: int = 480, width: int = 640) -> PipelineConfig:
    """Return synthetic frames through a model that does nothing, counted at the end."""
    return PipelineConfig(
        name="null",
        nodes=(
            NodeConfig(id="source", type="synthetic", params={"width": width, "height": height}),
            NodeConfig(id="preprocess", type="preprocess"),
            NodeConfig(id="inference", type="inference", params={"devices": list(devices)}),
            NodeConfig(id="preview", type="preview"),
        ),
        edges=(
            EdgeConfig(source="source.frame", target="preprocess.frame"),
            EdgeConfig(source="preprocess.tensor", target="inference.tensor"),
            EdgeConfig(source="source.frame", target="preview.frame"),
            EdgeConfig(source="inference.outputs", target="preview.result"),
        ),
    )


def run(pipeline: PipelineConfig, options: RunOptions) -> RunSummary:
    """Run once and return the figures."""
    with Engine(pipeline, options) as going:
        return going.wait()
