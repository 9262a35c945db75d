"""The ring's layout: slots do not touch each other, and two mappings see the same."""

from __future__ import annotations

import numpy as np
import pytest

from cluster4npu.core.engine.ring import Ring, slots_for
from cluster4npu.core.errors import RunFailed


def test_slots_are_separate_and_shared():
    ring = Ring.create(5, frame_bytes=10 * 7 * 3, result_bytes=[100])
    try:
        other = Ring.attach(ring.layout)
        for slot in range(5):
            ring.frame(slot)[:] = slot + 1
            ring.result(slot)[:] = bytes([slot + 101]) * 100
            ring.table[slot] = (7, 10)
        for slot in range(5):
            assert (other.frame(slot) == slot + 1).all()
            assert bytes(other.result(slot)) == bytes([slot + 101]) * 100
            assert other.image(slot).shape == (7, 10, 3)
    finally:
        ring.unlink()


def test_each_use_of_a_slot_has_a_generation_of_its_own():
    ring = Ring.create(2, frame_bytes=1, result_bytes=[1])
    try:
        assert [ring.new_uses(3), ring.new_uses(1), ring.new_uses(2**32 - 5), ring.new_uses(2)] == [
            0,
            3,
            4,
            0,
        ]
    finally:
        ring.unlink()


def test_image_is_a_view_of_the_slot():
    ring = Ring.create(2, frame_bytes=300, result_bytes=[1])
    try:
        ring.table[1]["height"], ring.table[1]["width"] = 5, 4
        assert np.shares_memory(ring.image(1), ring.frame(1))
    finally:
        ring.unlink()


@pytest.mark.parametrize(("workers", "in_flight"), [(1, 1), (2, 2), (8, 2), (16, 4)])
def test_slots_keep_every_worker_busy(workers, in_flight):
    assert slots_for(1000, workers, in_flight, None) >= workers * in_flight + 2
    assert slots_for(10**12, workers, in_flight, None) == workers * in_flight + 2
    assert slots_for(1000, workers, in_flight, 7) == 7


def test_too_large_a_ring_is_refused():
    with pytest.raises(RunFailed):
        Ring.create(1000, 10**10, [1])
