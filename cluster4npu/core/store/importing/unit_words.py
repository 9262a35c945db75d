"""Units as people write them: which quantity they are of, and how they are brought to one."""

from __future__ import annotations

import re

from cluster4npu.core.store.importing.metrics import MEASURE, UNKNOWN, Meaning, meaning
from cluster4npu.core.store.importing.vocabulary import (
    ENERGY_UNITS,
    POWER_UNITS,
    RATE_UNITS,
    SIZE_UNITS,
    TIME_UNITS,
    WORK,
)
from cluster4npu.core.store.importing.words import words


def by_unit(name: str, unit: str, inside: Meaning | None = None) -> Meaning:
    """Return what a field holds whose value says its unit: `"inference": "215.4 ms"` is a time."""
    found, lowered = meaning(name, inside), unit.lower().replace(" ", "")
    if found.kind != UNKNOWN or not lowered or not set(words(name)) & WORK:
        return found
    if lowered in TIME_UNITS:
        return meaning(f"{name}_time")
    if lowered.endswith(("/s", "/sec")) or lowered in ("fps", "qps"):
        return meaning(f"{name}_throughput")
    return found


def scale(unit: str) -> tuple[float, str]:
    """Return by what a figure in this unit is multiplied, and the unit that it then has."""
    lowered = unit.lower()
    if lowered in TIME_UNITS:
        return TIME_UNITS[lowered], "ms"
    if lowered in SIZE_UNITS:
        return SIZE_UNITS[lowered], "MB"
    if lowered in ENERGY_UNITS:
        return ENERGY_UNITS[lowered], "J"
    if lowered in POWER_UNITS:
        return POWER_UNITS[lowered], "W"
    thing, slash, per = unit.rpartition("/")
    if slash and per == "min":
        return 1 / 60, f"{thing}/s"
    if slash and per != "s" and per in TIME_UNITS and not thing.endswith(("B", "FLOP")):
        return 1000 / TIME_UNITS[per], f"{thing}/s"
    return 1.0, unit


def plain_unit(text: str) -> str:
    """Return a unit as `scale` takes it: "ms" of "ms/op" and of "ms per image", "requests/s" of "requests/sec"."""
    lowered = re.sub(r"\s*(?:/|\bper\b)\s*", "/", text.strip().lower())
    thing, slash, per = lowered.partition("/")
    if thing in TIME_UNITS and per not in TIME_UNITS:
        return thing
    if thing in ENERGY_UNITS and slash:
        return thing
    if slash and per in TIME_UNITS:
        per = "s" if TIME_UNITS[per] == 1000.0 else per
        return RATE_UNITS[thing].replace("/s", f"/{per}") if thing in RATE_UNITS else f"{thing}/{per}"
    return RATE_UNITS[thing] if thing in ("fps", "qps", "rps", "tps", "ips") else lowered


def of_unit(unit: str, statistic: str = "value") -> Meaning:
    """Return what a figure is that has no name of its own, only a unit beside it: of `{"score": 8.4, "unit": "ms"}`."""
    for table, metric, family in (
        (TIME_UNITS, "latency", "time"), (SIZE_UNITS, "memory", "size"), (ENERGY_UNITS, "energy", "energy"),
        (POWER_UNITS, "power", "power"),
    ):  # fmt: skip
        if unit in table and unit not in ("b", "s/op"):
            return Meaning(MEASURE, metric, statistic, "", family)
    if unit in ("c", "\u00b0c", "celsius", "degc"):
        return Meaning(MEASURE, "temperature", statistic, "\u00b0C")
    if "/" in unit and unit.rpartition("/")[2] in TIME_UNITS:
        return Meaning(MEASURE, "throughput", statistic, unit, "rate")
    return Meaning(UNKNOWN, "", statistic)
