"""The share of a device that was lost while it was measured: at first a cautious guess, then what its frames show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from cluster4npu.core.engine.messages import DeviceCalibration

SHOWN_FRAMES = 5  # after which a device's own frames say how fast it is


@dataclass(frozen=True, slots=True)
class Rated:
    """The workers to use by settled id, and what each makes in frames/s, all together; none where nothing was measured.

    Those of `guessed` were lost while they were measured. `words` say who is left out, or guessed, and why. `key` is
    the name under which the rates are kept for the next run.
    """

    rates: dict[str, float]
    guessed: frozenset[str] = frozenset()
    words: list[str] = field(default_factory=list)
    key: str = ""


def better_of(
    one: tuple[DeviceCalibration, ...], other: tuple[DeviceCalibration, ...]
) -> tuple[DeviceCalibration, ...]:
    """Return the measurement that has all devices, else the one with more frames/s; no rate alone is lost."""

    def worth(measured: Sequence[DeviceCalibration]) -> tuple[bool, float]:
        rates = [c.fps_together for c in measured]
        return all(rates), sum(rates)

    better, worse = (other, one) if worth(other) > worth(one) else (one, other)
    pairs = zip(better, worse, strict=True)
    return tuple(b if b.fps_alone else replace(b, fps_alone=w.fps_alone) for b, w in pairs)


def first_rates(
    measured: Sequence[DeviceCalibration], earlier: Sequence[DeviceCalibration] = ()
) -> dict[str, float]:
    """Return frames/s, by id, for the devices that have none, since they were lost while all were measured together.

    From what is known, nearest first: what the device made alone in this run, what `earlier` runs measured of it
    (both as much slower as the others turned out to be), or the rate of the slowest of the others.
    """
    known = {c.id: c for c in measured if c.fps_together > 0}
    before = {c.id: c for c in earlier if c.fps_together > 0}
    crowded = min((c.fps_together / c.fps_alone for c in known.values() if c.fps_alone > 0), default=1.0)
    today = median(
        [c.fps_together / before[c.id].fps_together for c in known.values() if c.id in before] or [1.0]
    )
    alone = [c.fps_alone for c in measured if c.fps_alone > 0]
    slowest = min([c.fps_together for c in known.values()] or alone or [1.0])
    found = {}
    for lost in measured:
        if lost.id in known:
            continue
        if lost.fps_alone > 0:
            found[lost.id] = lost.fps_alone * min(1.0, crowded)
        elif lost.id in before:
            found[lost.id] = before[lost.id].fps_together * min(1.0, today)
        else:
            found[lost.id] = slowest
    return found


def shown_rate(service_ns: float, others: Mapping[str, float], others_ns: Mapping[str, float]) -> float:
    """Return the rate (frames/s) of a device that needs `service_ns` for a frame, in the measure of the others' rates.

    `others` are their calibrated rates and `others_ns` what they need for a frame in this run: what handing over costs
    is in the former only, so that the times are compared with each other.
    """
    scale = [rate * others_ns[key] for key, rate in others.items() if key in others_ns and rate > 0]
    return (median(scale) if scale else 1e9) / service_ns
