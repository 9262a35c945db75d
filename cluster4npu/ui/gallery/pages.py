"""Scenes: the pages of the window, and what stands over them."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QMenu

from cluster4npu.core.errors import Problem
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui.gallery.stage import Stage, simulated
from cluster4npu.ui.recovery import Lost
from cluster4npu.ui.render import settle
from cluster4npu.ui.wizard.wizard import PipelineSetupWizard


def start_page(stage: Stage) -> None:
    window = stage.window
    for name in ("warehouse_camera.json", "digits_two_workers.json"):
        PipelineTemplates.get("simulated").save(stage.folder / name)
        window.preferences.remember(stage.folder / name)
    window.preferences.remember(stage.folder / "gone.json")
    PipelineTemplates.save_own(simulated(), "My own cameras")
    window.start_page.show_templates()
    window.show_start_page()
    stage.show("start")


def tour(stage: Stage) -> None:
    stage.window.show_start_page()
    stage.window.show_tour()
    tour = stage.window.tour
    assert tour is not None
    for number in range(5):
        tour.show_step(number)
        stage.show(f"tour-{number + 1}")
    tour.end()


def wizard(stage: Stage) -> None:
    stage.window.show_wizard()
    wizard = stage.window.dialog
    assert isinstance(wizard, PipelineSetupWizard)
    wizard.use_case_page.cards.choose("object_detection")
    wizard.use_case_page.own_model.setChecked(True)
    stage.show("wizard-1-own-model", wizard)
    wizard.use_case_page.try_out.setChecked(True)
    for number in range(1, 5):
        stage.wait(wizard.currentPage().isComplete, "the wizard's page")
        stage.show(f"wizard-{number}", wizard)
        wizard.next()
    wizard.reject()
    settle(50)


def menus(stage: Stage) -> None:
    window = stage.window
    stage.open(simulated())
    for action in window.menuBar().actions():
        menu = action.menu()
        assert isinstance(menu, QMenu)
        menu.aboutToShow.emit()
        menu.adjustSize()
        stage.show(f"menu-{len(stage.names):02}", menu)


def bars(stage: Stage) -> None:
    """The bars over the page: messages of each kind, and what a lost program has left."""
    window = stage.window
    stage.open(simulated())
    problem = Problem(
        "this device is not here",
        node="inference",
        field="devices",
        found="onnx:cuda:0",
        allowed="onnx:cpu",
        hint="Choose a device that is here.",
    )
    window.messages.show_problems([problem, problem])
    stage.show("message-error")
    window.messages.show_text("sim:ane is left out: it makes the others slower.", "warn")
    stage.show("message-warning")
    window.messages.hide()
    lost = Lost(stage.folder / "copy.json", simulated(), Path("warehouse.json"), 1_700_000_000.0)
    window.recovery.offer([lost, lost])
    stage.show("recovery-bar")
    window.recovery.offer([])


def layouts(stage: Stage) -> None:
    stage.open(simulated())
    for name in ("design", "analyse", "run"):
        stage.window.show_layout(name)
        settle(200)
        stage.show(f"layout-{name}")
    stage.window.workspace.reset_layout()


def store(stage: Stage) -> None:
    from cluster4npu.ui.database.prune import PruneDialog

    window = stage.window
    window.show_database()
    page = window._database
    assert page is not None
    stage.wait(lambda: not page.busy, "the store's page")
    page.ask()
    stage.wait(lambda: not page.busy, "the answer")
    stage.show("store")
    prune = PruneDialog(page)
    prune.show()
    stage.show("store-prune", prune)
    prune.reject()
    stage.show_modal("store-question", lambda: page._is_sure("Delete 12 runs for good?"))
