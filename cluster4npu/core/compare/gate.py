"""The regression gate: which run is the baseline, and whether a new one is too slow beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from cluster4npu.core.compare.comparison import Comparison
from cluster4npu.core.compare.identity import Identity
from cluster4npu.core.pipeline.work import work_digest
from cluster4npu.core.store.records import RunRecord
from cluster4npu.core.store.store import Store

_SEARCHED = 200  # of the newest runs


@dataclass(frozen=True, slots=True)
class Gate:
    """A comparison with the least ratio that passes (None: any).

    It fails only where the run is slower for sure: its ratio lies below the bound, and the whole interval below 1.
    What cannot be compared, or has no interval, never passes a bound.
    """

    comparison: Comparison
    fail_below: float | None = None

    @property
    def reason(self) -> str:
        """Return why it fails, "" when it passes."""
        found, bound = self.comparison, self.fail_below
        if found.refusals:
            return f"not comparable: {'; '.join(found.refusals)}"
        if bound is None:
            return ""
        if found.ratio is None or found.high is None:
            return "there were too few repetitions for an interval"
        if found.ratio < bound and found.high < 1.0:
            return f"{found.ratio:.3f}x of run {found.base}: below {bound:g}"
        return ""

    @property
    def passed(self) -> bool:
        """Tell whether the new run may go on."""
        return not self.reason

    def as_dict(self) -> dict[str, Any]:
        """Return the gate as `benchmark --json` holds it."""
        return {
            **self.comparison.as_dict(),
            "fail_below": self.fail_below,
            "passed": self.passed,
            "reason": self.reason,
        }


def may_have_baseline(store: Store, kind: str, scenario: str, pipeline_text: str) -> bool:
    """Tell whether a run is stored that may be the past of one that is not measured yet: valid, of the same question.

    What is known only afterwards (the devices that took part) is not looked at.
    """
    work = work_digest(pipeline_text)
    for run_id in (*store.baselines(), *(row.id for row in store.runs(_SEARCHED, kind) if row.valid)):
        other = Identity.of(store.run(run_id))
        if (other.kind, other.scenario, other.work) == (kind, scenario, work):
            return True
    return False


def baseline_for(store: Store, record: RunRecord) -> str | None:
    """Return the run that stands for the past: the newest that is marked and fits, else the newest that fits.

    A run fits when it is valid and asks the same question on the same devices of the same machine. `record` is the new
    run, valid or not, stored or not; it is never its own baseline.
    """
    ours = replace(Identity.of(record), versions="")
    marked = store.baselines()
    rows = [row.id for row in store.runs(_SEARCHED, record.kind) if row.valid and row.id != record.id]
    for run_id in (*marked, *rows):
        if run_id == record.id:
            continue
        other = store.run(run_id)
        if other.valid and replace(Identity.of(other), versions="") == ours:
            return run_id
    return None
