"""Last page: what to favour, and a summary of what will be made."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
)

from cluster4npu.ui import theme
from cluster4npu.ui.dialogs.cards import CardGroup
from cluster4npu.ui.dialogs.errors import ProblemBox, plain_label
from cluster4npu.ui.dialogs.looks import dress
from cluster4npu.ui.text import tr
from cluster4npu.ui.theme import Colors
from cluster4npu.ui.wizard.draft import PREFERENCES, Draft
from cluster4npu.ui.wizard.page import Page


class OptimizationPreferencesPage(Page):
    """Chooses a preference and a name, and shows the pipeline as it will be."""

    def __init__(self, draft: Draft) -> None:
        super().__init__(draft, "What matters most?", "Choose a preference, and look over what will be made.")
        self.cards = CardGroup(tr("Preference"))
        for preference in PREFERENCES:
            self.cards.add(preference.key, preference.title, preference.description)
        self.name = QLineEdit()
        self.name.setMaxLength(200)
        self.name.setAccessibleName(tr("Name of the pipeline"))
        self.run_now = QCheckBox(tr("Run it now"))
        self.run_now.setChecked(True)
        self.run_now.setToolTip(
            tr("Start the pipeline as soon as it is made, and hold its figures against the targets")
        )
        self.problems = ProblemBox()
        self._values: list[QLabel] = []
        self._form = QFormLayout()
        self._form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._form.setHorizontalSpacing(14)
        self._form.setVerticalSpacing(8)
        name_title = plain_label(tr("Name"), wrap=False)
        theme.give_role(name_title, "muted")
        name_title.setBuddy(self.name)
        self._form.addRow(name_title, self.name)
        left = QVBoxLayout()
        left.addWidget(self.cards)
        left.addWidget(self.run_now)
        left.addStretch(1)
        columns = QHBoxLayout()
        columns.setSpacing(18)
        columns.addLayout(left, 5)
        columns.addWidget(self._summary_box(), 6)
        self.body.addLayout(columns, 1)
        self.body.addWidget(self.problems)
        self._ready = False
        self.cards.choose(PREFERENCES[0].key)
        self.cards.chosen.connect(self._edited)
        self.name.textChanged.connect(self._edited)

    def initializePage(self) -> None:
        self._ready = True
        self.name.setPlaceholderText(tr(self.draft.info.title))
        self._edited()

    def missing(self) -> str:
        if not self._ready:
            return ""
        errors = [p for p in self.draft.problems() if p.severity == "error"]
        return "mend what is listed above; Back leads to it." if errors else ""

    def summary_text(self) -> str:
        """Return the summary as it is shown."""
        return "\n".join(label.text() for label in self._values)

    @Slot()
    def _edited(self) -> None:
        if not self._ready:
            return
        self.draft.preference = next(p for p in PREFERENCES if p.key == self.cards.key)
        self.draft.name = self.name.text()
        rows = self.draft.summary()
        while len(self._values) < len(rows):
            self._values.append(plain_label(name="SummaryValue"))
            title = plain_label(tr(rows[len(self._values) - 1][0]), wrap=False)
            theme.give_role(title, "muted")
            title.setAlignment(Qt.AlignmentFlag.AlignTop)
            self._form.addRow(title, self._values[-1])
        for label, (title_text, value) in zip(self._values, rows, strict=True):
            label.setText(_breakable(value))
            label.setAccessibleName(tr(title_text))
        self.problems.show_problems(self.draft.problems())
        self.refresh()

    def _summary_box(self) -> QScrollArea:
        card = QFrame()
        card.setObjectName("Summary")
        layout = QVBoxLayout(card)
        layout.setContentsMargins(16, 14, 16, 14)
        heading = plain_label(tr("Your pipeline"), wrap=False)
        theme.give_role(heading, "heading")
        layout.addWidget(heading)
        layout.addLayout(self._form)
        layout.addStretch(1)
        area = QScrollArea()
        area.setObjectName("SummaryArea")
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setAccessibleName(tr("Summary"))
        area.setWidget(card)
        dress(area, _sheet)
        return area


def _breakable(text: str) -> str:
    """Let a long path wrap: a zero-width space after each separator."""
    for separator in ("/", "\\"):
        text = text.replace(separator, f"{separator}\u200b")
    return text


def _sheet(c: Colors) -> str:
    return f"""
        QScrollArea#SummaryArea {{ border: 1px solid {c.border}; background: {c.surface}; }}
        QFrame#Summary {{ background: {c.surface}; }}
    """
