"""A benchmark's figures as they are read; made from its JSON, fresh or stored. Knows no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

NOT_REPORTED = "not reported"


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the comparison: a device alone, or all together. None: not reported."""

    title: str
    fps: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    parallel: bool = False
    baseline: bool = False


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker of the parallel side; `share` and `busy` are 0..1, `service_ms` is its mean time a frame."""

    id: str
    share: float | None
    busy: float | None
    fps: float | None
    service_ms: float | None
    simulated: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a benchmark found. `interval` is the speedup's 95% interval."""

    headline: str
    explanation: str
    valid: bool
    reason: str
    simulated: bool
    interval: tuple[float, float] | None
    efficiency: float | None
    sides: tuple[Side, ...]
    workers: tuple[Worker, ...]
    warnings: tuple[str, ...]
    baseline: str = ""
    why: tuple[str, ...] = ()  # it is not more, in words

    @classmethod
    def of(cls, data: dict[str, Any]) -> Comparison:
        """Read the JSON of `cluster4npu benchmark`. What is missing or odd in it is "not reported"."""
        shared = _mapping(data.get("measured_as"))  # further workers on a device: no figures of their own
        singles = {name: side for name, side in _mapping(data.get("single")).items() if name not in shared}
        baseline = str(data.get("baseline") or data.get("best_single") or "")
        sides = [
            _side(name, _mapping(figures), baseline=name == baseline) for name, figures in singles.items()
        ]
        parallel = _mapping(data.get("parallel"))
        if parallel:
            sides.append(_side("all together", parallel, parallel=True))
        ci = [_number(value) for value in _items(data.get("speedup_ci95"))]
        low, high = ci if len(ci) == 2 else (None, None)
        return cls(
            headline=str(data.get("headline", "")),
            explanation=str(data.get("explanation", "")),
            valid=data.get("valid") is True,
            reason=str(data.get("invalid_reason") or ""),
            simulated=data.get("simulated") is True,
            interval=None if low is None or high is None else (low, high),
            efficiency=_number(data.get("efficiency")),
            sides=tuple(sides),
            workers=tuple(_worker(_mapping(item)) for item in _items(data.get("workers"))),
            warnings=tuple(str(item) for item in _items(data.get("warnings"))),
            baseline=baseline if parallel else "",
            why=tuple(str(item) for item in _items(data.get("why"))),
        )

    @property
    def notes(self) -> list[str]:
        """Return what to know beside the figures and before the warnings: against what it was measured, what to do."""
        first = [f"Compared with {self.baseline} alone."] if self.baseline else [self.explanation]
        if not self.valid:
            first = [what_to_do(self.reason)]
        return [text for text in (*first, *self.why) if text]

    @property
    def verdict(self) -> str:
        """Return the large words without the reason, which stands under them."""
        return self.headline if self.valid else "INVALID"


def what_to_do(reason: str) -> str:
    """Return the remedy for an invalid result."""
    lowered = reason.lower()
    if "unstable" in lowered or "drift" in lowered or "throttl" in lowered:
        return "Close other programs, plug in the power supply, let the machine cool down, and run it again."
    if "differ" in lowered:
        return "A device gives other answers than the reference. Leave it out, or check its precision."
    if "cannot keep" in lowered:
        return "Allow a longer latency, and run it again."
    if "too short" in lowered or "too few" in lowered:
        return "Choose a longer profile, and run it again."
    return "Mend what is named above, and run it again."


def figure(value: float | None) -> str:
    """Return a figure for reading; what was not measured says so."""
    return NOT_REPORTED if value is None else f"{value:,.1f}"


def percent(value: float | None) -> str:
    """Return a part of one as a percentage."""
    return NOT_REPORTED if value is None else f"{100 * value:.0f}%"


def _side(title: str, data: dict[str, Any], *, parallel: bool = False, baseline: bool = False) -> Side:
    latency = _mapping(data.get("latency_ms"))
    p50, p95, p99 = (_number(latency.get(name)) for name in ("p50", "p95", "p99"))
    return Side(title, _number(data.get("fps")), p50, p95, p99, parallel, baseline)


def _worker(data: dict[str, Any]) -> Worker:
    return Worker(
        id=str(data.get("id", "")),
        share=_number(data.get("share")),
        busy=_number(data.get("busy")),
        fps=_number(data.get("fps")),
        service_ms=_number(_mapping(data.get("latency_ms")).get("mean")),
        simulated=data.get("simulated") is True,
    )


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
