"""What crosses the border between manager and worker, and the obvious other way, in turn: microseconds a frame.

    python -m benchmarks.records [--turns 5] [--frames 20000]

"records": a slot number goes to one of two workers and its answer comes back, eight in flight. The engine's way is a
pair of pipes per worker with binary records of 19 and 49 bytes, and one wait for all of them; the other way is
`multiprocessing.Queue`: one with tasks per worker, one for all answers.
"results": one worker answers with an array. The engine's way is a result area in shared memory, read back as a copy;
the other way is the array itself, pickled through the pipe.
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from benchmarks.common import machine, median, tell
from cluster4npu.core.engine import codec
from cluster4npu.core.engine.channel import Channel, Done, Waiter, Work
from cluster4npu.core.engine.launch import PipeEnds, start_child
from cluster4npu.core.engine.ring import Ring, RingLayout
from cluster4npu.core.nodes.values import Outputs

WORKERS, WINDOW = 2, 8
KEY = "model.outputs"
SIZES = {"300 boxes": (300, 6), "a detector's raw outputs": (84, 8400)}
AT_LEAST = 1.0  # as quick as the other way


def answer(work: Work) -> Done:
    now = time.monotonic_ns()
    return Done(work.slot, work.generation, work.frame_id, now, now, now, 0)


def pipe_worker(what: object, ends: PipeEnds) -> None:
    """Answer each record."""
    channel = Channel(ends)
    while True:
        channel.send([answer(work) for work in channel.receive() if isinstance(work, Work)])


def queue_worker(tasks: Any, answers: Any) -> None:
    """Answer each task as a plain tuple."""
    while (task := tasks.get()) is not None:
        answers.put((task[0], tuple(answer(Work(*task[1])))))


def shared_worker(layout: RingLayout, ends: PipeEnds) -> None:
    """Leave the array in the slot's result area."""
    channel, ring = Channel(ends), Ring.attach(layout)
    made = {KEY: Outputs([np.zeros(layout.result_bytes[0] // 4 - 64, np.float32)])}
    while True:
        for work in channel.receive():
            assert isinstance(work, Work)
            codec.encode(made, (KEY,), ring.result(work.slot))
            channel.send([answer(work)])


def pickling_worker(size: int, connection: Connection) -> None:
    """Send the array itself."""
    made = {KEY: Outputs([np.zeros(size, np.float32)])}
    while (task := connection.recv()) is not None:
        connection.send((task, made))


def over_pipes(frames: int) -> float:
    """Return seconds for so many records each way through pipes of their own."""
    children = [start_child(pipe_worker, None, f"records-{n}") for n in range(WORKERS)]
    channels = {str(n): Channel(ends) for n, (_, ends) in enumerate(children)}
    waiter = Waiter()
    for key, channel in channels.items():
        waiter.add(key, channel.reader)

    def give(number: int) -> None:
        channels[str(number % WORKERS)].send([Work(number % WINDOW, 1, number)])

    def take() -> int:
        return sum(len(channels[key].receive()) for key in waiter.wait(None))

    try:
        return timed(give, take, frames)
    finally:
        for process, ends in children:
            process.kill()
            process.join()
            for end in ends:
                end.close()


def over_queues(frames: int) -> float:
    """Return seconds for as many through `multiprocessing.Queue`."""
    context = mp.get_context("spawn")
    answers: Any = context.Queue()
    tasks: list[Any] = [context.Queue() for _ in range(WORKERS)]
    workers = [context.Process(target=queue_worker, args=(own, answers), daemon=True) for own in tasks]
    for worker in workers:
        worker.start()

    def give(number: int) -> None:
        tasks[number % WORKERS].put((number % WORKERS, tuple(Work(number % WINDOW, 1, number))))

    def take() -> int:
        answers.get()
        return 1

    try:
        return timed(give, take, frames)
    finally:
        for own, worker in zip(tasks, workers, strict=True):
            own.put(None)
            worker.join()


def shared_results(shape: Sequence[int], frames: int) -> float:
    """Return seconds for so many arrays that lie in shared memory, each read back as a copy."""
    ring = Ring.create(WINDOW, 64, [4 * int(np.prod(shape)) + 256])
    process, ends = start_child(shared_worker, ring.layout, "records-shared")
    channel = Channel(ends)

    def take() -> int:
        done = channel.receive()
        for one in done:
            assert isinstance(one, Done)
            codec.decode(ring.result(one.slot), (KEY,))
        return len(done)

    try:
        return timed(lambda number: channel.send([Work(number % WINDOW, 1, number)]), take, frames)
    finally:
        process.kill()
        process.join()
        channel.close()
        ring.unlink()


def pickled_results(shape: Sequence[int], frames: int) -> float:
    """Return seconds for as many arrays that go through the pipe."""
    context = mp.get_context("spawn")
    ours, theirs = context.Pipe()
    worker = context.Process(target=pickling_worker, args=(int(np.prod(shape)), theirs), daemon=True)
    worker.start()

    def take() -> int:
        ours.recv()
        return 1

    try:
        return timed(ours.send, take, frames)
    finally:
        ours.send(None)
        worker.join()


def timed(give: Callable[[int], object], take: Callable[[], int], frames: int) -> float:
    """Hand over so many with WINDOW in flight, after some that count for nothing; return the seconds."""
    for count in (frames // 10, frames):
        begun = time.perf_counter()
        given = taken = 0
        while taken < count:
            while given < count and given - taken < WINDOW:
                give(given)
                given += 1
            taken += take()
        seconds = time.perf_counter() - begun
    return seconds


def compare(
    what: str, ours: Callable[[int], float], theirs: Callable[[int], float], frames: int, turns: int
) -> bool:
    """Measure both in turn and print the figure."""
    found: dict[Any, list[float]] = {ours: [], theirs: []}
    for turn in range(turns):
        for way in (ours, theirs) if turn % 2 == 0 else (theirs, ours):
            found[way].append(way(frames) / frames * 1e6)
    ratio = median([b / a for a, b in zip(found[ours], found[theirs], strict=True)])
    us = {"us": round(median(found[ours]), 1), "other_us": round(median(found[theirs]), 1)}
    return tell(what, ratio, AT_LEAST, **us)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--frames", type=int, default=20_000)
    given = parser.parse_args()
    print(f"# {machine()}; {given.turns} turns")
    reached = [
        compare("records: a Queue's time of the pipes'", over_pipes, over_queues, given.frames, given.turns)
    ]
    for name, shape in SIZES.items():
        ours, theirs = partial(shared_results, shape), partial(pickled_results, shape)
        few = max(100, given.frames * 300 * 6 // int(np.prod(shape)) // 4)
        reached.append(
            compare(f"results, {name}: pickled's time of shared memory's", ours, theirs, few, given.turns)
        )
    return 0 if all(reached) else 1


if __name__ == "__main__":
    raise SystemExit(main())
