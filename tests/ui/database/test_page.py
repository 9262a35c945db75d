"""The store's page on real stores: what it shows, asks, copies, and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from cluster4npu.core.store import Store
from cluster4npu.core.store.maintenance import Prune
from cluster4npu.ui.database import jobs
from cluster4npu.ui.database.page import EMPTY, DatabasePage
from cluster4npu.ui.database.prune import PruneDialog
from tests.core.store.records import record


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "results.duckdb")
    made.save(record(20, name="first"))
    made.save(record(20, name="second"))
    return made


@pytest.fixture
def page(store: Store, qtbot: QtBot) -> DatabasePage:
    made = DatabasePage(store.path)
    qtbot.addWidget(made)
    made.show()
    settle(made, qtbot)
    return made


def settle(page: DatabasePage, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: not page.busy, timeout=20_000)


def test_it_shows_the_tables_and_answers_questions(page: DatabasePage, qtbot: QtBot) -> None:
    assert ["runs", "2"] in page.tables.texts()
    assert not page.buttons["save"].isEnabled()
    page.sql.setPlainText("SELECT pipeline_name, 1.5 AS x, NULL AS y FROM runs ORDER BY 1")
    QTest.keyClick(page.sql, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    settle(page, qtbot)
    model = page.rows.answer
    shown = [[model.data(model.index(r, c)) for c in range(3)] for r in range(2)]
    assert shown == [["first", "1.5", ""], ["second", "1.5", ""]]
    assert page.count.text() == "2 rows"
    page.sql.setPlainText("DELETE FROM runs")
    page.ask()
    settle(page, qtbot)
    assert "SELECT" in page.problems.text()
    assert page.answer is not None and len(page.answer.rows) == 2


def test_rows_are_saved_as_they_were_answered(page: DatabasePage, qtbot: QtBot, tmp_path: Path) -> None:
    page.ask()
    settle(page, qtbot)
    assert page.answer is not None
    for name in ("rows.csv", "rows.json"):
        page.keep(jobs.save_table(page.answer, tmp_path / name), "Saving")
        qtbot.waitUntil(lambda name=name: name in page.log.toPlainText(), timeout=20_000)  # type: ignore[misc]
        settle(page, qtbot)
    assert [row["id"] for row in json.loads((tmp_path / "rows.json").read_text())] == [
        row[0] for row in page.answer.rows
    ]
    assert (tmp_path / "rows.csv").read_text().startswith("id,created_at")


def test_upkeep_tells_what_it_did(page: DatabasePage, store: Store, qtbot: QtBot, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.json"
    theirs.write_text(json.dumps({"model": "m", "device": "cpu", "latency_ms": 5.25}))
    path = store.path
    oldest = store.runs()[-1].id
    for work, told in (
        (jobs.check(path), "All are as they were saved"),
        (jobs.take_in(path, [theirs]), "1 imported"),
        (jobs.snapshot(path, tmp_path / "kept.duckdb"), "kept.duckdb"),
        (jobs.export(path, tmp_path / "exported"), "Parquet files"),
        (jobs.prune(path, Prune(run_ids=(oldest,)), really=True), "1 runs deleted"),
        (jobs.compact(path), "bytes before"),
        (jobs.restore(path, tmp_path / "exported"), "kept: "),
    ):
        page.keep(work, "Working")
        qtbot.waitUntil(lambda told=told: told in page.log.toPlainText(), timeout=30_000)  # type: ignore[misc]
        settle(page, qtbot)
    assert ["runs", "2"] in page.tables.texts()
    assert ["imports", "1"] in page.tables.texts()


def test_deleting_is_told_first_and_asked(
    page: DatabasePage, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(page, "_is_sure", lambda text: bool(asked.append(text)))
    dialog = PruneDialog(page)
    assert not dialog.go_on.isEnabled()
    dialog.keep.setValue(1)
    assert dialog.go_on.isEnabled() and dialog.rule == Prune(None, 1, False)
    page._start(jobs.prune(page._store, dialog.rule, really=False), page._prune_told, "")
    qtbot.waitUntil(lambda: bool(asked), timeout=20_000)
    assert "Delete 1 runs" in asked[0]
    assert len(Store(page._store).runs()) == 2


def test_without_a_store_nothing_is_made(
    tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    page = DatabasePage(tmp_path / "results.duckdb")
    qtbot.addWidget(page)
    settle(page, qtbot)
    assert page.facts.text() == EMPTY
    page.buttons["snapshot"].click()
    assert list(tmp_path.iterdir()) == []
