"""The mode switch: another mode, other rates."""

from __future__ import annotations

from cluster4npu.core.nodes.base import Delivery, Port, PortType, SinkNode, param
from cluster4npu.core.nodes.demand import DemandParams


class SwitchMode(SinkNode):
    """Takes the pipeline into a mode when its flag says so; the nodes' rates that hold in that mode begin at once."""

    type = "switch_mode"
    title = "Switch mode"
    category = "Logic"
    description = (
        "Takes the pipeline into another mode, in which other nodes ask, when its flag says yes (or no)."
    )
    inputs = (Port("flag", (PortType.FLAG,)),)

    class Params(DemandParams):
        mode: str = param(
            "active", title="Mode", description="The mode that begins.", min_length=1, max_length=64
        )
        when: bool = param(True, title="When", description="Switch at a yes; else at a no.")

    def wanted(self, delivery: Delivery) -> str | None:
        """Return the mode that this result asks for; None: it asks for none."""
        flag = delivery.inputs.get("flag")
        return self.params.mode if flag is not None and flag.value is self.params.when else None
