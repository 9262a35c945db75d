"""Reports on a change, configurations that open again, and summaries without invented money."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cluster4npu.core.errors import InputError
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.core.report import Costs, ReportGenerator
from cluster4npu.core.store import PipelineRecord, Store
from cluster4npu.templates import PipelineTemplates
from tests.core.compare.runs import benchmark as compared
from tests.core.report.test_report import benchmark, words_of_pdf

COSTS = Costs(hardware_cost=1000.0, value_per_1000_frames=0.5, hours_per_day=10.0, currency="EUR")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results.duckdb")


def text(path: Path) -> str:
    return words_of_pdf(path) if path.suffix == ".pdf" else path.read_text(encoding="utf-8").replace("\\", "")


@pytest.mark.parametrize("ending", [".html", ".pdf", ".md", ".json"])
def test_an_optimization_has_both_configurations_and_the_changes(
    store: Store, tmp_path: Path, ending: str
) -> None:
    pipeline = PipelineTemplates.get("simulated")
    model = next(node for node in pipeline.nodes if node.type == "inference")
    changed = pipeline.with_params(model.id, policy="pull")
    before = store.save(compared(100.0, pipeline=PipelineRecord("a", "x", pipeline.text())))
    after = store.save(compared(110.0, seed=1, pipeline=PipelineRecord("b", "x", changed.text())))
    path = ReportGenerator(store).create_optimization_report(before, after, tmp_path / f"o{ending}")
    told = text(path)
    for part in (
        before,
        after,
        f"{model.id}.policy",
        "pull",
        "1.1",
        "FASTER (SIMULATED)",
        "SIMULATED: these figures",
    ):
        assert part in told or ending == ".json", (part, ending)
    if ending == ".json":
        data = json.loads(path.read_text())
        assert data["figures"]["verdict"] == "faster"
        assert data["figures"]["ratio"] == pytest.approx(1.1, rel=0.02)


def test_runs_that_cannot_be_compared_make_a_report_without_a_ratio(store: Store, tmp_path: Path) -> None:
    before = store.save(compared(100.0))
    after = store.save(compared(110.0, detail={"scenario": "server", "load": None}))
    path = ReportGenerator(store).create_optimization_report(before, after, tmp_path / "o.md")
    assert "not comparable: the scenarios differ" in text(path)


def test_the_configuration_opens_again(store: Store, tmp_path: Path) -> None:
    pipeline = PipelineTemplates.get("simulated")
    run_id = store.save(compared(100.0, pipeline=PipelineRecord(pipeline.digest(), "x", pipeline.text())))
    path = ReportGenerator(store).export_configuration_summary(run_id, tmp_path / "c.json")
    assert PipelineConfig.open(path).digest() == pipeline.digest()
    with pytest.raises(InputError, match=r"\.json"):
        ReportGenerator(store).export_configuration_summary(run_id, tmp_path / "c.md")


def test_no_money_without_the_users_own_figures(store: Store, tmp_path: Path) -> None:
    run_id = store.save(benchmark())
    generator = ReportGenerator(store)
    plain = text(generator.generate_executive_summary(run_id, tmp_path / "e.md"))
    assert "no costs were given" in plain
    assert "gain per day" not in plain
    data = json.loads(generator.generate_executive_summary(run_id, tmp_path / "e.json", COSTS).read_text())
    told = data["figures"]["return"]
    frames = (49.99 - 49.99 / 1.843) * 3600 * 10
    assert told["additional frames per day"] == pytest.approx(frames, rel=1e-4)
    assert told["gain per day"] == pytest.approx(frames / 1000 * 0.5, rel=1e-3)
    assert told["days until the hardware is paid"] == pytest.approx(1000 / told["gain per day"], abs=0.06)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"simulated": True}, "SIMULATED"),
        ({"valid": False, "invalid_reason": "unstable"}, "INVALID"),
        ({"detail": {"speedup": 1.0}}, "no measurable gain"),
    ],
)
def test_no_money_from_what_must_not_be_quoted(store: Store, tmp_path: Path, changed: dict, why: str) -> None:
    path = ReportGenerator(store).generate_executive_summary(
        store.save(benchmark(**changed)), tmp_path / "e.json", COSTS
    )
    told = json.loads(path.read_text())
    assert told["figures"]["return"] is None
    assert why in next(s for s in told["sections"] if s["title"] == "Return")["lines"][0]


def test_impossible_costs_are_refused() -> None:
    with pytest.raises(InputError):
        Costs(hardware_cost=-1.0, value_per_1000_frames=1.0, hours_per_day=8.0)
    with pytest.raises(InputError):
        Costs(hardware_cost=1.0, value_per_1000_frames=1.0, hours_per_day=25.0)
