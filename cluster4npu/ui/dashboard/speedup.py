"""The number of a benchmark, large enough to be read across a room."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from cluster4npu.ui import theme
from cluster4npu.ui.dashboard.chip import Chip, simulated_chip
from cluster4npu.ui.dialogs import looks
from cluster4npu.ui.text import told, tr

EMPTY = "Press Benchmark to measure"


class SpeedupWidget(QFrame):
    """Shows a benchmark's headline with its interval, and says when it is simulated or does not count.

    >>> widget.show_result("2.9x FASTER", (2.8, 3.0), simulated=False, valid=True, reason="")
    >>> widget.show_waiting("Measuring onnx:cpu, 2 of 4")
    >>> widget.clear()
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        looks.card(self)
        self.headline = QLabel(self)
        self.detail = QLabel(self)
        self.simulated = simulated_chip()
        self.validity = Chip()
        self._role = "muted"
        for label in (self.headline, self.detail):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            label.setWordWrap(True)
        theme.give_role(self.detail, "muted")
        chips = QHBoxLayout()
        chips.addStretch()
        chips.addWidget(self.simulated)
        chips.addWidget(self.validity)
        chips.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.addWidget(self.headline)
        layout.addWidget(self.detail)
        layout.addLayout(chips)
        theme.changes().changed.connect(self._dress)
        self.clear()

    def show_result(
        self, headline: str, ci: tuple[float, float] | None, simulated: bool, valid: bool, reason: str
    ) -> None:
        """Show how a benchmark came out.

        `headline` is `BenchmarkResult.headline()`; `ci` the 95% interval of the speedup (None: not measured);
        `reason` says why a result is not valid, or why there is no gain.
        """
        low_high = tr("95% CI {0:.2f} to {1:.2f}").format(*ci) if ci else ""
        against = tr("against the best single device") if valid and ci else ""
        role = "fail" if not valid else _role_of(headline)
        self._show(headline, ", ".join(part for part in (low_high, against, told(reason)) if part), role)
        self.simulated.setVisible(simulated)
        self.validity.show_word("" if valid or "INVALID" in headline else "INVALID", "fail")

    def show_waiting(self, text: str) -> None:
        """Say what is being measured now."""
        self._show("…", text, "muted")
        self.simulated.hide()
        self.validity.show_word("", "muted")

    def clear(self) -> None:
        """Go back to the state before the first benchmark."""
        self._show("—", tr(EMPTY), "muted")
        self.simulated.hide()
        self.validity.show_word("", "muted")

    def _show(self, headline: str, detail: str, role: str) -> None:
        self.headline.setText(_in_words(headline))
        self.detail.setText(told(detail))
        self._role = role
        self._dress()

    def _dress(self) -> None:
        size = 30 if len(self.headline.text()) <= 16 else 16
        color = getattr(theme.colors(), self._role)
        self.headline.setStyleSheet(f"font-size: {size}pt; font-weight: 700; color: {color};")


def _in_words(headline: str) -> str:
    """Return a benchmark's headline in the user's language."""
    ratio, _, verdict = headline.partition("x ")
    if verdict in ("FASTER", "SLOWER"):
        return (tr("{0}x FASTER") if verdict == "FASTER" else tr("{0}x SLOWER")).format(ratio)
    return told(headline) if " " in headline else tr(headline)


def _role_of(headline: str) -> str:
    if "FASTER" in headline:
        return "ok"
    return "warn" if "SLOWER" in headline else "muted"
