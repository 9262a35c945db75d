"""The node types. A type is found because its file lies in this package: nothing else lists it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache

from cluster4npu.core.errors import nearest
from cluster4npu.core.nodes.base import Node

_NOT_TYPES = {"base", "demand", "values"}


@cache
def node_types() -> dict[str, type[Node]]:
    """Return every node type by its key, sorted by category and title."""
    found: list[type[Node]] = []
    for module_info in pkgutil.iter_modules(__path__):
        if module_info.name in _NOT_TYPES:
            continue
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        found += [
            item
            for item in vars(module).values()
            if inspect.isclass(item)
            and issubclass(item, Node)
            and item.__module__ == module.__name__
            and not inspect.isabstract(item)
            and "type" in vars(item)
        ]
    order = ["Sources", "Preprocessing", "Inference", "Postprocessing", "Vision", "Logic", "Outputs"]
    found.sort(key=lambda cls: (order.index(cls.category) if cls.category in order else 99, cls.title))
    return {cls.type: cls for cls in found}


def node_type(key: str) -> type[Node]:
    """Return one node type; raises KeyError whose message suggests the nearest key."""
    types = node_types()
    if key not in types:
        raise KeyError(f"unknown node type '{key}'. {nearest(key, types)}".strip())
    return types[key]
