"""Do no harm: which device of a pool makes the others slower than they would be without it, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CONTENTION = 0.95  # of the best device alone: a pool below that is worse than no pool


@dataclass(frozen=True, slots=True)
class Rates:
    """What calibration measured of one device, in frames/s."""

    id: str
    alone: float
    together: float


def contended(rates: Sequence[Rates]) -> bool:
    """Tell whether the devices together are slower than the best of them alone."""
    return sum(r.together for r in rates) < CONTENTION * max(r.alone for r in rates)


def harmful(rates: Sequence[Rates], slots: int) -> tuple[str, str] | None:
    """Return the id of the device that does most harm and the reason in words, or None.

    Results are handed on in order: while a device works on one frame, at most `slots` others can pass. And devices
    that share cores or memory may be slower together than the best of them alone.
    """
    rates = [r for r in rates if r.together > 0]  # one that died while it was measured is told elsewhere
    if len(rates) < 2:
        return None
    slowest = min(rates, key=lambda r: r.together)
    total = sum(r.together for r in rates)
    others = total - slowest.together
    with_it = min(total, (slots - 1) * slowest.together)
    if with_it < others:
        return slowest.id, (
            f"it needs {1000 / slowest.together:.0f} ms for a frame, and with {slots} frames under way the others "
            f"would have to wait for it: {with_it:.1f} instead of {others:.1f} frames/s"
        )
    best = max(rates, key=lambda r: r.alone)
    if contended(rates):
        worst = min((r for r in rates if r.id != best.id), key=lambda r: r.together)
        return worst.id, (
            f"together with it the devices made {total:.1f} frames/s, and {best.id} alone {best.alone:.1f}"
        )
    return None
