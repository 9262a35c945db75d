"""What a user would pick instead to hand frames to worker processes, as a program of its own: one JSON line per peer.

    PYTHON benchmarks/peers.py --shape 1080x1920 --frames 2000 [--workers 2] [--in-place] [--peers shm,iox,executor,ray]

H x W x 3 uint8 frames go to the workers, which compare the number at both ends of each and answer with it. Printed: fps
with 8 frames in flight (the best of three), and p50 and p99 of the round trip with one. `--in-place`: the frame is
produced where it is read, so that only its number is written; else it is copied there once. It runs in an environment
of its own (NumPy, and of iceoryx2 and ray what is to be measured), so that peers need not be installed beside us.

shm: a ring in shared memory and a pipe per worker. iox: iceoryx2, zero-copy publish and subscribe, and events.
executor: concurrent.futures.ProcessPoolExecutor. ray: Ray actors and its object store.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib
import json
import multiprocessing as mp
import os
import struct
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor
from concurrent.futures import wait as wait_futures
from multiprocessing.connection import Connection, wait
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np

WINDOW = 8  # frames in flight
NUMBER = "<q"  # struct's own cache: Ray cannot pickle a Struct


def stamp(flat: np.ndarray, number: int) -> None:
    """Write the number at both ends of a flat uint8 frame."""
    flat[:8] = flat[-8:] = np.frombuffer(struct.pack(NUMBER, number), np.uint8)


def check(frame: np.ndarray) -> int:
    """Return the frame's number; raises ValueError when its ends differ."""
    flat = frame.reshape(-1)
    first, last = flat[:8].tobytes(), flat[-8:].tobytes()
    if first != last:
        raise ValueError(f"torn frame: {first.hex()} and {last.hex()}")
    return int(struct.unpack(NUMBER, first)[0])


def drive(submit: Callable[[int], None], collect: Callable[[], int], frames: int, window: int) -> list[float]:
    """Hand frames over with so many in flight; return the seconds in all, then each round trip."""
    sent_at: dict[int, float] = {}
    trips: list[float] = []
    sent = 0
    begin = time.perf_counter()
    while len(trips) < frames:
        while sent < frames and sent - len(trips) < window:
            sent_at[sent] = time.perf_counter()
            submit(sent)
            sent += 1
        number = collect()
        trips.append(time.perf_counter() - sent_at.pop(number))
    return [time.perf_counter() - begin, *trips]


def measure(name: str, submit: Callable[[int], None], collect: Callable[[], int], frames: int) -> None:
    """Print a peer's figures."""
    drive(submit, collect, 20, 2)
    fps = max(frames / drive(submit, collect, frames, WINDOW)[0] for _ in range(3))
    p50, p99 = np.percentile(drive(submit, collect, frames, 1)[1:], [50, 99]) * 1e6
    print(json.dumps({"peer": name, "fps": fps, "p50_us": p50, "p99_us": p99}), flush=True)


# ---- a plain ring and a pipe per worker


def plain_worker(connection: Connection, name: str, shape: tuple[int, ...]) -> None:
    memory = SharedMemory(name=name)
    ring: np.ndarray = np.ndarray((WINDOW, *shape), np.uint8, memory.buf)
    while message := connection.recv_bytes():
        connection.send_bytes(struct.pack(NUMBER, check(ring[struct.unpack(NUMBER, message)[0]])))
    del ring
    memory.close()


class PlainRing:
    """The manager's end: hands frames over in turn, with no policy, order, accounting or supervision."""

    def __init__(self, ring: np.ndarray, source: np.ndarray | None, connections: list[Connection]) -> None:
        self._ring, self._source, self._connections = ring, source, connections
        self._free, self._slot_of = list(range(WINDOW)), dict[int, int]()
        self._ready: list[Any] = []

    def submit(self, number: int) -> None:
        slot = self._slot_of[number] = self._free.pop()
        if self._source is not None:
            np.copyto(self._ring[slot], self._source)
        stamp(self._ring[slot].reshape(-1), number)
        self._connections[number % len(self._connections)].send_bytes(struct.pack(NUMBER, slot))

    def collect(self) -> int:
        if not self._ready:
            self._ready.extend(wait(self._connections))
        number = int(struct.unpack(NUMBER, self._ready.pop().recv_bytes())[0])
        self._free.append(self._slot_of.pop(number))
        return number


def plain(source: np.ndarray, frames: int, workers: int, in_place: bool) -> None:
    memory = SharedMemory(create=True, size=WINDOW * source.nbytes)
    ring: np.ndarray = np.ndarray((WINDOW, *source.shape), np.uint8, memory.buf)
    pairs = [mp.Pipe() for _ in range(workers)]
    processes = [mp.Process(target=plain_worker, args=(c, memory.name, source.shape)) for _, c in pairs]
    for process in processes:
        process.start()
    manager = PlainRing(ring, None if in_place else source, [c for c, _ in pairs])
    measure("shm", manager.submit, manager.collect, frames)
    for (connection, _), process in zip(pairs, processes, strict=True):
        connection.send_bytes(b"")
        process.join()
    del ring, manager
    memory.close()
    memory.unlink()


# ---- iceoryx2: zero-copy publish and subscribe, and events


def services(tag: str, worker: int) -> tuple[Any, ...]:
    import iceoryx2 as iox

    iox.set_log_level(iox.LogLevel.Error)
    node = iox.NodeBuilder.new().create(iox.ServiceType.Ipc)

    def service(name: str) -> Any:
        return node.service_builder(iox.ServiceName.new(f"{tag}/{name}"))

    frames = service(f"frames{worker}").publish_subscribe(iox.Slice[ctypes.c_uint8])
    answers = service("answers").publish_subscribe(ctypes.c_int64)
    return (
        node,
        frames.subscriber_max_buffer_size(WINDOW).open_or_create(),
        answers.subscriber_max_buffer_size(64).open_or_create(),
        service(f"go{worker}").event().open_or_create(),
        service("back").event().open_or_create(),
    )


def iceoryx_worker(tag: str, worker: int, up: Any) -> None:
    _node, frames, answers, go, back = services(tag, worker)
    subscriber, publisher = frames.subscriber_builder().create(), answers.publisher_builder().create()
    listener, notifier = go.listener_builder().create(), back.notifier_builder().create()
    up.release()
    while True:
        sample = subscriber.receive()
        if sample is None:
            listener.blocking_wait()
            continue
        frame = np.frombuffer(sample.payload().as_memory_view(), np.uint8)
        if frame.size == 1:
            return
        number = check(frame)
        del frame
        sample.delete()
        publisher.send_copy(ctypes.c_int64(number))
        notifier.notify()


def iceoryx2(source: np.ndarray, frames: int, workers: int, in_place: bool) -> None:
    importlib.import_module("iceoryx2")  # missing: the peer is left out before any process starts
    tag = f"peer{os.getpid()}"
    up = mp.Semaphore(0)
    links = [services(tag, worker) for worker in range(workers)]
    publishers = [
        link[1].publisher_builder().initial_max_slice_len(source.nbytes).max_loaned_samples(2).create()
        for link in links
    ]
    notifiers = [link[3].notifier_builder().create() for link in links]
    subscriber, listener = links[0][2].subscriber_builder().create(), links[0][4].listener_builder().create()
    processes = [mp.Process(target=iceoryx_worker, args=(tag, worker, up)) for worker in range(workers)]
    for process in processes:
        process.start()
    for _ in processes:
        up.acquire()
    flat = source.reshape(-1)

    def send(worker: int, size: int, number: int) -> None:
        sample = publishers[worker].loan_slice_uninit(size)
        memory: Any = (ctypes.c_uint8 * size).from_address(sample.payload_ptr)
        target = np.frombuffer(memory, np.uint8)
        if size > 8:
            if not in_place:
                np.copyto(target, flat)
            stamp(target, number)
        sample.assume_init().send()
        notifiers[worker].notify()

    def collect() -> int:
        while (sample := subscriber.receive()) is None:
            listener.blocking_wait()
        return int(sample.payload().contents.value)

    measure("iox", lambda number: send(number % workers, flat.size, number), collect, frames)
    for worker, process in enumerate(processes):
        send(worker, 1, 0)
        process.join()


# ---- pools that pickle or store


def executor(source: np.ndarray, frames: int, workers: int, in_place: bool) -> None:
    with ProcessPoolExecutor(workers) as pool:
        pending: set[Future[int]] = set()
        ready: list[Future[int]] = []

        def submit(number: int) -> None:
            frame = source.copy()
            stamp(frame.reshape(-1), number)
            pending.add(pool.submit(check, frame))

        def collect() -> int:
            if not ready:
                done, _ = wait_futures(pending, return_when=FIRST_COMPLETED)
                pending.difference_update(done)
                ready.extend(done)
            return ready.pop().result()

        measure("executor", submit, collect, frames)


def ray(source: np.ndarray, frames: int, workers: int, in_place: bool) -> None:
    import logging

    import ray as cluster

    cluster.init(
        num_cpus=workers + 1,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=2 * 10**9,
    )

    class Checker:
        def check(self, frame: np.ndarray) -> int:
            return check(frame)

    remote: Any = cluster.remote(Checker)
    actors = [remote.remote() for _ in range(workers)]
    pending: list[Any] = []
    ready: list[Any] = []

    def submit(number: int) -> None:
        stamp(source.reshape(-1), number)
        pending.append(actors[number % workers].check.remote(cluster.put(source)))

    def collect() -> int:
        if not ready:
            done, rest = cluster.wait(pending)
            pending[:] = rest
            ready.extend(done)
        return int(cluster.get(ready.pop()))

    measure("ray", submit, collect, frames)
    cluster.shutdown()


PEERS = {"shm": plain, "iox": iceoryx2, "executor": executor, "ray": ray}
IN_PLACE = ("shm", "iox")  # the others copy by design


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shape", default="1080x1920")
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--in-place", action="store_true")
    parser.add_argument("--peers", default=",".join(PEERS))
    given = parser.parse_args()
    mp.set_start_method("spawn")
    height, width = map(int, given.shape.split("x"))
    source = np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)
    for name in given.peers.split(","):
        if given.in_place and name not in IN_PLACE:
            continue
        try:
            PEERS[name](source, given.frames, given.workers, given.in_place)
        except ImportError as error:
            print(json.dumps({"peer": name, "skipped": str(error)}), flush=True)


if __name__ == "__main__":
    main()
