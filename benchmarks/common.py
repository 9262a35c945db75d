"""What the benchmarks share: the machine's name, medians, and a line of JSON per figure with what is to be reached."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue

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
    """Print one figure and whether it is reached, which one with `valid=False` never is; return that."""
    return _tell(figure, value, more.get("valid", True) is True and value >= reach, {"reach": reach, **more})


def tell_at_most(figure: str, value: float, limit: float, **more: object) -> bool:
    """Print one figure and whether it stays within its limit; return that."""
    return _tell(figure, value, value <= limit, {"at_most": limit, **more})


def _tell(figure: str, value: float, reached: bool, more: dict[str, object]) -> bool:
    line = {"figure": figure, "value": round(value, 4), "reached": reached, **more}
    print(json.dumps(line), flush=True)
    return reached


def median(values: Sequence[float]) -> float:
    """Return the median; several turns are always taken."""
    return float(statistics.median(values))


def null_pipeline(
    *devices: str, model: str = "none", name: str = "null", **source: JsonValue
) -> PipelineConfig:
    """Return synthetic frames, VGA if `source` says nothing else, through a model that does nothing to the preview."""
    inference: dict[str, JsonValue] = {"model": model, "devices": list(devices)}
    return PipelineConfig(
        name=name,
        nodes=(
            NodeConfig(id="source", type="synthetic", params={"width": 640, "height": 480, **source}),
            NodeConfig(id="preprocess", type="preprocess"),
            NodeConfig(id="inference", type="inference", params=inference),
            NodeConfig(id="preview", type="preview"),
        ),
        edges=(
            EdgeConfig(source="source.frame", target="preprocess.frame"),
            EdgeConfig(source="preprocess.tensor", target="inference.tensor"),
            EdgeConfig(source="source.frame", target="preview.frame"),
            EdgeConfig(source="inference.outputs", target="preview.result"),
        ),
    )


def stamped_pipeline(height: int, width: int, workers: int = 2) -> PipelineConfig:
    """Return frames that are produced in the slot (a number at both ends), checked by a model that does nothing."""
    devices = [f"sim:null?ms=0&check=true#{n}" for n in range(1, workers + 1)]
    return null_pipeline(*devices, height=height, width=width, pattern="stamp")


def run(pipeline: PipelineConfig, options: RunOptions) -> RunSummary:
    """Run once and return the figures."""
    with Engine(pipeline, options) as going:
        return going.wait()
