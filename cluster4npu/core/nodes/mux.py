"""The mux node: the frames of several sources go through the same pipeline."""

from __future__ import annotations

from cluster4npu.core.nodes.base import Node, Place, Port, PortType

MOST_SOURCES = 8


class Mux(Node):
    """Brings several sources together. It computes nothing: each frame keeps its source, its order and its size."""

    type = "mux"
    title = "Several sources"
    category = "Sources"
    description = "Sends the frames of several sources the same way, each source served in its turn."
    place = Place.MUX
    inputs = tuple(
        Port(f"frame{number}", (PortType.FRAME,), required=number == 1)
        for number in range(1, MOST_SOURCES + 1)
    )
    outputs = (Port("frame", (PortType.FRAME,)),)
