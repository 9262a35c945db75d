"""Thresholds on the figures of a running pipeline: each fires once, clears once, and both are told."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from cluster4npu.core.errors import InputError, Problem
from cluster4npu.core.metrics.snapshot import MetricsSnapshot
from cluster4npu.core.pipeline.config import Targets

BELOW, ABOVE = "below", "above"
SMOOTHED_S = 1.0  # figures are judged by their mean over this time
HOLD_S = 0.5  # and have to stay on one side for this long
SETTLE_S = 1.0  # after the start: queues fill, the first frames are slow


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure that can be watched; `read` gives None where it was not measured."""

    title: str
    unit: str
    read: Callable[[MetricsSnapshot], float | None]


def _highest_queue(snapshot: MetricsSnapshot) -> float | None:
    return float(max((device.queue for device in snapshot.devices), default=0))


def _used(snapshot: MetricsSnapshot) -> float | None:
    return 100.0 * snapshot.ring_used / snapshot.ring_slots if snapshot.ring_slots else None


METRICS: Mapping[str, Metric] = {
    "fps": Metric("Frames per second", "FPS", lambda s: s.fps),
    "latency_p95_ms": Metric("Latency p95", "ms", lambda s: s.latency_p95_ms),
    "latency_p50_ms": Metric("Latency p50", "ms", lambda s: s.latency_p50_ms),
    "throughput_mb_s": Metric("Throughput", "MB/s", lambda s: s.throughput_mb_s),
    "frames_dropped": Metric("Dropped frames", "frames", lambda s: float(s.frames_dropped)),
    "frames_failed": Metric("Failed frames", "frames", lambda s: float(s.frames_failed)),
    "restarts": Metric("Restarts", "restarts", lambda s: float(sum(d.restarts for d in s.devices))),
    "queue": Metric("Longest device queue", "frames", _highest_queue),
    "ring_used_percent": Metric("Frame buffer in use", "%", _used),
    "host_cpu_percent": Metric("Host CPU", "%", lambda s: None if s.host_cpu is None else 100.0 * s.host_cpu),
    "host_memory_mb": Metric(
        "Memory", "MB", lambda s: None if s.host_memory_bytes is None else s.host_memory_bytes / 1e6
    ),
}


@dataclass(frozen=True, slots=True)
class AlertRule:
    """Tell when a metric is `side` ("below" or "above") the threshold; `origin` is "user" or "target"."""

    metric: str
    side: str
    threshold: float
    origin: str = "user"

    def text(self) -> str:
        """Return the rule in words: "Latency p95 above 50 ms"."""
        metric = METRICS[self.metric]
        return f"{metric.title} {self.side} {self.threshold:g} {metric.unit}"

    def broken_by(self, value: float) -> bool:
        """Tell whether this value breaks the rule."""
        return value < self.threshold if self.side == BELOW else value > self.threshold

    def as_dict(self) -> dict[str, object]:
        """Return the rule as it is kept in a file."""
        return {"metric": self.metric, "side": self.side, "threshold": self.threshold}

    @classmethod
    def of(cls, data: object) -> AlertRule:
        """Read a rule of the user; raises InputError for anything that is none."""
        fields = data if isinstance(data, dict) else {}
        metric, side, threshold = (fields.get(name) for name in ("metric", "side", "threshold"))
        number = threshold if isinstance(threshold, int | float) else -1.0
        if str(metric) not in METRICS or side not in (BELOW, ABOVE) or not 0 <= number < 1e12:
            raise InputError(
                Problem(
                    "this is no alert",
                    field="alerts",
                    found=str(data)[:200],
                    allowed=f"a metric ({', '.join(METRICS)}), below or above, and a number of at least 0",
                    hint="Set it again in the alerts of the dashboard.",
                )
            )
        return cls(str(metric), str(side), float(number))


@dataclass(frozen=True, slots=True)
class AlertEvent:
    """A rule that fired or cleared `time_s` after the run began, at this value."""

    rule: AlertRule
    fired: bool
    time_s: float
    value: float

    def text(self) -> str:
        """Return what happened in words."""
        unit = METRICS[self.rule.metric].unit
        return f"{'' if self.fired else 'over: '}{self.rule.text()} (it is {self.value:.4g} {unit})"


def rules_of(targets: Targets) -> list[AlertRule]:
    """Return the alerts that follow from a pipeline's targets."""
    rules = []
    if targets.fps is not None:
        rules.append(AlertRule("fps", BELOW, targets.fps, "target"))
    if targets.latency_p95_ms is not None:
        rules.append(AlertRule("latency_p95_ms", ABOVE, targets.latency_p95_ms, "target"))
    return rules


class AlertMonitor:
    """Watches one run. `active` are the rules that have fired and not cleared."""

    def __init__(self, rules: Iterable[AlertRule] = ()) -> None:
        self.rules = list(rules)
        self.active: set[AlertRule] = set()
        self._since: dict[AlertRule, float] = {}
        self._recent: deque[MetricsSnapshot] = deque()

    def update(self, snapshot: MetricsSnapshot) -> list[AlertEvent]:
        """Judge the newest figures and return what has fired or cleared; only a running pipeline is judged."""
        if snapshot.state != "running":
            return []
        now = snapshot.elapsed_s
        self._recent.append(snapshot)
        while now - self._recent[0].elapsed_s > SMOOTHED_S:
            self._recent.popleft()
        if now < SETTLE_S:
            return []
        return [event for rule in self.rules if (event := self._judge(rule, now)) is not None]

    def set_rules(self, rules: Iterable[AlertRule]) -> None:
        """Watch these from now on; what is gone is no longer active."""
        self.rules = list(rules)
        self.active &= set(self.rules)

    def _judge(self, rule: AlertRule, now: float) -> AlertEvent | None:
        value = self._value(rule)
        if value is None or rule.broken_by(value) == (rule in self.active):
            self._since.pop(rule, None)
            return None
        if now - self._since.setdefault(rule, now) < HOLD_S:
            return None
        del self._since[rule]
        fired = rule not in self.active
        (self.active.add if fired else self.active.discard)(rule)
        return AlertEvent(rule, fired, now, value)

    def _value(self, rule: AlertRule) -> float | None:
        read = METRICS[rule.metric].read
        values = [value for s in self._recent if (value := read(s)) is not None]
        return sum(values) / len(values) if values else None
