"""What the assistant knows of a run: its stamps and what of its pipeline decides about the rate. Knows no Qt."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cluster4npu.core.engine.messages import Calibrated, Started
from cluster4npu.core.metrics.bottleneck import find_bottleneck
from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import Place
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.predict.what_if import DEFAULT_POLICY, Plant, WhatIf, what_ifs

_MOST_ROWS = 16_384  # the newest: more would tell no more, and take longer


@dataclass(slots=True)
class Measured:
    """One run of a pipeline, as it has been told so far."""

    config: PipelineConfig
    started: Started | None = None
    calibrated: dict[str, float] = field(default_factory=dict)

    def take_calibration(self, event: Calibrated) -> None:
        """Take note of what each worker did in calibration (frames/s)."""
        self.calibrated.update({device.id: device.fps_together for device in event.devices})

    def plant(self) -> Plant:
        """Return what of the pipeline decides about its rate."""
        started = self.started
        assert started is not None
        types = node_types()
        sources = [n for n in self.config.nodes if n.type in types and types[n.type].place is Place.SOURCE]
        return Plant(
            stages=started.stages,
            paces={n.id: _number(n.params.get("target_fps")) for n in sources if not n.bypassed},
            policies={
                n.id: str(n.params.get("policy", DEFAULT_POLICY))
                for n in self.config.nodes
                if n.id in started.stages
            },
            simulated=frozenset(started.simulated),
            calibrated=dict(self.calibrated),
        )

    def ask(self, rows: np.ndarray, start_ns: int, end_ns: int) -> list[WhatIf]:
        """Return what could be changed, the best first; none with too few frames to tell. `rows` are FRAME_TRACE."""
        if self.started is None or not len(rows):
            return []
        rows = rows[-_MOST_ROWS:]
        start_ns = max(start_ns, int(rows["scheduled_ns"].min()))
        workers = self.started.devices
        found = find_bottleneck(rows, workers, start_ns, end_ns)
        return [] if found is None else what_ifs(rows, workers, start_ns, end_ns, self.plant(), found)


def same_meaning(one: PipelineConfig, other: PipelineConfig) -> bool:
    """Tell whether two pipelines compute the same: titles and places do not count."""
    return one is other or one.digest() == other.digest()


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
