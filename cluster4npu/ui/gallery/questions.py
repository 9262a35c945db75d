"""Scenes: small dialogs: questions before something is lost, lists to search in, About, an unforeseen error."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication, QMessageBox

from cluster4npu.ui.app import CrashReporter
from cluster4npu.ui.gallery.stage import Stage, simulated


def searches(stage: Stage) -> None:
    stage.open(simulated())
    window = stage.window
    window.command_palette.open()
    stage.show("command-palette", window.command_palette.popup)
    window.command_palette.popup.close()
    window.show_shortcuts()
    assert window.dialog is not None
    stage.show("shortcuts", window.dialog)
    window.dialog.reject()


def files(stage: Stage) -> None:
    stage.open(simulated())
    window = stage.window
    path = stage.folder / "saved.json"
    window.files._save(path)
    window.document.describe(name="Another name")
    stage.show_modal("question-unsaved", window.files.may_lose_edits)
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    stage.show_modal("question-changed-outside", window.files.save)
    stage.show_modal("question-replace", lambda: window.files._may_replace(path))
    window.document.undo_stack.setClean()


def templates(stage: Stage) -> None:
    stage.show_modal("template-name", stage.window.templates.ask_save)
    stage.show_modal("template-remove", lambda: stage.window.templates.ask_remove("my_own_cameras"))


def benchmark_stop(stage: Stage) -> None:
    stage.open(simulated())
    dialog = stage.window.run_benchmark_test()
    assert dialog is not None
    stage.show_modal("question-stop-benchmark", dialog._ask_to_stop)
    dialog.leave()


def about(stage: Stage) -> None:
    stage.window.show_about()
    box = QApplication.activeModalWidget()
    assert isinstance(box, QMessageBox)
    stage.show("about", box)
    box.reject()


def crash(stage: Stage) -> None:
    reporter = CrashReporter(stage.window)
    reporter._show("ValueError: something")
    assert reporter.box is not None
    stage.show("unforeseen-error", reporter.box)
    reporter.box.reject()
