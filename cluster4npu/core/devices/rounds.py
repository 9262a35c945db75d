"""Measuring every device in every stage of a pipeline: in rounds, since a device serves one stage at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cluster4npu.core.pipeline.config import PipelineConfig


def rounds(stages: Sequence[str], devices: Sequence[str]) -> list[dict[str, tuple[str, ...]]]:
    """Return allocations that together put every device into every stage; each gives every stage a device.

    Raises ValueError where there are fewer devices than stages.
    """
    if len(devices) < len(stages):
        raise ValueError(f"{len(devices)} devices cannot serve {len(stages)} stages")
    count = len(stages)
    return [
        {stage: tuple(devices[(index + turn) % count :: count]) for index, stage in enumerate(stages)}
        for turn in range(count)
    ]


def measure(
    pipeline: PipelineConfig, stages: Sequence[str], devices: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Return what each device makes alone in each stage, in frames/s; 0 where it failed there.

    Runs one short run for each stage. Raises what `Engine` raises.
    """
    from cluster4npu.core.engine.engine import Engine
    from cluster4npu.core.engine.messages import Calibrated, RunOptions

    rates: dict[str, dict[str, float]] = {stage: dict.fromkeys(devices, 0.0) for stage in stages}
    for allocation in rounds(stages, devices):
        config = pipeline
        for stage, chosen in allocation.items():
            config = config.with_params(stage, devices=list(chosen))
        with Engine(config, RunOptions(frames=1, calibration="always")) as run:
            for event in run.events():
                if isinstance(event, Calibrated):
                    rates[event.stage] |= {c.id: c.fps_alone for c in event.devices}
            run.wait()
    return rates
