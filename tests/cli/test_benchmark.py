"""`cluster4npu benchmark` and `report` against their contract, with a profile of a few seconds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FIELDS = {
    "run_id", "scenario", "profile", "valid", "invalid_reason", "single", "parallel", "best_single", "speedup",
    "speedup_ci95", "efficiency", "simulated",
}  # fmt: skip

# The same program with one more profile: the shortest of its own takes most of a minute.
SHORT = """
import sys
from cluster4npu.cli.main import main
from cluster4npu.core.bench import options
options.PROFILES["short"] = options.Profile(
    "short", "Short", leg_s=0.6, pairs=2, ramp_s=0.1, survey_s=0.4, warm_up_s=0.4, warm_up_window_s=0.2,
    warm_up_limit_s=1.0, parity_frames=4,
)
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """Benchmark two simulated devices once; return the folder with the store, and the object on stdout."""
    folder = tmp_path_factory.mktemp("benchmark")
    done = subprocess.run(
        [
            sys.executable, "-c", SHORT, "benchmark", "simulated", "--devices", "sim:a?ms=5,sim:b?ms=10",
            "--profile", "short", "--store", str(folder / "s.duckdb"), "--json",
        ],
        capture_output=True,
        timeout=100,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    return folder, json.loads(done.stdout)


def test_the_result_as_json(measured) -> None:
    _, result = measured
    assert result.keys() >= FIELDS
    assert result["scenario"] == "offline" and result["simulated"] is True
    assert result["single"].keys() == {"sim:a?ms=5", "sim:b?ms=10"}
    for side in (*result["single"].values(), result["parallel"]):
        assert side["fps"] > 0 and side["latency_ms"].keys() >= {"mean", "p50", "p90", "p95", "p99"}
    assert result["best_single"] == "sim:a?ms=5"
    low, high = result["speedup_ci95"]
    assert low <= result["speedup"] <= high
    assert result["speedup"] > 1.1
    assert result["valid"] is (result["invalid_reason"] == "")


def test_it_is_stored(measured, cli) -> None:
    folder, result = measured
    done = cli(
        "db",
        "query",
        "SELECT id FROM runs WHERE kind = 'benchmark'",
        "--store",
        folder / "s.duckdb",
        "--json",
    )
    assert done.json["rows"] == [{"id": result["run_id"]}]


@pytest.mark.parametrize("ending", ["html", "md", "csv", "json"])
def test_a_report_in_each_form(measured, cli, tmp_path: Path, ending: str) -> None:
    folder, result = measured
    for run_id in (result["run_id"], "last"):
        done = cli("report", run_id, "-o", f"r.{ending}", "--store", folder / "s.duckdb", "--json")
        assert done.code == 0, done.err
        assert done.json["run_id"] == result["run_id"]
    text = (tmp_path / f"r.{ending}").read_text(encoding="utf-8")
    assert "sim:a" in text and "simulated" in text.lower()


def test_a_report_in_an_unknown_form_or_of_an_unknown_run(measured, cli, tmp_path: Path) -> None:
    folder, result = measured
    wrong = cli("report", "last", "-o", "r.docx", "--store", folder / "s.duckdb")
    assert wrong.code == 2 and ".html" in wrong.err
    wrong = cli("report", "0000", "-o", "r.md", "--store", folder / "s.duckdb")
    assert wrong.code == 2 and result["run_id"] in wrong.err
    assert not list(tmp_path.glob("r.*"))


def test_an_unwritable_report(measured, cli) -> None:
    folder, _ = measured
    done = cli("report", "last", "-o", "none/r.md", "--store", folder / "s.duckdb")
    assert done.code in (1, 2) and "none" in done.err and "Traceback" not in done.err


def test_the_database_for_people_and_for_programs(measured, cli) -> None:
    folder, result = measured
    store = folder / "s.duckdb"
    info = cli("db", "info", "--store", store, "--json")
    assert info.code == 0 and info.json["rows"]["runs"] == 1
    assert "runs" in cli("db", "info", "--store", store).out
    sql = "SELECT id, kind FROM runs"
    assert (
        cli("db", "query", sql, "--store", store, "--csv").out == f"id,kind\n{result['run_id']},benchmark\n"
    )
    assert result["run_id"] in cli("db", "query", sql, "--store", store).out


def test_a_result_that_could_not_be_stored_is_told_and_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from cluster4npu.cli.main import main
    from cluster4npu.core.bench import PerformanceBenchmarker
    from cluster4npu.core.errors import Problem, StoreError
    from cluster4npu.core.store.store import Store
    from tests.core.bench.fake import FakeEngine

    def full(*_: object) -> str:
        raise StoreError(Problem("the result store cannot be used", found="no space is left on the disk"))

    monkeypatch.setattr(Store, "save", full)
    monkeypatch.setattr(
        PerformanceBenchmarker.__init__,
        "__kwdefaults__",
        {"open_engine": FakeEngine({"sim:ane": 20.0, "sim:gpu": 50.0, "sim:cpu": 100.0})},
    )
    code = main(["benchmark", "simulated", "--profile", "quick", "--store", str(tmp_path / "s.duckdb")])
    told = capfd.readouterr()
    assert code == 1 and "all together" in told.out
    assert "the result was not stored" in told.err and "no space is left" in told.out
