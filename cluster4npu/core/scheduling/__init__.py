"""The scheduling policies, one file each. A policy is found because its file lies here."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache

from cluster4npu.core.scheduling.base import Policy


@cache
def policy_types() -> dict[str, type[Policy]]:
    """Return every policy by name."""
    found: dict[str, type[Policy]] = {}
    for module_info in pkgutil.iter_modules(__path__):
        if module_info.name in {"base", "cycles", "harm"}:
            continue
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        for item in vars(module).values():
            if inspect.isclass(item) and issubclass(item, Policy) and item.__module__ == module.__name__:
                found[item.name] = item
    return found
