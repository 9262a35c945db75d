"""How frames shall come in a benchmark: the scenario, with the loads that it takes."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QFormLayout, QSpinBox, QVBoxLayout, QWidget

from cluster4npu.core.bench import SCENARIOS, BenchmarkOptions, Profile
from cluster4npu.core.bench.load_steps import DEFAULT_LIMIT_MS, DEFAULT_RATE, DEFAULT_STREAMS, estimate_load_s
from cluster4npu.core.bench.options import DENSITY, MULTI_STREAM, OFFLINE, SERVER, SINGLE_STREAM
from cluster4npu.ui import theme
from cluster4npu.ui.dialogs.errors import plain_label
from cluster4npu.ui.text import tr

_TITLES = {
    OFFLINE: "As fast as it goes (frames/s)",
    SINGLE_STREAM: "One frame after the other (latency)",
    MULTI_STREAM: "Several cameras (the worst one counts)",
    SERVER: "Random arrivals (highest rate that is held)",
    DENSITY: "How many cameras it holds",
}
_DOES = {
    OFFLINE: "Each device alone, then the best one against all together, in turns, as fast as frames are taken.",
    SINGLE_STREAM: "The next frame enters when the one before is delivered: each device alone, then the best one "
    "against all together, in turns.",
    MULTI_STREAM: "That many cameras on each device alone and on all together; the p99 latency of the worst one is "
    "held against the limit, five times.",
    SERVER: "Frames arrive at random. The rate is raised and lowered until the p99 latency just keeps the limit, for "
    "each device and for all together; then it is verified five times. A given rate is not searched.",
    DENSITY: "Cameras are added until the worst one's p99 latency breaks the limit, for each device and for all "
    "together; then the number is verified five times.",
}
_TAKES = {
    MULTI_STREAM: ("streams", "rate", "limit_ms"),
    SERVER: ("rate", "limit_ms"),
    DENSITY: ("rate", "limit_ms"),
}


class ScenarioChoice(QWidget):
    """A list of scenarios, and below it the loads that the chosen one takes. `changed` tells of every edit."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.list = QComboBox()
        self.list.setAccessibleName(tr("Scenario"))
        for name in SCENARIOS:
            self.list.addItem(tr(_TITLES[name]), name)
        self.streams = QSpinBox()
        self.streams.setRange(1, 10_000)
        self.streams.setValue(DEFAULT_STREAMS)
        self.rate = QDoubleSpinBox()
        self.rate.setRange(0.0, 10_000.0)
        self.rate.setDecimals(1)
        self.rate.setSuffix(" frames/s")
        self.limit_ms = QDoubleSpinBox()
        self.limit_ms.setRange(0.1, 600_000.0)
        self.limit_ms.setDecimals(1)
        self.limit_ms.setValue(DEFAULT_LIMIT_MS)
        self.limit_ms.setSuffix(" ms")
        self._fields: dict[str, QSpinBox | QDoubleSpinBox] = {
            "streams": self.streams,
            "rate": self.rate,
            "limit_ms": self.limit_ms,
        }
        self.does = plain_label(name="Does")
        theme.give_role(self.does, "muted")
        self.form = QFormLayout()
        for title, field in zip(("&Cameras", "&Rate", "p99 at &most"), self._fields.values(), strict=True):
            self.form.addRow(tr(title), field)
            field.valueChanged.connect(self.changed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        layout.addLayout(self.form)
        layout.addWidget(self.does)
        self.list.currentIndexChanged.connect(self._chosen)
        self._chosen()

    @property
    def scenario(self) -> str:
        """Return the chosen scenario."""
        return str(self.list.currentData())

    def choose(self, scenario: str) -> None:
        """Choose a scenario by its name."""
        self.list.setCurrentIndex(self.list.findData(scenario))

    def options(self) -> dict[str, Any]:
        """Return the fields of BenchmarkOptions that were chosen here; a rate of 0 is searched."""
        loads = {name: self._fields[name].value() for name in _TAKES.get(self.scenario, ())}
        return {"scenario": self.scenario, **{name: value for name, value in loads.items() if value}}

    def arguments(self) -> list[str]:
        """Return the same as the command line has it."""
        told = {"scenario": "--scenario", "streams": "--streams", "rate": "--rate", "limit_ms": "--limit-ms"}
        chosen = self.options() if self.scenario != OFFLINE else {}
        return [word for name, value in chosen.items() for word in (told[name], f"{value}")]

    def estimate_s(self, profile: Profile, devices: int) -> float:
        """Return about how long a benchmark of so many devices takes, loading left out."""
        if not SCENARIOS[self.scenario].arrivals:
            return profile.estimate_s(devices)
        return estimate_load_s(devices, BenchmarkOptions(profile=profile, **self.options()))

    @Slot()
    def _chosen(self) -> None:
        takes = _TAKES.get(self.scenario, ())
        for name, field in self._fields.items():
            self.form.setRowVisible(field, name in takes)
        searched = self.scenario == SERVER
        self.rate.setSpecialValueText(tr("search the highest") if searched else "")
        self.rate.setMinimum(0.0 if searched else 0.1)
        self.rate.setValue(0.0 if searched else DEFAULT_RATE)
        self.does.setText(tr(_DOES[self.scenario]))
        self.changed.emit()
