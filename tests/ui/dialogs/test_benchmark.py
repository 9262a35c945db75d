"""The benchmark's dialog: with the real engine on simulated devices, and with stand-ins for what goes wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox
from pytestqt.qtbot import QtBot

from cluster4npu.core.bench import (
    BenchmarkCancelled,
    BenchmarkOptions,
    BenchmarkProgress,
    BenchmarkResult,
    Profile,
)
from cluster4npu.core.devices.backend import DeviceInfo
from cluster4npu.core.errors import Problem, RunFailed, StoreError
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.store import RunRecord, Store
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui.dialogs.benchmark import BenchmarkDialog
from cluster4npu.ui.dialogs.benchmark_setup import duration
from tests.ui.dialogs.test_comparison import result

BRIEF = Profile(
    "brief", "Brief", leg_s=0.3, pairs=2, ramp_s=0.05, survey_s=0.2, windows=2,
    warm_up_s=0.2, warm_up_window_s=0.1, warm_up_limit_s=0.3, parity_frames=4,
)  # fmt: skip
LONG = Profile("long", "Long", leg_s=60.0)
POOL = ("sim:a?ms=4", "sim:b?ms=8")
CPU = DeviceInfo("onnx:cpu", "A CPU", "cpu", "onnx")

MakeDialog = Callable[..., BenchmarkDialog]


@pytest.fixture
def store_path(tmp_path: Path) -> Path:
    return tmp_path / "results.duckdb"


@pytest.fixture
def make_dialog(qtbot: QtBot, store_path: Path) -> MakeDialog:
    """Return a function that opens a dialog whose devices have been found."""

    def make(
        *,
        template: str = "simulated",
        pool: tuple[str, ...] = POOL,
        found: tuple[DeviceInfo, ...] = (CPU,),
        store: bool = True,
        **more: Any,
    ) -> BenchmarkDialog:
        config = PipelineTemplates.get(template, devices=pool)
        path = store_path if store else None
        dialog = BenchmarkDialog(config, path, detect=lambda: list(found), **more)
        qtbot.addWidget(dialog)
        dialog.show()
        qtbot.waitUntil(lambda: not dialog.setup_step.choice.looking)
        return dialog

    return make


class Standin:
    """Does what a test tells it to, on the dialog's own worker thread."""

    def __init__(self, act: Callable[[Callable[[BenchmarkProgress], None]], BenchmarkResult]) -> None:
        self.unstored = None
        self.act = act
        self.options: list[BenchmarkOptions] = []
        self.go = threading.Event()

    def __call__(self, options: BenchmarkOptions) -> Standin:
        self.options.append(options)
        return self

    def run(
        self,
        pipeline: PipelineConfig,
        progress: Callable[[BenchmarkProgress], None],
        cancelled: Callable[[], bool],
    ) -> BenchmarkResult:
        while not self.go.wait(0.01):
            if cancelled():
                raise BenchmarkCancelled("the benchmark was cancelled")
        return self.act(progress)


def click_start(qtbot: QtBot, dialog: BenchmarkDialog) -> None:
    qtbot.mouseClick(dialog.start_button, Qt.MouseButton.LeftButton)
    assert dialog.running


def test_a_real_benchmark_ends_with_a_stored_number(
    qtbot: QtBot, make_dialog: MakeDialog, store_path: Path, tmp_path: Path
) -> None:
    dialog = make_dialog(profile=BRIEF)
    assert dialog.setup_step.devices() == POOL
    with qtbot.waitSignal(dialog.benchmark_finished, timeout=60_000) as signal:
        click_start(qtbot, dialog)
        qtbot.waitUntil(lambda: dialog.progress_step.bar.value() > 0, timeout=20_000)
    (found,) = signal.args
    view = dialog.result_step.view
    assert found.simulated
    assert view.speedup.simulated.isVisible()
    assert view.speedup.headline.text() == "INVALID"
    assert "profile too short" in view.speedup.detail.text()
    assert [row[0] for row in view.sides.texts()] == [*(f"{d} alone" for d in POOL), "all together"]
    with Store(store_path) as store:
        assert [row.id for row in store.runs()] == [found.run_id]
    report = tmp_path / "report.html"
    with qtbot.waitSignal(dialog.result_step.saver.saved, timeout=10_000):
        dialog.result_step.saver.save(store_path, found.run_id, report)
    assert found.run_id in report.read_text(encoding="utf-8")
    assert str(report) in dialog.result_step.message.text()
    with qtbot.waitSignal(dialog.history_requested) as asked:
        qtbot.mouseClick(dialog.history_button, Qt.MouseButton.LeftButton)
    assert asked.args == [found.run_id]
    assert not dialog.isVisible()


def test_a_result_that_the_store_refuses_is_kept_reported_and_stored_again(
    qtbot: QtBot,
    make_dialog: MakeDialog,
    store_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    save = Store.save

    def refuse(store: Store, record: RunRecord) -> str:
        if store.path == store_path:
            raise StoreError("another program holds the store")
        return save(store, record)

    monkeypatch.setattr(Store, "save", refuse)
    dialog = make_dialog(profile=BRIEF)
    with qtbot.waitSignal(dialog.benchmark_finished, timeout=60_000):
        click_start(qtbot, dialog)
    step = dialog.result_step
    assert dialog.store_button.isVisible()
    assert dialog.report_button.isEnabled()
    assert not dialog.history_button.isEnabled()
    report = tmp_path / "report.html"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(report), ""))
    with qtbot.waitSignal(step.saver.saved, timeout=10_000):
        dialog.report_button.click()
    assert "sim:a" in report.read_text(encoding="utf-8")
    with qtbot.waitSignal(step.changed, timeout=10_000):
        dialog.store_button.click()
    assert "another program holds the store" in step.problems.text().casefold()
    monkeypatch.setattr(Store, "save", save)
    with qtbot.waitSignal(step.changed, timeout=10_000):
        dialog.store_button.click()
    assert not dialog.store_button.isVisible()
    assert dialog.history_button.isEnabled()
    with Store(store_path) as store:
        assert [row.id for row in store.runs()] == [step.run_id]


def test_a_real_benchmark_can_be_cancelled(qtbot: QtBot, make_dialog: MakeDialog, store_path: Path) -> None:
    dialog = make_dialog(profile=LONG)
    click_start(qtbot, dialog)
    qtbot.waitUntil(lambda: dialog.progress_step.rate.text() != "", timeout=60_000)
    begin = time.monotonic()
    qtbot.mouseClick(dialog.cancel_button, Qt.MouseButton.LeftButton)
    assert "Stopping" in dialog.progress_step.stage.text()
    qtbot.waitUntil(lambda: not dialog.running, timeout=10_000)
    assert time.monotonic() - begin < 5  # a second, on a machine that is not busy
    assert "Nothing was stored" in dialog.status.text()
    assert dialog.start_button.isVisible()
    assert not store_path.exists()


def test_closing_while_it_runs_asks_cancels_and_then_closes(
    qtbot: QtBot, make_dialog: MakeDialog, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialog = make_dialog(benchmarker=Standin(lambda _: result()))
    click_start(qtbot, dialog)
    asked: list[str] = []
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]
    monkeypatch.setattr(QMessageBox, "question", lambda *args: (asked.append(args[2]), answers.pop(0))[1])
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert asked == ["Stop the benchmark? Nothing will be stored."]
    assert dialog.running
    assert dialog.isVisible()
    with qtbot.waitSignal(dialog.rejected):
        dialog.close()
        assert dialog.isVisible()
    assert not dialog.running
    assert not dialog.isVisible()


def test_progress_is_shown_and_never_goes_back(qtbot: QtBot, make_dialog: MakeDialog) -> None:
    shown = threading.Event()

    def act(progress: Callable[[BenchmarkProgress], None]) -> BenchmarkResult:
        progress(BenchmarkProgress(0.5, "All together", "pair 3 of 5", 22.4, 112.94, ""))
        progress(BenchmarkProgress(0.4, "Best device alone", "pair 3 of 5", 95.0, 112.94, "sim:a"))
        assert shown.wait(10)
        return result()

    standin = Standin(act)
    dialog = make_dialog(benchmarker=standin)
    click_start(qtbot, dialog)
    standin.go.set()
    step = dialog.progress_step
    qtbot.waitUntil(lambda: step.stage.text() == "Best device alone")
    assert step.bar.value() == 500
    assert step.eta.text() == "About 1 min 35 s left"
    assert step.rate.text() == "112.9 frames/s"
    assert "all devices together" in step.rate_of.text()  # the rate was theirs, not the next device's
    assert step.windows.texts() == [["All together: all devices together (SIMULATED)", "112.9"]]
    with qtbot.waitSignal(dialog.benchmark_finished):
        shown.set()


def test_a_failure_is_told_and_the_dialog_stays_usable(qtbot: QtBot, make_dialog: MakeDialog) -> None:
    def fail(_progress: object) -> BenchmarkResult:
        raise RunFailed(Problem("the worker died", node="inference", hint="Leave <b>it</b> out."))

    standin = Standin(fail)
    standin.go.set()
    dialog = make_dialog(benchmarker=standin)
    click_start(qtbot, dialog)
    qtbot.waitUntil(lambda: not dialog.running)
    assert "The worker died" in dialog.setup_step.problems.text()
    assert "Leave <b>it</b> out." in dialog.setup_step.problems.text()
    assert dialog.setup_step.devices() == POOL
    standin.act = lambda _: result()
    with qtbot.waitSignal(dialog.benchmark_finished):
        click_start(qtbot, dialog)
    assert dialog.result_step.view.speedup.headline.text() == "1.58x FASTER"
    qtbot.mouseClick(dialog.again_button, Qt.MouseButton.LeftButton)
    assert dialog.setup_step.problems.text() == ""


def test_the_choices_go_to_the_benchmark(qtbot: QtBot, make_dialog: MakeDialog, store_path: Path) -> None:
    standin = Standin(lambda _: result())
    standin.go.set()
    dialog = make_dialog(benchmarker=standin)
    dialog.setup_step.profiles.choose("standard")
    for row in dialog.setup_step.choice.rows:
        row.check.setChecked(row.device.id != POOL[1])
    with qtbot.waitSignal(dialog.benchmark_finished):
        click_start(qtbot, dialog)
    (options,) = standin.options
    assert options.the_profile().name == "standard"
    assert options.devices == ("onnx:cpu", POOL[0])
    assert options.store == store_path
    assert options.command.startswith("cluster4npu benchmark PIPELINE --profile standard --devices ")


def test_the_scenario_and_its_loads_go_to_the_benchmark(qtbot: QtBot, make_dialog: MakeDialog) -> None:
    standin = Standin(lambda _: result())
    standin.go.set()
    dialog = make_dialog(benchmarker=standin)
    scenario = dialog.setup_step.scenario
    first = dialog.setup_step.estimate.text()
    scenario.choose("server")
    assert not scenario.form.isRowVisible(scenario.streams)
    assert "rate" not in scenario.options()  # it is searched
    assert dialog.setup_step.estimate.text() != first
    scenario.choose("multi-stream")
    scenario.streams.setValue(3)
    scenario.rate.setValue(10.0)
    scenario.limit_ms.setValue(50.0)
    assert "cameras" in scenario.does.text()
    with qtbot.waitSignal(dialog.benchmark_finished):
        click_start(qtbot, dialog)
    (options,) = standin.options
    assert (options.scenario, options.streams, options.rate, options.limit_ms) == (
        "multi-stream",
        3,
        10.0,
        50.0,
    )
    assert "--scenario multi-stream --streams 3 --rate 10.0 --limit-ms 50.0" in options.command
    options.the_scenario()  # and is one that the benchmark takes


def test_one_device_is_told_that_a_comparison_needs_two(make_dialog: MakeDialog) -> None:
    dialog = make_dialog(pool=POOL[:1])
    assert "needs two" in dialog.setup_step.estimate.text()
    assert dialog.start_button.isEnabled()
    for row in dialog.setup_step.choice.rows:
        row.check.setChecked(False)
    assert "Tick at least one" in dialog.setup_step.reason.text()
    assert not dialog.start_button.isEnabled()


def test_a_pipeline_without_devices_takes_every_real_one(make_dialog: MakeDialog) -> None:
    simulated = DeviceInfo("sim:ane", "Simulated", "ane", "sim", simulated=True)
    gone = DeviceInfo("onnx:cuda:0", "A GPU", "gpu", "onnx", available=False, reason="no driver.")
    dialog = make_dialog(template="object_detection", pool=(), found=(CPU, gone, simulated))
    assert dialog.setup_step.devices() == ("onnx:cpu",)


def test_without_a_store_nothing_can_be_reported(qtbot: QtBot, make_dialog: MakeDialog) -> None:
    standin = Standin(lambda _: result())
    standin.go.set()
    dialog = make_dialog(store=False, benchmarker=standin)
    with qtbot.waitSignal(dialog.benchmark_finished):
        click_start(qtbot, dialog)
    assert not dialog.report_button.isEnabled()
    assert not dialog.history_button.isEnabled()
    assert "not stored" in dialog.result_step.message.text()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (59.4, "59 s"), (60, "1 min"), (95, "1 min 35 s"), (640, "10 min")]
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text
