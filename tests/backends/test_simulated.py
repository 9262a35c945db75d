"""Simulated devices: exact times on a clock of our own, and the ways in which they can be told to break."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from cluster4npu.backends import simulated
from cluster4npu.core.devices import registry
from cluster4npu.core.devices.backend import Session
from cluster4npu.core.devices.ids import DeviceId
from cluster4npu.core.errors import DeviceUnavailable, InputError, RunFailed

BATCH = np.empty((0, 0), np.float32)


class Clock:
    """A clock that stands still but for sleeping, and whose sleeps always last a little longer."""

    overshoot_s = 0.0005

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds + self.overshoot_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(simulated, "time", clock)
    return clock


def load(text: str) -> Session:
    (device,) = registry.settle((DeviceId.parse(text),))
    return registry.backend("sim").load(None, device, registry.device_options(device))


def durations(session: Session, clock: Clock, count: int, pause_s: float = 0.0) -> list[float]:
    found = []
    for _ in range(count):
        start = clock.now
        assert session.infer(BATCH) == []
        found.append((clock.now - start) * 1e3)
        clock.now += pause_s
    return found


@pytest.mark.parametrize(("unit", "ms"), [("ane", 20), ("gpu", 50), ("cpu", 100)])
def test_the_reference_trio(unit: str, ms: float, clock: Clock) -> None:
    start = clock.now
    durations(load(f"sim:{unit}"), clock, 100, pause_s=0.0003)
    assert (clock.now - start) * 1e3 == pytest.approx(100 * ms, rel=0.002)


def test_overshoot_and_handover_do_not_add_up(clock: Clock) -> None:
    start = clock.now
    durations(load("sim:mine?ms=20"), clock, 1000, pause_s=0.0009)
    assert (clock.now - start) == pytest.approx(20.0, abs=0.002)


def test_a_frame_that_comes_later_takes_its_whole_time(clock: Clock) -> None:
    assert durations(load("sim:mine?ms=20"), clock, 5, pause_s=0.01) == pytest.approx([20.5] * 5)


def test_a_fast_device_forgives_less(clock: Clock) -> None:
    # A tenth of 1 ms is less than the pause: every frame starts when it comes.
    assert durations(load("sim:mine?ms=1"), clock, 5, pause_s=0.0005) == pytest.approx([1.5] * 5)


def test_no_time_at_all() -> None:
    session = load("sim:null?ms=0")
    start = time.perf_counter()
    for _ in range(1000):
        session.infer(BATCH)
    assert time.perf_counter() - start < 1


def test_real_time() -> None:
    session = load("sim:mine?ms=5")
    start = time.monotonic()
    for _ in range(20):
        session.infer(BATCH)
    assert 0.099 <= time.monotonic() - start < 2


def test_jitter_is_even_bounded_and_repeatable(clock: Clock) -> None:
    clock.overshoot_s = 0.0

    def run(text: str) -> list[float]:
        return durations(load(text), clock, 500, pause_s=1.0)

    times = run("sim:mine?ms=20&jitter=0.5&seed=7")
    assert min(times) >= 10 - 1e-6
    assert max(times) <= 30 + 1e-6
    assert np.mean(times) == pytest.approx(20, rel=0.05)
    assert np.std(times) == pytest.approx(10 / np.sqrt(3), rel=0.1)
    assert run("sim:mine?ms=20&jitter=0.5&seed=7") == pytest.approx(times)
    assert run("sim:mine?ms=20&jitter=0.5&seed=8") != pytest.approx(times)
    assert run("sim:mine?ms=20&jitter=0.5&seed=7#2") != pytest.approx(times)


def test_a_name_alone_says_no_speed() -> None:
    with pytest.raises(DeviceUnavailable, match="ane") as caught:
        load("sim:anne")
    assert "sim:NAME?ms=20" in caught.value.problems[0].allowed


@pytest.mark.parametrize(
    "option", ["ms=-1", "ms=nan", "ms=inf", "ms=fast", "jitter=2", "fail_at=0", "seed=-1"]
)
def test_options_out_of_bounds(option: str) -> None:
    with pytest.raises(InputError, match=option.split("=")[0]):
        registry.device_options(DeviceId.parse(f"sim:mine?{option}"))


def test_everything_says_that_it_is_simulated() -> None:
    for info in registry.backend("sim").devices():
        assert info.simulated
        assert "Simulated" in info.name
        assert "simulated" in load(info.id).unit


def test_a_model_is_named_but_not_read() -> None:
    device = DeviceId.parse("sim:mine?ms=0")
    options = registry.device_options(device)
    session = registry.backend("sim").load(Path("/nowhere/model.onnx"), device, options)
    assert Path(session.info.path) == Path("/nowhere/model.onnx")
    assert session.infer(BATCH) == []


def test_it_fails_where_it_is_told_to() -> None:
    session = load("sim:mine?ms=0&fail_at=3")
    session.infer(BATCH)
    session.infer(BATCH)
    with pytest.raises(RunFailed):
        session.infer(BATCH)
    assert session.infer(BATCH) == []


def test_it_dies_where_it_is_told_to() -> None:
    code = (
        "import numpy as np\n"
        "from cluster4npu.core.devices import registry\n"
        "from cluster4npu.core.devices.ids import DeviceId\n"
        "d = DeviceId.parse('sim:mine?ms=0&die_at=2')\n"
        "s = registry.backend('sim').load(None, d, registry.device_options(d))\n"
        "for n in range(3):\n    s.infer(np.empty((0, 0)))\n    print(n + 1, flush=True)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stdout.split() == ["1"]


def test_it_hangs_where_it_is_told_to() -> None:
    session = load("sim:mine?ms=0&hang_at=1")
    thread = threading.Thread(target=session.infer, args=(BATCH,), daemon=True)
    thread.start()
    thread.join(0.2)
    assert thread.is_alive()


def test_check_refuses_a_torn_frame() -> None:
    session = registry.backend("sim").load(
        None,
        DeviceId.parse("sim:x?ms=0&check=true"),
        registry.device_options(DeviceId.parse("sim:x?ms=0&check=true")),
    )
    frame = np.zeros((16, 16, 3), np.uint8)
    assert session.infer(frame) == []
    frame[0, 0] = 1
    with pytest.raises(RunFailed, match="torn"):
        session.infer(frame)
