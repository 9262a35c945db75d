"""The panel of devices: grid, details, history, and giving devices to the stages of the pipeline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QMenu,
    QPushButton,
    QScrollArea,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from cluster4npu.core.devices import history, looks, registry
from cluster4npu.core.devices.backend import DeviceInfo
from cluster4npu.core.devices.configured import configured
from cluster4npu.core.devices.history import Sample
from cluster4npu.core.devices.looks import together
from cluster4npu.core.devices.manager import AdvancedDeviceManager
from cluster4npu.core.errors import Problem, StoreError
from cluster4npu.core.metrics.snapshot import MetricsSnapshot
from cluster4npu.core.metrics.summary import RunSummary
from cluster4npu.core.store.device_runs import DeviceRun
from cluster4npu.ui import theme
from cluster4npu.ui.dashboard.elided import ElidedLabel
from cluster4npu.ui.devices.allocation import give, stages_of, take, workers_on
from cluster4npu.ui.devices.details import DeviceDetailsWidget
from cluster4npu.ui.devices.grid import DeviceListWidget
from cluster4npu.ui.devices.health import DeviceHealthWidget
from cluster4npu.ui.devices.parity import ParityDialog
from cluster4npu.ui.devices.runs import DeviceRunsChart
from cluster4npu.ui.devices.stages import DeviceAllocationWidget
from cluster4npu.ui.devices.status import InRun, after_run, in_run
from cluster4npu.ui.dialogs.background import Background, Report
from cluster4npu.ui.document import Document
from cluster4npu.ui.text import told_problem, tr

LOOK_MS = 5000


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store knows of one device."""

    runs: tuple[DeviceRun, ...] = ()
    looks: tuple[Sample, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """All devices at one moment, and what the chosen one did and was in the stored runs (None: not read this time)."""

    devices: list[DeviceInfo]
    chosen: str = ""
    stored: Stored | None = None


class DeviceManagementPanel(QWidget):
    """Shows the devices while it is seen, and changes `document` when one is given to a stage.

    `refused` carries the Problem of an allocation that was not made. Looking goes on in the background.
    """

    refused = Signal(object)

    def __init__(self, document: Document, store: Path | None = None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._store = store
        self._look: Background | None = None
        self._stored: dict[str, Stored] = {}
        self._found: list[DeviceInfo] = []
        self._run: Mapping[str, InRun] = {}
        self._in_run = False
        self.grid = DeviceListWidget()
        self.details = DeviceDetailsWidget()
        self.health = DeviceHealthWidget()
        self.allocation = DeviceAllocationWidget(document)
        self.runs = DeviceRunsChart()
        self.state = ElidedLabel(tr("Looking for devices ..."))
        theme.give_role(self.state, "muted")
        self.assign_menu, self.remove_menu = QMenu(self), QMenu(self)
        self.assign_button = self._menu_button("&Give to stage", self.assign_menu, self._fill_assign)
        self.remove_button = self._menu_button("&Take from stage", self.remove_menu, self._fill_remove)
        self.assign_button.setToolTip(tr("Or drag the row onto a stage or its node, or press Enter on it."))
        self.refresh_button = QPushButton(tr("&Look again"))
        self.refresh_button.clicked.connect(lambda _: self.refresh())
        self.compare_button = QPushButton(tr("&Compare answers"))
        self.compare_button.setToolTip(
            tr(
                "Run the same frames on every device of the pipeline, and compare. "
                "Where several rows are selected, on those."
            )
        )
        self.compare_button.clicked.connect(self.compare)
        self._lay_out()
        self.grid.chosen.connect(self._show)
        self.allocation.refused.connect(self._tell)
        self.allocation.wanted.connect(self._give_selected)
        self.grid.entered.connect(self.open_assign_menu)
        self.grid.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.grid.customContextMenuRequested.connect(self._context_menu)
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look_by_the_clock)
        document.config_changed.connect(self._on_config)

    def refresh(self, anew: bool = True) -> None:
        """Look at all devices now, in the background; a look that still goes on is not doubled.

        Without `anew` no driver is asked what there is: that takes a second or two of a core, which a run or a
        benchmark would miss.
        """
        age_s = 0.0 if anew and not self._in_run else math.inf
        if self._look is not None and self._look.running:
            return
        chosen = self.grid.current()
        device = chosen if chosen is not None and chosen.available else None
        name = device.id if device is not None else ""
        wants_runs = bool(name) and name not in self._stored
        healthy = device is not None and not device.simulated

        def work(_report: Report) -> object:
            manager = AdvancedDeviceManager(self._store)
            found = manager.detect_all_devices(age_s=age_s)
            if healthy and (info := registry.remembered(name)) is not None:
                looks.look_at(info)
            stored = _stored_of(manager, name) if wants_runs else None
            return Look(found, name, stored)

        self._look = Background(work, "look-at-devices")
        self._look.succeeded.connect(self._take_look)
        self._look.failed.connect(
            lambda error: self.state.setText(tr("Devices cannot be looked at: {0}").format(error))
        )
        self._look.start()

    def _look_by_the_clock(self) -> None:
        if (
            not self.visibleRegion().isEmpty()
        ):  # behind another tab nobody sees it, though Qt calls it visible
            self.refresh(anew=False)

    def forget_runs(self) -> None:
        """Read the stored runs again when they are next shown: there are new ones."""
        self._stored.clear()

    def give_device(self, device: str, stage: str) -> Problem | None:
        """Give a device to a stage (its node's id) as one edit; returns why not, and tells it with `refused`."""
        problem = give(self._document, device, stage)
        if problem is not None:
            self._tell(problem)
        return problem

    def open_assign_menu(self) -> None:
        """Open the menu of stages, where the chosen device can be given to one."""
        if self.assign_button.isEnabled():
            self.assign_menu.popup(self.assign_button.mapToGlobal(self.assign_button.rect().topLeft()))

    def compare(self) -> None:
        """Open the parity card: of the rows that are selected where there are several, else of the pipeline's pool."""
        chosen = [device.id for device in self.grid.selected() if device.available]
        devices = tuple(chosen) if len(chosen) > 1 else None
        dialog = ParityDialog(self._document.config, self, devices=devices)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.show()

    def begin_run(self) -> None:
        """Forget what devices did in the last run, and ask no driver anything until the end of this one."""
        self._in_run = True
        self._show_run({})

    def forget_run(self) -> None:
        """Forget what devices did in the last run."""
        self._in_run = False
        self._show_run({})

    def show_snapshot(self, snapshot: MetricsSnapshot) -> None:
        """Show what each device does in the run."""
        self._show_run(in_run(snapshot.devices))

    def end_run(self, summary: RunSummary | None) -> None:
        """Show which devices failed in the run, or left the model to the processor, until the next one."""
        self._in_run = False
        self._show_run(after_run(summary.devices) if summary is not None else {})

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()
        if self._found:
            self._show_devices()
        self._show_run(self._run)
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def _take_look(self, look: Look) -> None:
        if look.stored is not None:
            self._stored[look.chosen] = look.stored
        self._found = look.devices
        self._show_devices()
        shown = self.grid.devices
        here = sum(device.available and not device.simulated for device in shown)
        simulated = sum(device.simulated for device in shown)
        gone = sum(not device.available for device in shown)
        self.state.setText(tr("{0} here, {1} not here, {2} simulated.").format(here, gone, simulated))

    def _on_config(self) -> None:
        if self.isVisible():
            self._show_devices()

    def _show_devices(self) -> None:
        """Show what was found, and what this pipeline names beside it; what is here comes first."""
        config = self._document.config
        devices = [*self._found, *configured(config, self._found)]
        self.grid.show_devices(sorted(devices, key=lambda device: not device.available), config)

    def _show_run(self, run: Mapping[str, InRun]) -> None:
        self._run = run
        if self.isVisible() and run != self.grid.run:
            self.grid.show_run(run)
            self._show_details(self.grid.current())

    def _tell(self, problem: Problem) -> None:
        self.refused.emit(problem)
        self.state.setText(told_problem(problem))

    def _show_details(self, device: DeviceInfo | None) -> None:
        self.details.show_device(device, self.grid.run.get(device.id) if device is not None else None)

    def _show(self, device: DeviceInfo | None) -> None:
        self._show_details(device)
        stored = self._stored.get(device.id, Stored()) if device is not None else Stored()
        kept = history.load(device.id) if device is not None else ()
        self.health.show_device(device, together(stored.looks, kept))
        self.runs.show_runs(stored.runs)
        if device is not None and device.available and device.id not in self._stored:
            self.refresh(anew=False)  # its runs are read in the background
        stages = stages_of(self._document.config)
        usable = device is not None and device.available
        self.assign_button.setEnabled(usable and bool(stages))
        self.remove_button.setEnabled(
            device is not None and any(workers_on(device.id, devices) for devices in stages.values())
        )

    def _give_selected(self, stage: str) -> None:
        """Give every device that is selected and here to a stage."""
        for device in self.grid.selected():
            if device.available:
                self.give_device(device.id, stage)

    def _fill_assign(self) -> None:
        self.assign_menu.clear()
        device = self.grid.current()
        usable = device is not None and device.available
        for stage in stages_of(self._document.config) if usable else ():
            action = self.assign_menu.addAction(stage)
            action.triggered.connect(lambda _=False, s=stage: self._give_selected(s))

    def _fill_remove(self) -> None:
        self.remove_menu.clear()
        device = self.grid.current()
        if device is None:
            return
        for stage, devices in stages_of(self._document.config).items():
            for text in workers_on(device.id, devices):
                action = self.remove_menu.addAction(stage if text == device.id else f"{stage}: {text}")
                action.triggered.connect(lambda _=False, s=stage, t=text: take(self._document, t, s))

    def _context_menu(self, place: QPoint) -> None:
        self._fill_assign()
        if self.assign_menu.isEmpty():
            return
        self.assign_menu.popup(self.grid.viewport().mapToGlobal(place))

    def _menu_button(self, text: str, menu: QMenu, fill: object) -> QPushButton:
        button = QPushButton(tr(text))
        button.setMenu(menu)
        menu.aboutToShow.connect(fill)
        return button

    def _lay_out(self) -> None:
        scroll = QScrollArea()
        scroll.setWidget(self.details)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QScrollArea.Shape.NoFrame)
        self.about = QTabWidget()  # in tabs, so that each chart has the whole height of a low dock
        self.about.setDocumentMode(True)
        for widget, title in (
            (scroll, tr("Details")),
            (self.health, tr("Health")),
            (self.allocation, tr("Stages")),
            (self.runs, tr("Runs")),
        ):
            self.about.addTab(widget, title)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(self.grid)
        split.addWidget(self.about)
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


def _stored_of(manager: AdvancedDeviceManager, device: str) -> Stored:
    try:
        return Stored(manager.stored_runs(device), manager.stored_looks(device))
    except StoreError:  # another process holds the file: the next run, or another look, will show them
        return Stored()
