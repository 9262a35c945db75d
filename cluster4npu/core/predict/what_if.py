"""What a run would make with one thing changed: the proof of what holds it back, predicted from its stamps.

The slowest part sets the pace: a stage (the rates of its workers add up), reading, or a pace that is set. What the run
really made of that is kept as one factor, so that a change of nothing predicts what was measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.metrics.bottleneck import ORDER, POSTPROCESSING, RATE, SOURCE, Bottleneck
from cluster4npu.core.predict.rates import PartRates, part_rates

WORTH = 1.02  # times the rate of now; less is lost in the noise
_MOST_DEVICES = 3  # of a stage that are tried, the fastest first
_INTERVAL = (2.5, 97.5)  # percent
DEFAULT_POLICY = "adaptive"
READING, PACE = (
    "reading the source",
    "the rate of the source",
)  # limits beside the stages, whose ids have no spaces


@dataclass(frozen=True, slots=True)
class Plant:
    """What of a pipeline decides about its rate: the workers of each stage and its policy, the pace of each source.

    A source's pace is None where it is read as fast as it goes. `simulated` are workers of which several on one device
    do not disturb each other. `calibrated` are the rates that calibration found, for workers that had nothing to do.
    """

    stages: Mapping[str, tuple[str, ...]]
    paces: Mapping[str, float | None]
    policies: Mapping[str, str] = field(default_factory=dict)
    simulated: frozenset[str] = frozenset()
    calibrated: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WhatIf:
    """One change and the frames/s that it is predicted to bring; none of them was measured but `now`.

    `node`, `param` and `value` are the edit; `param` is "" where none can be made, and the prediction is a proof only.
    `low` and `high` hold 95% of what chance makes of the measurement. `at_most`: the new worker shares its device with
    others, so that anything between `now` and `fps` can come. `limit` is the part that would hold the run back then.
    """

    text: str
    node: str
    param: str
    value: object
    now: float
    fps: float
    low: float
    high: float
    limit: str
    at_most: bool = False

    @property
    def worth_it(self) -> bool:
        """Tell whether more is predicted than noise could be."""
        return (self.fps if self.at_most else self.low) > self.now * WORTH


def what_ifs(
    traces: np.ndarray,
    workers: Sequence[str],
    start_ns: int,
    end_ns: int,
    plant: Plant,
    bottleneck: Bottleneck,
) -> list[WhatIf]:
    """Return what could be changed about a run between two moments, the largest predicted rate first.

    `traces` are FRAME_TRACE rows whose workers are numbered as in `workers`; `bottleneck` is what was found in them.
    Changes that bring nothing are told too: they prove that something else holds the run back.
    """
    rates = part_rates(traces, workers, start_ns, end_ns, max(len(plant.paces), 1))
    scene = _Scene(rates, workers, plant, bottleneck)
    found = [*_of_bottleneck(scene), *_more_workers(scene)]
    return sorted(found, key=lambda w: (not w.worth_it, w.at_most, -w.fps))


class _Scene:
    """The limits of a run as it is: by name, (R,) each."""

    def __init__(
        self, rates: PartRates, workers: Sequence[str], plant: Plant, bottleneck: Bottleneck
    ) -> None:
        self.rates, self.plant, self.bottleneck = rates, plant, bottleneck
        self.number = {worker: index for index, worker in enumerate(workers)}
        self.limits = {stage: self.together(own) for stage, own in plant.stages.items()}
        self.limits[READING] = rates.reading
        paces = [pace for pace in plant.paces.values() if pace is not None]
        if paces and len(paces) == len(plant.paces):
            self.limits[PACE] = np.full(len(rates.now), sum(paces))
        elif bottleneck.kind == RATE:  # it comes from a camera or a network, at a rate of its own
            self.limits[PACE] = rates.now

    def together(self, workers: Sequence[str]) -> np.ndarray:
        """Return the rate of these workers; one of which nothing is known counts as nothing."""
        every = [self._alone(worker) for worker in workers]
        return np.sum(every, axis=0) if every else np.zeros(len(self.rates.now))

    def _alone(self, worker: str) -> np.ndarray:
        measured = self.rates.workers[:, self.number[worker]] if worker in self.number else np.zeros(1)
        if measured[0] > 0:
            return np.where(measured > 0, measured, measured[0])
        return np.full(len(self.rates.now), self.plant.calibrated.get(worker, 0.0))

    def predict(
        self, text: str, edit: tuple[str, str, object], changed: Mapping[str, np.ndarray], *,
        smooth: bool = False, at_most: bool = False,
    ) -> WhatIf:  # fmt: skip
        """Return the prediction with these limits changed; `smooth`: without what order costs now."""
        before = np.min([*self.limits.values()], axis=0)
        kept = np.divide(self.rates.now, before, out=np.ones_like(before), where=before > 0)
        kept = np.ones_like(kept) if smooth else np.minimum(kept, 1.0)
        limits = {**self.limits, **changed}
        slowest = min(limits, key=lambda name: float(limits[name][0]))
        every = np.min([*limits.values()], axis=0) * kept
        low, high = np.percentile(every[1:], _INTERVAL)
        now, fps = float(self.rates.now[0]), float(every[0])
        return WhatIf(text, *edit, now, fps, float(min(low, fps)), float(max(high, fps)), slowest, at_most)


def _of_bottleneck(scene: _Scene) -> Iterator[WhatIf]:
    """Yield what would be without the thing that holds the run back."""
    plant, kind = scene.plant, scene.bottleneck.kind
    endless = np.full(len(scene.rates.now), np.inf)
    if kind == SOURCE:
        yield scene.predict("If reading took no time", ("", "", None), {READING: endless})
    if kind == POSTPROCESSING:
        models = {
            stage: scene.rates.models[:, [scene.number[w] for w in own if w in scene.number]].sum(axis=1)
            for stage, own in plant.stages.items()
        }
        yield scene.predict("If postprocessing took no time", ("", "", None), models)
    if kind == RATE and (paced := [s for s, pace in plant.paces.items() if pace is not None]):
        edit = (paced[0], "target_fps", None)
        if len(paced) == len(plant.paces) == 1:
            yield scene.predict(f"{paced[0]} read as fast as it goes", edit, {PACE: endless})
    if kind == ORDER:
        yield from _against_waiting(scene)


def _against_waiting(scene: _Scene) -> Iterator[WhatIf]:
    """Yield what ends the waiting of finished frames for those of a slow device."""
    for stage, own in scene.plant.stages.items():
        if scene.plant.policies.get(stage, DEFAULT_POLICY) != DEFAULT_POLICY and len(own) > 1:
            text = f"The policy {DEFAULT_POLICY} for {stage}"
            yield scene.predict(text, (stage, "policy", DEFAULT_POLICY), {}, smooth=True)
        for slow in scene.bottleneck.devices:
            left = [worker for worker in own if worker != slow]
            if slow in own and left:
                rest = {stage: scene.together(left)}
                yield scene.predict(f"{stage} without {slow}", (stage, "devices", left), rest, smooth=True)


def _more_workers(scene: _Scene) -> Iterator[WhatIf]:
    """Yield one more worker on each of the fastest devices of each stage."""
    taken = {worker for own in scene.plant.stages.values() for worker in own}
    for stage, own in scene.plant.stages.items():
        rate = {w: float(scene.together([w])[0]) for w in own}
        tried: set[str] = set()
        for worker in sorted(own, key=lambda w: -rate[w]):
            device = DeviceId.parse(worker).device
            if device in tried or rate[worker] <= 0 or len(tried) == _MOST_DEVICES:
                continue
            tried.add(device)
            edit = (stage, "devices", [*own, _next(worker, taken)])
            more = {stage: scene.limits[stage] + scene.together([worker])}
            shared = worker not in scene.plant.simulated
            yield scene.predict(f"One more worker on {device} for {stage}", edit, more, at_most=shared)


def _next(worker: str, taken: set[str]) -> str:
    """Return the id of one more worker on the same device, with the same options."""
    same = DeviceId.parse(worker)
    ids = (DeviceId(same.backend, same.unit, same.options, number) for number in range(1, 1000))
    return next(text for wanted in ids if (text := str(wanted)) not in taken)
