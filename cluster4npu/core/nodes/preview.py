"""The preview node: marks what the window shows while the pipeline runs."""

from __future__ import annotations

from cluster4npu.core.nodes.base import RESULTS, Port, PortType, SinkNode
from cluster4npu.core.nodes.demand import DemandParams


class Preview(SinkNode):
    """Shows frames and results in the window. The engine copies a frame only when the window asks for one."""

    type = "preview"
    title = "Preview"
    category = "Outputs"
    description = "Shows frames with their boxes or classes in the window."
    Params = DemandParams
    inputs = (
        Port("frame", (PortType.FRAME,)),
        Port("result", RESULTS, required=False),
        Port("flag", (PortType.FLAG, PortType.NUMBER), required=False),
    )
