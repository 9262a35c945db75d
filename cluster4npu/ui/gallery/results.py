"""Scenes: the benchmark, and what is kept: history, comparison, trend, parity."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from PySide6.QtCore import QItemSelectionModel

from cluster4npu.core.bench import BenchmarkResult
from cluster4npu.core.bench.card import DeviceCard, ParityCard
from cluster4npu.core.bench.parity import Parity
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.settings import assets_dir
from cluster4npu.core.store import RunRecord, Store
from cluster4npu.templates import PipelineTemplates
from cluster4npu.ui.devices.parity import ParityDialog
from cluster4npu.ui.dialogs.comparison import Comparison
from cluster4npu.ui.gallery.stage import BRIEF, Stage
from cluster4npu.ui.render import settle

HEADLINES = (("2.94x FASTER", 2.94), ("0.81x SLOWER", 0.81), ("no measurable gain", 1.0))
DEVICES = ["sim:a?ms=4", "sim:b?ms=8"]


def benchmark(stage: Stage) -> None:
    """Its steps, on two quick simulated devices, twice, so that there is something to compare."""
    stage.open(PipelineTemplates.get("simulated", devices=DEVICES))
    dialog = stage.window.run_benchmark_test(BRIEF)
    assert dialog is not None
    stage.wait(lambda: not dialog.setup_step.missing(), "the benchmark's devices")
    stage.show("benchmark-setup", dialog)
    dialog.resize(dialog.minimumSize())
    stage.show("benchmark-setup-small", dialog)
    results: list[BenchmarkResult] = []
    dialog.benchmark_finished.connect(results.append)
    dialog.start()
    stage.wait(lambda: dialog.progress_step.bar.value() > 0, "the benchmark's first step")
    stage.show("benchmark-running", dialog)
    stage.wait(lambda: not dialog.running, "the benchmark's end", 120.0)
    dialog.resize(900, 730)
    stage.show("benchmark-result", dialog)
    found = dialog.result_step.view
    for headline, ratio in HEADLINES:
        found.show_comparison(_made_up(results[-1].as_dict(), headline, ratio))
        stage.show(f"benchmark-result-{headline.split()[-1].lower()}", dialog)
    dialog.leave()
    stage.window.show_designer()
    stage.window.workspace.dashboard.show_compare()
    stage.show("run-compare-measured")
    stage.window.workspace.dashboard.tabs.setCurrentIndex(0)


def _made_up(data: dict[str, Any], headline: str, ratio: float) -> Comparison:
    """Return a valid result with this headline and figures that fit it: so short a benchmark is never valid."""
    interval = [ratio - 0.04, ratio + 0.04]
    data = {**data, "headline": headline, "valid": True, "speedup_ci95": interval, "warnings": []}
    result = Comparison.of(data)
    alone = next(side.fps for side in result.sides if side.baseline) or 0.0
    added_up = sum(side.fps or 0.0 for side in result.sides if not side.parallel)
    sides = tuple(replace(s, fps=alone * ratio) if s.parallel else s for s in result.sides)
    workers = tuple(replace(w, fps=alone * ratio * (w.share or 0.0)) for w in result.workers)
    return replace(result, sides=sides, workers=workers, efficiency=alone * ratio / added_up)


def history(stage: Stage) -> None:
    """Every stored run; one in full with each of its charts; runs side by side, with and without an answer."""
    window = stage.window
    with Store(
        window.store
    ) as store:  # one run several times more, so that there is a comparison and a trend
        every = store.runs()
        record = max((store.run(row.id) for row in every), key=lambda r: (r.kind == "run", r.sample_rows))
        run = record.id
        again = [store.save(_anew(record, number)) for number in range(1, 8)]
    window.show_history(run)
    page = window._history
    assert page is not None
    stage.wait(lambda: not page.loading and page.details.isVisible() and page.run_id == run, "the history")
    settle(200)
    for index in (n for n in range(page.charts.count()) if page.charts.isTabEnabled(n)):
        page.charts.setCurrentIndex(index)
        stage.show(f"history-{index + 1}")
    for name, chosen in (("same", (run, again[0])), ("every", tuple(row.id for row in every))):
        _compare(stage, name, [place for i in chosen if (place := page.model.place(i)) is not None])


def _compare(stage: Stage, name: str, rows: list[int]) -> None:
    page = stage.window._history
    assert page is not None
    page.table.clearSelection()
    flags = QItemSelectionModel.SelectionFlag
    for row in rows:
        page.table.selectionModel().select(page.model.index(row, 0), flags.Select | flags.Rows)
    page.comparison = None  # type: ignore[assignment]  # the next one is waited for
    page.compare()
    stage.wait(lambda: page.comparison is not None, "the comparison")
    stage.show(f"history-compare-{name}", page.comparison)
    page.comparison.reject()


def parity(stage: Stage) -> None:
    """The parity card while the comparison goes on, and as it would be of three devices of which one differs."""
    dialog = ParityDialog(PipelineConfig.open(assets_dir() / "example.json"), stage.window)
    dialog.show()
    stage.show("parity-running", dialog)
    dialog._work.abandon()
    same, other = (Parity("onnx:cuda:0", "boxes", score, 0.95, 90) for score in (0.998, 0.51))
    cards = (
        DeviceCard("onnx:cpu", "as the model", "cpu", False, 14.2, 0.981),
        DeviceCard("onnx:cuda:0", "fp16", "gpu", False, 2.4, 0.979, (same,)),
        DeviceCard("openvino:npu", "int8", "cpu", True, 6.1, None, (other,)),
    )
    dialog.show_card(ParityCard("onnx:cpu", 90, cards, ("sim:ane",)))
    stage.show("parity", dialog)
    dialog.close()


def _anew(record: RunRecord, number: int) -> RunRecord:
    """Return the record as if it had been measured again, a little faster; from the fourth on a lot."""
    faster = 1.0 + 0.004 * number + 0.3 * (number > 3)
    results = tuple(replace(r, fps=None if r.fps is None else r.fps * faster) for r in record.results)
    return replace(
        record, id="", results=results, created_at=record.created_at + timedelta(minutes=5 * number)
    )
