"""The setup wizard: four pages that end with a pipeline."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget, QWizard

from cluster4npu.core.devices.registry import detect
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.ui.dialogs.device_choice import Detect
from cluster4npu.ui.dialogs.looks import dress
from cluster4npu.ui.text import tr
from cluster4npu.ui.theme import Colors
from cluster4npu.ui.wizard.device_page import DeviceConfigurationPage
from cluster4npu.ui.wizard.draft import Draft
from cluster4npu.ui.wizard.optimization_page import OptimizationPreferencesPage
from cluster4npu.ui.wizard.targets_page import PerformanceTargetsPage
from cluster4npu.ui.wizard.use_case_page import UseCaseSelectionPage

_AROUND_PX = 60  # of a page: what the wizard puts there, and room for the longest choice


class PipelineSetupWizard(QWizard):
    """Leads from a use case to a pipeline. After `accepted`, `result_config()` is a pipeline that can run."""

    def __init__(self, parent: QWidget | None = None, *, detect: Detect = detect) -> None:
        super().__init__(parent)
        self.setObjectName("PipelineSetupWizard")
        self.setWindowTitle(tr("New pipeline"))
        self.setWizardStyle(QWizard.WizardStyle.ModernStyle)
        self.setOption(QWizard.WizardOption.NoBackButtonOnStartPage)
        self.setButtonText(QWizard.WizardButton.FinishButton, tr("&Create pipeline"))
        self.draft = Draft()
        self.use_case_page = UseCaseSelectionPage(self.draft)
        self.device_page = DeviceConfigurationPage(self.draft, detect)
        self.targets_page = PerformanceTargetsPage(self.draft)
        self.optimization_page = OptimizationPreferencesPage(self.draft)
        pages = (self.use_case_page, self.device_page, self.targets_page, self.optimization_page)
        for number, page in enumerate(pages, start=1):
            page.step.setText(tr("Step {0} of {1}").format(number, len(pages)))
            self.addPage(page)
        self.resize(920, 680)
        widest = max(page.minimumSizeHint().width() for page in pages)
        self.setMinimumSize(max(760, widest + _AROUND_PX), 600)
        dress(self, _sheet)

    @property
    def run_wanted(self) -> bool:
        """Tell whether the pipeline shall run as soon as it is made."""
        return self.optimization_page.run_now.isChecked()

    def result_config(self) -> PipelineConfig:
        """Return the pipeline of the choices made so far; without problems once the last page is complete."""
        return self.draft.config()


def _sheet(c: Colors) -> str:
    return f"""
        QLabel#PageTitle {{ font-size: 17pt; font-weight: 600; }}
        QLabel#Reason {{ color: {c.warn}; font-weight: 600; }}
        QFrame#ProblemBox {{ border: 1px solid {c.fail}; border-radius: 6px; }}
    """
