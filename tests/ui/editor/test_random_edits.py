"""Random edits: the canvas shows the document after each one, and undoing all of them gives back the start."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from PySide6.QtWidgets import QApplication

from tests.distribution import Rounds, note, soak
from tests.ui.editor.gestures import Gestures

_SITTINGS, _STEPS = (
    26,
    100,
)  # of a round of the long form, and of a sitting; the first of each round is the simplest


def test_random_edits(qapp: QApplication, tmp_path: Path) -> None:
    Gestures.folder = tmp_path
    run_state_machine_as_test(
        Gestures, settings=settings(max_examples=14, stateful_step_count=25, deadline=None, database=None)
    )


@pytest.mark.parametrize("times", [soak(100_000 // ((_SITTINGS - 1) * _STEPS))])
def test_many_random_edits(times: Rounds, qapp: QApplication, tmp_path: Path) -> None:
    """Each round has a seed of its own."""
    Gestures.folder, Gestures.done = tmp_path, 0
    for number in times:
        run = settings(
            max_examples=_SITTINGS,
            stateful_step_count=_STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(seed(number)(Gestures), settings=run)
    note(f"{Gestures.done} random edits, canvas and document the same after each, undone to the start", times)
