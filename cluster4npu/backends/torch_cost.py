"""What a PyTorch program is made of: operators, parameters, and the operations for one image as PyTorch counts them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from cluster4npu.backends.torch_programs import Program
from cluster4npu.core.devices.model import ModelCost

_IDLE = "prim::"  # constants, tuples and branches of TorchScript: no operators


def cost_of(program: Program, torch: Any, device: str) -> ModelCost:
    """Return the cost of a loaded program; runs one blank frame where the model fixes its size."""
    weights = program.run.state_dict().values()
    return ModelCost(
        operators=dict(_operators(program.run, torch).most_common()),
        parameters=sum(int(value.numel()) for value in weights if value.is_floating_point()),
        flops=_flops(program, torch, device),
    )


def _operators(module: Any, torch: Any) -> Counter[str]:
    if isinstance(module, torch.jit.ScriptModule):
        return Counter(kind for kind in _kinds(module.inlined_graph) if not kind.startswith(_IDLE))
    if isinstance(module, torch.fx.GraphModule):
        return Counter(str(node.target) for node in module.graph.nodes if node.op == "call_function")
    return Counter(type(part).__name__ for part in module.modules() if not list(part.children()))


def _kinds(block: Any) -> list[str]:
    found: list[str] = []
    for node in block.nodes():
        found.append(node.kind())
        for inner in node.blocks():
            found += _kinds(inner)
    return found


def _flops(program: Program, torch: Any, device: str) -> int | None:
    """Return what PyTorch's own counter says, which knows convolutions, matrix products and attention."""
    shape = program.info.input_shape
    if None in shape[1:]:
        return None
    from torch.utils.flop_counter import FlopCounterMode

    blank = torch.from_numpy(np.zeros([size or 1 for size in shape], program.info.input_dtype)).to(device)
    counter = FlopCounterMode(display=False)
    try:
        with torch.no_grad(), counter:
            program.run(blank)
    except (RuntimeError, ValueError, TypeError):  # what it cannot follow is not known
        return None
    return int(counter.get_total_flops())
