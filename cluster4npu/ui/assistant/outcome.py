"""What came of a change: the prediction is kept until a run has measured it."""

from __future__ import annotations

from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.predict.what_if import WhatIf
from cluster4npu.ui.assistant.measured import same_meaning
from cluster4npu.ui.dashboard.numbers import figure
from cluster4npu.ui.text import told, tr


class Outcome:
    """The last change that was made, and the rate of the first run with it. `measured` is None until then."""

    def __init__(self) -> None:
        self.change: WhatIf | None = None
        self.measured: float | None = None
        self._config: PipelineConfig | None = None

    def expect(self, change: WhatIf, config: PipelineConfig) -> None:
        """A change was made, which gave this pipeline."""
        self.change, self._config, self.measured = change, config, None

    def measure(self, config: PipelineConfig, fps: float) -> None:
        """A run of a pipeline has ended with this rate (frames/s)."""
        if self._config is not None and self.measured is None and same_meaning(config, self._config):
            self.measured = fps

    def words(self, config: PipelineConfig) -> str:
        """Say what was predicted, and what came of it; "" where `config` is without that change."""
        change = self.change
        if change is None or self._config is None or not same_meaning(config, self._config):
            return ""
        what, fps = told(change.text), figure(change.fps)
        if self.measured is None:
            return tr("Applied: {0}. {1} FPS predicted; run it to measure. Ctrl+Z takes it back.").format(
                what, fps
            )
        text = tr("Applied: {0}. {1} FPS predicted, {2} FPS measured, {3} before.").format(
            what, fps, figure(self.measured), figure(change.now)
        )
        if self.measured < change.now:
            return text + " " + tr("It is slower than before: Ctrl+Z takes it back.")
        return text
