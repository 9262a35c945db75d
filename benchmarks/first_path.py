"""From the first window to boxes in the preview by the mouse alone: how many clicks that takes, and how many seconds.

    python -m benchmarks.first_path [--turns 5]

Each turn is a new process with an empty data folder. The wizard is opened on the start page and taken to its end with
the bundled detector; then the pipeline runs by itself. Clicks go to the window where the button is seen, as those of
a hand do. Seconds count from the visible window on. Without a display unless QT_QPA_PLATFORM says otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from benchmarks.common import machine, median, tell_at_most

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from cluster4npu.ui.main_window import MainWindow

CLICKS, SECONDS = 6, 20.0
_PATIENCE_S = 120.0

Wait = Callable[[Callable[[], bool]], None]


class Hand:
    """Clicks on what is seen, and counts."""

    def __init__(self) -> None:
        self.clicks = 0

    def click(self, widget: QWidget) -> None:
        """Click into the middle of what is seen of this widget; whatever lies over it gets the click."""
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        seen = widget.visibleRegion().boundingRect()
        if seen.isEmpty() or not widget.isEnabled():
            raise AssertionError(f"nobody can click on {widget.accessibleName() or widget.objectName()}")
        top = widget.window()
        self.clicks += 1
        at = widget.mapTo(top, seen.center())
        QTest.mouseClick(top.windowHandle(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)


def to_the_boxes(window: MainWindow, wait: Wait) -> tuple[int, float]:
    """Go the way; return clicks and seconds. `wait` lets the window live until something is so."""
    from PySide6.QtWidgets import QWizard

    from cluster4npu.ui.wizard.wizard import PipelineSetupWizard

    hand, begun = Hand(), time.perf_counter()
    hand.click(window.start_page.wizard)
    wait(lambda: isinstance(window.dialog, PipelineSetupWizard) and window.dialog.isVisible())
    wizard = window.dialog
    assert isinstance(wizard, PipelineSetupWizard)
    hand.click(wizard.use_case_page.cards.cards["object_detection"])
    for _ in range(3):
        page = wizard.currentPage()
        wait(page.isComplete)
        hand.click(wizard.button(QWizard.WizardButton.NextButton))
        wait(lambda page=page: wizard.currentPage() is not page)  # type: ignore[misc]
    wait(wizard.currentPage().isComplete)
    hand.click(wizard.button(QWizard.WizardButton.FinishButton))
    wait(lambda: bool(window.workspace.preview.detections()))
    return hand.clicks, time.perf_counter() - begun


def child() -> None:
    """Open the window in an empty data folder, go the way, and print what it took."""
    from cluster4npu.ui.app import make_application
    from cluster4npu.ui.main_window import IntegratedPipelineDashboard
    from cluster4npu.ui.render import hush_offscreen, wait_for

    app = make_application()
    hush_offscreen()
    window = IntegratedPipelineDashboard()
    window.show()
    app.processEvents()

    def wait(there: Callable[[], bool]) -> None:
        if not wait_for(there, _PATIENCE_S):
            raise SystemExit(f"it does not come: {window.messages.text()}")

    clicks, seconds = to_the_boxes(window, wait)
    print(json.dumps({"clicks": clicks, "seconds": seconds}), flush=True)
    window.runs.shutdown()
    os._exit(0)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child()
    print(f"# {machine()}")
    turns = []
    for _ in range(given.turns):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
            env = {"QT_QPA_PLATFORM": "offscreen", **os.environ, "CLUSTER4NPU_DATA": data}
            command = [sys.executable, "-m", "benchmarks.first_path", "--child"]
            done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
            turns.append(json.loads(done.stdout.splitlines()[-1]))
    seconds = [turn["seconds"] for turn in turns]
    done_ = [
        tell_at_most("clicks to the first boxes", max(turn["clicks"] for turn in turns), CLICKS),
        tell_at_most("seconds to the first boxes", median(seconds), SECONDS,
                     turns=[round(value, 2) for value in seconds]),
    ]  # fmt: skip
    return 0 if all(done_) else 1


if __name__ == "__main__":
    raise SystemExit(main())
