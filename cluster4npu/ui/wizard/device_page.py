"""Second page: which devices share the frames, and how many workers a CPU gets."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout

from cluster4npu.core.devices.registry import detect, loads_as_it_is
from cluster4npu.core.settings import resolve_path
from cluster4npu.ui import theme
from cluster4npu.ui.dialogs.device_choice import Detect, DeviceChoice, default_pool, look_again_button
from cluster4npu.ui.dialogs.errors import plain_label
from cluster4npu.ui.text import tr
from cluster4npu.ui.wizard.draft import Draft
from cluster4npu.ui.wizard.page import Page


class DeviceConfigurationPage(Page):
    """Chooses devices. They are looked for in the background when the page is first shown."""

    def __init__(self, draft: Draft, detect: Detect = detect) -> None:
        super().__init__(
            draft, "Which devices shall share the work?", "Every frame goes to one of the ticked devices."
        )
        self.choice = DeviceChoice(detect=detect)
        self.note = plain_label(name="Note")
        theme.give_role(self.note, "muted")
        self.again = look_again_button(self.choice)
        foot = QHBoxLayout()
        foot.addWidget(self.note, 1)
        foot.addWidget(self.again)
        self.body.addWidget(self.choice, 1)
        self.body.addLayout(foot)
        self._ticked_for: bool | None = None
        self.choice.looked.connect(self._looked)
        self.choice.changed.connect(self._edited)

    def initializePage(self) -> None:
        if not self.choice.devices and not self.choice.looking:
            self.choice.look()
        elif not self.choice.looking:
            self._tick_defaults()
        self._edited()

    def missing(self) -> str:
        if self.choice.looking:
            return "wait until the devices are found."
        if not self.draft.devices:
            if any(d.available for d in self.choice.devices):
                return "tick at least one device."
            return "no device can be used here. See the reasons in the list, then look again."
        return ""

    @Slot()
    def _looked(self) -> None:
        self._tick_defaults()

    def _tick_defaults(self) -> None:
        """Tick what suits the use case: once for each kind of use case, so that the user's own ticks stay."""
        if self._ticked_for != self.draft.simulated:
            self._ticked_for = self.draft.simulated
            model = None if self.draft.simulated else resolve_path(self.draft.model_in_use, None)
            fitting = [d for d in self.choice.devices if d.simulated or loads_as_it_is(d, model)]
            self.choice.select(default_pool(fitting, simulated=self.draft.simulated))
            self._edited()

    @Slot()
    def _edited(self) -> None:
        self.draft.devices = self.choice.selected()
        self.again.setEnabled(not self.choice.looking)
        simulated = {row.device.id for row in self.choice.rows if row.device.simulated and row.chosen()}
        real = [row for row in self.choice.rows if not row.device.simulated and row.chosen()]
        if simulated and real:
            self.note.setText(
                tr("Simulated and real devices together: the figures will be marked SIMULATED.")
            )
        elif simulated and not self.draft.simulated:
            self.note.setText(tr("Simulated devices run no model: nothing will be recognised."))
        else:
            count = len(self.draft.devices)
            self.note.setText(tr("{0} worker{1} chosen.").format(count, "s" * (count != 1)))
        self.refresh()
