"""The preview node: marks what the window shows while the pipeline runs."""

from __future__ import annotations

from cluster4npu.core.nodes.base import Port, PortType, SinkNode


class Preview(SinkNode):
    """Shows frames and results in the window. The engine copies a frame only when the window asks for one."""

    type = "preview"
    title = "Preview"
    category = "Outputs"
    description = "Shows frames with their boxes or classes in the window."
    inputs = (
        Port("frame", (PortType.FRAME,)),
        Port("result", (PortType.DETECTIONS, PortType.CLASSES, PortType.OUTPUTS), required=False),
    )
