"""Where delivered frames go: the sinks of the graph, each on a thread of its own, the app's preview and its results."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable

from cluster4npu.core.errors import Cluster4NPUError, Problem, RunFailed
from cluster4npu.core.nodes.base import Delivery, SinkNode

_MOST_WAITING = 256


class SinkThread:
    """One sink and its queue. A sink that falls behind holds the run back (files must not lose lines)."""

    def __init__(self, node: SinkNode, wake: Callable[[], None]) -> None:
        self.node = node
        self.error: Cluster4NPUError | None = None
        self._wake = wake
        self._queue: queue.Queue[Delivery | None] = queue.Queue(_MOST_WAITING + 1)
        self._held = False
        node.setup()
        self._thread = threading.Thread(target=self._work, name=f"sink-{node.id}", daemon=True)
        self._thread.start()

    def has_room(self) -> bool:
        """Tell whether `put` will not wait; when it says no, `wake` is called as soon as there is room again."""
        if self._queue.qsize() < _MOST_WAITING:
            return True
        self._held = True
        return self._queue.qsize() < _MOST_WAITING

    def put(self, delivery: Delivery) -> None:
        """Hand one frame's results over."""
        self._queue.put(delivery)

    def close(self, timeout_s: float) -> bool:
        """Let the sink finish what it has, and close it; tell whether it did. Safe to call again."""
        if self._thread.is_alive():
            with contextlib.suppress(queue.Full):
                self._queue.put(None, timeout=timeout_s)
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        try:
            while (delivery := self._queue.get()) is not None:
                if self.error is None:
                    self._append(delivery)
                if self._held and self._queue.qsize() < _MOST_WAITING // 2:
                    self._held = False
                    self._wake()
        finally:
            try:
                self.node.close()
            except (Cluster4NPUError, OSError) as error:
                self._fail(error)

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
