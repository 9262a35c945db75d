"""First step of a benchmark: which devices, how frames come, how thorough, and how long that takes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from cluster4npu.core.bench import PROFILES, Profile
from cluster4npu.core.errors import Problem
from cluster4npu.ui import theme
from cluster4npu.ui.dialogs.benchmark_scenario import ScenarioChoice
from cluster4npu.ui.dialogs.cards import CardGroup
from cluster4npu.ui.dialogs.device_choice import Detect, DeviceChoice, look_again_button
from cluster4npu.ui.dialogs.errors import ProblemBox, plain_label
from cluster4npu.ui.text import tr

_MEANING = {
    "quick": "Five pairs of 2 s. Enough for a first look.",
    "standard": "Five pairs of 4 s. Steadier percentiles.",
    "certified": "Ten pairs of 28 s. For a number that others shall trust.",
}


class SetupStep(QWidget):
    """Devices to tick and a profile to choose. `changed` tells of every edit."""

    changed = Signal()

    def __init__(self, pool: Sequence[str], profile: Profile | None, detect: Detect) -> None:
        super().__init__()
        self._pool = tuple(pool)
        self._profiles = {**PROFILES, **({profile.name: profile} if profile else {})}
        self.choice = DeviceChoice(detect=detect)
        self.again = look_again_button(self.choice)
        self.profiles = CardGroup(tr("Profile"))
        for key, item in self._profiles.items():
            note = "" if item.conforms else "Too short for the standard: its result is not a headline."
            self.profiles.add(key, item.title, _MEANING.get(key, ""), note)
        self.profiles.choose(profile.name if profile else "quick")
        self.scenario = ScenarioChoice()
        self.estimate = plain_label(name="Estimate")
        theme.give_role(self.estimate, "muted")
        self.reason = plain_label(name="Reason")
        self.problems = ProblemBox()
        self._lay_out()
        self.choice.looked.connect(self._looked)
        self.choice.changed.connect(self._edited)
        self.profiles.chosen.connect(self._edited)
        self.scenario.changed.connect(self._edited)
        self._first = True
        self._edited()

    def start_looking(self) -> None:
        """Look for devices in the background."""
        self.choice.look()

    @property
    def profile(self) -> Profile:
        """Return the chosen profile."""
        return self._profiles[self.profiles.key]

    def devices(self) -> tuple[str, ...]:
        """Return the ids of the chosen workers."""
        return self.choice.selected()

    def missing(self) -> str:
        """Return why a benchmark cannot start, in words."""
        if self.choice.looking:
            return "looking for devices ..."
        if not self.devices():
            return "Tick at least one device."
        return ""

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Show what went wrong with the last attempt."""
        self.problems.show_problems(problems)

    def _lay_out(self) -> None:
        left = QVBoxLayout()
        left.setSpacing(8)
        left.addWidget(_heading(tr("Devices")))
        left.addWidget(self.choice, 1)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self.again)
        left.addLayout(foot)
        inside = QWidget()
        right = QVBoxLayout(inside)
        right.setContentsMargins(0, 0, 4, 0)
        right.setSpacing(8)
        right.addWidget(_heading(tr("How frames come")))
        right.addWidget(self.scenario)
        right.addWidget(_heading(tr("How thorough")))
        right.addWidget(self.profiles)
        right.addWidget(self.estimate)
        right.addStretch(1)
        columns = QHBoxLayout()
        columns.setSpacing(18)
        columns.addLayout(left, 6)
        columns.addWidget(_scrolled(inside), 5)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        layout.addWidget(self.problems)
        layout.addLayout(columns, 1)
        layout.addWidget(self.reason)

    @Slot()
    def _looked(self) -> None:
        if self._first:
            self._first = False
            real = tuple(d.id for d in self.choice.devices if d.available and not d.simulated)
            self.choice.select(self._pool or real)
            self._edited()

    @Slot()
    def _edited(self) -> None:
        self.again.setEnabled(not self.choice.looking)
        count = len(self.devices())
        if count == 0:
            self.estimate.setText("")
        elif count == 1:
            self.estimate.setText(
                tr(
                    "With one device there is nothing to compare: a speedup needs two. "
                    "It is measured alone, in about {0}."
                ).format(duration(self.scenario.estimate_s(self.profile, 1)))
            )
        else:
            told = duration(self.scenario.estimate_s(self.profile, count))
            self.estimate.setText(
                tr("About {0} for {1} devices, and the loading of the model.").format(told, count)
            )
        self.reason.setText(self.missing())
        self.changed.emit()


def duration(seconds: float) -> str:
    """Return a time for reading: "45 s", "2 min 30 s", "11 min"."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min" if minutes >= 10 or not rest else f"{minutes} min {rest} s"


def _heading(text: str) -> QWidget:
    label = plain_label(tr(text), wrap=False)
    theme.give_role(label, "heading")
    return label


def _scrolled(widget: QWidget) -> QScrollArea:
    """Return the widget in an area that scrolls down where the dialog is low, and is never narrower than it."""
    area = QScrollArea()
    area.setWidget(widget)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setMinimumWidth(widget.minimumSizeHint().width() + area.verticalScrollBar().sizeHint().width())
    return area
