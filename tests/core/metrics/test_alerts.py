"""Alerts fire once within two seconds, clear once, and say what they saw."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cluster4npu.core.errors import InputError
from cluster4npu.core.metrics.alerts import METRICS, AlertEvent, AlertMonitor, AlertRule, rules_of
from cluster4npu.core.metrics.snapshot import DeviceSnapshot, MetricsSnapshot
from cluster4npu.core.pipeline.config import Targets

DEVICE = DeviceSnapshot("sim:ane", "busy", True, 10, 1.0, 20.0, 0.9, 20.0, 3, 1)


def snapshot(
    now: float, fps: float = 30.0, p95: float | None = 20.0, state: str = "running"
) -> MetricsSnapshot:
    return MetricsSnapshot(
        now, state, 10, 10, 2, 1, 0, fps, 1.0, p95, p95, p95, p95, 0, 8, 2, 0, (DEVICE,), 0.5, 100_000_000
    )


def watched(
    monitor: AlertMonitor, seconds: float, fps: Callable[[float], float], start: float = 0.0
) -> list[AlertEvent]:
    steps = int(seconds * 4)
    times = [start + step / 4 for step in range(1, steps + 1)]
    return [event for now in times for event in monitor.update(snapshot(now, fps(now)))]


def test_a_broken_target_fires_once_within_two_seconds_and_clears_once() -> None:
    monitor = AlertMonitor(rules_of(Targets(fps=20.0)))
    events = watched(monitor, 30.0, lambda now: 5.0 if 10.0 <= now < 20.0 else 30.0)
    assert [event.fired for event in events] == [True, False]
    assert 10.0 < events[0].time_s <= 12.0
    assert 20.0 < events[1].time_s <= 22.0
    assert events[0].text() == f"Frames per second below 20 FPS (it is {events[0].value:.4g} FPS)"
    assert monitor.active == set()


def test_a_short_dip_does_not_fire() -> None:
    monitor = AlertMonitor(rules_of(Targets(fps=20.0)))
    assert watched(monitor, 20.0, lambda now: 0.0 if 10.0 <= now < 10.3 else 60.0) == []


def test_values_that_swing_around_the_threshold_do_not_flicker() -> None:
    monitor = AlertMonitor([AlertRule("fps", "below", 20.0)])
    events = watched(monitor, 60.0, lambda now: 19.0 if int(now * 4) % 2 else 20.5)
    assert len(events) <= 1


def test_only_a_running_pipeline_is_judged() -> None:
    monitor = AlertMonitor([AlertRule("fps", "below", 20.0)])
    for step in range(100):
        assert monitor.update(snapshot(step / 4, 0.0, state="calibrating")) == []


def test_what_was_not_measured_neither_fires_nor_clears() -> None:
    monitor = AlertMonitor([AlertRule("latency_p95_ms", "above", 10.0)])
    for step in range(40):
        monitor.update(snapshot(step / 4, p95=50.0))
    assert len(monitor.active) == 1
    for step in range(40, 80):
        assert monitor.update(snapshot(step / 4, p95=None)) == []
    assert len(monitor.active) == 1


def test_every_metric_can_be_read_and_named() -> None:
    for key, metric in METRICS.items():
        assert metric.read(snapshot(1.0)) is not None
        assert AlertRule(key, "above", 5.0).text() == f"{metric.title} above 5 {metric.unit}"


def test_a_rule_comes_back_from_its_file() -> None:
    rule = AlertRule("queue", "above", 12.0)
    assert AlertRule.of(rule.as_dict()) == rule


@pytest.mark.parametrize(
    "data",
    [None, [], "fps", {}, {"metric": "x", "side": "above", "threshold": 1},
     {"metric": "fps", "side": "near", "threshold": 1}, {"metric": "fps", "side": "above", "threshold": "1"},
     {"metric": "fps", "side": "above", "threshold": -1}, {"metric": "fps", "side": "above", "threshold": 1e300},
     {"metric": ["fps"], "side": "above", "threshold": float("nan")}],
)  # fmt: skip
def test_what_is_no_rule_is_refused(data: object) -> None:
    with pytest.raises(InputError, match="this is no alert"):
        AlertRule.of(data)
