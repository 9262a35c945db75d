"""Where delivered frames go: the sinks of the graph, each on a thread of its own, the app's preview and its results."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from cluster4npu.core.errors import Cluster4NPUError, Problem, RunFailed
from cluster4npu.core.nodes.base import Delivery, SinkNode

_MOST_WAITING = 256
_GATHER_S = 0.02


class SinkThread:
    """One sink and its queue. A sink that falls behind holds the run back (files must not lose lines).

    The thread wakes once for all that comes within a short while: a wake-up for each frame costs more than most
    sinks do.
    """

    def __init__(self, node: SinkNode, wake: Callable[[], None]) -> None:
        self.node = node
        self.error: Cluster4NPUError | None = None
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
        if len(self._waiting) < _MOST_WAITING:
            return True
        self._held = True
        return len(self._waiting) < _MOST_WAITING

    def put(self, delivery: Delivery) -> None:
        """Hand one frame's results over; never waits."""
        self._waiting.append(delivery)
        if not self._filled.is_set():
            self._filled.set()

    def close(self, timeout_s: float) -> bool:
        """Let the sink finish what it has, and close it; tell whether it did. Safe to call again."""
        self._closing.set()
        self._filled.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        try:
            while self._waiting or not self._closing.is_set():
                self._filled.wait()
                if len(self._waiting) < _MOST_WAITING // 2:
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
            delivery = self._waiting.popleft()
            if self.error is None:
                self._append(delivery)
            if self._held and len(self._waiting) < _MOST_WAITING // 2:
                self._held = False
                self._wake()

    def _append(self, delivery: Delivery) -> None:
        try:
            self.node.append(delivery)
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
