"""The large figures over the charts, what the engine does now, and whether the pipeline's targets are met."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from cluster4npu.core.metrics.snapshot import MetricsSnapshot
from cluster4npu.core.metrics.summary import RunSummary
from cluster4npu.core.pipeline.config import Targets
from cluster4npu.ui import theme
from cluster4npu.ui.dashboard.chip import Chip, ElidedChip, simulated_chip
from cluster4npu.ui.dashboard.elided import ElidedLabel
from cluster4npu.ui.dashboard.numbers import NOT_REPORTED, figure
from cluster4npu.ui.text import tr


class Figure(QWidget):
    """One number with its name under it; `usual` is as wide as it mostly becomes: its neighbours keep their place."""

    def __init__(self, name: str, usual: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.number = QLabel("—")
        theme.give_role(self.number, "figure")
        self.number.setTextFormat(Qt.TextFormat.PlainText)
        self.number.setMinimumWidth(self.number.fontMetrics().horizontalAdvance(usual))
        self.caption = caption = ElidedLabel(name)
        theme.give_role(caption, "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 6, 0)
        layout.setSpacing(0)
        layout.addWidget(self.number)
        layout.addWidget(caption)
        self.setAccessibleName(name)

    def show_value(self, text: str) -> None:
        needed = self.number.fontMetrics().horizontalAdvance(text)
        if needed > self.number.minimumWidth() and text != NOT_REPORTED:
            self.number.setMinimumWidth(
                needed
            )  # it stays: each digit that comes and goes would move the others
        self.number.setText(text)
        self.setAccessibleDescription(text)


class Figures(QWidget):
    """FPS, latency, frames, drops and restarts in one row; state and targets stand at the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.fps = Figure(tr("FPS"), "99.9")
        self.latency = Figure(tr("p95 latency"), "99.9 ms")
        self.frames = Figure(tr("frames"), "9999")
        self.dropped = Figure(tr("dropped"))
        self.failed = Figure(tr("failed"))
        self.restarts = Figure(tr("restarts"))
        self.status = ElidedLabel()
        theme.give_role(self.status, "muted")
        self.status.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.state, self.simulated = Chip(), simulated_chip()
        self.simulated.hide()
        self.fps_target, self.latency_target, self.alert = ElidedChip(), ElidedChip(), ElidedChip()
        self._targets = Targets()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        for widget in (self.fps, self.latency, self.frames, self.dropped, self.failed, self.restarts):
            layout.addWidget(widget)
        right = QVBoxLayout()
        right.setSpacing(4)
        right.addStretch()
        state = _row(self.alert, self.simulated, self.state)
        self.status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        state.insertWidget(0, self.status, 100)  # it takes what the others leave
        right.addLayout(state)
        right.addLayout(_row(self.fps_target, self.latency_target))
        layout.addLayout(right, 1)

    def set_targets(self, targets: Targets) -> None:
        """Forget every figure, and check those that come against these."""
        self._targets = targets
        for figure_of in (self.fps, self.latency, self.frames, self.dropped, self.failed, self.restarts):
            figure_of.show_value("\N{EM DASH}")
        self.simulated.hide()
        self._explain_dropped(0, 0)
        self.fps_target.show_word("", "muted")
        self.latency_target.show_word("", "muted")

    def show_alerts(self, rules: Sequence[str]) -> None:
        """Say which alerts are active: the first in words, the others counted."""
        more = " " + tr("and {0} more").format(len(rules) - 1) if len(rules) > 1 else ""
        self.alert.show_word(f"▲ {rules[0]}{more}" if rules else "", "fail")

    def show_state(self, state: str, words: str) -> None:
        """Say what the engine does now."""
        self.state.show_word(
            state,
            {"running": "ok", "finished": "ok", "stopped": "muted", "failed": "fail"}.get(state, "accent"),
        )
        self.status.setText(words)

    def show_snapshot(self, snapshot: MetricsSnapshot, fps: float) -> None:
        """Show the newest figures; `fps` is the rate to show and to judge, over more than one period."""
        p95 = snapshot.latency_p95_ms
        self.simulated.setVisible(any(d.simulated for d in snapshot.devices))
        self.fps.show_value(figure(fps))
        self.latency.show_value(tr(NOT_REPORTED) if p95 is None else f"{figure(p95)} ms")
        self.frames.show_value(str(snapshot.frames_out))
        self.dropped.show_value(str(snapshot.frames_dropped))
        self.failed.show_value(str(snapshot.frames_failed))
        self.restarts.show_value(str(sum(d.restarts for d in snapshot.devices)))
        if snapshot.state == "running":
            self._judge(fps, p95)

    def show_summary(self, summary: RunSummary, at_stop: int) -> None:
        """Show the totals of a run that is over; `at_stop` frames were in flight when the user stopped it."""
        p95 = summary.latency_ms.p95
        self.fps.show_value(figure(summary.fps))
        self.latency.show_value(tr(NOT_REPORTED) if p95 is None else f"{figure(p95)} ms")
        self.frames.show_value(str(summary.frames_out))
        self.dropped.show_value(str(summary.frames_dropped))
        self.failed.show_value(str(summary.frames_failed))
        self.restarts.show_value(str(summary.restarts))
        self._explain_dropped(summary.frames_dropped, at_stop)
        self._judge(summary.fps, p95)

    def _explain_dropped(self, dropped: int, at_stop: int) -> None:
        self.dropped.caption.setText(
            tr("in flight at Stop") if dropped and dropped == at_stop else tr("dropped")
        )
        self.dropped.setToolTip(tr("{0} in flight at Stop").format(at_stop) if at_stop > 0 else "")

    def _judge(self, fps: float, p95: float | None) -> None:
        targets = self._targets
        if targets.fps is not None:
            met = fps >= targets.fps
            words = tr("met: at least {0:g} FPS") if met else tr("not met: at least {0:g} FPS")
            self.fps_target.show_word(words.format(targets.fps), "ok" if met else "warn")
        if targets.latency_p95_ms is not None and p95 is not None:
            met = p95 <= targets.latency_p95_ms
            words = tr("met: p95 at most {0:g} ms") if met else tr("not met: p95 at most {0:g} ms")
            self.latency_target.show_word(words.format(targets.latency_p95_ms), "ok" if met else "warn")


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.addStretch(1)
    for widget in widgets:
        row.addWidget(widget)
    return row
