"""The bridge, against runs that misbehave in ways that the real engine is made not to."""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from cluster4npu.core.engine.messages import (
    Event,
    Failed,
    Finished,
    PreviewFrame,
    PreviewReady,
    RunOptions,
    Started,
    StateChanged,
    WorkerBack,
    WorkerFailed,
)
from cluster4npu.core.errors import Cancelled, InputError, Problem
from cluster4npu.core.pipeline.config import PipelineConfig
from cluster4npu.ui import watch
from cluster4npu.ui.bridge import EngineBridge

START_S = 1.0


class FakeRun:
    """A run that does as the test says; `frames` counts how often a preview was asked for."""

    def __init__(self, *, obeys: bool = True, open_s: float = 0.0, broken: Exception | None = None) -> None:
        self.obeys, self.open_s, self.broken = obeys, open_s, broken
        self.events: list[Event] = [StateChanged("running")]
        self.frames = 0
        self.started: Started | None = None
        self.closed = False
        self.threads: set[int] = set()

    def __call__(self, _config: PipelineConfig, _options: RunOptions) -> FakeRun:
        time.sleep(self.open_s)
        if self.broken is not None:
            raise self.broken
        return self

    def __enter__(self) -> FakeRun:
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True

    def poll(self, timeout_s: float = 0.0) -> list[Event]:
        self.threads.add(threading.get_ident())
        if not self.events:
            time.sleep(min(timeout_s, 0.01))
        events, self.events = self.events, []
        return events

    def stop(self, *, now: bool = True) -> None:
        if self.obeys:
            self.events.append(Finished(summary=None))  # type: ignore[arg-type]

    def close(self, timeout_s: float = 5.0) -> None:
        self.closed = True

    def want_preview(self, width: int, height: int) -> None:
        self.frames += 1
        self.events.append(PreviewReady(self.frames, 4, 4, 1.0, {}))

    def read_preview(self) -> PreviewFrame:
        return PreviewFrame(self.frames, np.zeros((4, 4, 3), np.uint8), 1.0, {}, {})


class Ends:
    """What a bridge told at the end of its runs."""

    def __init__(self, bridge: EngineBridge) -> None:
        self.finished: list[Any] = []
        self.failed: list[Failed] = []
        bridge.finished.connect(self.finished.append)
        bridge.failed.connect(self.failed.append)


@pytest.fixture
def bridge(qtbot: QtBot) -> EngineBridge:
    return EngineBridge()


def use(monkeypatch: pytest.MonkeyPatch, run: FakeRun) -> FakeRun:
    monkeypatch.setattr("cluster4npu.core.engine.engine.Engine", run)
    return run


def test_the_run_is_touched_by_one_thread_which_is_not_the_windows(
    bridge: EngineBridge, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = use(monkeypatch, FakeRun())
    with qtbot.waitSignal(bridge.state_changed, check_params_cb=lambda state, _: state == "running"):
        bridge.start(PipelineConfig())
    with qtbot.waitSignal(bridge.finished):
        bridge.stop()
    assert run.closed
    assert len(run.threads) == 1
    assert threading.get_ident() not in run.threads
    assert not bridge.busy


def test_a_slow_start_does_not_hold_up_the_window_and_can_be_stopped(
    bridge: EngineBridge, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = use(monkeypatch, FakeRun(open_s=START_S))
    ends = Ends(bridge)
    begun = time.monotonic()
    bridge.start(PipelineConfig())
    bridge.stop()
    assert time.monotonic() - begun < 0.2
    qtbot.waitUntil(lambda: not bridge.busy)
    assert time.monotonic() - begun < START_S
    assert [type(end.error) for end in ends.failed] == [Cancelled]
    qtbot.waitUntil(lambda: "engine-watch" not in {thread.name for thread in threading.enumerate()})
    assert len(ends.failed) == 1
    assert run.threads == set()


@pytest.mark.parametrize(
    ("begun", "told"), [(False, "while it was starting"), (True, "its figures are lost")]
)
def test_a_run_that_ignores_stop_is_closed(
    bridge: EngineBridge, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, begun: bool, told: str
) -> None:
    monkeypatch.setattr(watch, "START_PATIENCE_S", 0.2)
    monkeypatch.setattr(watch, "STOP_PATIENCE_S", 0.4)
    run = use(monkeypatch, FakeRun(obeys=False))
    if begun:
        run.started = Started((), (), {}, {}, "", 4, 4, "", ())
        run.events.append(run.started)
    ends = Ends(bridge)
    with qtbot.waitSignal(bridge.state_changed, check_params_cb=lambda state, _: state == "running"):
        bridge.start(PipelineConfig())
    bridge.stop()
    qtbot.waitUntil(lambda: not bridge.busy)
    assert run.closed
    assert isinstance(ends.failed[0].error, Cancelled)
    assert told in str(ends.failed[0].error)
    assert ends.finished == []


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InputError(Problem("no such device", node="inference", field="devices")), "no such device"),
        (ZeroDivisionError("oops"), "ZeroDivisionError: oops"),
    ],
)
def test_whatever_goes_wrong_at_the_start_is_told(
    bridge: EngineBridge, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    use(monkeypatch, FakeRun(broken=error))
    ends = Ends(bridge)
    bridge.start(PipelineConfig())
    qtbot.waitUntil(lambda: not bridge.busy)
    assert told in str(ends.failed[0].error)
    assert len(ends.failed) == 1


def test_frames_are_asked_for_only_while_somebody_looks_and_not_too_often(
    bridge: EngineBridge, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = use(monkeypatch, FakeRun())
    shown: list[PreviewFrame] = []
    bridge.preview_ready.connect(shown.append)
    bridge.start(PipelineConfig())
    qtbot.wait(150)
    assert run.frames == 0
    bridge.show_preview((320, 240))
    begun = time.monotonic()
    qtbot.waitUntil(lambda: len(shown) >= 10)
    assert run.frames <= (time.monotonic() - begun) * 30 + 2
    bridge.show_preview(None)
    qtbot.wait(60)
    before = run.frames
    qtbot.wait(100)
    assert run.frames == before
    with qtbot.waitSignal(bridge.finished):
        bridge.stop()


def test_a_second_start_is_ignored_while_one_goes_on(
    bridge: EngineBridge, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, FakeRun())
    ends = Ends(bridge)
    bridge.start(PipelineConfig())
    bridge.start(PipelineConfig())
    bridge.stop()
    qtbot.waitUntil(lambda: not bridge.busy)
    assert len(ends.finished) + len(ends.failed) == 1


def test_shutdown_waits_for_the_end(
    bridge: EngineBridge, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = use(monkeypatch, FakeRun())
    with qtbot.waitSignal(bridge.state_changed, check_params_cb=lambda state, _: state == "running"):
        bridge.start(PipelineConfig())
    bridge.shutdown()
    assert run.closed
    assert not bridge.busy


def test_lost_and_returned_workers_are_told(
    bridge: EngineBridge, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = FakeRun()
    run.events += [WorkerFailed("sim:a", "it died", final=False), WorkerBack("sim:a", 0.4, 17)]
    use(monkeypatch, run)
    told: list[object] = []
    bridge.worker_failed.connect(told.append)
    bridge.worker_back.connect(told.append)
    bridge.start(PipelineConfig())
    qtbot.waitUntil(lambda: len(told) == 2)
    assert [type(event) for event in told] == [WorkerFailed, WorkerBack]
    with qtbot.waitSignal(bridge.finished):
        bridge.stop()
