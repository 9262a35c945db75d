"""Settings that must stand before the first test module is imported, and the figures at the end of the output."""

import gc
import os

import pytest
from hypothesis import HealthCheck, settings

from tests.distribution import figures

# How fast examples are made says something about the machine, nothing about the code.
settings.register_profile("any_machine", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("any_machine")

# Qt reads this when it is first imported; whoever wants real windows sets it to "xcb".
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Collect what a test has left behind, once a test with a window has ended automatic collection here."""
    if not gc.isenabled():
        from cluster4npu.ui.garbage import collect_due

        collect_due()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the distributions that tests have shown."""
    if figures:
        terminalreporter.section("figures")
        for line in figures:
            terminalreporter.write_line(line)
