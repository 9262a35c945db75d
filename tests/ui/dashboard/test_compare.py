"""Single against parallel on the dashboard: from the store when a pipeline is opened, and live as an estimate."""

from __future__ import annotations

from pathlib import Path

from pytestqt.qtbot import QtBot

from cluster4npu.core.engine.messages import Calibrated, DeviceCalibration
from cluster4npu.core.store import PipelineRecord, ResultRecord, RunRecord, Store
from cluster4npu.ui.dashboard.compare import NOTHING, ComparePanel
from cluster4npu.ui.main_window import MainWindow
from tests.ui.dialogs.test_comparison import result
from tests.ui.editor.pipelines import chain


def test_the_last_benchmark_of_the_pipeline_is_found_in_the_store(
    window: MainWindow, qtbot: QtBot, tmp_path: Path
) -> None:
    found, pipeline = result(), PipelineRecord(chain().digest(), "chain", chain().text())
    with Store(tmp_path / "results.duckdb") as store:
        store.save(
            RunRecord("benchmark", pipeline, (ResultRecord("parallel", fps=95.0),), detail=found.as_dict())
        )
    window.files.new(chain())
    compare = window.workspace.dashboard.compare
    qtbot.waitUntil(lambda: compare.comparison is not None, timeout=10_000)
    assert window.workspace.dashboard.speedup_display.headline.text() == compare.comparison.verdict
    assert [row[0] for row in compare.table.texts()] == ["Frames/s", "p50, ms", "p95, ms", "p99, ms"]
    window.files.new(chain().with_params("inference", policy="pull"))
    assert compare.note.text() == NOTHING  # another pipeline has none


def test_the_estimate_of_a_run_says_that_it_is_one(qtbot: QtBot) -> None:
    panel = ComparePanel()
    qtbot.addWidget(panel)
    panel.show_fps(40.0)
    assert panel.live.text() == ""
    devices = (DeviceCalibration("a", 20.0, 19.0, 0.5), DeviceCalibration("b", 10.0, 9.0, 0.5))
    panel.show_calibrated(Calibrated(devices, cached=False))
    panel.show_fps(30.0)
    assert panel.live.text() == "Now about 1.5x of a alone (estimate from calibration)"
