"""Copies of a process that has everything imported: they are what started ones are, and end with the same reasons."""

from __future__ import annotations

import os
import signal
import threading
import time
from multiprocessing.connection import wait

import numpy as np
import psutil
import pytest

from cluster4npu.core.engine.template import CAN_COPY, Copy, Template, is_stopped
from tests.core.engine.test_bad_frames_and_devices import has_ended

pytestmark = pytest.mark.skipif(not CAN_COPY, reason="only Linux can do that")


def imported() -> None:
    os.environ["IMPORTED_BY"] = str(os.getpid())


def with_a_thread() -> None:
    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


def answer(what, ends) -> None:
    found = {"what": what, "by": os.environ["IMPORTED_BY"], "drawn": np.random.random()}
    ends[1].send(found | {"signals": [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]})
    ends[0].recv()


def crash(what, ends) -> None:
    raise ValueError(what)


def pid_of(copy: Copy) -> int:
    while copy.pid is None:
        time.sleep(0.001)
    return copy.pid


@pytest.fixture
def template():
    template = Template(imported)
    while not template.is_ready:
        time.sleep(0.005)
    yield template
    template.close(5.0)


def test_copies_work_side_by_side_and_each_tells_how_it_ended(template):
    copies = [template.copy(answer, number) for number in range(3)]
    found = [ends[0].recv() for _, ends in copies]
    assert [told["what"] for told in found] == [0, 1, 2]
    assert {told["by"] for told in found} == {str(template.pid)}
    assert len({told["drawn"] for told in found}) == 3
    assert all(told["signals"] == [signal.SIG_IGN] * 2 for told in found)
    (told, to_told), (killed, _), (left, to_left) = copies
    to_told[1].send("quit")
    os.kill(pid_of(killed), signal.SIGKILL)
    to_left[1].close()  # as where the manager throws a pipe away
    for copy, code in ((told, 0), (killed, -9), (left, 1)):
        assert wait([copy.sentinel], 10) and copy.exitcode == code and not copy.is_alive()
    crashed, _ = template.copy(crash, "its own fault")
    crashed.join(10)
    assert crashed.exitcode == 1


def test_copies_end_on_demand_and_outlive_a_template_that_is_killed(template):
    (one, _), (other, ends) = template.copy(answer, 1), template.copy(answer, 2)
    one.kill()  # its process id may not be known yet
    while one.pid is None:
        time.sleep(0.001)
    one.join(10)
    assert one.exitcode == -9 and other.is_alive()
    stopped, _ = template.copy(answer, 3)
    os.kill(pid_of(stopped), signal.SIGKILL)
    process = psutil.Process(pid_of(other))
    os.kill(template.pid, signal.SIGSTOP)  # it tells nothing any more: its copies' ends are seen all the same
    last, _ = template.copy(answer, 4)
    assert wait([stopped.sentinel], 10) and stopped.exitcode == -9
    assert last.pid is None and is_stopped(template.pid)
    os.kill(template.pid, signal.SIGKILL)
    while not template.is_gone():
        time.sleep(0.001)
    with pytest.raises(OSError):
        template.copy(answer, 3)
    assert ends[0].recv()["what"] == 2 and other.is_alive()
    other.kill()
    assert wait([other.sentinel], 10) and other.exitcode == -9
    while not has_ended(process):
        time.sleep(0.001)


def test_a_template_that_is_closed_or_loses_its_manager_ends_its_copies(template):
    copy, _ = template.copy(answer, 1)
    process = psutil.Process(pid_of(copy))
    process.suspend()  # as where a driver lets no thread of it run
    template.close(10.0)
    assert has_ended(process)


def test_a_template_that_keeps_a_thread_is_never_copied():
    template = Template(with_a_thread)
    while not template.is_gone():
        template.hear()
        time.sleep(0.005)
    assert not template.is_ready
    template.close(5.0)
