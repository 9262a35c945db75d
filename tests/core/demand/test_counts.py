"""How often each node computes, exactly, by a virtual clock."""

from __future__ import annotations

import pytest

from cluster4npu.core.demand import Answer, Execution, InARow, Sampling, VirtualClock
from tests.core.demand.worked import computes, counted, looking_away


@pytest.mark.parametrize(
    ("style", "mode", "in_3_s"),
    [
        ("push", "idle", (100, 6, 0, 0, 0, 0)),
        ("pull", "idle", (6, 6, 0, 0, 0, 0)),
        ("push", "active", (100, 0, 30, 30, 30, 3)),
        ("pull", "active", (30, 0, 30, 6, 6, 3)),
    ],
)
def test_the_worked_example_computes_exactly_what_it_should(
    style: str, mode: str, in_3_s: tuple[int, ...]
) -> None:
    assert computes(style, mode, 3) == in_3_s
    assert computes(style, mode, 60) == tuple(20 * n for n in in_3_s)


def test_with_head_detection_pulled_too_only_the_frames_that_are_asked_for_are_touched() -> None:
    assert computes("pull", "active", 3, head_ms=None) == (6, 0, 6, 6, 6, 3)


def test_pushing_a_frame_stores_and_does_not_compute() -> None:
    counts = counted(Execution(looking_away(), VirtualClock(), mode="idle"), 3)
    assert counts["contrast"].stores == 100
    assert counts["contrast"].computes == 6


def test_another_rate_of_head_detection_is_one_edit() -> None:
    seconds = 87  # 1000 beats of 87 ms, 2900 frames
    assert computes("pull", "active", seconds, head_ms=87) == (1000, 0, 1000, 174, 174, 87)
    assert computes("push", "active", seconds, head_ms=87) == (2900, 0, 1000, 1000, 1000, 87)


def test_500_ms_on_and_800_ms_off_is_one_edit() -> None:
    five = Sampling.on_off(500, 800, apart_ms=100)  # 0, 100, 200, 300 and 400 ms, then a pause until 1300 ms
    contrast, _, head, clip, eyes, distance = computes("pull", "active", 39, sampling=five)
    assert distance == 30
    assert clip == eyes == 5 * distance
    assert contrast == head == 390


def test_push_and_pull_give_the_same_answers() -> None:
    def answers(style: str) -> list[object]:
        found: list[object] = []
        execution = Execution(looking_away(), VirtualClock(), style, "active")
        execution.watch("distance", lambda answer: found.append(answer.value))
        execution.run(6)
        execution.switch("idle")
        execution.watch("movement", lambda answer: found.append(answer.value))
        execution.run(3)
        return found

    assert len(answers("pull")) == 10
    assert answers("pull") == answers("push")


def test_five_yes_in_a_row_raise_the_flag_within_5_to_6_s() -> None:
    for away_from in range(100, 134):  # looks away somewhere between 3 s and 4 s
        raised: list[float] = []
        clock = VirtualClock()
        execution = Execution(looking_away(away_from=away_from), clock, mode="active")

        def note(answer: Answer, clock: VirtualClock = clock, raised: list[float] = raised) -> None:
            if answer.value:
                raised.append(clock.now_ns() / 1e9)

        execution.watch("flag", note)
        execution.run(12)
        # The answer is a period old: the samples of a second are judged at the start of the next one.
        assert 5 <= raised[0] - away_from * 0.03 <= 6.1, away_from


def test_one_no_lowers_the_flag_and_the_count_begins_anew() -> None:
    flag = InARow(5)
    given = [True] * 4 + [False] + [True] * 6 + [False]
    assert [flag(yes) for yes in given] == [False] * 9 + [True, True, False]


def test_looking_back_lowers_the_flag_at_the_next_answer() -> None:
    flags: list[bool] = []
    graph = looking_away(away_from=0, away_until=300)  # away until 9 s
    execution = Execution(graph, VirtualClock(), mode="active")
    execution.watch("flag", lambda answer: flags.append(answer.value))
    execution.run(14)
    assert flags == [False] * 4 + [True] * 5 + [False] * 4  # the answers given at 1 s, 2 s, and so on


def test_a_switch_of_mode_is_followed_within_one_period() -> None:
    execution = Execution(looking_away(), VirtualClock(), mode="idle")
    execution.run(3.25)
    execution.switch("active")
    before = execution.counts()
    execution.run(0.1)
    now = execution.counts()
    assert now["head"].computes == 1
    execution.run(2.9)
    now = execution.counts()
    assert now["movement"].computes == before["movement"].computes
    assert now["head"].computes == 30
    execution.switch("idle")
    execution.run(3)
    assert execution.counts()["head"].computes == 30
    assert (
        execution.counts()["movement"].computes == now["movement"].computes + 5
    )  # two samples for the first


def test_a_watcher_may_switch_the_mode() -> None:
    execution = Execution(looking_away(), VirtualClock(), mode="idle")
    execution.watch("movement", lambda answer: execution.switch("active"))
    execution.run(3)
    assert execution.mode == "active"
    assert execution.counts()["movement"].computes == 1
    assert execution.counts()["head"].computes == 25  # from 0.5 s on
