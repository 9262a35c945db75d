"""Who computed how often, for how much CPU time, and whether anybody used it."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from cluster4npu.core.demand.clock import NS_PER_S


@dataclass(frozen=True, slots=True)
class NodeCounts:
    """The counts of one node; their difference tells about the time between.

    `stores` entries put into its input slots by what feeds it, `computes` computations (of a source: values), `memo`
    asks answered without one, `used` outputs that somebody asked for or that went into such an output, `missed` beats
    of its rate that fell out because the machine was late, `cpu_s` CPU seconds of its computations.
    """

    stores: int = 0
    computes: int = 0
    memo: int = 0
    used: int = 0
    missed: int = 0
    cpu_s: float = 0.0

    def __add__(self, other: NodeCounts) -> NodeCounts:
        return NodeCounts(
            self.stores + other.stores,
            self.computes + other.computes,
            self.memo + other.memo,
            self.used + other.used,
            self.missed + other.missed,
            self.cpu_s + other.cpu_s,
        )

    def __sub__(self, earlier: NodeCounts) -> NodeCounts:
        return NodeCounts(
            self.stores - earlier.stores,
            self.computes - earlier.computes,
            self.memo - earlier.memo,
            self.used - earlier.used,
            self.missed - earlier.missed,
            self.cpu_s - earlier.cpu_s,
        )

    @property
    def cost_s(self) -> float | None:
        """Return the mean CPU seconds of one computation; None when there was none."""
        return self.cpu_s / self.computes if self.computes else None


class Tally:
    """Counts for one node, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = {"stores": 0, "computes": 0, "memo": 0, "used": 0, "missed": 0}
        self._cpu_ns = 0

    def add(self, what: str, number: int = 1) -> None:
        """Count `number` more of one of the counts of `NodeCounts`."""
        with self._lock:
            self._counts[what] += number

    def computed(self, cpu_ns: int) -> None:
        """Count one computation."""
        with self._lock:
            self._counts["computes"] += 1
            self._cpu_ns += cpu_ns

    def counts(self) -> NodeCounts:
        """Return the counts until now."""
        with self._lock:
            return NodeCounts(**self._counts, cpu_s=self._cpu_ns / NS_PER_S)


class Mark:
    """The tag of one output: which outputs it is made from, and whether it was of use. Holds no value."""

    __slots__ = ("_lock", "_parents", "_tally")

    def __init__(self, tally: Tally, parents: tuple[Mark, ...] = ()) -> None:
        self._tally: Tally | None = tally
        self._parents = parents
        self._lock = threading.Lock()

    def use(self) -> None:
        """Count this output, and all that it is made from, as used; each only once."""
        with self._lock:
            tally, parents = self._tally, self._parents
            self._tally, self._parents = None, ()
        if tally is not None:
            tally.add("used")
            for parent in parents:
                parent.use()
