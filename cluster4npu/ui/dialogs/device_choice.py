"""The devices to choose from, looked for in the background: real ones first, simulated ones labelled."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from cluster4npu.core.devices.backend import DeviceInfo
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.devices.registry import detect
from cluster4npu.ui.dialogs.background import Background, Report
from cluster4npu.ui.dialogs.device_row import DeviceRow, base_id, workers_of
from cluster4npu.ui.dialogs.errors import ProblemBox, plain_label, problems_of
from cluster4npu.ui.dialogs.looks import dress
from cluster4npu.ui.text import tr
from cluster4npu.ui.theme import Colors

SIMULATED_TITLE = "SIMULATED \N{EN DASH} no hardware behind these"

_LEAST_PX = 340  # a device with the number of its workers

Detect = Callable[[], list[DeviceInfo]]


def default_pool(devices: Sequence[DeviceInfo], *, simulated: bool) -> tuple[str, ...]:
    """Return the ids to tick at first: every simulated device, or every real one that is ready.

    Of several runtimes for the same CPU or card only the first is ticked: they would only take turns on it.
    A CPU that is alone gets two workers where it has the cores, so that there is something to compare.
    """
    if simulated:
        return tuple(d.id for d in devices if d.simulated and d.available)
    ready: list[DeviceInfo] = []
    for device in devices:
        if device.simulated or not device.available:
            continue
        if device.kind == "cpu" and any(other.kind == "cpu" for other in ready):
            continue
        if device.hardware_id and any(other.hardware_id == device.hardware_id for other in ready):
            continue
        ready.append(device)
    if len(ready) == 1 and ready[0].kind == "cpu" and (os.cpu_count() or 1) > 1:
        return (ready[0].id, f"{ready[0].id}#2")
    return tuple(d.id for d in ready)


class DeviceChoice(QWidget):
    """Devices to tick. `changed` tells of every tick, `looked` that the search has ended."""

    changed = Signal()
    looked = Signal()

    def __init__(self, parent: QWidget | None = None, *, detect: Detect = detect) -> None:
        super().__init__(parent)
        self._detect = detect
        self._work: Background | None = None
        self.devices: tuple[DeviceInfo, ...] = ()
        self.rows: list[DeviceRow] = []
        self._wanted: tuple[str, ...] | None = None
        self._stack = QStackedWidget()
        self._stack.addWidget(self._looking_page())
        self._list = QScrollArea()
        self._list.setObjectName("DeviceList")
        self._list.setMinimumWidth(_LEAST_PX)
        self._list.setWidgetResizable(True)
        self._list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list.setAccessibleName(tr("Devices"))
        self._stack.addWidget(self._list)
        self.problems = ProblemBox()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack, 1)
        layout.addWidget(self.problems)
        dress(self, _sheet)

    @property
    def looking(self) -> bool:
        """Tell whether the search goes on."""
        return self._work is not None

    def look(self) -> None:
        """Look for devices in the background; what is ticked stays ticked."""
        if self.looking:
            return
        if self.rows:
            self._wanted = self.selected()
        self._stack.setCurrentIndex(0)
        self.problems.show_problems([])

        def work(_report: Report) -> object:
            return self._detect()

        self._work = Background(work, "look-for-devices")
        self._work.succeeded.connect(self._found)
        self._work.failed.connect(self._failed)
        self._work.start()
        self.changed.emit()

    def select(self, pool: Sequence[str]) -> None:
        """Tick exactly these workers; ids that were not found get a row of their own."""
        self._wanted = tuple(pool)
        if not self.looking:
            self._build()

    def selected(self) -> tuple[str, ...]:
        """Return the ids of every chosen worker, in the order of the list."""
        return tuple(device for row in self.rows for device in row.chosen())

    @Slot(object)
    def _found(self, devices: list[DeviceInfo]) -> None:
        self._work = None
        self.devices = tuple(devices)
        self._build()
        self.looked.emit()
        self.changed.emit()

    @Slot(object)
    def _failed(self, error: BaseException) -> None:
        self._work = None
        self._build()
        self.problems.show_problems(problems_of(error, "looking for devices failed"))
        self.looked.emit()
        self.changed.emit()

    def _looking_page(self) -> QWidget:
        page = QFrame()
        page.setFrameShape(QFrame.Shape.StyledPanel)
        layout = QVBoxLayout(page)
        text = plain_label(tr("Looking for devices ..."), wrap=False)
        text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        bar = QProgressBar()
        bar.setRange(0, 0)
        bar.setTextVisible(False)
        bar.setMaximumWidth(220)
        bar.setAccessibleName(tr("Looking for devices"))
        layout.addStretch(1)
        layout.addWidget(text)
        layout.addWidget(bar, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(1)
        return page

    def _build(self) -> None:
        counts = workers_of(self._wanted or ())
        known = {device.id for device in self.devices}
        extra = [_unknown(text, self.devices) for text in counts if text not in known]
        every = [*extra, *self.devices]
        inner = QWidget()
        inner.setObjectName("DeviceListInner")
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(0, 6, 0, 6)
        layout.setSpacing(2)
        self.rows = []
        for title, name, members in (
            ("Ready on this machine", "DeviceGroup", [d for d in every if d.available and not d.simulated]),
            (
                "SIMULATED \N{EN DASH} no hardware behind these",
                "SimulatedGroup",
                [d for d in every if d.simulated],
            ),
            ("Not available here", "DeviceGroup", [d for d in every if not d.available and not d.simulated]),
        ):
            if members:
                layout.addWidget(_heading(title, name))
            for device in members:
                row = DeviceRow(device)
                row.choose(counts.get(device.id, 0))
                row.changed.connect(self.changed)
                self.rows.append(row)
                layout.addWidget(row)
        if not every:
            empty = plain_label(tr("No devices were found."), wrap=False)
            empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
            layout.addWidget(empty)
        layout.addStretch(1)
        with QSignalBlocker(self):
            self._list.setWidget(inner)
        self._stack.setCurrentIndex(1)


def look_again_button(choice: DeviceChoice) -> QPushButton:
    """Return a button that searches again (a device was plugged in)."""
    button = QPushButton(tr("&Look again"))
    button.setAccessibleDescription(tr("Looks for devices again, for example after one was plugged in."))
    button.clicked.connect(choice.look)
    return button


def _heading(title: str, name: str) -> QLabel:
    label = plain_label(tr(title), name=name)
    label.setContentsMargins(10, 6, 10, 0)
    return label


def _unknown(text: str, devices: Sequence[DeviceInfo]) -> DeviceInfo:
    """Make up the entry of an id that is written in the pipeline and was not found as such."""
    wanted = DeviceId.parse(text)
    for device in devices:
        if base_id(device.id) == wanted.device:
            return DeviceInfo(
                text, f"{device.name} (as in the pipeline)", device.kind, device.backend,
                device.available, device.reason, device.simulated, device.memory_bytes, device.precisions,
            )  # fmt: skip
    if wanted.backend == "sim":
        return DeviceInfo(text, f"Simulated {wanted.unit}", "simulated", "sim", simulated=True)
    return DeviceInfo(
        text,
        f"{wanted.unit} (as in the pipeline)",
        "unknown",
        wanted.backend,
        available=False,
        reason="it was not found on this machine. Plug it in and look again, or choose another device.",
    )


def _sheet(c: Colors) -> str:
    return f"""
        QScrollArea#DeviceList {{ border: 1px solid {c.border}; background: {c.surface}; }}
        QWidget#DeviceListInner {{ background: {c.surface}; }}
        QLabel#DeviceGroup {{ color: {c.muted}; font-weight: 600; }}
        QLabel#SimulatedGroup {{ color: {c.simulated}; font-weight: 600; }}
        QLabel#DeviceReason {{ color: {c.warn}; }}
    """
