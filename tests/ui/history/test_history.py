"""The history on a real store, also one that another process holds."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from PySide6.QtCore import QElapsedTimer, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from cluster4npu.core.metrics.statistics import LatencyStats
from cluster4npu.core.store import DeviceRecord, PipelineRecord, ResultRecord, RunRecord, Store
from cluster4npu.core.store.readers import copy_path
from cluster4npu.ui.history.history import EMPTY, HistoryPage
from cluster4npu.ui.history.rows import together
from tests.core.compare.runs import benchmark
from tests.ui.dialogs.test_comparison import result

NASTY = "<b>bold</b> " + "long " * 36
LATENCY = LatencyStats(20, 21.0, 20.0, None, None, None)
START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def run_record(name: str, minute: int = 0) -> RunRecord:
    return RunRecord(
        "run",
        PipelineRecord("d1", name, "{}"),
        (ResultRecord("run", fps=78.9, latency_ms=LATENCY), ResultRecord("run", "sim:ane", share=1.0)),
        devices=(DeviceRecord("sim:ane", name="Simulated", simulated=True),),
        command="cluster4npu run pipeline.json",
        conditions={
            "host": {"cpu": "A CPU"},
            "load": {"cpu": 0.1},
            "power_source": None,
            "after": {"host": {"cpu": "A CPU"}, "load": {"cpu": 0.75}},
        },
        simulated=True,
        created_at=START + timedelta(minutes=minute),
    )


def benchmark_record(minute: int) -> RunRecord:
    found = result()
    return RunRecord(
        "benchmark",
        PipelineRecord("d2", "Digits", "{}"),
        (ResultRecord("parallel", fps=95.0),),
        devices=(DeviceRecord("a"), DeviceRecord("b")),
        detail=found.as_dict(),
        headline=found.headline(),
        created_at=START + timedelta(minutes=minute),
    )


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    return tmp_path / "results.duckdb"


def open_page(qtbot: QtBot, path: Path) -> HistoryPage:
    page = HistoryPage(path)
    qtbot.addWidget(page)
    page.resize(1200, 700)
    page.show()
    qtbot.waitUntil(lambda: not page.loading, timeout=20_000)
    return page


def cells(page: HistoryPage, row: int) -> list[str]:
    return [str(page.model.index(row, column).data()) for column in range(page.model.columnCount())]


def shown_run(qtbot: QtBot, page: HistoryPage) -> str:
    qtbot.waitUntil(lambda: page.details.isVisible() and page.run_id in page.details.subtitle.text())
    return page.run_id


def test_stored_runs_stand_newest_first_with_the_newest_shown(qtbot: QtBot, store_path: Path) -> None:
    with Store(store_path) as store:
        older, newer = store.save(run_record("First")), store.save(benchmark_record(5))
    page = open_page(qtbot, store_path)
    local = (START + timedelta(minutes=5)).astimezone()
    assert cells(page, 0) == [
        f"{local:%Y-%m-%d %H:%M}", "Digits", "benchmark", "95.0", "1.58x", "yes", "measured", "a, b",
    ]  # fmt: skip
    assert cells(page, 1)[1:] == ["First", "run", "78.9", "\N{EN DASH}", "yes", "SIMULATED", "sim:ane"]
    assert page.count.text() == "2 runs"
    assert shown_run(qtbot, page) == newer
    assert page.details.comparison.speedup.headline.text() == "1.58x FASTER"
    page.show_run(older)
    qtbot.waitUntil(lambda: page.run_id == older)
    shown_run(qtbot, page)
    assert page.details.simulated.isVisible()
    assert page.details.figures.texts()[0] == [
        "all together", "78.9", "20.0", "not reported", "not reported", "",
    ]  # fmt: skip
    facts = page.details.facts.text()
    assert "cluster4npu run pipeline.json" in facts
    assert "Power source: not reported" in facts and "Processor: A CPU" in facts
    assert facts.count("A CPU") == 1
    assert "Load, all cores, at the end: 75%" in facts


def test_an_invalid_result_has_no_speedup_in_the_list(qtbot: QtBot, store_path: Path) -> None:
    record = replace(benchmark_record(0), valid=False, invalid_reason="unstable (single throughput)")
    with Store(store_path) as store:
        store.save(record)
    page = open_page(qtbot, store_path)
    assert cells(page, 0)[4:6] == ["\N{EN DASH}", "INVALID"]


def test_the_filter_looks_everywhere(qtbot: QtBot, store_path: Path) -> None:
    with Store(store_path) as store:
        run_id = store.save(run_record("First"))
        store.save(benchmark_record(1))
    page = open_page(qtbot, store_path)
    for text, shown in (("digits", 1), ("SIM:ANE", 1), ("benchmark faster", 1), (run_id, 1), ("", 2)):
        page.filter.setText(text)
        assert page.model.rowCount() == shown, text
    page.filter.setText("nothing like it")
    assert page.count.text() == "No run fits the filter."


def test_sorting_keeps_the_chosen_run(qtbot: QtBot, store_path: Path) -> None:
    with Store(store_path) as store:
        slow, fast = store.save(run_record("Slow", 5)), store.save(benchmark_record(0))
    page = open_page(qtbot, store_path)
    assert shown_run(qtbot, page) == slow
    page.table.sortByColumn(3, Qt.SortOrder.DescendingOrder)
    assert [row.id for row in page.model.rows] == [fast, slow]
    assert page.run_id == slow
    assert page.table.chosen() == 1
    page.filter.setText("benchmark")
    assert shown_run(qtbot, page) == fast
    page.filter.setText("nothing like it")
    assert page.run_id == ""
    assert not page.details.isVisible()
    assert not page.report_button.isEnabled()
    page.filter.clear()
    assert shown_run(qtbot, page) == fast


def test_an_empty_store_says_so_and_makes_no_file(qtbot: QtBot, store_path: Path) -> None:
    page = open_page(qtbot, store_path)
    texts = [label.text() for label in page.findChildren(QLabel) if label.isVisible()]
    assert EMPTY in texts
    assert not store_path.exists()
    with Store(store_path) as store:
        store.save(run_record("First"))
    qtbot.mouseClick(page.refresh_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)


@contextmanager
def held_by_another_process(path: Path) -> Iterator[int]:
    """Let another process hold the store open for writing; yields its number."""
    script = "import duckdb, sys\nopened = duckdb.connect(sys.argv[1])\nprint('held', flush=True)\nsys.stdin.read()\n"
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline().strip() == "held"
        yield holder.pid
    finally:
        holder.communicate()


def test_a_store_in_use_is_told_and_can_be_tried_again(qtbot: QtBot, store_path: Path) -> None:
    with Store(store_path) as store:
        store.save(run_record("First"))
    copy_path(store_path).unlink()
    with held_by_another_process(store_path) as pid:
        page = open_page(qtbot, store_path)
        assert "in use" in page.list_problems.text()
        if sys.platform != "win32":
            assert str(pid) in page.list_problems.text()
        assert page.retry_button.isVisible()
    qtbot.mouseClick(page.retry_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.model.rowCount() == 1)
    assert page.table.isVisible()


def test_a_held_store_is_shown_from_its_copy(qtbot: QtBot, store_path: Path) -> None:
    with Store(store_path) as store:
        store.save(run_record("First"))
    with held_by_another_process(store_path):
        page = open_page(qtbot, store_path)
        shown_run(qtbot, page)
        assert "copy" in page.notice.text() and page.notice.isVisible()
    page.refresh_button.click()
    qtbot.waitUntil(lambda: not page.loading and not page.notice.isVisible())


def test_a_run_that_cannot_be_read_is_told_beside_the_list(qtbot: QtBot, store_path: Path) -> None:
    with Store(store_path) as store:
        store.save(run_record("First"))
        store.save(run_record("Second", 1))
    page = open_page(qtbot, store_path)
    shown_run(qtbot, page)
    copy_path(store_path).unlink()
    with held_by_another_process(store_path):
        page.table.choose(1)
        qtbot.waitUntil(lambda: "in use" in page.run_problems.text(), timeout=20_000)
    assert not page.details.isVisible()
    page.table.choose(0)
    shown_run(qtbot, page)
    assert page.run_problems.text() == ""


def test_names_are_plain_text(qtbot: QtBot, store_path: Path) -> None:
    with Store(store_path) as store:
        store.save(run_record(NASTY.strip()))
    page = open_page(qtbot, store_path)
    shown_run(qtbot, page)
    assert page.details.title.text() == NASTY.strip()
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in page.details.findChildren(QLabel))
    qtbot.waitUntil(lambda: page.details.widget().width() <= page.details.viewport().width())
    assert page.width() == 1200


def test_the_id_is_copied_and_a_report_written(qtbot: QtBot, store_path: Path, tmp_path: Path) -> None:
    with Store(store_path) as store:
        run_id = store.save(benchmark_record(0))
    page = open_page(qtbot, store_path)
    shown_run(qtbot, page)
    qtbot.mouseClick(page.copy_button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == run_id
    for ending in (".html", ".md"):
        path = tmp_path / f"report{ending}"
        with qtbot.waitSignal(page.saver.saved, timeout=10_000):
            page.saver.save(store_path, run_id, path)
        assert "1.58x" in path.read_text(encoding="utf-8")
    with qtbot.waitSignal(page.saver.failed):
        page.saver.save(store_path, run_id, tmp_path / "report.xyz")
    assert ".html" in page.run_problems.text()


def test_ten_thousand_runs_do_not_hold_up_the_window(qtbot: QtBot, store_path: Path) -> None:
    with Store(store_path) as store:
        store.save(replace(run_record("First"), results=()))
    with duckdb.connect(str(store_path)) as opened:
        names = [row[1] for row in opened.execute("PRAGMA table_info('runs')").fetchall()]
        others = [name for name in names if name not in {"id", "created_at"}]
        opened.execute(
            f"INSERT INTO runs (id, created_at, {', '.join(others)}) "
            f"SELECT r.id || '-' || n, r.created_at + to_seconds(n), {', '.join(others)} "
            "FROM runs r, range(1, 12000) t(n)"
        )
    longest, since = 0, QElapsedTimer()
    since.start()

    def tick() -> None:
        nonlocal longest
        longest = max(longest, since.restart())

    timer = QTimer()
    timer.timeout.connect(tick)
    timer.start(1)
    begin = time.monotonic()
    page = open_page(qtbot, store_path)
    shown_run(qtbot, page)
    assert page.model.rowCount() == 10_000
    assert "newest 10,000" in page.count.text()
    assert time.monotonic() - begin < 10
    assert longest < 1000  # ms; about 50 where nothing else runs


def test_a_refresh_during_a_refresh_is_not_lost(qtbot: QtBot, store_path: Path) -> None:
    page = HistoryPage(store_path)
    qtbot.addWidget(page)
    page.show()
    assert page.loading
    with Store(store_path) as store:
        run_id = store.save(run_record("First"))
    page.show_run(run_id)
    qtbot.waitUntil(lambda: page.run_id == run_id, timeout=10_000)


def test_lists_narrow_the_runs_and_the_trend_is_beside_them(qtbot: QtBot, store_path: Path) -> None:
    with Store(store_path) as store:
        ids = [store.save(run_record("First", minute)) for minute in range(4)]
        store.save(benchmark_record(9))
    page = open_page(qtbot, store_path)
    devices = page.filters.lists["Device"]
    assert [devices.itemText(i) for i in range(devices.count())] == ["Device: any", "a", "b", "sim:ane"]
    assert page.filters.lists["Machine"].isHidden()  # nothing to choose
    devices.setCurrentIndex(devices.findData("sim:ane"))
    assert page.model.rowCount() == 4
    qtbot.waitUntil(lambda: page.run_id == ids[3] and len(page.trend.values) == 4, timeout=20_000)
    assert page.trend.values.tolist() == [78.9] * 4
    devices.setCurrentIndex(devices.findData("a"))
    assert page.model.rowCount() == 1
    qtbot.waitUntil(
        lambda: page.details.isVisible() and "Digits" in page.details.title.text(), timeout=20_000
    )
    qtbot.waitUntil(lambda: page.trend.isHidden())  # one run is no trend
    page.show_run(ids[0])
    qtbot.waitUntil(lambda: page.run_id == ids[0], timeout=20_000)
    assert page.model.rowCount() == 5


def test_the_list_of_batches_narrows_the_runs(qtbot: QtBot, store_path: Path) -> None:
    with Store(store_path) as store:
        for minute, size in enumerate((2, 16, None)):
            device = DeviceRecord("sim:ane", "sim:ane?batch=2", batch_size=size)
            store.save(replace(run_record("First", minute), devices=(device,)))
    page = open_page(qtbot, store_path)
    batches = page.filters.lists["Batch"]
    assert [batches.itemText(i) for i in range(batches.count())] == ["Batch: any", "batch 2", "batch 16"]
    batches.setCurrentIndex(2)
    assert [row.batch_sizes for row in page.model.rows] == [(16,)]


def test_workers_of_one_device_are_told_in_few_words() -> None:
    assert together(("onnx:cpu", "onnx:cpu#2", "sim:gpu")) == "2 x onnx:cpu, sim:gpu"
    assert together(("sim:ane", "sim:gpu", "sim:cpu")) == "sim:ane, gpu, cpu"


def test_chosen_runs_are_compared_with_the_oldest(qtbot: QtBot, store_path: Path) -> None:
    with Store(store_path) as store:
        ids = [store.save(benchmark(fps, day=day)) for day, fps in enumerate((100.0, 80.0))]
        odd = store.save(run_record("Other", 10**6))
    page = open_page(qtbot, store_path)
    shown_run(qtbot, page)
    assert not page.compare_button.isEnabled()
    page.table.selectAll()
    assert page.compare_button.isEnabled()
    qtbot.mouseClick(page.compare_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: hasattr(page, "comparison"), timeout=20_000)
    slower, refused = page.comparison.texts
    assert slower.startswith("0.80") and "SLOWER" in slower
    assert "not comparable" in refused
    assert page.message.text() == ""
    assert {*ids, odd} == {row.id for row in page.model.rows}
    page.comparison.reject()
