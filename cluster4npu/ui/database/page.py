"""The store's page: what is in it, questions in SQL with their answers, and its upkeep. All of it on threads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from cluster4npu.core.store import Table
from cluster4npu.core.store.maintenance import Prune
from cluster4npu.ui import theme
from cluster4npu.ui.database import jobs
from cluster4npu.ui.database.answer import AnswerTable
from cluster4npu.ui.database.prune import PruneDialog
from cluster4npu.ui.dialogs.background import Background
from cluster4npu.ui.dialogs.errors import ProblemBox, plain_label, problems_of
from cluster4npu.ui.dialogs.figure_table import FigureTable
from cluster4npu.ui.dialogs.looks import dress
from cluster4npu.ui.text import told, tr
from cluster4npu.ui.theme import Colors

EMPTY = "There is no store yet. A run or a benchmark makes one."
EXAMPLE = "SELECT id, created_at, pipeline_name, headline FROM runs ORDER BY created_at DESC LIMIT 50"
_NAMES_SHOWN = 12


class DatabasePage(QWidget):
    """One store. One piece of work goes on at a time; `changed` tells that runs came or went."""

    changed = Signal()

    def __init__(self, store: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("DatabasePage")
        self._store = Path(store)
        self._work: Background | None = None
        self.answer: Table | None = None
        self._lay_out()
        self._connect()
        dress(self, _sheet)
        self.refresh()

    @property
    def busy(self) -> bool:
        """Tell whether work goes on."""
        return self._work is not None

    @Slot()
    def refresh(self) -> None:
        """Look again at what is in the store."""
        self._start(jobs.tell_info(self._store), self._told, "")

    @Slot()
    def ask(self) -> None:
        """Ask what stands in the box."""
        self._start(jobs.ask(self._store, self.sql.toPlainText()), self._answered, "Asking …")

    def keep(self, work: jobs.Job, doing: str) -> None:
        """Do a piece of upkeep; its lines go into the log."""
        self._start(work, self._done, doing)

    def _start(self, work: jobs.Job, then: Callable[[Any], None], doing: str) -> None:
        if self.busy:
            return
        self.problems.show_problems([])
        if doing:
            self.state.setText(tr(doing))
        for button in self.buttons.values():
            button.setEnabled(False)
        self._work = Background(work, "store-page")
        self._work.succeeded.connect(self._ended)
        self._work.succeeded.connect(then)
        self._work.failed.connect(self._ended)
        self._work.failed.connect(self._failed)
        self._work.start()

    @Slot(object)
    def _ended(self, _result: object) -> None:
        self._work = None
        self.state.setText("")
        for name, button in self.buttons.items():
            button.setEnabled(name != "save" or self.answer is not None)

    def _told(self, found: tuple[dict[str, Any], tuple[str, ...]] | None) -> None:
        if found is None:
            self.facts.setText(EMPTY)
            self.tables.show_rows([])
            return
        info, notices = found
        span = (
            tr("runs from {0} to {1}").format(_day(info["first_run"]), _day(info["last_run"]))
            if info["first_run"]
            else tr("no runs yet")
        )
        size = tr("{0:,.1f} MB, version {1}, {2}, {3}").format(
            info["bytes"] / 1e6, info["schema_version"], info["engine"], span
        )
        self.facts.setText("\n".join([info["path"], size, *notices]))
        self.tables.show_rows([[name, f"{count:,}"] for name, count in info["rows"].items()])

    def _answered(self, table: Table) -> None:
        self.answer = table
        self.rows.show_table(table)
        self.buttons["save"].setEnabled(True)
        more = tr(", the first of more") if table.truncated else ""
        self.count.setText(tr("{0:,} row{1}{2}").format(len(table.rows), "s" * (len(table.rows) != 1), more))

    def _done(self, lines: list[str]) -> None:
        self.log.appendPlainText("\n".join(told(line) for line in lines))
        self.changed.emit()
        self.refresh()

    @Slot(object)
    def _failed(self, error: BaseException) -> None:
        self.problems.show_problems(problems_of(error, "the store could not do that"))

    # --- what the buttons ask for ---

    @Slot()
    def _import(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(
            self, tr("Import results"), "", "JSON (*.json *.jsonl *.ndjson)"
        )
        if names:
            self.keep(jobs.take_in(self._store, [Path(name) for name in names]), "Importing …")

    @Slot()
    def _export(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, tr("Export into an empty folder"))
        if chosen:
            self.keep(jobs.export(self._store, Path(chosen)), "Exporting …")

    @Slot()
    def _snapshot(self) -> None:
        name = f"{self._store.stem}.snapshot-{datetime.now():%Y%m%d-%H%M%S}.duckdb"
        chosen, _ = QFileDialog.getSaveFileName(self, tr("Save a snapshot"), name, tr("DuckDB (*.duckdb)"))
        if chosen:
            self.keep(jobs.snapshot(self._store, Path(chosen)), "Copying …")

    @Slot()
    def _restore(self) -> None:
        text = "A snapshot (*.duckdb);;The manifest of an export (manifest.json)"
        chosen, _ = QFileDialog.getOpenFileName(self, tr("Restore from a snapshot or an export"), "", text)
        if not chosen:
            return
        path = Path(chosen)
        source = path.parent if path.name == "manifest.json" else path
        if self._is_sure(
            tr("Replace the store by {0}? The present one is kept under another name.").format(source.name)
        ):
            self.keep(jobs.restore(self._store, source), "Checking and restoring …")

    @Slot()
    def _prune(self) -> None:
        dialog = PruneDialog(self)
        if dialog.exec() == PruneDialog.DialogCode.Accepted:
            self._start(jobs.prune(self._store, dialog.rule, really=False), self._prune_told, "Looking …")

    def _prune_told(self, found: tuple[Prune, dict[str, Any]]) -> None:
        rule, what = found
        names = [f"{run_id}  {headline}" for run_id, headline in what["runs"]]
        if not names:
            self.log.appendPlainText(tr("No run fits that. Nothing was deleted."))
            return
        more = [tr("… and {0:,} more").format(len(names) - _NAMES_SHOWN)] if len(names) > _NAMES_SHOWN else []
        text = "\n".join(
            [tr("Delete {0:,} runs for good?").format(len(names)), "", *names[:_NAMES_SHOWN], *more]
        )
        if self._is_sure(text):
            self.keep(jobs.prune(self._store, rule, really=True), "Deleting …")

    @Slot()
    def _save_answer(self) -> None:
        chosen, used = QFileDialog.getSaveFileName(
            self, tr("Save the rows"), tr("rows.csv"), tr("CSV (*.csv);;JSON (*.json)")
        )
        if chosen and self.answer is not None:
            path = Path(chosen)
            path = path if path.suffix else path.with_suffix(".json" if "json" in used else ".csv")
            self.keep(jobs.save_table(self.answer, path), "Saving …")

    def _is_sure(self, text: str) -> bool:
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Question)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setWindowTitle(tr("Store"))
        box.setText(told(text))
        box.setStandardButtons(QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No)
        box.setDefaultButton(QMessageBox.StandardButton.No)
        return box.exec() == QMessageBox.StandardButton.Yes

    # --- looks ---

    def _connect(self) -> None:
        slots: dict[str, Callable[[], None]] = {
            "ask": self.ask, "save": self._save_answer, "import": self._import, "export": self._export,
            "snapshot": self._snapshot, "restore": self._restore, "prune": self._prune, "refresh": self.refresh,
            "check": lambda: self.keep(jobs.check(self._store), "Checking every row …"),
            "compact": lambda: self.keep(jobs.compact(self._store), "Writing the file anew …"),
        }  # fmt: skip
        for name, slot in slots.items():
            self.buttons[name].clicked.connect(slot)
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            QShortcut(QKeySequence(keys), self.sql, self.ask, context=Qt.ShortcutContext.WidgetShortcut)

    def _lay_out(self) -> None:
        texts = {
            "ask": "&Ask", "save": "Save ro&ws …", "import": "I&mport results …", "export": "E&xport …",
            "snapshot": "Sna&pshot …", "restore": "Res&tore …", "check": "Chec&k", "compact": "Compac&t",
            "prune": "De&lete old runs …", "refresh": "Re&fresh",
        }  # fmt: skip
        self.buttons = {name: QPushButton(tr(text)) for name, text in texts.items()}
        self.buttons["save"].setEnabled(False)
        self.buttons["ask"].setToolTip(tr("Ctrl+Enter in the box"))
        self.facts, self.count, self.state = plain_label(), plain_label(wrap=False), plain_label(wrap=False)
        for label in (self.facts, self.count, self.state):
            theme.give_role(label, "muted")
        self.facts.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.problems = ProblemBox()
        self.tables = FigureTable("Tables", ("Table", "Rows"))
        self.sql = QPlainTextEdit(EXAMPLE)
        self.sql.setAccessibleName(tr("Question in SQL"))
        self.sql.setTabChangesFocus(True)
        self.sql.setMaximumHeight(96)
        self.rows = AnswerTable()
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setAccessibleName(tr("What was done"))
        self.log.setPlaceholderText(tr("What was done stands here."))
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(self._side())
        splitter.addWidget(self._questions())
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([380, 860])
        splitter.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(14, 12, 14, 12)
        layout.addWidget(self.facts)
        layout.addWidget(self.problems)
        layout.addWidget(splitter, 1)

    def _side(self) -> QWidget:
        side = QWidget()
        layout = QVBoxLayout(side)
        layout.setContentsMargins(0, 0, 10, 0)
        layout.addWidget(self.tables)
        for row in (
            ("import", "export"),
            ("snapshot", "restore"),
            ("check", "compact"),
            ("prune", "refresh"),
        ):
            line = QHBoxLayout()
            for name in row:
                line.addWidget(self.buttons[name], 1)
            layout.addLayout(line)
        layout.addWidget(self.state)
        layout.addWidget(self.log, 1)
        return side

    def _questions(self) -> QWidget:
        side = QWidget()
        layout = QVBoxLayout(side)
        layout.setContentsMargins(10, 0, 0, 0)
        layout.addWidget(plain_label(tr("A question in SQL: it can read the tables, and change nothing.")))
        layout.addWidget(self.sql)
        line = QHBoxLayout()
        line.addWidget(self.buttons["ask"])
        line.addWidget(self.count, 1)
        line.addWidget(self.buttons["save"])
        layout.addLayout(line)
        layout.addWidget(self.rows, 1)
        return side


def _day(stamp: str) -> str:
    return stamp[:10]


def _sheet(c: Colors) -> str:
    return f"""
        QFrame#ProblemBox {{ border: 1px solid {c.fail}; border-radius: 6px; background: {c.surface}; }}
        QPlainTextEdit {{ border: 1px solid {c.border}; background: {c.surface}; }}
    """
