"""Policies give each worker its measured share, evenly or in a drawn order, and skip those that are not there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster4npu.core.scheduling import policy_types
from cluster4npu.core.scheduling.base import WorkerView
from cluster4npu.core.scheduling.cycles import best_cycle, cycle_counts

REFERENCE = {"ane": 50.0, "gpu": 20.0, "cpu": 10.0}
RATES = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0.5, 500), min_size=1, max_size=8)


def choose(policy, names, count):
    views = {name: WorkerView(0, 2) for name in names}
    return [policy.assign(views) for _ in range(count)]


def test_known_cycles():
    assert cycle_counts(REFERENCE, 8) == {"ane": 5, "gpu": 2, "cpu": 1}
    assert cycle_counts(REFERENCE, 11) == {"ane": 7, "gpu": 3, "cpu": 1}
    assert best_cycle(REFERENCE) == {"ane": 5, "gpu": 2, "cpu": 1}


@pytest.mark.parametrize(("rates", "length"), [({}, 3), ({"a": 1.0, "b": 1.0}, 1), ({"a": 0.0}, 4)])
def test_impossible_cycles_are_refused(rates, length):
    with pytest.raises(ValueError, match="cycle"):
        cycle_counts(rates, length)


@given(RATES, st.integers(8, 64))
def test_every_cycle_has_its_length_and_leaves_nobody_out(rates, length):
    counts = cycle_counts(rates, length)
    assert sum(counts.values()) == length
    assert min(counts.values()) >= 1


@pytest.mark.parametrize("name", ["shuffled", "smooth"])
def test_shares_follow_the_weights(name):
    chosen = choose(policy_types()[name](REFERENCE), REFERENCE, 800)
    assert {n: chosen.count(n) for n in REFERENCE} == {"ane": 500, "gpu": 200, "cpu": 100}


@pytest.mark.parametrize("name", sorted(policy_types()))
def test_a_missing_worker_is_never_chosen(name):
    chosen = set(choose(policy_types()[name](REFERENCE), ["ane", "cpu"], 100))
    assert chosen and chosen <= {"ane", "cpu"}


@pytest.mark.parametrize("name", sorted(policy_types()))
def test_nobody_there_means_wait(name):
    assert policy_types()[name](REFERENCE).assign({}) is None


def test_pull_takes_whoever_has_least_to_do_and_waits_when_all_are_busy():
    policy = policy_types()["pull"](REFERENCE)
    views = {"ane": WorkerView(2, 2), "gpu": WorkerView(1, 2), "cpu": WorkerView(0, 2)}
    assert policy.assign(views) == "cpu"
    views["cpu"].waiting = 1
    assert policy.assign(views) == "gpu"  # as idle as the cpu, and faster
    views["gpu"].waiting = views["cpu"].waiting = 2
    assert policy.assign(views) is None


def simulate(policy, service, frames):
    """Give frames to workers that never rest, `len(service) * 20` of them under way; return the counts."""
    views = {name: WorkerView(0, 2) for name in service}
    clock = dict.fromkeys(service, 0.0)
    counts = dict.fromkeys(service, 0)
    for _ in range(len(service) * 20 + frames):
        if sum(v.waiting for v in views.values()) >= len(service) * 20:
            done = min((n for n in views if views[n].waiting), key=lambda n: clock[n] + service[n])
            clock[done] += service[done]
            views[done].waiting -= 1
            counts[done] += 1
            policy.finished(done, service[done])
        name = policy.assign(views)
        if not views[name].waiting:
            clock[name] = max(clock[name], min(clock.values()))
        views[name].waiting += 1
    return counts


def test_adaptive_follows_the_calibrated_rates():
    counts = simulate(policy_types()["adaptive"](REFERENCE), {n: 1 / r for n, r in REFERENCE.items()}, 800)
    assert counts["ane"] == pytest.approx(500, abs=20)
    assert counts["cpu"] == pytest.approx(100, abs=10)


def test_adaptive_tries_everybody_when_nothing_was_measured():
    counts = simulate(
        policy_types()["adaptive"](dict.fromkeys("abcdefgh", 1.0)), dict.fromkeys("abcdefgh", 0.002), 32
    )
    assert min(counts.values()) >= 1


def test_adaptive_corrects_a_wrong_calibration():
    truth = {"ane": 1 / 50, "gpu": 1 / 20, "cpu": 1 / 2.5}
    counts = simulate(policy_types()["adaptive"](REFERENCE), truth, 2000)
    assert counts["cpu"] == pytest.approx(2000 * 2.5 / 72.5, rel=0.25)


@given(RATES)
def test_smooth_is_never_a_frame_away_from_its_share(rates):
    policy = policy_types()["smooth"](rates)
    total = sum(rates.values())
    given_out = dict.fromkeys(rates, 0)
    for n, name in enumerate(choose(policy, rates, 200), start=1):
        given_out[name] += 1
        for key, rate in rates.items():
            assert abs(given_out[key] - n * rate / total) < len(rates)


def test_shuffled_order_comes_from_the_seed():
    def order(seed):
        return choose(policy_types()["shuffled"](REFERENCE, seed), REFERENCE, 8)

    assert order(1) == order(1)
    assert len({tuple(order(seed)) for seed in range(20)}) > 3
