"""Where delivered frames go: the sinks of the graph, each on a thread of its own, the app's preview and its results."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from cluster4npu.core.errors import Cluster4NPUError, Problem, RunFailed
from cluster4npu.core.metrics.snapshot import SinkSnapshot
from cluster4npu.core.nodes.base import Delivery, NotDelivered, SinkNode

_GATHER_S = 0.02
_LAST_S = 3.0  # a lossy sink gets so long for what waits when the run is over


class SinkThread:
    """One sink and its queue. A sink that falls behind holds the run back (files must not lose lines).

    A lossy one never does: for each frame that comes to a full queue the oldest is dropped. The thread wakes once for
    all that comes within a short while: a wake-up for each frame costs more than most sinks do.
    """

    def __init__(self, node: SinkNode, wake: Callable[[], None]) -> None:
        self.node = node
        self.error: Cluster4NPUError | None = None
        self.delivered = self.dropped = self.failed = 0
        self.trouble = ""  # why the last result was not delivered
        self._most = node.most_waiting
        self._leave_at: float | None = None
        self._wake = wake
        self._waiting: deque[Delivery] = deque()
        self._filled = threading.Event()
        self._closing = threading.Event()
        self._held = False
        node.setup()
        self._thread = threading.Thread(target=self._work, name=f"sink-{node.id}", daemon=True)
        self._thread.start()

    def has_room(self) -> bool:
        """Tell whether `put` may be called now; when it says no, `wake` is called as soon as there is room again."""
        if self.node.lossy or len(self._waiting) < self._most:
            return True
        self._held = True
        return len(self._waiting) < self._most

    def put(self, delivery: Delivery) -> None:
        """Hand one frame's results over; never waits."""
        self._waiting.append(delivery)
        if self.node.lossy and len(self._waiting) > self._most:
            self._drop()
        if not self._filled.is_set():
            self._filled.set()

    def close(self, timeout_s: float) -> bool:
        """Let the sink finish what it has, and close it; tell whether it did. Safe to call again."""
        if self.node.lossy and self._leave_at is None:
            self._leave_at = time.monotonic() + _LAST_S
        self._closing.set()
        self._filled.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def snapshot(self) -> SinkSnapshot:
        """Return what became of the results so far."""
        waiting = len(self._waiting)
        return SinkSnapshot(
            self.node.id, self.delivered, self.dropped, self.failed, waiting, self._most, self.trouble
        )

    def _drop(self) -> None:
        try:
            self._waiting.popleft()
        except IndexError:  # the thread has just taken it
            return
        self.dropped += 1

    def _work(self) -> None:
        try:
            while self._waiting or not self._closing.is_set():
                self._filled.wait()
                if len(self._waiting) < self._most // 2:
                    self._closing.wait(_GATHER_S)
                self._filled.clear()  # before reading: what comes now wakes once too often, never once too seldom
                self._drain()
        finally:
            try:
                self.node.close()
            except (Cluster4NPUError, OSError) as error:
                self._fail(error)

    def _drain(self) -> None:
        while self._waiting:
            if self._leave_at is not None and time.monotonic() > self._leave_at:
                self._drop()
                continue
            try:
                delivery = self._waiting.popleft()
            except IndexError:  # `put` has just dropped it
                return
            if self.error is None:
                self._append(delivery)
            if self._held and len(self._waiting) < self._most // 2:
                self._held = False
                self._wake()

    def _append(self, delivery: Delivery) -> None:
        try:
            self.node.append(delivery)
            self.delivered += 1
        except NotDelivered as reason:
            self.failed += 1
            self.trouble = str(reason)
        except Exception as error:  # a sink's own failure must end the run in order, not hang it
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if self.error is None:
            if not isinstance(error, Cluster4NPUError):
                error = RunFailed(
                    Problem(f"the output broke: {error}", self.node.id, found=type(error).__name__)
                )
            self.error = error
            self._wake()
