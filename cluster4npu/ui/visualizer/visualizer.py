"""The panel of the timeline: what each device did with which frame, replayed, balanced, and explained."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSlider, QToolButton, QVBoxLayout, QWidget

from cluster4npu.core.metrics.bottleneck import Bottleneck, Load, find_bottleneck, loads
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.ui import theme
from cluster4npu.ui.dashboard.chip import simulated_chip
from cluster4npu.ui.dashboard.export import ExportButton, Table
from cluster4npu.ui.dialogs.bars import Bar, Bars
from cluster4npu.ui.dialogs.errors import plain_label
from cluster4npu.ui.text import told, tr
from cluster4npu.ui.visualizer.flow import Flow
from cluster4npu.ui.visualizer.frame_log import FrameLog
from cluster4npu.ui.visualizer.timeline import TimelineView

EMPTY = "Run the pipeline: then each frame on each device stands here, and what holds it back."
SPEEDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0)
JUDGED_NS = 2_000_000_000  # the bottleneck of a run that goes on is that of its last two seconds
_REPLAY_MS, _SLIDER = 33, 1000


class ParallelExecutionVisualizer(QWidget):
    """Shows a run's frames. `moment` carries the time (monotonic ns) that tokens shall show, or None for now.

    `judged` carries the Bottleneck, or None.
    """

    moment = Signal(object)
    judged = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.log = FrameLog()
        self.flow = Flow(PipelineConfig())
        self.workers: tuple[str, ...] = ()
        self.bottleneck: Bottleneck | None = None
        self.running = False
        self.timeline = TimelineView(self.log)
        self.balance = Bars(tr("Share of the frames of each device"))
        self.words, self.evidence = plain_label(EMPTY), plain_label()
        theme.give_role(self.words, "subheading")
        theme.give_role(self.evidence, "muted")
        self.simulated = simulated_chip()
        self.simulated.hide()
        self.play_button = self._button(
            tr("▶ Replay"), tr("Move the frames over the canvas as they went (Space)"), self.toggle
        )
        self.play_button.setShortcut("Ctrl+Space")
        self.speed = self._speed_box()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _SLIDER)
        self.slider.setAccessibleName(tr("Moment of the replay"))
        self._timer = QTimer(self, interval=_REPLAY_MS)
        self._timer.timeout.connect(self._step)
        self._stepped_at = 0.0
        self.judge_s = 0.0  # between two judgements of a run that goes on
        self._judged_at = 0.0
        self.slider.sliderMoved.connect(lambda value: self.scrub(value / _SLIDER * self.timeline.last_s))
        self.timeline.scrubbed.connect(self.scrub)
        self._lay_out()

    # --- a run ---

    def begin(self, config: PipelineConfig) -> None:
        """Forget the last run; one of this pipeline starts."""
        self.clear()
        self.running = True
        self.show_execution_flow(config)

    def show_started(
        self,
        workers: tuple[str, ...],
        simulated: tuple[str, ...],
        stages: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Name the devices, in the order of the workers' numbers; `stages` are those of each inference node."""
        self.workers = workers
        if stages:
            self.flow.serve(workers, stages)
        self.simulated.setVisible(bool(simulated))
        self.timeline.show_workers(workers)

    def add_frames(self, rows: np.ndarray) -> None:
        """Take the stamps of frames that have just ended."""
        self.log.extend(rows)
        if self.timeline.cursor_s is None:
            self.timeline.follow()
        now = time.monotonic()
        if now - self._judged_at >= self.judge_s:
            self._judged_at = now
            self.highlight_bottlenecks()
        if self.isVisible():
            self.show_load_balancing()

    def end(self, traces: np.ndarray | None) -> None:
        """The run is over; these are all of its stamps."""
        self.running = False
        if traces is not None and len(traces):
            self.log.replace(traces)
            self.timeline.update()
        self.highlight_bottlenecks()
        self.show_load_balancing()

    def clear(self) -> None:
        """Go back to the state before the first run."""
        self.stop_replay()
        self.running = False
        self.log.clear()
        self.timeline.mark(())
        self.timeline.show_workers(())
        self.timeline.show_range(0.0, 2.0)
        self.balance.show_bars(())
        self.words.setText(tr(EMPTY))
        self.evidence.setText("")
        self.simulated.hide()
        self.workers, self.bottleneck = (), None

    # --- what is shown ---

    def show_execution_flow(self, config: PipelineConfig) -> Flow:
        """Take the pipeline whose nodes and wires the frames go through, and return it."""
        self.flow = Flow(config)
        return self.flow

    def animate_data_flow(self, start_s: float | None = None, speed: float | None = None) -> None:
        """Replay the frames on canvas and timeline from a moment (s since the first frame; None: the cursor)."""
        if not self.log.end_ns:
            return
        if speed is not None:
            self.speed.setCurrentIndex(SPEEDS.index(min(SPEEDS, key=lambda known: abs(known - speed))))
        at = start_s if start_s is not None else self.timeline.cursor_s
        self.scrub(0.0 if at is None or at >= self.timeline.last_s else at)
        self._stepped_at = time.monotonic()
        self._timer.start()
        self.play_button.setText(tr("❚❚ Hold"))

    def highlight_bottlenecks(self) -> Bottleneck | None:
        """Say what holds the run back: of its last two seconds while it goes on, else of all of it."""
        end = self.log.end_ns
        start = max(end - JUDGED_NS, self.log.origin_ns) if self.running else self.log.origin_ns
        rows = self.log.rows[-4096:] if self.running else self.log.rows
        found = find_bottleneck(rows, self.workers, start, end) if end else None
        if found is not None or not self.running:
            self._show_bottleneck(found)
        return self.bottleneck

    def show_load_balancing(self) -> list[Load]:
        """Show each device's share of the frames, and return what it did: of what the timeline shows."""
        if not self.log.end_ns:
            return []
        origin = self.log.origin_ns
        start, end = (origin + int(t * 1e9) for t in (self.timeline.start_s, self.timeline.end_s))
        if not self.running:
            start, end = origin, self.log.end_ns
        found = loads(self.log.rows, self.workers, start, end)
        self.balance.show_bars(
            [
                Bar(
                    load.device,
                    load.share,
                    tr("{0} · {1} busy").format(f"{load.share:.0%}", f"{load.busy:.0%}"),
                    number,
                )
                for number, load in enumerate(found)
            ]
        )
        return found

    # --- replay ---

    def toggle(self) -> None:
        """Replay, or hold the replay where it is."""
        if self._timer.isActive():
            self._hold()
        else:
            self.animate_data_flow()

    def stop_replay(self) -> None:
        """Leave the past: the canvas shows what goes on now."""
        self._hold()
        self.timeline.set_cursor(None)
        self.slider.setValue(0)
        self.moment.emit(None)

    def scrub(self, time_s: float) -> None:
        """Show this moment (s since the first frame) on timeline and canvas."""
        self.timeline.set_cursor(time_s)
        last = self.timeline.last_s
        self.slider.setValue(round(time_s / last * _SLIDER) if last else 0)
        self.moment.emit(self.log.origin_ns + int(time_s * 1e9))

    def _step(self) -> None:
        now = time.monotonic()
        passed, self._stepped_at = now - self._stepped_at, now
        at = (self.timeline.cursor_s or 0.0) + passed * SPEEDS[self.speed.currentIndex()]
        if at >= self.timeline.last_s:
            self._hold()
            at = self.timeline.last_s
        self.scrub(at)

    def _hold(self) -> None:
        self._timer.stop()
        self.play_button.setText(tr("▶ Replay"))

    def _show_bottleneck(self, found: Bottleneck | None) -> None:
        self.bottleneck = found
        self.timeline.mark(found.devices if found else ())
        if found is not None:
            self.words.setText(f"▲ {told(found.text)}")
            self.evidence.setText(" ".join(told(text) for text in found.evidence))
        elif self.log.end_ns:
            self.words.setText(tr("Too few frames to tell what holds the run back."))
            self.evidence.setText("")
        self.judged.emit(found)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.show_load_balancing()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self._timer.isActive():
            self._hold()

    # --- inside ---

    def _table(self) -> Table:
        names = self.log.rows.dtype.names or ()
        return names, (row.tolist() for row in self.log.rows)

    def _button(self, text: str, tip: str, slot: object) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setAutoRaise(True)
        button.clicked.connect(slot)
        return button

    def _speed_box(self) -> QComboBox:
        box = QComboBox()
        for speed in SPEEDS:
            box.addItem(tr("{0:g}x speed").format(speed))
        box.setCurrentIndex(SPEEDS.index(0.1))
        box.setAccessibleName(tr("Speed of the replay"))
        return box

    def _lay_out(self) -> None:
        view = self.timeline
        tools = QHBoxLayout()
        tools.addWidget(self.play_button)
        tools.addWidget(self.speed)
        tools.addWidget(self.slider, 1)
        for text, tip, slot in (
            ("Now", "Leave the replay and show the newest frames", self._show_now),
            ("All", "Show the whole run (Home)", view.show_all),
            ("-", "Show a longer time (-)", lambda: view.zoom(2.0)),
            ("+", "Show a shorter time (+)", lambda: view.zoom(0.5)),
        ):
            tools.addWidget(self._button(tr(text), tr(tip), slot))
        tools.addWidget(self.simulated)
        tools.addWidget(ExportButton(view, tr("Timeline"), self._table))
        left = QVBoxLayout()
        left.addLayout(tools)
        left.addWidget(view, 1)
        right = QVBoxLayout()
        right.addWidget(self.words)
        right.addWidget(self.balance)
        right.addWidget(self.evidence)
        right.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.addLayout(left, 5)
        layout.addLayout(right, 3)

    def _show_now(self) -> None:
        self.stop_replay()
        self.timeline.follow()
