"""Help, unknown names and wrong values: always one message, never a usage text or a traceback."""

from __future__ import annotations

import pytest

from cluster4npu.cli.command import commands
from cluster4npu.cli.main import make_parser

COMMANDS = [
    "app",
    "run",
    "benchmark",
    "devices",
    "families",
    "calibrate",
    "parity",
    "inspect",
    "convert",
    "validate",
    "templates",
    "report",
    "db",
    "compare",
    "trend",
    "worker",
    "families",
    "bundle",
    "replay",
]


def test_every_promised_command_is_there() -> None:
    assert set(COMMANDS) == set(commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_an_example(name: str) -> None:
    text = make_parser(commands()[name]).format_help()
    assert f"example:\n  cluster4npu {name}" in text
    assert "--json" in text


def test_the_overview_lists_every_command(cli) -> None:
    done = cli("--help")
    assert done.code == 0
    assert all(f"  {name}" in done.out for name in COMMANDS)


def test_help_and_checks_load_no_runtime() -> None:
    """`--help` and `validate` answer at once because nothing heavy is imported for them."""
    import subprocess
    import sys

    code = (
        "import sys; from cluster4npu.cli.main import main; main(['--help']);"
        "print([m for m in ('cv2', 'onnxruntime', 'duckdb', 'PySide6', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


@pytest.mark.parametrize(
    ("arguments", "found", "hint"),
    [
        (["benchmrak", "x.json"], "benchmrak", "'benchmark'"),
        (["run", "x.json", "--frmaes", "3"], "--frmaes", "'--frames'"),
        (["templates", "lits"], "lits", "'list'"),
        (["db", "qurey", "SELECT 1"], "qurey", "'query'"),
        (["templates", "new", "simulatd", "-o", "y.json"], "simulatd", "'simulated'"),
        (["run", "example", "--set", "sorce.loop=true"], "sorce", "'source'"),
        (["run", "example", "--set", "source.lop=true"], "lop", "'loop'"),
        (["run", "simulated", "--policy", "smoth"], "smoth", "'smooth'"),
        (["run", "simulated", "--devices", "smi:ane"], "smi", "'sim'"),
    ],
)
def test_a_wrong_name_is_told_with_the_nearest(cli_here, arguments: list[str], found: str, hint: str) -> None:
    done = cli_here(*arguments)
    assert done.code == 2
    assert found in done.err and hint in done.err
    assert "Traceback" not in done.err and "usage:" not in done.err
    as_json = cli_here(*arguments, "--json")
    assert as_json.code == 2
    assert as_json.json["ok"] is False
    assert hint in as_json.json["error"][0]["hint"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "simulated", "--frames", "0"],
        ["run", "simulated", "--frames", "ten"],
        ["run", "simulated", "--seconds", "-1"],
        ["run", "simulated", "--seconds", "nan"],
        ["run", "simulated", "--devices", "sim:ane,,sim:gpu"],
        ["run", "simulated", "--set", "source"],
        ["run", "simulated", "extra.json"],
        ["run", "simulated", "--store", "a.duckdb", "--no-store"],
        ["run", "missing.json"],
        ["db"],
        ["db", "query"],
        ["report", "last"],
        ["benchmark", "simulated", "--profile", "fast"],
        ["benchmark", "simulated", "--scenario", "ofline"],
        ["templates", "new", "simulated"],
    ],
)
def test_wrong_arguments_end_with_2_and_one_message(cli_here, arguments: list[str]) -> None:
    done = cli_here(*arguments, "--json")
    assert done.code == 2
    assert done.json["ok"] is False and done.json["error"][0]["message"]
    assert done.err.startswith("error: ")
    assert "Traceback" not in done.err


def test_a_defect_is_one_line_without_debug(cli_here, monkeypatch) -> None:
    def broken(*_: object) -> int:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(type(commands()["validate"]), "run", broken)
    plain = cli_here("validate", "example")
    assert plain.code == 1
    assert "internal error: ZeroDivisionError: of ours" in plain.err and "Traceback" not in plain.err
    assert "Traceback" in cli_here("validate", "example", "--debug").err


def test_a_closed_pipe_is_no_traceback(cli_env, tmp_path) -> None:
    import subprocess
    import sys

    process = subprocess.Popen(
        [sys.executable, "-m", "cluster4npu", "templates"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=cli_env,
        cwd=tmp_path,
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    complaint = process.stderr.read()
    process.wait(30)
    process.stderr.close()
    assert complaint == b""


def test_a_bound_that_no_run_could_fall_below_is_refused(cli) -> None:
    done = cli("benchmark", "example", "--against", "baseline", "--fail-below", "5")
    assert done.code == 2 and "at most 1" in done.err


def test_a_baseline_that_cannot_be_is_refused_before_anything_is_measured(cli, tmp_path) -> None:
    done = cli("benchmark", "simulated", "--against", "baseline", "--store", tmp_path / "new.duckdb")
    assert done.code == 2 and "Nothing was measured" in done.err
