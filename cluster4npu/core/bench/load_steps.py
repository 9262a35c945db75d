"""Measuring under load: what each device and all together bear, searched by bisection or as given, then verified."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from cluster4npu.core.bench.legs import Leg
from cluster4npu.core.bench.load import (
    MOST_LATE,
    RATE,
    STREAMS,
    LoadFigures,
    SideLoad,
    Trial,
    judge,
    late,
    side_load,
)
from cluster4npu.core.bench.options import DENSITY, SERVER, BenchmarkOptions
from cluster4npu.core.bench.pool import BenchmarkPool
from cluster4npu.core.bench.session import Session
from cluster4npu.core.bench.steps import Sides, begin_s, survey_alone, warm_up
from cluster4npu.core.engine.arrivals import Arrivals
from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.metrics.statistics import SAMPLE_FLOOR
from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import SourceNode

DEFAULT_RATE = 15.0  # frames/s of one camera
DEFAULT_STREAMS = 4
DEFAULT_LIMIT_MS = 100.0
VERIFICATIONS = 5
_STEP = 1.05  # what is found lies within so much of what is refused
_TRIAL_FRAMES = 200
_LONGEST_TRIAL_S = 10.0
_MOST_TRIALS = 12
_MOST_ROUNDS = 12
_USUAL_TRIALS, _USUAL_FPS = 6, 50.0  # for the estimate of time
_FIRST_GUESS = 0.8  # of what the device does when it is never idle
TOGETHER = ""
SEARCH, PAIR = "search", "pair"
VERIFYING = 100  # number of the first verified series of arrivals: none of those that were searched with
_TITLES = {SEARCH: "Under load", PAIR: "Verifying the load"}


@dataclass(frozen=True, slots=True)
class Demand:
    """How an amount of load becomes a schedule: frames/s in the server scenario, streams in the others."""

    options: BenchmarkOptions

    @property
    def limit_ms(self) -> float:
        """Return the bound on the p99 latency."""
        return self.options.limit_ms or DEFAULT_LIMIT_MS

    @property
    def rate(self) -> float | None:
        """Return the rate of one stream, None where the rate is what is searched."""
        return self.options.rate or (None if self.options.scenario == SERVER else DEFAULT_RATE)

    @property
    def whole(self) -> bool:
        """Tell whether amounts are counted, not measured."""
        return self.options.scenario != SERVER

    @property
    def given(self) -> float | None:
        """Return the amount that the options ask for, None where it is to be searched."""
        if self.options.scenario == DENSITY:
            return None
        if self.options.scenario == SERVER:
            return self.options.rate
        return float(self.options.streams or DEFAULT_STREAMS)

    def arrivals(self, amount: float, number: int) -> Arrivals:
        """Return the schedule of an amount; `number` gives each trial a series of its own, the same on both sides."""
        kind = self.options.the_scenario().arrivals
        seed = self.options.seed * 1000 + number
        if not self.whole:
            return Arrivals(amount, kind, seed=seed)
        streams = int(amount)
        return Arrivals(streams * (self.rate or DEFAULT_RATE), kind, streams, seed)

    def first(self, capacity_fps: float) -> float:
        """Return the amount with which a search begins, for devices that do so many frames/s at most."""
        guess = _FIRST_GUESS * capacity_fps
        return guess if not self.whole else float(max(1, int(guess / (self.rate or DEFAULT_RATE))))

    def stream_fps(self, amount: float) -> float:
        """Return the rate of one stream, in frames/s."""
        return self.rate or DEFAULT_RATE if self.whole else amount

    def explore_s(self, amount: float) -> float:
        """Return how long a first trial shall be."""
        searched_s = min(_TRIAL_FRAMES / self.stream_fps(amount), _LONGEST_TRIAL_S)
        return 2 * self.limit_ms / 1e3 if self.given else searched_s

    def trial_s(self, amount: float) -> float:
        """Return how long a trial must be: where the load is searched, each stream has a p99 of its own in it."""
        limit_s = self.limit_ms / 1e3
        return 2 * limit_s if self.given else 1.05 * SAMPLE_FLOOR[99] / self.stream_fps(amount) + limit_s

    def fails(self, trials: Sequence[Trial], count: int) -> bool:
        """Tell whether runs so far, of `count`, refuse a load: a count of streams must hold in each, a rate in all."""
        if self.whole:
            return not all(trial.held for trial in trials)
        due = sum(len(trial.latency_ms[0]) for trial in trials) / len(trials) * count
        return sum(late(trial.latency_ms[0], self.limit_ms) for trial in trials) > MOST_LATE * due


@dataclass
class Bracket:
    """What a side bears as far as is known: `held` did, `refused` did not (0 and None: not yet known)."""

    held: float = 0.0
    refused: float | None = None
    lowered: int = 0

    def next(self, first: float, whole: bool) -> float | None:
        """Return the amount to try now, None when the search is over."""
        if self.refused is None:
            grown = self.held * 1.25
            return first if not self.held else max(self.held + 1, math.floor(grown)) if whole else grown
        if whole:
            return None if self.refused - self.held <= 1 else float((self.held + self.refused) // 2)
        if not self.held:
            return self.refused * 0.7 if self.refused > 0.05 * first else None
        return None if self.refused / self.held <= _STEP else math.sqrt(self.held * self.refused)

    def learn(self, amount: float, held: bool) -> None:
        """Take in one trial of the search."""
        if held:
            self.held = max(self.held, amount)
        else:
            self.refused = amount if self.refused is None else min(self.refused, amount)

    def lower(self, whole: bool) -> None:
        """Take in that what the search had found was not verified: one less, or a step that grows each time."""
        self.refused = self.held
        self.lowered += 1
        self.held = self.held - 1 if whole else self.held / _STEP**self.lowered


@dataclass
class LoadSides:
    """All that was measured under load; `sides` holds the legs as every scenario has them."""

    sides: Sides
    demand: Demand
    baseline: str = ""
    brackets: dict[str, Bracket] = field(default_factory=dict)  # by device alone, "" all together
    verified: dict[str, list[Trial]] = field(default_factory=dict)
    trials: list[Trial] = field(default_factory=list)

    def figures(self) -> LoadFigures:
        """Return what every side bears."""
        return LoadFigures(
            STREAMS if self.demand.whole else RATE,
            self.demand.limit_ms,
            self.demand.rate if self.demand.whole else None,
            self.demand.given is None,
            {name: self._side(name) for name in self.brackets},
            tuple(self.trials),
        )

    def _side(self, name: str) -> SideLoad:
        bracket, trials = self.brackets[name], self.verified.get(name, [])
        amount = bracket.held if self.demand.given is None else self.demand.given
        if not trials:
            return SideLoad(amount, bracket.refused, bracket.held > 0, 0, 0, None, 0, 0, 0, 0)
        return side_load(amount, bracket.refused, trials, not self.demand.fails(trials, len(trials)))


def require_paced(pool: BenchmarkPool) -> None:
    """Raise InputError for a source that no schedule can pace: a camera sends when it likes."""
    for node_id in pool.plan.sources:
        source = pool.plan.config.node(node_id)
        kind = node_types()[source.type]
        if issubclass(kind, SourceNode) and kind.live:
            raise InputError(
                Problem(
                    "a live source sets its own pace",
                    node=source.id,
                    found=source.type,
                    allowed="a file, a folder of images or generated frames, in this scenario",
                    hint="Record a clip of it, or measure offline.",
                )
            )


def planned_load_s(pool: BenchmarkPool, options: BenchmarkOptions) -> float:
    """Return about how long a benchmark under load takes, in seconds; a searched rate is taken to be 50 frames/s."""
    sides = 2 if pool.is_compared else 1
    return begin_s(pool, options.the_profile()) + _under_load_s(len(pool.alone), sides, options)


def estimate_load_s(devices: int, options: BenchmarkOptions) -> float:
    """Return the same for so many different devices, loading and comparing left out."""
    profile = options.the_profile()
    alone_s = devices * (profile.survey_s + profile.ramp_s)
    return profile.warm_up_s + alone_s + _under_load_s(devices, 2 if devices > 1 else 1, options)


def _under_load_s(devices: int, sides: int, options: BenchmarkOptions) -> float:
    profile, demand = options.the_profile(), Demand(options)
    searches = (devices + sides - 1) * (1 if demand.given else _USUAL_TRIALS)
    explore_s = max(profile.survey_s, demand.explore_s(_USUAL_FPS)) + profile.ramp_s
    verify_s = max(profile.leg_s, demand.trial_s(demand.given or _USUAL_FPS)) + profile.ramp_s
    count = max(profile.pairs, VERIFICATIONS)
    return searches * explore_s + sides * count * verify_s


def measure_load(session: Session) -> LoadSides:
    """Warm up, find out what each device alone and all together bear, and verify it interleaved, A B B A."""
    found = LoadSides(Sides(), Demand(session.options))
    warm_up(session)
    survey_alone(session, found.sides)
    capacity = {name: found.sides.single_fps(name) for name in session.pool.alone}
    if session.pool.is_compared:
        capacity[TOGETHER] = sum(capacity[session.pool.measured_as[m.id]] for m in session.pool.parallel)
    loader = _Loader(session, found)
    for name, capacity_fps in capacity.items():
        found.brackets[name] = loader.explore(name, capacity_fps)
    found.baseline = session.pool.against or max(
        session.pool.alone, key=lambda name: (found.brackets[name].held, capacity[name])
    )
    loader.verify()
    return found


@dataclass
class _Loader:
    """Does the trials of one benchmark under load and notes them in `found`."""

    session: Session
    found: LoadSides

    def explore(self, name: str, capacity_fps: float) -> Bracket:
        """Bisect what a side bears in short trials, or try the given load once."""
        demand, bracket, best = self.found.demand, Bracket(), None
        first = demand.given or demand.first(capacity_fps)
        for number in range(_MOST_TRIALS if demand.given is None else 1):
            amount = bracket.next(first, demand.whole)
            if amount is None:
                break
            seconds = max(self.session.profile.survey_s, demand.explore_s(amount))
            leg, trial = self._trial(SEARCH, name, amount, number, seconds)
            bracket.learn(amount, trial.held)
            best = leg if trial.held or best is None else best
        if best is not None and name != TOGETHER:
            self.found.sides.survey[name] = best
        return bracket

    def verify(self) -> None:
        """Measure the pairs; a searched load that a side does not bear is lowered, and both begin again."""
        found = self.found
        for _ in range(_MOST_ROUNDS):
            found.verified = {name: [] for name in self._sides()}
            found.sides.pairs[found.baseline], found.sides.told = [], []
            refused = self._round()
            if refused is None:
                return
            found.brackets[refused].lower(found.demand.whole)

    def _sides(self) -> list[str]:
        return [self.found.baseline, *([TOGETHER] if self.session.pool.is_compared else [])]

    def _round(self) -> str | None:
        """Measure every pair once; return the side that did not bear its searched load, None where both did."""
        found, demand, sides = self.found, self.found.demand, self._sides()
        amounts = {name: demand.given or found.brackets[name].held for name in sides}
        if min(amounts.values()) <= 0:
            return None  # it bears nothing: the verdict says so
        count = max(self.session.profile.pairs, VERIFICATIONS)
        for number in range(count):
            legs: dict[str, Leg] = {}
            for name in sides if number % 2 == 0 else sides[::-1]:
                seconds = max(self.session.profile.leg_s, demand.trial_s(amounts[name]))
                detail = f"run {number + 1} of {count}"
                legs[name], trial = self._trial(
                    PAIR, name, amounts[name], VERIFYING + number, seconds, detail
                )
                found.verified[name].append(trial)
                if demand.given is None and demand.fails(found.verified[name], count):
                    return name
            found.sides.pairs[found.baseline].append(
                (legs[found.baseline], legs.get(TOGETHER, legs[found.baseline]))
            )
        return None

    def _trial(
        self, stage: str, name: str, amount: float, number: int, seconds: float, detail: str = ""
    ) -> tuple[Leg, Trial]:
        session, demand, ramp_s = self.session, self.found.demand, self.session.profile.ramp_s
        devices = (session.pool.alone[name],) if name != TOGETHER else session.pool.together
        arrivals = demand.arrivals(amount, number)
        told = f"{amount:.0f} streams" if demand.whole else f"{amount:.1f} frames/s"
        session.tracker.begin(_TITLES[stage], seconds + ramp_s, f"{told} {detail}".strip(), name)
        measured = session.measure(stage, devices, seconds, arrivals)
        traces = session.segments[-1].samples
        trial = judge(traces, arrivals, ramp_s, seconds + ramp_s, demand.limit_ms)
        trial = replace(trial, stage=stage, devices=devices, segment=len(session.segments) - 1)
        self.found.trials.append(trial)
        if stage == PAIR and name == self._sides()[-1]:
            self.found.sides.told.append(measured.told)
        return measured.leg, trial
