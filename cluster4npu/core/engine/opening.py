"""Opening sources without waiting for them: a camera or a stream may take long, and the user may not want to wait."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence

from cluster4npu.core.engine.hub import Hub, Stopped
from cluster4npu.core.errors import Cluster4NPUError
from cluster4npu.core.nodes.base import Source, SourceNode


def open_source(node: SourceNode, hub: Hub) -> Source:
    """Open one source; raises what it raises, or Stopped."""
    return open_sources([node], hub)[0]


def open_sources(nodes: Sequence[SourceNode], hub: Hub) -> list[Source]:
    """Open each source on a thread of its own, all at once; raises what the first to fail raises, or Stopped.

    Then those that have been opened are closed again.
    """
    opened: dict[str, Source] = {}
    errors: list[Exception] = []

    def work(node: SourceNode) -> None:
        try:
            opened[node.id] = node.open()
        except Exception as error:  # raised again below, on the manager's own thread
            errors.append(error)
        hub.wake()

    for node in nodes:
        threading.Thread(target=work, args=(node,), name=f"open-{node.id}", daemon=True).start()
    try:
        while len(opened) < len(nodes) and not errors:
            hub.pump(None)
            if hub.stop_asked is not None:
                raise Stopped
        if errors:
            raise errors[0]
    except Exception:
        for source in list(opened.values()):
            with contextlib.suppress(Cluster4NPUError, OSError):
                source.close()
        raise
    return [opened[node.id] for node in nodes]
