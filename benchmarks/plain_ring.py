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


def frames_per_second(height: int, width: int, frames: int, workers: int) -> float:
    """Copy `frames` frames (height x width x 3 uint8) one by one into the ring and hand them to the workers."""
    shape = (height, width, 3)
    source = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    memory = SharedMemory(create=True, size=WINDOW * source.nbytes)
    ring: np.ndarray = np.ndarray((WINDOW, *shape), np.uint8, memory.buf)
    context = get_context("spawn")
    pairs = [context.Pipe() for _ in range(workers)]
    processes = [context.Process(target=_worker, args=(theirs, memory.name, shape)) for _, theirs in pairs]
    for process in processes:
        process.start()
    ours = [mine for mine, _ in pairs]

    def drive(count: int) -> float:
        free, slot_of, sent, got = list(range(WINDOW)), {}, 0, 0
        begin = time.perf_counter()
        while got < count:
            while sent < count and free:
                slot = free.pop()
                slot_of[sent] = slot
                np.copyto(ring[slot], source)
                ring[slot].reshape(-1)[:8] = np.frombuffer(struct.pack("<q", sent), np.uint8)
                ours[sent % workers].send_bytes(struct.pack("<q", slot))
                sent += 1
            for connection in wait(ours):
                assert isinstance(connection, Connection)
                free.append(slot_of.pop(struct.unpack("<q", connection.recv_bytes())[0]))
                got += 1
        return count / (time.perf_counter() - begin)

    drive(40)
    rate = drive(frames)
    for connection, process in zip(ours, processes, strict=True):
        connection.send_bytes(b"")
        process.join()
    del ring
    memory.close()
    memory.unlink()
    return rate
