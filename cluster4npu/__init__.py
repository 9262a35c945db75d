"""Cluster4NPU: design, run and benchmark AI inference pipelines over several devices at once.

>>> from cluster4npu import Engine, Pipeline
>>> with Engine(Pipeline.open("pipeline.json"), devices=["onnx:cpu"]) as run:  # doctest: +SKIP
...     for result in run.results():
...         print(result.frame_id, result.values)
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cluster4npu.core.bench import PerformanceBenchmarker
    from cluster4npu.core.devices.allocation import DeviceAllocation
    from cluster4npu.core.devices.backend import DeviceHealth, DeviceInfo
    from cluster4npu.core.devices.manager import AdvancedDeviceManager, DeviceMetrics
    from cluster4npu.core.engine.engine import Engine, Run
    from cluster4npu.core.engine.messages import Result, RunOptions, Segment
    from cluster4npu.core.metrics.summary import RunSummary
    from cluster4npu.core.pipeline.config import Pipeline, PipelineConfig
    from cluster4npu.core.store import Store
    from cluster4npu.templates import PipelineTemplates

# Nothing leaves the machine: since 1.29 ONNX Runtime reports its use to its makers unless it is told not to, and
# it looks when it is first loaded, in every process.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# Loaded when first used, so that `import cluster4npu` (and with it every worker's start) stays quick.
_PUBLIC = {
    "AdvancedDeviceManager": "cluster4npu.core.devices.manager",
    "DeviceAllocation": "cluster4npu.core.devices.allocation",
    "DeviceHealth": "cluster4npu.core.devices.backend",
    "DeviceInfo": "cluster4npu.core.devices.backend",
    "DeviceMetrics": "cluster4npu.core.devices.manager",
    "Engine": "cluster4npu.core.engine.engine",
    "PerformanceBenchmarker": "cluster4npu.core.bench",
    "Pipeline": "cluster4npu.core.pipeline.config",
    "PipelineConfig": "cluster4npu.core.pipeline.config",
    "PipelineTemplates": "cluster4npu.templates",
    "Result": "cluster4npu.core.engine.messages",
    "Run": "cluster4npu.core.engine.engine",
    "RunOptions": "cluster4npu.core.engine.messages",
    "RunSummary": "cluster4npu.core.metrics.summary",
    "Segment": "cluster4npu.core.engine.messages",
    "Store": "cluster4npu.core.store",
}

__version__ = "0.1.0"
__all__ = [
    "AdvancedDeviceManager",
    "DeviceAllocation",
    "DeviceHealth",
    "DeviceInfo",
    "DeviceMetrics",
    "Engine",
    "PerformanceBenchmarker",
    "Pipeline",
    "PipelineConfig",
    "PipelineTemplates",
    "Result",
    "Run",
    "RunOptions",
    "RunSummary",
    "Segment",
    "Store",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)
