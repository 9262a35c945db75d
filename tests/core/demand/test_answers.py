"""Memo, invalidation, expiry, and questions that need several samples."""

from __future__ import annotations

import threading
import time

import pytest

from cluster4npu.core.demand import DemandGraph, Execution, Input, Node, Source, Status, VirtualClock
from cluster4npu.core.errors import InputError, RunFailed

CAMERA = Source("camera")


def chain(*nodes: Node, camera: Source = CAMERA) -> tuple[Execution, VirtualClock]:
    clock = VirtualClock()
    return Execution(DemandGraph([camera, *nodes]), clock), clock


def computes(execution: Execution) -> dict[str, int]:
    return {name: counts.computes for name, counts in execution.counts().items() if name != "camera"}


PLUS = Node("plus", lambda n: n + 1, "camera")
TWICE = Node("twice", lambda n: n * 2, "plus")


def test_two_asks_about_one_input_compute_once() -> None:
    execution, _ = chain(PLUS)
    execution.push("camera", 1)
    assert computes(execution) == {"plus": 0}
    assert [execution.ask("plus").value for _ in range(2)] == [2, 2]
    assert computes(execution) == {"plus": 1}
    assert execution.counts()["plus"].memo == 1


def test_a_new_input_makes_everything_behind_it_compute_at_the_next_ask() -> None:
    execution, _ = chain(PLUS, TWICE)
    execution.push("camera", 1)
    assert execution.ask("twice").value == 4
    execution.push("camera", 2)
    assert computes(execution) == {"plus": 1, "twice": 1}
    assert execution.ask("twice").value == 6
    assert computes(execution) == {"plus": 2, "twice": 2}


def test_only_the_latest_input_is_kept() -> None:
    execution, _ = chain(PLUS)
    for number in range(5):
        execution.push("camera", number)
    assert execution.ask("plus").value == 5
    assert execution.counts()["plus"].stores == 5


def test_before_the_first_input_there_is_no_answer() -> None:
    execution, _ = chain(PLUS, TWICE)
    answer = execution.ask("twice")
    assert not answer.ok
    assert answer.status is Status.NO_ANSWER


def test_a_slot_of_two_holds_what_was_looked_at_last_and_the_newest() -> None:
    execution, _ = chain(Node("pair", tuple, Input("camera", 2)))
    for number in (1, 2):
        execution.push("camera", number)
    assert execution.ask("pair").status is Status.NO_ANSWER  # nobody had looked at 1 when 2 came
    for number in (3, 4):
        execution.push("camera", number)
    assert execution.ask("pair").value == (2, 4)
    assert execution.ask("pair").value == (2, 4)  # nothing new: not (4, 4)
    execution.push("camera", 5)
    assert execution.ask("pair").value == (4, 5)
    assert computes(execution) == {"pair": 2}


def test_none_means_no_answer_and_nothing_behind_it_computes() -> None:
    execution, _ = chain(Node("plus", lambda n: None, "camera"), TWICE)
    execution.push("camera", 1)
    assert [execution.ask("twice").status for _ in range(2)] == [Status.NO_ANSWER] * 2
    assert computes(execution) == {"plus": 1, "twice": 0}


def test_an_old_answer_is_computed_anew() -> None:
    execution, clock = chain(Node("plus", lambda n: n + 1, "camera", ttl_ms=200))
    execution.push("camera", 1)
    execution.ask("plus")
    clock.advance(200)
    execution.ask("plus")
    assert computes(execution) == {"plus": 1}
    clock.advance(1)
    answer = execution.ask("plus")
    assert answer.made_s == pytest.approx(0.201)
    assert computes(execution) == {"plus": 2}


def test_what_rests_on_an_expired_source_is_expired_though_it_was_computed() -> None:
    execution, clock = chain(PLUS, TWICE, camera=Source("camera", ttl_ms=100))
    execution.push("camera", 1)
    assert execution.ask("twice").ok
    clock.advance(101)
    answer = execution.ask("twice")
    assert (answer.status, answer.value) == (Status.EXPIRED, None)
    execution.push("camera", 2)
    assert execution.ask("twice").value == 6


def test_what_cannot_be_asked_is_expired_until_it_is_pushed_again() -> None:
    execution, clock = chain(Node("plus", lambda n: n + 1, "camera", push=True, ttl_ms=100), TWICE)
    execution.push("camera", 1)
    assert execution.ask("twice").value == 4
    clock.advance(101)
    assert execution.ask("twice").status is Status.EXPIRED
    execution.push("camera", 5)
    assert execution.ask("twice").value == 12


def test_a_question_about_two_samples_is_answered_at_the_next_ask() -> None:
    graph = DemandGraph(
        [
            Source("camera", read=lambda n: n, every_ms=30),
            Node("two", tuple, Input("camera", 2, apart_ms=100), ttl_ms=2000),
        ]
    )
    clock = VirtualClock()
    execution = Execution(graph, clock)
    execution.run(1)
    assert execution.ask("two").status is Status.NO_ANSWER
    execution.run(0.05)
    assert execution.ask("two").status is Status.NO_ANSWER  # the second sample is not taken yet
    execution.run(0.95)
    answer = execution.ask("two")
    assert answer.value == (33, 36)  # the frames at 0.99 s and at 1.08 s
    assert (answer.data_s, clock.now_ns()) == (0.99, 2_000_000_000)
    execution.run(3)
    assert (
        execution.ask("two").status is Status.EXPIRED
    )  # its samples are 3 s old, and the next ones are begun
    execution.run(1)
    assert execution.ask("two").value == (166, 170)


def test_two_samples_are_two_different_inputs() -> None:
    graph = DemandGraph(
        [
            Source("camera", read=lambda n: n, every_ms=250),
            Node("two", tuple, Input("camera", 2, apart_ms=100), every_ms=1000),
        ]
    )
    found: list[object] = []
    execution = Execution(graph, VirtualClock())
    execution.watch("two", lambda answer: found.append(answer.value))
    execution.run(3.5)
    assert found == [(0, 1), (4, 5), (8, 9)]


def test_without_new_inputs_the_taking_of_samples_comes_to_an_end() -> None:
    execution, _ = chain(Node("two", tuple, Input("camera", 2, apart_ms=10)))
    execution.push("camera", 1)
    assert execution.ask("two").status is Status.NO_ANSWER
    execution.run(60)
    execution.push("camera", 2)
    assert execution.ask("two").status is Status.NO_ANSWER
    execution.push("camera", 3)
    execution.run(1)
    assert execution.ask("two").value == (2, 3)


def test_eight_askers_at_once_compute_once() -> None:
    def slow(number: int) -> int:
        time.sleep(0.05)
        return number + 1

    execution = Execution(DemandGraph([CAMERA, Node("plus", slow, "camera"), TWICE]))
    for number in range(3):
        execution.push("camera", number)
        together = threading.Barrier(8)
        answers: list[object] = []

        def ask(together: threading.Barrier = together, answers: list[object] = answers) -> None:
            together.wait()
            answers.append(execution.ask("twice").value)

        threads = [threading.Thread(target=ask, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [(number + 1) * 2] * 8
        assert computes(execution) == {"plus": number + 1, "twice": number + 1}


def test_pushing_asking_and_switching_at_once_neither_hangs_nor_goes_back() -> None:
    graph = DemandGraph(
        [
            CAMERA,
            Node("plus", lambda n: n + 1, "camera"),
            Node("beat", lambda n: n, "plus", every_ms=1, modes=("on",)),
            Node("sum", lambda a, b: min(a, b), ("plus", "beat")),
        ]
    )
    execution = Execution(graph, mode="on")
    seen: list[int] = []
    failed: list[BaseException] = []

    def work(act: object) -> None:
        try:
            for number in range(400):
                act(number)  # type: ignore[operator]
        except BaseException as error:
            failed.append(error)

    def ask(number: int) -> None:
        answer = execution.ask("plus")
        if answer.ok:
            seen.append(answer.value)

    acts = [
        lambda n: execution.push("camera", n),
        ask,
        lambda n: execution.ask("sum"),
        lambda n: execution.switch("on" if n % 2 else ""),
    ]
    threads = [threading.Thread(target=work, args=(act,), daemon=True) for act in acts]
    for thread in threads:
        thread.start()
    execution.run(0.3)
    for thread in threads:
        thread.join(20)
    assert not any(thread.is_alive() for thread in threads)
    assert failed == []
    assert seen == sorted(seen)


def test_a_computation_that_fails_is_told_with_its_node_and_tried_again() -> None:
    answers = iter([None])

    def fragile(number: int) -> int:
        if next(answers, 0) is None:
            raise ValueError("no light")
        return number

    execution, _ = chain(Node("fragile", fragile, "camera"))
    execution.push("camera", 7)
    with pytest.raises(RunFailed, match=r"fragile: .*ValueError: no light"):
        execution.ask("fragile")
    assert execution.ask("fragile").value == 7


def test_after_a_sample_that_failed_the_next_ask_takes_samples_anew() -> None:
    def fragile(number: int) -> int:
        if number == 1:
            raise ValueError("no light")
        return number

    execution, _ = chain(
        Node("fragile", fragile, "camera"), Node("two", tuple, Input("fragile", 2, apart_ms=10))
    )
    execution.push("camera", 0)
    assert execution.ask("two").status is Status.NO_ANSWER
    execution.push("camera", 1)
    with pytest.raises(RunFailed, match="no light"):
        execution.run(1)
    execution.push("camera", 2)
    assert execution.ask("two").status is Status.NO_ANSWER
    execution.push("camera", 3)
    execution.run(1)
    assert execution.ask("two").value == (2, 3)


def test_wrong_names_are_refused_with_the_nearest_one() -> None:
    execution, _ = chain(PLUS)
    with pytest.raises(InputError, match="Did you mean 'plus'"):
        execution.ask("pluss")
    with pytest.raises(InputError, match="only a source takes values"):
        execution.push("plus", 1)
    with pytest.raises(InputError, match="mode"):
        execution.switch("active")
    with pytest.raises(InputError, match="Did you mean 'push'"):
        Execution(execution.graph, style="pusch")
