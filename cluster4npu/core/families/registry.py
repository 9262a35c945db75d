"""Finding families: every module of `cluster4npu.core.families.networks` that has a FAMILY."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

from cluster4npu.core.errors import InputError, Problem, nearest
from cluster4npu.core.families import networks
from cluster4npu.core.families.family import Family


@cache
def families() -> dict[str, Family[Any]]:
    """Return every family by its id, in the order of their names."""
    modules = [
        importlib.import_module(f"{networks.__name__}.{found.name}")
        for found in pkgutil.iter_modules(networks.__path__)
    ]
    known = [module.FAMILY for module in modules if hasattr(module, "FAMILY")]
    return {item.id: item for item in sorted(known, key=lambda item: item.id)}


def family(name: str) -> Family[Any]:
    """Return one family; raises InputError that suggests the nearest name."""
    known = families()
    if name not in known:
        raise InputError(
            Problem(
                "there is no such family",
                field="FAMILY",
                found=name,
                allowed=", ".join(known),
                hint=nearest(name, known) or "`cluster4npu families` lists them.",
            )
        )
    return known[name]
