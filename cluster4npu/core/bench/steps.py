"""The steps of a benchmark, each on a session: equal answers, warm-up, every device alone, the interleaved pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cluster4npu.core.bench import parity, statistics
from cluster4npu.core.bench.legs import Leg
from cluster4npu.core.bench.options import PARITY_S, BenchmarkOptions, Profile
from cluster4npu.core.bench.pool import BenchmarkPool
from cluster4npu.core.bench.session import Session
from cluster4npu.core.engine.messages import SegmentFinished

LOADING_S = 3.0
_MOST_ROUNDS = 3


@dataclass
class Sides:
    """What was measured so far: the survey of every device, and the pairs by their baseline."""

    survey: dict[str, Leg] = field(default_factory=dict)
    pairs: dict[str, list[tuple[Leg, Leg]]] = field(default_factory=dict)
    told: list[SegmentFinished] = field(default_factory=list)  # of parallel legs

    def single_legs(self, name: str) -> list[Leg]:
        """Return what was measured of one device alone: its legs of pairs, else its survey."""
        return [a for a, _ in self.pairs[name]] if name in self.pairs else [self.survey[name]]

    def single_fps(self, name: str) -> float:
        """Return the rate of one device alone, in frames/s."""
        return rate(self.single_legs(name))

    def best(self) -> str:
        """Return the device that is the fastest alone, as far as is known."""
        return max(self.survey, key=self.single_fps)


def planned_s(pool: BenchmarkPool, options: BenchmarkOptions) -> float:
    """Return about how long a benchmark takes, in seconds."""
    profile = options.the_profile()
    return begin_s(pool, profile) + profile.legs_s(is_compared=pool.is_compared)


def begin_s(pool: BenchmarkPool, profile: Profile) -> float:
    """Return about how long it takes before the legs: loading, comparing, warming up, each device alone."""
    return LOADING_S + profile.begin_s(len(pool.alone), len(pool.real))


def check_parity(session: Session) -> list[parity.Parity]:
    """Compare every kind of real worker with the first one on the same frames."""
    first = session.pool.reference
    workers = sorted(session.pool.real, key=lambda device: device != first)
    if len(workers) < 2:
        return []
    checks: list[parity.Parity] = []
    reference = None
    for device in workers:
        session.tracker.begin("Comparing results", PARITY_S, "the same frames on every device", device)
        told = session.frames("parity", device, session.profile.parity_frames)
        if reference is None:
            reference = told.results
        else:
            checks += parity.compare(device, reference, told.results)
    return checks


def warm_up(session: Session) -> None:
    """Run until three windows agree, for three seconds at least."""
    profile, rates, spent = session.profile, list[float](), 0.0
    together = session.pool.together
    while spent < profile.warm_up_s or (spent < profile.warm_up_limit_s and not statistics.agree(rates)):
        detail = f"window {len(rates) + 1} of at least 3"
        step = profile.warm_up_window_s + profile.ramp_s
        if len(rates) >= 3:
            session.tracker.more(step)
        session.tracker.begin("Warming up", step, detail)
        rates.append(session.measure("warm-up", together, profile.warm_up_window_s).leg.fps)
        spent += profile.warm_up_window_s


def measure_sides(session: Session) -> Sides:
    """Warm up, survey every device, and measure the pairs against the best one."""
    profile, pool, sides = session.profile, session.pool, Sides()
    warm_up(session)
    survey_alone(session, sides)
    for _ in range(_MOST_ROUNDS):
        baseline = pool.against or sides.best()
        if baseline in sides.pairs:
            break  # no other device turned out to be faster than the one that was taken for the best
        if sides.pairs:
            session.tracker.more(profile.legs_s(is_compared=True))
        sides.pairs[baseline] = _pairs(session, baseline, sides)
    return sides


def survey_alone(session: Session, sides: Sides) -> None:
    """Measure shortly what every device does alone while it is never idle."""
    profile = session.profile
    for name, settled in session.pool.alone.items():
        session.tracker.begin("Each device alone", profile.survey_s + profile.ramp_s, device=name)
        sides.survey[name] = session.survey("survey", (settled,), profile.survey_s).leg


def _pairs(session: Session, baseline: str, sides: Sides) -> list[tuple[Leg, Leg]]:
    """Measure baseline (A) and parallel (B) interleaved, A B B A; only A where there is nothing to compare."""
    profile, pool = session.profile, session.pool
    alone = (pool.alone[baseline],)
    leg_s = profile.leg_s if pool.is_compared else profile.lone_leg_s
    found = []
    for number in range(profile.pairs):
        legs: dict[str, Leg] = {}
        order = "AB" if number % 2 == 0 else "BA"
        for letter in order if pool.is_compared else "A":
            device = baseline if letter == "A" else ""
            single = "The chosen device alone" if pool.against else "Best device alone"
            detail = f"pair {number + 1} of {profile.pairs}" if pool.is_compared else f"leg {number + 1}"
            stage = single if device else "All together"
            session.tracker.begin(stage, leg_s + profile.ramp_s, detail, device)
            measured = session.measure("pair", alone if device else pool.together, leg_s)
            legs[letter] = measured.leg
            if letter == "B" or not pool.is_compared:
                sides.told.append(measured.told)
        found.append((legs["A"], legs.get("B", legs["A"])))
    return found


def rate(legs: Sequence[Leg]) -> float:
    """Return all frames over all counted time, in frames/s; 0 where nothing was counted."""
    seconds = sum(leg.seconds for leg in legs)
    return sum(leg.frames for leg in legs) / seconds if seconds > 0 else 0.0
