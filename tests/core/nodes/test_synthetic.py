"""The synthetic source: the same bytes everywhere, every frame another one, at the rate asked for."""

from __future__ import annotations

import hashlib
import itertools
import time

import numpy as np
import pytest

from cluster4npu.core.errors import Cluster4NPUError
from tests.core.nodes.media import make, read_all


def checksum(**params) -> str:
    source = make("synthetic", **params).open()
    digest = hashlib.sha256()
    for _, pixels in read_all(source, 100):
        digest.update(pixels)
    return digest.hexdigest()


def test_the_bytes_are_the_same_on_every_machine() -> None:
    expected = "5727816a5c471e725d89072a4c959b122c41c242a3c783220cda152d18ee2f1d"
    assert checksum(width=100, height=70, frames=80, seed=3) == expected
    assert checksum(width=100, height=70, frames=80, seed=4) != expected


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (640, 480), (1920, 64)])
def test_every_frame_differs_from_its_neighbours(size: tuple[int, int]) -> None:
    source = make("synthetic", width=size[0], height=size[1]).open()
    frames = [pixels for _, pixels in read_all(source, 100)]
    assert all(a != b for a, b in itertools.pairwise(frames))


def test_it_has_no_end_unless_told() -> None:
    for frames in (None, 0):
        source = make("synthetic", width=16, height=16, frames=frames).open()
        assert source.spec.frames is None
        assert len(read_all(source, 1000)) == 1000


def test_a_rate_is_kept_and_only_then_reading_waits() -> None:
    free = make("synthetic", width=16, height=16)
    assert free.may_block is False
    paced = make("synthetic", width=16, height=16, fps=100, frames=21)
    assert paced.may_block is True
    source = paced.open()
    start = time.monotonic()
    infos = [info for info, _ in read_all(source)]
    assert 0.199 <= time.monotonic() - start < 5
    np.testing.assert_allclose([info.stream_ms for info in infos], np.arange(21) * 10)


@pytest.mark.parametrize(
    "params", [{"width": 15}, {"height": 10_000}, {"fps": 0}, {"frames": -1}, {"fps": "fast"}]
)
def test_bounds(params) -> None:
    with pytest.raises((ValueError, Cluster4NPUError)):
        make("synthetic", **params)


def test_stamped_frames_hold_their_number_at_both_ends_and_are_otherwise_left_alone() -> None:
    source = make("synthetic", width=16, height=16, pattern="stamp", frames=3).open()
    slot = np.full(16 * 16 * 3, 7, np.uint8)
    numbers = []
    while source.read_into(slot) is not None:
        assert slot[:8].tobytes() == slot[-8:].tobytes()
        assert (slot[8:-8] == 7).all()
        numbers.append(int.from_bytes(slot[:8].tobytes(), "little"))
    assert numbers == [0, 1, 2]
    source.rewind()
    assert source.read_into(slot) is not None
