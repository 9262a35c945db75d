"""The peer of the hand-over benchmark: a bare ring in shared memory and one pipe per worker, nothing else.

No policy, no order, no accounting, no supervision: what a user would write in an afternoon.
"""

from __future__ import annotations

import struct
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.shared_memory import SharedMemory

import numpy as np

WINDOW = 8


def _worker(connection: Connection, name: str, shape: tuple[int, ...]) -> None:
    memory = SharedMemory(name=name)
    ring: np.ndarray = np.ndarray((WINDOW, *shape), np.uint8, memory.buf)
    while message := connection.recv_bytes():
        frame = ring[struct.unpack("<q", message)[0]].reshape(-1)
        connection.send_bytes(frame[:8].tobytes())
    del ring
    memory.close()


class PlainRing:
    """The ring and its workers. `drive(n)` copies n frames (height x width x 3 uint8) into it and hands them over."""

    def __init__(self, height: int, width: int, workers: int) -> None:
        self._source = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
        self._memory = SharedMemory(create=True, size=WINDOW * self._source.nbytes)
        self._ring: np.ndarray = np.ndarray((WINDOW, height, width, 3), np.uint8, self._memory.buf)
        context = get_context("spawn")
        pairs = [context.Pipe() for _ in range(workers)]
        self._ours = [mine for mine, _ in pairs]
        self._processes = [
            context.Process(target=_worker, args=(theirs, self._memory.name, self._source.shape))
            for _, theirs in pairs
        ]
        for process in self._processes:
            process.start()

    def drive(self, count: int) -> float:
        """Return the frames/s of `count` frames."""
        free, slot_of, sent, got = list(range(WINDOW)), {}, 0, 0
        begin = time.perf_counter()
        while got < count:
            while sent < count and free:
                slot = free.pop()
                slot_of[sent] = slot
                np.copyto(self._ring[slot], self._source)
                self._ring[slot].reshape(-1)[:8] = np.frombuffer(struct.pack("<q", sent), np.uint8)
                self._ours[sent % len(self._ours)].send_bytes(struct.pack("<q", slot))
                sent += 1
            for connection in wait(self._ours):
                assert isinstance(connection, Connection)
                free.append(slot_of.pop(struct.unpack("<q", connection.recv_bytes())[0]))
                got += 1
        return count / (time.perf_counter() - begin)

    def close(self) -> None:
        """End the workers and remove the ring."""
        for connection, process in zip(self._ours, self._processes, strict=True):
            connection.send_bytes(b"")
            process.join()
        del self._ring
        self._memory.close()
        self._memory.unlink()


def frames_per_second(height: int, width: int, frames: int, workers: int) -> float:
    """Return the plain ring's rate after a short warm-up."""
    ring = PlainRing(height, width, workers)
    try:
        ring.drive(40)
        return ring.drive(frames)
    finally:
        ring.close()
