"""The main window: start page, designer and history, with the actions and messages around them."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QCloseEvent, QDesktopServices
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QFileDialog,
    QLabel,
    QMainWindow,
    QMenu,
    QMessageBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from cluster4npu.core.errors import InputError
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.settings import default_store_path
from cluster4npu.ui import theme
from cluster4npu.ui.actions import Actions
from cluster4npu.ui.autosave import Autosave
from cluster4npu.ui.command_palette import CommandPalette, ShortcutList, commands
from cluster4npu.ui.dialogs.comparison import Comparison
from cluster4npu.ui.document import Document
from cluster4npu.ui.files import FileControl, display_name
from cluster4npu.ui.last_benchmark import LastBenchmark
from cluster4npu.ui.menus import Menus
from cluster4npu.ui.message_bar import MessageBar
from cluster4npu.ui.preferences import Preferences
from cluster4npu.ui.recovery import find_lost
from cluster4npu.ui.recovery_bar import RecoveryBar
from cluster4npu.ui.recovery_control import RecoveryControl
from cluster4npu.ui.run_control import RunControl
from cluster4npu.ui.start_page import StartPage
from cluster4npu.ui.template_control import TemplateControl
from cluster4npu.ui.text import tr
from cluster4npu.ui.tour_steps import tour_steps

if TYPE_CHECKING:
    from cluster4npu.core.bench import BenchmarkResult, Profile
    from cluster4npu.ui.dashboard.dashboard import PerformanceDashboard
    from cluster4npu.ui.database.page import DatabasePage
    from cluster4npu.ui.dialogs.benchmark import BenchmarkDialog
    from cluster4npu.ui.editor.editor import EnhancedPipelineEditor
    from cluster4npu.ui.history.history import HistoryPage
    from cluster4npu.ui.tour import Tour
    from cluster4npu.ui.workspace import Workspace

_ABOUT_PX = 460
_DOCUMENTATION = Path(__file__).resolve().parents[2] / "README.md"


class MainWindow(QMainWindow):
    """One pipeline, its run, and the stored results. The designer is made when it is first needed.

    `recover`: what a lost program has left is offered here. `others` gives the other open windows.
    """

    window_wanted = Signal()
    next_wanted = Signal()
    closed = Signal()

    def __init__(self, store: Path | None = None, *, recover: bool = True) -> None:
        super().__init__()
        self.others: Callable[[], list[MainWindow]] = list
        self.store = store or default_store_path()
        self.preferences = Preferences()
        self.document = Document(parent=self)
        self.messages = MessageBar()
        self._file_error = ""  # that the bar shows
        self.recovery = RecoveryBar()
        self.autosave = Autosave(self.document, self)
        self.files = FileControl(self, self.document, self.preferences, self._opened_elsewhere)
        self.copies = RecoveryControl(self.autosave, self.recovery, self.files, self.messages)
        self.runs = RunControl(self.document, self.messages, lambda: self.workspace, self.store, self)
        self.templates = TemplateControl(self, self.document, self.messages)
        self.start_page = StartPage()
        self.last_benchmark = LastBenchmark(self.store, self)
        self._workspace: Workspace | None = None
        self._history: HistoryPage | None = None
        self._database: DatabasePage | None = None
        self.dialog: QDialog | None = None
        self.tour: Tour | None = None
        self._unasked = False
        self.stack = QStackedWidget()
        self.stack.addWidget(self.start_page)
        self._lay_out()
        self._make_actions()
        self._make_status_bar()
        self._connect()
        self._update()
        self.resize(1280, 800)
        self.restoreGeometry(self.preferences.layout("window"))
        self.show_start_page()
        if recover:
            self.recovery.offer(find_lost())

    # --- pages ---

    @property
    def workspace(self) -> Workspace:
        """Return the designer, made at the first call."""
        if self._workspace is None:
            from cluster4npu.ui.workspace import Workspace  # canvas and charts: half a second

            self._workspace = Workspace(self.document, self.preferences, self.store)
            self._workspace.preview.wanted.connect(self.runs.bridge.show_preview)
            self._workspace.editor.pipeline_dropped.connect(self.files.open)
            self.last_benchmark.found.connect(self._workspace.dashboard.compare.show_comparison)
            self.stack.addWidget(self._workspace)
            for action in self._workspace.view_actions():
                self._view_menu.addAction(action)
        return self._workspace

    @property
    def editor_in_front(self) -> EnhancedPipelineEditor | None:
        """Return the editor while it is what is seen."""
        workspace = self._workspace
        return workspace.editor if workspace is not None and self.stack.currentWidget() is workspace else None

    def show_start_page(self) -> None:
        """Show recent files and templates."""
        self.start_page.show_recent(self.preferences.recent)
        self._show_page(self.start_page, "start_page")

    def show_designer(self) -> None:
        """Show the canvas."""
        self._show_page(self.workspace, "designer")

    def show_history(self, run_id: str = "") -> None:
        """Show the stored runs, and one of them in full where it is named."""
        if self._history is None:
            from cluster4npu.ui.history.history import HistoryPage

            self._history = HistoryPage(self.store)
            self.stack.addWidget(self._history)
        if run_id:
            self._history.show_run(run_id)
        else:
            self._history.refresh()
        self._show_page(self._history, "history")

    def come_forward(self) -> None:
        """Bring the window before all others."""
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.raise_()
        self.activateWindow()

    def show_database(self) -> None:
        """Show what is in the store, and its upkeep."""
        if self._database is None:
            from cluster4npu.ui.database.page import DatabasePage

            self._database = DatabasePage(self.store)
            self._database.changed.connect(self._refresh_history)
            self.stack.addWidget(self._database)
        else:
            self._database.refresh()
        self._show_page(self._database, "database")

    def show_layout(self, name: str) -> None:
        """Show the designer with its panels arranged for "design", "run" or "analyse"."""
        self.show_designer()
        self.workspace.show_layout(name)

    def show_tour(self) -> None:
        """Lead through the window in five steps."""
        from cluster4npu.ui.tour import Tour

        if self.tour is None:
            self.tour = Tour(self, tour_steps(self))
            self.tour.ended.connect(lambda: setattr(self.preferences, "tour_seen", True))
        self.tour.show_step(0)

    # --- what the actions do ---

    def show_wizard(self) -> None:
        """Ask the four questions; the canvas shows the result."""
        from cluster4npu.ui.wizard.wizard import PipelineSetupWizard

        wizard = PipelineSetupWizard(self)
        wizard.accepted.connect(lambda: self._take_from_wizard(wizard.result_config(), wizard.run_wanted))
        self._open_dialog(wizard)

    def _take_from_wizard(self, config: PipelineConfig, run: bool) -> None:
        if not self.files.new(config, modified=True) or not run:
            return
        if self.runs.busy:
            self.messages.show_text(
                tr("Another pipeline still runs, so this one was not started. Press Stop, then Run."), "warn"
            )
        else:
            self.run()

    def show_benchmark(self, profile: Profile | None = None) -> BenchmarkDialog | None:
        """Measure the open pipeline: all devices together against each alone; `profile` is offered first."""
        if self.runs.busy:
            self.messages.show_text(tr("Stop the run first: it would disturb the measurement."), "warn")
            return None
        from cluster4npu.ui.dialogs.benchmark import BenchmarkDialog

        dialog = BenchmarkDialog(self.document.config, self.store, self, profile=profile)
        dialog.history_requested.connect(self.show_history)
        dialog.benchmark_finished.connect(self._show_benchmark_result)
        self._open_dialog(dialog)
        return dialog

    def run(self) -> None:
        """Run the open pipeline and show it."""
        self.show_designer()
        self.runs.run()

    def toggle_theme(self) -> None:
        """Switch between light and dark."""
        self._set_theme("light" if theme.colors().dark else "dark")

    def show_documentation(self) -> None:
        """Open the README, which lies beside the program."""
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(_DOCUMENTATION))):
            self.messages.show_text(
                tr("The documentation is {0}. Every command has --help.").format(_DOCUMENTATION)
            )

    def show_shortcuts(self) -> None:
        """List every key."""
        self._open_dialog(ShortcutList(commands(self), self))

    def show_about(self) -> None:
        """Tell version and licence."""
        box = QMessageBox(self)
        box.setWindowTitle(tr("About Cluster4NPU"))
        box.setText(tr("Cluster4NPU {0}").format(version("cluster4npu")))
        box.setInformativeText(
            tr(
                "Runs one model on several inference devices at once and measures the gain.\n"
                "Apache License 2.0. Runs and settings are kept in:\n{0}"
            ).format(self.store.parent)
        )
        box.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for label in box.findChildren(QLabel, "qt_msgbox_informativelabel"):
            label.setMinimumWidth(_ABOUT_PX)
        box.open()

    # --- names of this window that scripts know ---

    def create_performance_panel(self) -> PerformanceDashboard:
        """Return the live dashboard, made if need be."""
        return self.workspace.dashboard

    def run_benchmark_test(self, profile: Profile | None = None) -> BenchmarkDialog | None:
        """Open the benchmark of the open pipeline; None while a run goes on."""
        return self.show_benchmark(profile)

    # --- events ---

    def close_unasked(self) -> None:
        """Close without a question, and whatever question is open: the program is asked to end from outside."""
        for window in (self, *self.others()):  # `quit` closes them too
            window._unasked = True
        while (box := QApplication.activeModalWidget()) is not None and isinstance(
            box, QMessageBox | QFileDialog
        ):
            box.reject()
            if box.isVisible():
                break
        self.close()
        QApplication.quit()

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self._unasked and not self.files.may_lose_edits():
            event.ignore()
            return
        self.preferences.keep_layout("window", self.saveGeometry())
        if self._workspace is not None:
            self._workspace.keep_layout()
        self.preferences.sync()
        if self.dialog is not None:
            leave = getattr(self.dialog, "leave", self.dialog.reject)  # the benchmark's dialog would ask
            leave()
        self.hide()
        self.copies.end(keep=self._unasked)
        self.runs.shutdown()
        event.accept()
        self.closed.emit()

    # --- inside ---

    def _lay_out(self) -> None:
        middle = QWidget()
        layout = QVBoxLayout(middle)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.recovery)
        layout.addWidget(self.messages)
        layout.addWidget(self.stack, 1)
        self.setCentralWidget(middle)

    def _make_actions(self) -> None:
        self.actions_by_name = Actions(
            self,
            {
                "new": self.show_start_page,
                "wizard": self.show_wizard,
                "open": self.files.ask_open,
                "save": self.files.save,
                "save_as": self.files.ask_save_as,
                "save_template": self.templates.ask_save,
                "import_template": self.templates.ask_take,
                "new_window": self.window_wanted.emit,
                "next_window": self.next_wanted.emit,
                "close_window": self.close,
                "quit": QApplication.closeAllWindows,
                "run": self.run,
                "stop": self.runs.stop,
                "benchmark": self.show_benchmark,
                "start_page": self.show_start_page,
                "designer": self.show_designer,
                "history": self.show_history,
                "database": self.show_database,
                "layout_design": lambda: self.show_layout("design"),
                "layout_run": lambda: self.show_layout("run"),
                "layout_analyse": lambda: self.show_layout("analyse"),
                "tour": self.show_tour,
                "reset_layout": lambda: self.workspace.reset_layout(),
                "toggle_theme": self.toggle_theme,
                "help": self.show_documentation,
                "about": self.show_about,
                "command_palette": lambda: self.command_palette.open(),
                "shortcuts": self.show_shortcuts,
            },
            self.document.undo_stack,
        )
        self._view_menu = QMenu(tr("&View"), self)
        self.actions_by_name.make_menus(self._view_menu)
        self._view_menu.addSeparator()
        self.addToolBar(self.actions_by_name.make_toolbar())
        for mode in theme.MODES:
            action = self.actions_by_name.theme_menu.addAction(tr(mode.capitalize()))
            action.triggered.connect(lambda _=False, mode=mode: self._set_theme(mode))
        self.command_palette = CommandPalette(self)
        self._menus = Menus(self)

    def _make_status_bar(self) -> None:
        self.state_label, self.figures_label = QLabel(tr("Ready")), QLabel()
        self.statusBar().addWidget(self.state_label)
        self.statusBar().addPermanentWidget(self.figures_label)

    def _connect(self) -> None:
        page, files = self.start_page, self.files
        page.wizard_asked.connect(self.show_wizard)
        page.open_asked.connect(files.ask_open)
        page.example_asked.connect(files.open_example)
        page.empty_asked.connect(lambda: files.new(PipelineConfig()))
        page.template_chosen.connect(files.new_from_template)
        page.template_shared.connect(self.templates.ask_share)
        page.template_removed.connect(self.templates.ask_remove)
        self.templates.changed.connect(page.show_templates)
        page.file_chosen.connect(files.open)
        page.file_forgotten.connect(self._forget)
        files.opened.connect(self._show_opened)
        files.saved.connect(self._show_saved)
        files.failed.connect(self._show_error)
        files.taken_over.connect(self._show_taken_over)
        self.document.undo_stack.cleanChanged.connect(self._update)
        self.document.config_changed.connect(self._update)
        self.document.path_changed.connect(self._update)
        self.runs.busy_changed.connect(self._update)
        self.runs.told.connect(self._show_run_state)
        self.runs.stored.connect(self._refresh_history)
        self.messages.node_asked.connect(lambda node: self.workspace.editor.select_node(node))

    def _update(self) -> None:
        """Bring title and actions up to date."""
        mark = "*" if self.document.is_modified() else ""
        self.setWindowTitle(tr("{0}{1} - Cluster4NPU").format(display_name(self.document), mark))
        busy, empty = self.runs.busy, not self.document.config.nodes
        self.actions_by_name["run"].setEnabled(not busy and not empty)
        self.actions_by_name["benchmark"].setEnabled(not busy and not empty)
        self.actions_by_name["save_template"].setEnabled(not empty)
        self.actions_by_name["stop"].setEnabled(busy)

    def _show_page(self, page: QWidget, name: str) -> None:
        self.stack.setCurrentWidget(page)
        self.actions_by_name[name].setChecked(True)

    def _open_dialog(self, dialog: QDialog) -> None:
        self.dialog = dialog
        dialog.finished.connect(self._forget_dialog)
        dialog.open()

    def _forget_dialog(self) -> None:
        if self.dialog is not None:
            self.dialog.deleteLater()
            self.dialog = None

    def _show_opened(self) -> None:
        self.messages.hide()
        if not self.runs.busy:
            self.workspace.forget_run()
            self._show_run_state("Ready", "")
        else:
            self.workspace.live_overlay.clear()
            self.messages.show_text(
                tr(
                    "“{0}” still runs: dashboard, preview and timeline show that run, not this pipeline."
                ).format(self.runs.name),
                "warn",
            )
        self.last_benchmark.look(self.document.config)
        self.show_designer()

    def _show_benchmark_result(self, result: BenchmarkResult) -> None:
        compare = self.workspace.dashboard.compare
        compare.show_comparison(Comparison.of(result.as_dict()))
        self.workspace.dashboard.show_compare()
        self.runs.tell_files(self.document.config)

    def _show_taken_over(self, left: int) -> None:
        text = tr(
            "Made from an earlier designer's file, which stays as it is. Choose the model and its devices."
        )
        if left:
            text += " " + tr("{0} settings have no counterpart here: they stand in the comment.").format(left)
        self.messages.show_text(text, "accent")

    def _show_saved(self) -> None:
        self.statusBar().showMessage(tr("Saved"), 3000)
        if self._file_error and self.messages.text() == self._file_error:
            self.messages.hide()  # what it says is past

    def _show_error(self, error: InputError) -> None:
        self.messages.show_problems(error.problems)
        self._file_error = self.messages.text()
        self.start_page.show_recent(self.preferences.recent)

    def _show_run_state(self, state: str, figures: str) -> None:
        self.state_label.setText(tr(state))
        self.figures_label.setText(figures)

    def _refresh_history(self, _run_id: str = "") -> None:
        if self._history is not None:
            self._history.refresh()
        if self._workspace is not None:
            self._workspace.devices.forget_runs()

    def _forget(self, path: Path) -> None:
        self.preferences.forget(path)
        self.start_page.show_recent(self.preferences.recent)

    def _opened_elsewhere(self, path: Path) -> bool:
        """Tell whether another window has this file; it comes forward."""
        for other in self.others():
            if other.document.path == path.resolve():
                other.come_forward()
                return True
        return False

    def _set_theme(self, mode: str) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        theme.apply_theme(app, mode)
        self.preferences.theme = mode


class IntegratedPipelineDashboard(MainWindow):
    """The main window under the name that scripts know."""
