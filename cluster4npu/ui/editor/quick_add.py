"""Which node types the search on the canvas offers, and which fit a wire that is being drawn."""

from __future__ import annotations

from collections.abc import Iterable

from cluster4npu.core.nodes import node_types
from cluster4npu.core.nodes.base import Node, Port
from cluster4npu.ui import theme
from cluster4npu.ui.editor.items import INPUT, OUTPUT
from cluster4npu.ui.search_popup import Entry
from cluster4npu.ui.text import told, tr


def type_entries(keys: Iterable[str]) -> list[Entry]:
    """Return these node types as entries of a search."""
    types, c = node_types(), theme.colors()
    return [
        Entry(
            title=tr(types[key].title),
            value=key,
            words=f"{key} {types[key].title} {types[key].category} {types[key].description}",
            hint=tr(types[key].category),
            color=c.category(types[key].category),
            tip=told(types[key].description),
        )
        for key in keys
    ]


def fitting_types(port: Port | None, side: str) -> list[str]:
    """Return the node types that a wire from this port (of this side) can be led to."""
    return [key for key, cls in node_types().items() if port is not None and _fits(cls, port, side)]


def types_between(source: Port | None, target: Port | None) -> list[str]:
    """Return the node types that can be put into a wire between these two ports."""
    after, before = set(fitting_types(source, OUTPUT)), set(fitting_types(target, INPUT))
    return [key for key in node_types() if key in after and key in before]


def _fits(cls: type[Node], port: Port, side: str) -> bool:
    if side == OUTPUT:
        return any(p.accepts(port) for p in cls.inputs)
    return any(port.accepts(p) for p in cls.outputs)
