"""What the wizard's pages share: a heading, a body, and at the foot why one cannot go on, in words."""

from __future__ import annotations

from abc import abstractmethod

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWizardPage

from cluster4npu.ui import theme
from cluster4npu.ui.dialogs.errors import plain_label
from cluster4npu.ui.text import told, tr
from cluster4npu.ui.wizard.draft import Draft


class Page(QWizardPage):
    """One page. It writes what is chosen into the draft, and says what is missing."""

    edited = Signal()

    def __init__(self, draft: Draft, title: str, subtitle: str) -> None:
        super().__init__()
        self.draft = draft
        title, subtitle = tr(title), tr(subtitle)
        self.setAccessibleName(title)
        self.step = plain_label(wrap=False, name="Step")
        heading = plain_label(title, name="PageTitle")
        under = plain_label(subtitle)
        for label in (self.step, under):
            theme.give_role(label, "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 0)
        layout.setSpacing(4)
        for label in (self.step, heading, under):
            layout.addWidget(label)
        layout.addSpacing(10)
        self.body = QVBoxLayout()
        self.body.setSpacing(10)
        layout.addLayout(self.body, 1)
        self.reason = plain_label(name="Reason")
        self.reason.setAccessibleName(tr("What is missing"))
        layout.addWidget(self.reason)

    @abstractmethod
    def missing(self) -> str:
        """Return why one cannot go on, in words; "" when one can. Cheap: it is asked after every edit."""

    def isComplete(self) -> bool:
        return not self.missing()

    def refresh(self) -> None:
        """Show what is missing now; call after every edit."""
        text = self.missing()
        self.reason.setText(tr("To go on: {0}").format(told(text)) if text else "")
        self.setAccessibleDescription(self.reason.text())
        self.completeChanged.emit()
        self.edited.emit()
