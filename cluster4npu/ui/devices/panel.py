"""The panel of devices: grid, details, history, and giving devices to the stages of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from cluster4npu.core.devices import history
from cluster4npu.core.devices.backend import DeviceInfo
from cluster4npu.core.devices.history import Sample
from cluster4npu.core.devices.manager import AdvancedDeviceManager
from cluster4npu.core.errors import Problem
from cluster4npu.ui.devices.allocation import give, stages_of, take
from cluster4npu.ui.devices.details import DeviceDetailsWidget
from cluster4npu.ui.devices.grid import DeviceListWidget
from cluster4npu.ui.devices.history import DeviceHistoryChart
from cluster4npu.ui.devices.parity import ParityDialog
from cluster4npu.ui.dialogs.background import Background, Report
from cluster4npu.ui.document import Document

LOOK_MS = 5000


@dataclass(frozen=True, slots=True)
class Look:
    """All devices at one moment, and the chosen one's history."""

    devices: list[DeviceInfo]
    chosen: str
    samples: tuple[Sample, ...]


class DeviceManagementPanel(QWidget):
    """Shows the devices while it is seen, and changes `document` when one is given to a stage.

    `refused` carries the Problem of an allocation that was not made. Looking goes on in the background.
    """

    refused = Signal(object)

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._look: Background | None = None
        self.grid = DeviceListWidget()
        self.details = DeviceDetailsWidget()
        self.history = DeviceHistoryChart()
        self.state = QLabel("Looking for devices ...")
        self.state.setProperty("role", "muted")
        self.state.setWordWrap(True)
        self.assign_menu, self.remove_menu = QMenu(self), QMenu(self)
        self.assign_button = self._menu_button("&Give to stage", self.assign_menu, self._fill_assign)
        self.remove_button = self._menu_button("&Take from stage", self.remove_menu, self._fill_remove)
        self.refresh_button = QPushButton("&Look again")
        self.refresh_button.clicked.connect(self.refresh)
        self.compare_button = QPushButton("&Compare answers")
        self.compare_button.setToolTip("Run the same frames on every device of the pipeline, and compare.")
        self.compare_button.clicked.connect(self.compare)
        self._lay_out()
        self.grid.chosen.connect(self._show)
        for key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            shortcut = QShortcut(QKeySequence(key), self.grid)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
            shortcut.activated.connect(self.assign_button.showMenu)
        self.grid.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.grid.customContextMenuRequested.connect(self._context_menu)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.refresh)
        document.config_changed.connect(self._show_current)

    def refresh(self) -> None:
        """Look at all devices now, in the background; a look that still goes on is not doubled."""
        if self._look is not None and self._look.running:
            return
        chosen = self.grid.current()
        name = chosen.id if chosen is not None and chosen.available and not chosen.simulated else ""

        def work(_report: Report) -> object:
            manager = AdvancedDeviceManager()
            samples = manager.monitor_device_performance(name).history if name else ()
            return Look(manager.detect_all_devices(), name, samples)

        self._look = Background(work, "look-at-devices")
        self._look.succeeded.connect(self._take_look)
        self._look.failed.connect(lambda error: self.state.setText(f"Devices cannot be looked at: {error}"))
        self._look.start()

    def give_device(self, device: str, stage: str) -> Problem | None:
        """Give a device to a stage (its node's id) as one edit; returns why not, and tells it with `refused`."""
        problem = give(self._document, device, stage)
        if problem is not None:
            self.refused.emit(problem)
            self.state.setText(problem.text())
        return problem

    def compare(self) -> None:
        """Open the parity card of the pipeline as it is now."""
        dialog = ParityDialog(self._document.config, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def _take_look(self, look: Look) -> None:
        self.grid.show_devices(look.devices)
        here = sum(device.available and not device.simulated for device in look.devices)
        gone = sum(not device.available for device in look.devices)
        self.state.setText(
            f"{here} here, {gone} not here. Drag a device onto an inference node, or press Enter on it."
        )

    def _show_current(self) -> None:
        self._show(self.grid.current())

    def _show(self, device: DeviceInfo | None) -> None:
        self.details.show_device(device)
        self.history.show_history(history.load(device.id) if device is not None else ())
        stages = stages_of(self._document.config)
        usable = device is not None and device.available
        self.assign_button.setEnabled(usable and bool(stages))
        self.remove_button.setEnabled(device is not None and any(device.id in d for d in stages.values()))

    def _fill_assign(self) -> None:
        self.assign_menu.clear()
        device = self.grid.current()
        for stage in stages_of(self._document.config) if device is not None else ():
            action = self.assign_menu.addAction(stage)
            action.triggered.connect(lambda _=False, s=stage, d=device: self.give_device(d.id, s))

    def _fill_remove(self) -> None:
        self.remove_menu.clear()
        device = self.grid.current()
        for stage, devices in stages_of(self._document.config).items():
            if device is not None and device.id in devices:
                action = self.remove_menu.addAction(stage)
                action.triggered.connect(lambda _=False, s=stage, d=device: take(self._document, d.id, s))

    def _context_menu(self, place: QPoint) -> None:
        self._fill_assign()
        self.assign_menu.popup(self.grid.viewport().mapToGlobal(place))

    def _menu_button(self, text: str, menu: QMenu, fill: object) -> QPushButton:
        button = QPushButton(text)
        button.setMenu(menu)
        menu.aboutToShow.connect(fill)
        return button

    def _lay_out(self) -> None:
        right = QWidget()
        column = QVBoxLayout(right)
        column.addWidget(self.details)
        column.addWidget(self.history, 1)
        scroll = QScrollArea()
        scroll.setWidget(right)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(self.grid)
        split.addWidget(scroll)
        split.setStretchFactor(0, 3)
        split.setStretchFactor(1, 2)
        row = QHBoxLayout()
        for button in (self.assign_button, self.remove_button, self.compare_button, self.refresh_button):
            row.addWidget(button)
        row.addWidget(self.state, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.addWidget(split, 1)
        layout.addLayout(row)
