"""Compute on demand: small graphs in one process whose nodes compute only what is asked for.

A camera gives 33.3 frames a second; how far two of them differ is wanted twice a second:

>>> from cluster4npu.core.demand import DemandGraph, Execution, Input, Node, Source, VirtualClock
>>> graph = DemandGraph(
...     [
...         Source("camera", read=lambda n: n * 10, every_ms=30),
...         Node("contrast", lambda frame: frame + 1, "camera"),
...         Node("movement", lambda two: two[1] - two[0], Input("contrast", depth=2), every_ms=500),
...     ]
... )
>>> execution = Execution(graph, VirtualClock())  # without a clock: real time
>>> execution.run(seconds=3)
>>> {name: counts.computes for name, counts in execution.counts().items()}
{'camera': 100, 'contrast': 6, 'movement': 5}
>>> execution.ask("movement").value
170
"""

from cluster4npu.core.demand.answer import Answer, Status
from cluster4npu.core.demand.clock import Clock, MonotonicClock, VirtualClock
from cluster4npu.core.demand.execution import Execution
from cluster4npu.core.demand.graph import DemandGraph
from cluster4npu.core.demand.logic import InARow
from cluster4npu.core.demand.nodes import Input, Node, Sampling, Source
from cluster4npu.core.demand.tally import NodeCounts
from cluster4npu.core.demand.waste import NodeWaste, WasteReport, cpu_saved_s, waste_report

__all__ = [
    "Answer",
    "Clock",
    "DemandGraph",
    "Execution",
    "InARow",
    "Input",
    "MonotonicClock",
    "Node",
    "NodeCounts",
    "NodeWaste",
    "Sampling",
    "Source",
    "Status",
    "VirtualClock",
    "WasteReport",
    "cpu_saved_s",
    "waste_report",
]
