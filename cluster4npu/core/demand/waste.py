"""The waste report: which node computes what nobody uses, and how much CPU time that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cluster4npu.core.demand.tally import NodeCounts


@dataclass(frozen=True, slots=True)
class NodeWaste:
    """The waste of one node: `computes` computations, of which `unused` went into nothing that was asked for.

    `wasted_cpu_s` is the mean cost of a computation, as measured, times `unused`.
    """

    node: str
    computes: int
    unused: int
    wasted_cpu_s: float

    @property
    def share(self) -> float:
        """Return the wasted part of the computations, from 0 to 1."""
        return self.unused / self.computes if self.computes else 0.0


@dataclass(frozen=True, slots=True)
class WasteReport:
    """The waste of each node over `seconds` seconds, the most CPU time first."""

    nodes: tuple[NodeWaste, ...]
    seconds: float

    @property
    def wasted_cpu_s(self) -> float:
        """Return the CPU seconds of everything that nobody used."""
        return sum(node.wasted_cpu_s for node in self.nodes)

    def text(self) -> str:
        """Return the report as lines of plain text."""
        lines = [
            f"{n.node}: {n.share:.0%} of {n.computes} computations unused, "
            f"{n.wasted_cpu_s / self.seconds * 1000:.1f} ms of CPU a second"
            for n in self.nodes
            if n.unused > 0
        ]
        total = f"together: {self.wasted_cpu_s / self.seconds * 1000:.1f} ms of CPU a second"
        return "\n".join([*lines, total] if lines else ["nothing is computed that nobody uses"])


def waste_report(counts: Mapping[str, NodeCounts], seconds: float) -> WasteReport:
    """Tell the waste from the counts of the nodes over `seconds` seconds. A value pushed from outside costs nothing."""
    rows = [
        NodeWaste(name, c.computes, unused, unused * (c.cost_s or 0.0))
        for name, c in counts.items()
        if c.computes and (unused := max(0, c.computes - c.used)) >= 0
    ]
    return WasteReport(tuple(sorted(rows, key=lambda row: -row.wasted_cpu_s)), seconds)


def cpu_saved_s(push: Mapping[str, NodeCounts], pull: Mapping[str, NodeCounts]) -> float:
    """Return the CPU seconds that pull saves over push in the same time, from the counts alone.

    For each node: the computations that fell away, times what one of them costs, as measured in the push run.
    """
    return sum(
        (p.computes - pull[name].computes) * (p.cost_s or 0.0) for name, p in push.items() if name in pull
    )
