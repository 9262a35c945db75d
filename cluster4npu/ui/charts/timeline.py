"""A stored run's frames on its devices, bar by bar as the engine stamped them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import Slot
from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from cluster4npu.core.store import SegmentRecord
from cluster4npu.ui.text import told, tr
from cluster4npu.ui.visualizer.frame_log import FrameLog
from cluster4npu.ui.visualizer.timeline import TimelineView

_SHOWN_S = 2.0


class ParallelTimelineChart(QWidget):
    """One stretch of measuring at a time, chosen from a list; wheel and drag zoom and move, as in the live timeline."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._segments: tuple[SegmentRecord, ...] = ()
        self.choice = QComboBox()
        self.choice.setAccessibleName(tr("Stretch of measuring"))
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.view = TimelineView(FrameLog())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(self.choice)
        layout.addWidget(self.view, 1)
        self.choice.currentIndexChanged.connect(self._chosen)

    def show_segments(self, segments: Sequence[SegmentRecord]) -> None:
        """Show these stretches, the last parallel one (or else the last) first."""
        self._segments = tuple(s for s in segments if len(s.samples))
        self.choice.blockSignals(True)
        self.choice.clear()
        for number, segment in enumerate(self._segments, 1):
            frames = tr("{0:,} frames").format(len(segment.samples))
            self.choice.addItem(f"{number}: {told(segment.stage)}, {', '.join(segment.devices)}, {frames}")
        last = [n for n, s in enumerate(self._segments) if s.side == "parallel"] or [len(self._segments) - 1]
        self.choice.setCurrentIndex(last[-1])
        self.choice.blockSignals(False)
        self._chosen(self.choice.currentIndex())

    def bars(self, device: str) -> np.ndarray:
        """Return the bars that are drawn for a device: (n, 4) of frame, from, to (s since the first), and status."""
        return self.view.bars(device)

    @Slot(int)
    def _chosen(self, number: int) -> None:
        self.view.log.clear()
        self.view.show_workers(())
        if 0 <= number < len(self._segments):
            segment = self._segments[number]
            self.view.log.replace(segment.samples)
            self.view.show_workers(segment.workers)
            self.view.show_range(0.0, min(self.view.last_s, _SHOWN_S))
        self.view.update()
