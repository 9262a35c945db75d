"""Comparing with earlier runs on the command line: which one is meant, and how the answer is told."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cluster4npu.cli.console import figure, table
from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.settings import default_store_path

if TYPE_CHECKING:
    from cluster4npu.core.bench.result import BenchmarkResult
    from cluster4npu.core.compare import Comparison, Gate, Trend
    from cluster4npu.core.pipeline.config import PipelineConfig

BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Past:
    """The earlier run that a benchmark is compared with: an id, or BASELINE."""

    store: Path
    wanted: str
    fail_below: float | None

    @classmethod
    def of(cls, args: argparse.Namespace) -> Past | None:
        """Read --against and --fail-below; None where --against names a device, or nothing.

        Raises InputError for a run that is not there: before minutes are spent on measuring.
        """
        wanted: str | None = args.against
        if wanted is None or ":" in wanted:  # every device id has a colon, no run id has
            if args.fail_below is not None:
                raise InputError(
                    Problem(
                        "--fail-below needs a run to compare with",
                        field="--against",
                        found=wanted or "nothing",
                        allowed="a run's id, or 'baseline'",
                        hint="Example: --against baseline --fail-below 0.95",
                    )
                )
            return None
        past = cls(args.store or default_store_path(), wanted, args.fail_below)
        if wanted != BASELINE:
            from cluster4npu.core.store.store import Store

            Store(past.store).run(wanted)
        return past

    def require(self, pipeline: PipelineConfig, scenario: str) -> None:
        """Raise InputError where no earlier run can be the baseline: before minutes are spent on measuring."""
        from cluster4npu.core.compare import may_have_baseline
        from cluster4npu.core.store.records import BENCHMARK
        from cluster4npu.core.store.store import Store

        if self.wanted == BASELINE and not may_have_baseline(
            Store(self.store), BENCHMARK, scenario, pipeline.text()
        ):
            raise _nothing_to_compare("Nothing was measured. Benchmark once without --against baseline.")

    def judge(self, result: BenchmarkResult) -> Gate:
        """Compare a stored benchmark with the earlier run; raises InputError where none fits."""
        from cluster4npu.core.compare import Gate, baseline_for, compare, measured
        from cluster4npu.core.store.store import Store

        store = Store(self.store)
        now = measured(store, result.run_id)
        base = self.wanted if self.wanted != BASELINE else baseline_for(store, now.record)
        if base is None:
            raise _nothing_to_compare(
                f"This run is stored: `cluster4npu db baseline {result.run_id}` marks it for the next one."
            )
        return Gate(compare(measured(store, base), now), self.fail_below)


def _nothing_to_compare(hint: str) -> InputError:
    return InputError(
        Problem(
            "there is no earlier run to compare with",
            field="--against",
            found=BASELINE,
            allowed="a valid run of the same pipeline, model, scenario, devices and machine",
            hint=hint,
        )
    )


def gate_report(gate: Gate) -> list[str]:
    """Return a gate's answer for people."""
    lines = ["", f"against run {gate.comparison.base}: {gate.comparison.headline()}"]
    if gate.fail_below is not None:
        lines.append("gate: passed" if gate.passed else f"gate: FAILED, {gate.reason}")
    return lines


def comparison_report(found: Comparison) -> list[str]:
    """Return a comparison for people."""
    lines = [f"{found.other} against {found.base}: {found.headline()}"]
    lines += [f"  {name}: {there}  ->  {here}" for name, there, here in found.differences]
    rows = [
        (item.name, figure(item.base, 2), figure(item.other, 2), figure(item.ratio, 3, "x"))
        for item in found.figures
        if item.base is not None or item.other is not None
    ]
    if not found.refusals and rows:
        lines += ["  " + line for line in table(("", found.base, found.other, "ratio"), rows)]
    return lines


def trend_report(trend: Trend) -> list[str]:
    """Return a trend for people: its runs, and where it changed."""
    suffix = "   SIMULATED" if trend.simulated else ""
    lines = [f"{trend.name}: {len(trend.points)} runs{suffix}"]
    changed = {change.run_id: change for change in trend.changes}
    for point in trend.points:
        line = f"  {point.at:%Y-%m-%d %H:%M}  {point.run_id}  {point.fps:9.2f} frames/s"
        if point.run_id in changed:
            change = changed[point.run_id]
            line += f"   CHANGED: {change.before:.2f} -> {change.after:.2f} ({change.ratio:.3f}x)"
        lines.append(line)
    return [*lines, f"  ({trend.note})"] if trend.note else lines
