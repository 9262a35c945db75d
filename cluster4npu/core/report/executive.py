"""One page for whoever decides: what was gained, how sure that is, and what it earns if its price is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.report.document import Document, Section
from cluster4npu.core.report.view import ReportView, number

_SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Costs:
    """The user's own figures; nothing is assumed for what is not given. Money is in one currency.

    `hardware_cost` is the price of the devices beyond the best single one, `value_per_1000_frames` what 1,000 more
    frames are worth, `running_per_day` what the additional devices cost each day. Raises InputError below zero.
    """

    hardware_cost: float
    value_per_1000_frames: float
    hours_per_day: float
    running_per_day: float = 0.0
    currency: str = ""

    def __post_init__(self) -> None:
        for name in ("hardware_cost", "value_per_1000_frames", "hours_per_day", "running_per_day"):
            value = getattr(self, name)
            most = 24.0 if name == "hours_per_day" else 1e12
            if not 0 <= value <= most:
                allowed = "0 to 24 hours" if name == "hours_per_day" else "0 or more"
                raise InputError(
                    Problem("this is out of bounds", field=name, found=f"{value:g}", allowed=allowed)
                )


def executive_document(view: ReportView, costs: Costs | None) -> Document:
    """Return the summary of a run; there is no figure of money in it without costs, nor for an INVALID result."""
    sections = [
        Section("What was found", tuple(_found(view))),
        Section("How sure this is", tuple(_sure(view))),
    ]
    money = _money(view, costs) if costs is not None else None
    if costs is None:
        sections.append(Section("Return", ("Not computed: no costs were given, and none are assumed.",)))
    elif money is None:
        sections.append(Section("Return", (f"Not computed: {_why_no_return(view)}.",)))
    else:
        told = tuple((name, number(value)) for name, value in money.items())
        inputs = tuple((name.replace("_", " "), str(value)) for name, value in asdict(costs).items())
        sections += [Section("Return", rows=told), Section("Your inputs to it", rows=inputs)]
    figures = {"run_id": view.run_id, "speedup": view.speedup, "speedup_ci95": view.speedup_ci95,
               "valid": view.valid, "return": money, "costs": asdict(costs) if costs else None}  # fmt: skip
    return Document(
        f"Summary: {view.title}",
        f"Measured {view.created_at}, run {view.run_id}",
        view.headline,
        tuple(s for s in sections if s.lines or s.rows),
        view.simulated,
        figures=figures,
    )


def _found(view: ReportView) -> Iterator[str]:
    if view.explanation:
        yield view.explanation
    for row in view.bars:
        yield f"{row.label}: {number(row.fps)} frames/s, mean latency {number(row.mean_ms)} ms {row.latency_of}."
    if view.efficiency_told:
        yield view.efficiency_told


def _sure(view: ReportView) -> Iterator[str]:
    if not view.valid:
        yield f"This result is INVALID and must not be quoted: {view.invalid_reason}."
    elif view.speedup_ci95 is not None:
        low, high = view.speedup_ci95
        yield f"The speedup lies between {number(low)} and {number(high)} with 95% confidence."
    yield from view.warnings


def _why_no_return(view: ReportView) -> str:
    if view.simulated:
        return "this result is SIMULATED, and simulated devices earn nothing"
    if not view.valid:
        return "this result is INVALID"
    return "this result shows no measurable gain"


def _money(view: ReportView, costs: Costs) -> dict[str, float | None] | None:
    """Return what the gain earns; None where there is none that counts (the lower end of the interval does)."""
    parallel = next((r.fps for r in view.rows if r.side == "parallel" and not r.device), None)
    if not view.valid or view.simulated or not view.speedup or not view.speedup_ci95 or not parallel:
        return None
    if view.speedup_ci95[0] <= 1.0:
        return None
    more_fps = parallel - parallel / view.speedup
    frames = more_fps * _SECONDS_PER_HOUR * costs.hours_per_day
    gain = frames / 1000 * costs.value_per_1000_frames - costs.running_per_day
    return {
        "additional frames per day": round(frames, 0),
        "gain per day": round(gain, 2),
        "days until the hardware is paid": round(costs.hardware_cost / gain, 1) if gain > 0 else None,
    }
