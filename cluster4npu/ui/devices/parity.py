"""The parity card as a dialog: whether every device of the pipeline gives the same answers, and how right they are."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QDialog,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from cluster4npu.core.bench.card import DeviceCard, ParityCard, compare_devices
from cluster4npu.core.bench.options import BenchmarkProgress
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.ui.dashboard.chip import Chip
from cluster4npu.ui.dashboard.numbers import NOT_REPORTED
from cluster4npu.ui.dialogs.background import Background, Report
from cluster4npu.ui.text import told, tr

HEADINGS = ("Device", "Precision", "Runs on", "Agrees with the reference", "mAP@0.5", "ms a frame")


class ParityDialog(QDialog):
    """Compares the devices of a pipeline in the background; closing it ends the comparison."""

    finished_comparing = Signal()

    def __init__(
        self,
        config: PipelineConfig,
        parent: QWidget | None = None,
        *,
        devices: tuple[str, ...] | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Same answers on every device?"))
        self.resize(860, 320)
        self.setMinimumSize(560, 240)
        self.verdict = Chip(tr("comparing"), "accent")
        self.state = QLabel(tr("Loading the model on every device ..."))
        self.state.setWordWrap(True)
        self.table = QTableWidget(0, len(HEADINGS))
        self.table.setHorizontalHeaderLabels([tr(heading) for heading in HEADINGS])
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.setAccessibleName(tr("Parity card"))
        layout = QVBoxLayout(self)
        layout.addWidget(self.verdict)
        layout.addWidget(self.state)
        layout.addWidget(self.table, 1)
        self._ended = False

        def work(report: Report) -> object:
            return compare_devices(config, devices=devices, progress=report, cancelled=lambda: self._ended)

        self._work = Background(work, "compare-devices")
        self._work.progressed.connect(self._show_progress)
        self._work.succeeded.connect(self.show_card)
        self._work.failed.connect(self._show_error)
        self._work.start()

    def show_card(self, card: ParityCard) -> None:
        """Show the finished card."""
        words = {
            True: (tr("same answers"), "ok"),
            False: (tr("OUTPUTS DIFFER"), "fail"),
            None: (tr("not compared"), "warn"),
        }
        self.verdict.show_word(*words[card.same])
        about = tr("{0} frames; the reference is {1}.").format(card.frames, card.reference)
        self.state.setText(f"{told(card.verdict)}. {about}")
        self.table.setRowCount(len(card.devices))
        for row, device in enumerate(card.devices):
            for column, text in enumerate(cells(device, card.reference)):
                self.table.setItem(row, column, QTableWidgetItem(text))
        self.finished_comparing.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._ended = True
        self._work.abandon()
        super().closeEvent(event)

    def reject(self) -> None:
        self.close()

    def _show_progress(self, progress: BenchmarkProgress) -> None:
        self.state.setText(f"{tr(progress.stage)} {progress.device} ({progress.fraction:.0%})")

    def _show_error(self, error: Exception) -> None:
        self.verdict.show_word(tr("not compared"), "warn")
        self.state.setText(told(str(error)))
        self.finished_comparing.emit()


def cells(device: DeviceCard, reference: str) -> tuple[str, ...]:
    """Return a device's row."""
    said = [
        tr("{0}: nothing to compare").format(told(check.what))
        if check.score is None
        else f"{told(check.what)} {check.score:.1%}"
        + ("" if check.same else tr(" (needs {0})").format(f"{check.needed:.0%}"))
        for check in device.checks
    ]
    return (
        device.id,
        told(device.precision),
        device.unit + (tr(" (fell back)") if device.fell_back else ""),
        tr("is the reference") if device.id == reference else ", ".join(said) or tr("nothing to compare"),
        tr(NOT_REPORTED) if device.map50 is None else f"{device.map50:.4f}",
        tr(NOT_REPORTED) if device.frame_ms is None else f"{device.frame_ms:.2f}",
    )
