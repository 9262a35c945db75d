"""Records keep their content and their bounds; the waiter tells who is ready."""

from __future__ import annotations

import os
import sys
from multiprocessing import Pipe

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster4npu.core.engine.channel import MAX_RECORD, Channel, Control, Done, Waiter, Work, pack, unpack

NS = st.integers(0, 2**62)
U32 = st.integers(0, 2**32 - 1)


@given(st.builds(Work, U32, U32, st.integers(-1, 2**62)))
def test_work_round_trip(record):
    assert unpack(pack(record)) == record


@given(st.builds(Done, U32, U32, NS, NS, NS, NS, U32, st.text(max_size=50)))
def test_done_round_trip(record):
    assert unpack(pack(record)) == record


def test_long_error_is_cut_to_one_record():
    data = pack(Done(1, 2, 3, 4, 5, 6, 7, "ä" * 10_000))
    assert len(data) <= MAX_RECORD
    assert unpack(data).error.startswith("ää")


def test_control_round_trip_and_bound():
    record = Control("attach", {"slots": 3, "name": "x"})
    assert unpack(pack(record)) == record
    with pytest.raises(ValueError, match="too long"):
        pack(Control("x", {"text": "y" * MAX_RECORD}))


def test_many_records_come_in_one_read():
    ours, theirs = map(Channel, Pipe())
    records = [Work(i, 0, i) for i in range(20)]
    theirs.send(records)
    assert ours.receive() == records


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe of Windows passes whole messages")
def test_half_a_record_waits_for_the_rest_without_blocking():
    ours, theirs = Pipe()
    channel = Channel(ours)
    theirs_again = Channel(theirs)
    packed = pack(Work(1, 2, 3))
    data = len(packed).to_bytes(2, "little") + packed
    os.write(theirs.fileno(), data[:5])
    assert channel.receive() == []
    os.write(theirs.fileno(), data[5:] + data[:1])
    assert channel.receive() == [Work(1, 2, 3)]
    os.write(theirs.fileno(), data[1:])
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
    waiter.remove("a")
    waiter.remove("unknown")
    assert list(waiter.wait(0)) == []
    waiter.close()
