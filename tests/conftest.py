"""Settings that must stand before the first test module is imported, which tests share the machine, and the figures
at the end of the output."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.distribution import figures

# How fast examples are made says something about the machine, nothing about the code.
settings.register_profile("any_machine", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("any_machine")

# Qt reads this when it is first imported; whoever wants real windows sets it to "xcb".
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

# These run real workers against the clock, or count what is left of a process that was killed: `dev.py test`
# runs them one after the other, after all others.
ALONE = (
    "cli/test_any_moment.py",
    "cli/test_benchmark.py",
    "cli/test_interrupt.py",
    "cli/test_parity.py",
    "cli/test_run.py",
    "cli/test_run_on_demand.py",
    "cli/test_stages.py",
    "cli/test_workflow.py",
    "core/bench",
    "core/demand",
    "core/devices/test_manager.py",
    "core/engine",
    "core/metrics",
    "e2e",
    "examples",
    "templates",
    "test_example.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need the machine for themselves."""
    folder = Path(__file__).parent
    for item in items:
        path = item.path.relative_to(folder) if item.path.is_relative_to(folder) else item.path
        if any(path.is_relative_to(alone) for alone in ALONE):
            item.add_marker("alone")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the distributions that tests have shown."""
    if figures:
        terminalreporter.section("figures")
        for line in figures:
            terminalreporter.write_line(line)
