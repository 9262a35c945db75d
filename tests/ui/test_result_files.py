"""Results of a pipeline that was never saved lie in the user's documents, and the window says where."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from cluster4npu.core.engine.messages import RunOptions
from cluster4npu.core.pipeline.config import EdgeConfig, NodeConfig, PipelineConfig
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui import result_files
from cluster4npu.ui.main_window import MainWindow
from tests.ui.dialogs.test_benchmark import BRIEF


@pytest.fixture(autouse=True)
def documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the test a folder of documents of its own, and a working folder that stays empty."""
    monkeypatch.setattr(result_files.platformdirs, "user_documents_dir", lambda: str(tmp_path / "documents"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "documents" / "Cluster4NPU"


def writing(path: str, **more: object) -> PipelineConfig:
    config = PipelineTemplates.get("simulated")
    edge = next(e for e in config.edges if e.source == "inference.outputs")
    sink = NodeConfig(id="lines", type="jsonl", params={"path": path})
    wire = EdgeConfig(source=edge.source, target="lines.result")
    return config.replace(nodes=(*config.nodes, sink), edges=(*config.edges, wire), **more)


def test_only_relative_files_of_outputs_are_placed(documents: Path, tmp_path: Path) -> None:
    config = writing("mine.jsonl")
    assert result_files.written_files(result_files.placed(config)) == [documents / "mine.jsonl"]
    assert documents.is_dir()
    fixed = writing(str(tmp_path / "there.jsonl"))
    assert result_files.placed(fixed) == fixed
    saved = writing("mine.jsonl", base=tmp_path)
    assert result_files.written_files(result_files.placed(saved)) == [tmp_path / "mine.jsonl"]


def test_the_window_says_where_the_results_are(window: MainWindow, qtbot: QtBot, documents: Path) -> None:
    window.files.new(writing("mine.jsonl"))
    before = window.document.config
    window.runs.run(RunOptions(frames=5, calibration="never"))
    qtbot.waitUntil(lambda: not window.runs.busy, timeout=60_000)
    assert len((documents / "mine.jsonl").read_text().splitlines()) == 5
    assert str(documents / "mine.jsonl") in window.messages.text()
    assert window.document.config == before
    assert list(Path.cwd().iterdir()) == []


def test_a_benchmark_writes_there_too(window: MainWindow, qtbot: QtBot, documents: Path) -> None:
    window.files.new(writing("mine.jsonl").with_params("inference", devices=["sim:a?ms=2", "sim:b?ms=2"]))
    dialog = window.show_benchmark(BRIEF)
    assert dialog is not None
    qtbot.waitUntil(lambda: not dialog.setup_step.choice.looking, timeout=20_000)
    with qtbot.waitSignal(dialog.benchmark_finished, timeout=60_000):
        dialog.start_button.click()
    assert (documents / "mine.jsonl").stat().st_size > 0
    assert str(documents / "mine.jsonl") in window.messages.text()
    assert list(Path.cwd().iterdir()) == []
