"""The first whole path through the real window and the real engine: from a click to boxes, figures and history."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from pytestqt.qtbot import QtBot

from benchmarks.first_path import CLICKS, SECONDS, to_the_boxes
from cluster4npu.core.bench import Profile
from cluster4npu.core.engine.messages import Started
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.settings import assets_dir
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui.main_window import MainWindow
from cluster4npu.ui.preview import IDLE

NOISE = 3.0  # of a machine that is busy with other tests
START_MS = 45_000  # a generous ceiling: loading, calibration, and a busy machine
SHORT = Profile(
    "short", "Short", leg_s=0.5, pairs=2, ramp_s=0.1, survey_s=0.4, warm_up_s=0.2, warm_up_limit_s=1.5
)


class Observed:
    """What a window's run told."""

    def __init__(self, window: MainWindow) -> None:
        self.started: list[Started] = []
        self.finished: list[object] = []
        self.failed: list[object] = []
        bridge = window.runs.bridge
        bridge.started.connect(self.started.append)
        bridge.finished.connect(self.finished.append)
        bridge.failed.connect(lambda event: self.failed.append(event.error))

    def left_over(self) -> list[str]:
        """Return the run's processes and segments of shared memory that are still there."""
        left = []
        for pid in self.started[-1].processes:
            if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                left.append(f"process {pid}")
        folder = Path("/dev/shm")
        mine = f"c4n_{self.started[-1].processes[0]:x}_*"
        return left + [p.name for p in folder.glob(mine)] if folder.is_dir() else left


@pytest.fixture
def observed(window: MainWindow) -> Observed:
    return Observed(window)


def simulated(frames: int | None = None) -> PipelineConfig:
    """Return a pipeline on two quick simulated devices."""
    config = PipelineTemplates.get("simulated", devices=["sim:ane?ms=5", "sim:gpu?ms=10"])
    return config.with_params("source", frames=frames) if frames else config


def press(window: MainWindow, name: str) -> None:
    window.actions_by_name[name].trigger()


def run_until_frames(window: MainWindow, qtbot: QtBot, observed: Observed) -> None:
    press(window, "run")
    chart = window.workspace.dashboard.fps_chart
    qtbot.waitUntil(lambda: chart.points() > 1 or bool(observed.failed), timeout=START_MS)
    assert observed.failed == [], window.messages.text()


def stop(window: MainWindow, qtbot: QtBot) -> None:
    press(window, "stop")
    qtbot.waitUntil(lambda: not window.runs.busy, timeout=10_000)


def test_from_the_first_window_by_six_clicks_to_boxes_and_into_the_history(
    make_window: Callable[[], MainWindow], qtbot: QtBot
) -> None:
    window = make_window()
    observed = Observed(window)
    clicks, seconds = to_the_boxes(
        window, lambda there: qtbot.waitUntil(lambda: there() or bool(observed.failed), timeout=START_MS)
    )
    assert observed.failed == [], window.messages.text()
    assert clicks <= CLICKS
    assert seconds < SECONDS * NOISE
    assert window.document.check() == []
    preview = window.workspace.preview
    names = {name for name, _ in preview.detections()}
    assert names <= {str(digit) for digit in range(10)}
    assert max(score for _, score in preview.detections()) > 0.5
    qtbot.waitUntil(lambda: window.workspace.dashboard.fps_chart.points() > 1, timeout=20_000)
    assert len(window.workspace.dashboard.device_chart.rows) == len(observed.started[0].devices)

    with qtbot.waitSignal(window.runs.stored, timeout=20_000) as stored:
        stop(window, qtbot)
    assert observed.left_over() == []
    run_id = stored.args[0]
    window.document.undo_stack.setClean()
    window.close()

    again = make_window()
    press(again, "history")
    history = again._history
    assert history is not None
    qtbot.waitUntil(lambda: not history.loading and history.model.rowCount() == 1, timeout=10_000)
    history.show_run(run_id)
    qtbot.waitUntil(lambda: history.run_id == run_id, timeout=10_000)


def test_stop_takes_no_more_than_a_second_and_leaves_nothing(
    window: MainWindow, observed: Observed, qtbot: QtBot
) -> None:
    window.files.new(simulated())
    run_until_frames(window, qtbot, observed)
    assert not window.actions_by_name["run"].isEnabled()
    window.document.add_node("count", (0.0, 0.0))  # edits are for the next run
    begun = time.monotonic()
    stop(window, qtbot)
    assert time.monotonic() - begun < 2.5  # 1 s on an idle machine
    assert observed.left_over() == []
    assert window.state_label.text() == "Stopped"
    assert window.runs.summary is not None
    assert window.runs.summary.frames_out > 0
    assert window.actions_by_name["run"].isEnabled()


def test_a_run_that_ends_by_itself_can_be_run_again(
    window: MainWindow, observed: Observed, qtbot: QtBot
) -> None:
    window.files.new(simulated(frames=30))
    for times in (1, 2):
        press(window, "run")
        qtbot.waitUntil(lambda times=times: len(observed.finished) == times, timeout=START_MS)
        assert window.runs.summary is not None
        assert window.runs.summary.frames_out == 30
        assert window.state_label.text() == "Finished"
        assert observed.left_over() == []


def test_a_killed_worker_is_told_and_the_run_goes_on(
    window: MainWindow, observed: Observed, qtbot: QtBot
) -> None:
    window.files.new(simulated())
    run_until_frames(window, qtbot, observed)
    victim = observed.started[0].processes[1]
    psutil.Process(victim).kill()
    qtbot.waitUntil(lambda: "failed" in window.messages.text(), timeout=10_000)
    assert "sim:ane?ms=5" in window.messages.text()
    dashboard = window.workspace.dashboard
    before = dashboard.fps_chart.points()
    qtbot.waitUntil(lambda: dashboard.fps_chart.points() > before + 2, timeout=15_000)
    assert window.isVisible()
    stop(window, qtbot)
    assert observed.failed == []
    assert observed.left_over() == []


def test_a_killed_engine_is_told_and_the_document_stays(
    window: MainWindow, observed: Observed, qtbot: QtBot
) -> None:
    window.files.new(simulated())
    run_until_frames(window, qtbot, observed)
    config = window.document.config
    psutil.Process(observed.started[0].processes[0]).kill()
    qtbot.waitUntil(lambda: not window.runs.busy, timeout=15_000)
    assert len(observed.failed) == 1
    assert "ended from outside" in window.messages.text()
    assert window.document.config == config
    assert window.actions_by_name["run"].isEnabled()
    qtbot.waitUntil(lambda: observed.left_over() == [], timeout=5_000)


@pytest.mark.parametrize(
    ("file", "node", "param"), [("broken.onnx", "inference", "model"), ("broken.mp4", "source", "path")]
)
def test_broken_files_name_their_node_and_the_window_lives(
    window: MainWindow, observed: Observed, qtbot: QtBot, tmp_path: Path, file: str, node: str, param: str
) -> None:
    broken = tmp_path / file
    broken.write_bytes(b"\x08\x01 this is neither a model nor a video" * 40)
    window.files.new(example().with_params(node, **{param: str(broken)}))
    press(window, "run")
    qtbot.waitUntil(lambda: bool(observed.failed), timeout=START_MS)
    assert node in window.messages.text()
    assert window.workspace.editor.canvas.selected_ids() == [node]
    assert window.isVisible()
    assert not window.runs.busy
    assert window.document.config.node(node).params[param] == str(broken)
    (problem,) = window.workspace.problems.shown()
    assert problem.node == node
    assert "Last run: Error" in window.workspace.problems.list.item(0).text()
    assert "failed" in window.workspace.preview.message


def test_a_pipeline_without_preview_runs_and_says_how_to_see_frames(
    window: MainWindow, observed: Observed, qtbot: QtBot
) -> None:
    config = simulated()
    nodes = tuple(n for n in config.nodes if n.type != "preview")
    edges = tuple(e for e in config.edges if not e.target.startswith("preview."))
    window.files.new(config.replace(nodes=nodes, edges=edges))
    run_until_frames(window, qtbot, observed)
    assert "No preview node" in window.workspace.preview.message
    stop(window, qtbot)
    window.files.new(simulated())  # the panels say nothing of a run of another pipeline
    assert window.workspace.preview.message == IDLE


def test_closing_the_window_ends_and_keeps_the_run(
    window: MainWindow, observed: Observed, qtbot: QtBot
) -> None:
    window.files.new(simulated())
    run_until_frames(window, qtbot, observed)
    stored: list[str] = []
    window.runs.stored.connect(stored.append)
    window.close()
    assert not window.isVisible()
    assert not window.runs.busy
    assert observed.left_over() == []
    qtbot.waitUntil(lambda: len(stored) == 1)


def test_benchmark_to_the_number_and_into_the_history(window: MainWindow, qtbot: QtBot) -> None:
    window.files.new(simulated())
    dialog = window.run_benchmark_test(SHORT)
    assert dialog is not None
    qtbot.waitUntil(lambda: not dialog.setup_step.missing(), timeout=20_000)
    assert dialog.setup_step.devices() == ("sim:ane?ms=5", "sim:gpu?ms=10")
    with qtbot.waitSignal(dialog.benchmark_finished, timeout=60_000) as done:
        dialog.start()
    result = done.args[0]
    figures = result.as_dict()
    assert figures["simulated"]
    assert figures["parallel"]["fps"] > 0
    assert set(figures["single"]) == {"sim:ane?ms=5", "sim:gpu?ms=10"}
    assert dialog.result_step.run_id == figures["run_id"]
    dialog.history_requested.emit(figures["run_id"])
    history = window._history
    assert history is not None
    qtbot.waitUntil(lambda: history.run_id == figures["run_id"], timeout=10_000)


def example() -> PipelineConfig:
    """Return the example pipeline on one device."""
    config = PipelineConfig.open(assets_dir() / "example.json")
    return config.with_params("inference", devices=["onnx:cpu"])
