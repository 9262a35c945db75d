"""Records keep their content and their bounds; the waiter tells who is ready."""

from __future__ import annotations

import os
import sys
from multiprocessing import Pipe

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster4npu.core.engine.channel import (
    AWAKE_NS,
    MAX_RECORD,
    Channel,
    Control,
    Done,
    Waiter,
    Work,
    pack,
)
from cluster4npu.core.engine.frames import Visit
from cluster4npu.core.engine.launch import make_pipes

NS = st.integers(0, 2**62)
U32 = st.integers(0, 2**32 - 1)
WORK = st.builds(Work, U32, U32, st.integers(-1, 2**62))
DONE = st.builds(Done, U32, U32, NS, NS, NS, NS, U32, st.integers(0, 2**16 - 1), st.binary(max_size=50))
CONTROL = st.builds(
    Control, st.sampled_from(["attach", "labels"]), st.dictionaries(st.text(), st.text(max_size=600))
)


def through_a_pipe(*records):
    ours, theirs = map(Channel, make_pipes())
    theirs.send(records)
    return ours.receive()


@settings(deadline=None)
@given(st.lists(st.one_of(WORK, DONE, CONTROL), min_size=1, max_size=8))
def test_records_come_as_they_were_sent(records):
    assert through_a_pipe(*records) == records


@settings(deadline=None)
@given(
    st.one_of(
        st.lists(WORK, min_size=1), st.lists(DONE.map(lambda done: done._replace(error=b"")), min_size=1)
    )
)
def test_records_of_one_kind_come_as_they_were_sent(records):
    assert through_a_pipe(*records) == records


def test_what_is_handed_over_comes_as_work():
    ours, theirs = map(Channel, make_pipes())
    theirs.hand([Visit(slot, slot + 10, 3, 0) for slot in range(3)])
    assert ours.receive() == [Work(slot, 3, slot + 10) for slot in range(3)]


def test_long_error_is_cut_to_one_record():
    record = Done(1, 2, 3, 4, 5, 6, 7, 1, ("ä" * 10_000).encode())
    assert len(pack(record)) <= MAX_RECORD
    assert through_a_pipe(record)[0].error.startswith("ää".encode())


def test_a_long_control_record_goes_in_pieces_of_bounded_size():
    record = Control("labels", {"names": ["y" * 100] * 100})
    first = int.from_bytes(pack(record)[:2], "little") + 2
    assert first == MAX_RECORD
    assert through_a_pipe(Work(1, 2, 3), record, Work(4, 5, 6)) == [Work(1, 2, 3), record, Work(4, 5, 6)]


def test_many_records_come_in_one_read():
    ours, theirs = map(Channel, make_pipes())
    records = [Work(i, 0, i) for i in range(20)]
    theirs.send(records)
    assert ours.receive() == records


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe of Windows passes whole messages")
def test_half_a_record_waits_for_the_rest_without_blocking():
    ours, theirs = make_pipes()
    channel, theirs_again = Channel(ours), Channel(theirs)
    data = pack(Work(1, 2, 3))
    os.write(theirs[1].fileno(), data[:5])
    assert channel.receive() == []
    os.write(theirs[1].fileno(), data[5:] + data[:1])
    assert channel.receive() == [Work(1, 2, 3)]
    os.write(theirs[1].fileno(), data[1:])
    assert channel.receive() == [Work(1, 2, 3)]
    theirs_again.close()
    with pytest.raises(EOFError):
        channel.receive()


def test_waiter_names_what_is_ready():
    ours, theirs = Pipe()
    quiet, _other = Pipe()
    waiter = Waiter()
    waiter.add("a", ours)
    waiter.add("b", quiet)
    assert list(waiter.wait(0)) == []
    theirs.send_bytes(b"x")
    assert list(waiter.wait(1)) == ["a"]
    assert list(waiter.wait(1, AWAKE_NS)) == ["a"]
    waiter.remove("a")
    waiter.remove("unknown")
    assert list(waiter.wait(0, AWAKE_NS)) == []


def test_staying_awake_ends_with_the_record_or_with_the_time():
    ours, theirs = map(Channel, make_pipes())
    ours.stay_awake(AWAKE_NS)
    theirs.send([Work(1, 2, 3)])
    ours.stay_awake(10**12)
    assert ours.receive() == [Work(1, 2, 3)]
