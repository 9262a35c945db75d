"""What a run in one process tells people: how often each node computed in each mode, and for nobody."""

from __future__ import annotations

from cluster4npu.cli.console import figure, table
from cluster4npu.core.metrics.summary import ModeSummary, NodeSummary, RunSummary
from cluster4npu.core.pipeline.config import PipelineConfig

_HEADINGS = ("node", "computed", "a second", "CPU ms/s", "unused", "wasted CPU ms/s")


def node_report(config: PipelineConfig, summary: RunSummary) -> list[str]:
    """Return the lines, with the waste report of each mode."""
    how = "only what was asked for" if summary.execution == "on_demand" else "every frame"
    lines = [f"{config.name}: {summary.wall_s:.2f} s, computed {how}"]
    if summary.simulated:
        lines.append("SIMULATED devices: these figures say nothing about real hardware.")
    lines += [
        f"  frames        {summary.frames_out} made, {summary.frames_not_asked} that nobody asked for, "
        f"{summary.frames_dropped} dropped because the machine was late",
        f"  age (ms)      mean {figure(summary.latency_ms.mean)}  p50 {figure(summary.latency_ms.p50)}  "
        f"p95 {figure(summary.latency_ms.p95)}   of a result since its oldest frame",
    ]
    for mode in summary.modes:
        name = f"mode {mode.mode}, " if mode.mode else ""
        lines += ["", f"  {name}{mode.seconds:.2f} s", *waste_lines(mode)]
    lines += [f"warning: {text}" for text in summary.warnings]
    return [*lines, ""]


def waste_lines(mode: ModeSummary) -> list[str]:
    """Return what each node did, and what of it for nobody."""
    rows = [_row(node, mode.seconds) for node in mode.nodes]
    return ["    " + line for line in (*table(_HEADINGS, rows), _waste(mode))]


def _row(node: NodeSummary, seconds: float) -> tuple[object, ...]:
    share = f"{node.unused / node.computes:.0%}" if node.computes else "-"
    spent, wasted = (f"{s / seconds * 1000:.1f}" for s in (node.cpu_s, node.wasted_cpu_s))
    return node.id, node.computes, f"{node.per_s:.1f}", spent, share, wasted


def _waste(mode: ModeSummary) -> str:
    wasteful = sorted((n for n in mode.nodes if n.unused), key=lambda n: -n.wasted_cpu_s)
    if not wasteful:
        return "nothing was computed that nobody used"
    named = ", ".join(f"{n.id} {n.unused / n.computes:.0%}" for n in wasteful)
    per_s = mode.wasted_cpu_s / mode.seconds * 1000
    return f"waste: {per_s:.1f} ms of CPU a second for nobody ({named})"
