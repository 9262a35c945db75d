"""Opening a source without waiting for it in vain: a camera or a stream may take long."""

from __future__ import annotations

import threading

from cluster4npu.core.engine.hub import Hub, Stopped
from cluster4npu.core.nodes.base import Source, SourceNode


def open_source(node: SourceNode, hub: Hub) -> Source:
    """Open the source on a thread, since the user may not want to wait; raises what it raises, or Stopped."""
    opened: list[Source] = []
    errors: list[Exception] = []

    def work() -> None:
        try:
            opened.append(node.open())
        except Exception as error:  # raised again below, on the manager's own thread
            errors.append(error)
        hub.wake()

    threading.Thread(target=work, name="open-source", daemon=True).start()
    while not opened and not errors:
        hub.pump(None)
        if hub.stop_asked is not None:
            raise Stopped
    if errors:
        raise errors[0]
    return opened[0]
