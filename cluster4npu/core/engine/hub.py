"""The manager's one place of waiting: workers, the app's commands, and wake-ups from its own threads."""

from __future__ import annotations

import queue
import threading
from collections import deque
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from cluster4npu.core.engine.channel import Waiter
from cluster4npu.core.engine.messages import (
    Command,
    Event,
    FramesTraced,
    MetricsUpdated,
    Segment,
    Stop,
    WantPreview,
    WorkerBack,
    WorkerFailed,
)
from cluster4npu.core.engine.pool import Lost, PoolEvent, Ready, WorkerPool

_MOST_WAITING_EVENTS = 16


class Stopped(Exception):
    """The user asked for the end while nothing was running yet."""


class Hub:
    """Waits for everything at once, keeps the app's wishes, and sends events without ever waiting for the app."""

    def __init__(self, app: Connection) -> None:
        self.waiter = Waiter()
        self.pool: WorkerPool | None = None
        self.stop_asked: Stop | None = None
        self.segments: deque[Segment] = deque()
        self.preview_wish: WantPreview | None = None
        self._app = app
        self._bell_in, self._bell = Pipe(duplex=False)
        self._rung = False
        self.waiter.add("app", app)
        self.waiter.add("bell", self._bell_in)
        self._outbox: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._sender = threading.Thread(target=self._send_all, name="events", daemon=True)
        self._sender.start()

    def wake(self) -> None:
        """End the present or next wait at once; called from any thread of this process."""
        if not self._rung:
            self._rung = True
            self._bell.send_bytes(b"!")

    def pump(self, timeout_s: float | None, awake_ns: int = 0) -> list[PoolEvent]:
        """Wait (awake for the first `awake_ns`), take the app's commands, and return what happened in the pool."""
        events: list[PoolEvent] = []
        for key in self.waiter.wait(timeout_s, awake_ns):
            if key == "app":
                self._take_command()
            elif key == "bell":
                self._rung = (
                    False  # before reading: a ring that comes now may be one too many, never one too few
                )
                self._bell_in.recv_bytes()
            elif self.pool is not None:
                events.extend(self.pool.handle(key))
        return events

    def _take_command(self) -> None:
        try:
            command: Command = self._app.recv()
        except (EOFError, OSError):  # the app is gone: nobody wants the rest
            self.waiter.remove("app")
            self.stop_asked = Stop(now=True)
            return
        if isinstance(command, Stop):
            self.stop_asked = command
        elif isinstance(command, WantPreview):
            self.preview_wish = command
        else:
            self.segments.append(command)

    def tell(self, event: Event) -> None:
        """Send an event to the app; what is only shown is left out when the app is behind."""
        if isinstance(event, MetricsUpdated | FramesTraced) and self._outbox.qsize() > _MOST_WAITING_EVENTS:
            return
        self._outbox.put(event)

    def tell_of(self, event: PoolEvent, when: str = "") -> None:
        """Tell the app that a worker was lost (`when` stands before the reason), or that a lost one is back."""
        if self.pool is None:
            return
        if isinstance(event, Lost):
            worker = self.pool.workers[event.worker]
            self.tell(WorkerFailed(worker.member.id, when + event.reason, event.final, worker.stage.node_id))
        elif isinstance(event, Ready) and event.down_s is not None:
            worker = self.pool.workers[event.worker]
            self.tell(WorkerBack(worker.member.id, event.down_s, worker.pids[0]))

    def _send_all(self) -> None:
        while (event := self._outbox.get()) is not None:
            try:
                self._app.send(event)
            except OSError:
                return

    def close(self) -> None:
        """Send what is left and end the sender: as late as the app has read it all, unless the app is gone."""
        self._outbox.put(None)
        self._sender.join()
