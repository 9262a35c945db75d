"""How often endurance tests repeat what they do."""

from __future__ import annotations

import time

import pytest

from tests import distribution
from tests.distribution import Rounds, note, show


def test_all_rounds_are_made_where_there_is_time() -> None:
    rounds = Rounds(5)
    assert list(rounds) == [0, 1, 2, 3, 4] == list(rounds)
    assert str(rounds).startswith("5 of 5 times in")


def test_the_minutes_end_them_but_one_is_always_made(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds = Rounds(1000, minutes=1.0)
    clock = iter(range(0, 10_000, 25))  # seconds
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    assert list(rounds) == [0, 1]
    late = Rounds(1000, minutes=0.01)
    assert list(late) == [0]
    assert late.at_rate(100) == 60 and Rounds(7).at_rate(100) == 7


def test_figures_are_kept_for_the_end_of_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distribution, "figures", [])
    show("back", [0.1, 0.2, 0.3])
    note("done", Rounds(3))
    show("none", [])
    assert distribution.figures[0] == "back: n=3  p50=200 ms  p99=298 ms  max=300 ms"
    assert distribution.figures[1].startswith("done (0 of 3 times in ")
    assert distribution.figures[2] == "none: none"
