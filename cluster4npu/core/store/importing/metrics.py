"""What a field's name says: which metric it is, and why it is none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from cluster4npu.core.store.importing.vocabulary import (
    BEFORE,
    COUNT_HINTS,
    COUNTS,
    ENERGY_UNITS,
    FORMULA,
    INPUTS,
    LATENCY,
    MEMORY,
    MOMENTS,
    NOISE,
    OTHERS,
    PEAKS,
    PERCENT,
    PHASES,
    POWER_UNITS,
    RANKS,
    RATE_UNITS,
    RATES,
    RUN_LENGTHS,
    SETTINGS,
    SIZE_UNITS,
    STATISTICS,
    TESTS,
    TIME_UNITS,
    TIMES,
    UTILISATION,
    WORK,
)
from cluster4npu.core.store.importing.words import RANK, rank_of, statistic_of, words

MEASURE = "measure"
BOOKKEEPING, COUNT = "a count of tests or an exit code", "a count"
_BANDWIDTH = {"bandwidth", "bw", "gbps", "mbps"}
_PER_ENERGY, _POWER_WORDS = {"watt", "watts", "joule", "joules", "w", "j"}, {"watt", "watts", "w"}
_UNIT_WORDS = {"byte", "kib", "mib", "gib", "mw", "mj", "kwh", "mwh"}
_UNIT_TABLES: dict[str, Mapping[str, float]] = {
    "time": TIME_UNITS, "size": SIZE_UNITS, "energy": ENERGY_UNITS, "power": POWER_UNITS,
}  # fmt: skip
_EDGES, _AFTER_EDGE = {"start", "end", "begin", "finish", "stop"}, {"to", "up"}  # of end to end, start up
_LENGTHS_SET = {("measurement", "time"), ("warmup", "duration"), ("warm", "up", "time"), ("run", "delay")}
COMPONENTS = {
    "cpu",
    "gpu",
    "ram",
    "dram",
    "vram",
    "soc",
    "npu",
    "ane",
    "total",
    "package",
    "system",
    "idle",
    "board",
}
SETUP, SIZE = "of setting up", "a size or a shape"
SETTING, MOMENT, HOST, UNKNOWN = "a setting", "a point in time", "about the host", "not a known measurement"


@dataclass(frozen=True, slots=True)
class Meaning:
    """`kind` is MEASURE, or why the number is none. `unit` is the source's, "" where the name does not say.

    `family` is "time", "rate", "size", "energy", "power" or "" and says how the unit is settled; `formula` that the
    name itself calls the figure computed ("predicted", "estimated" ...).
    """

    kind: str
    metric: str = ""
    statistic: str = "value"
    unit: str = ""
    family: str = ""
    formula: bool = False


@lru_cache(maxsize=20_000)
def meaning(name: str, inside: Meaning | None = None) -> Meaning:
    """Return what a field of this name holds. `inside` is what the enclosing field means, where it is a metric.

    >>> meaning("p95_latency_ms")
    Meaning(kind='measure', metric='latency', statistic='p95', unit='ms', family='time', formula=False)
    """
    parts = words(name)
    if parts[-1:] == ("min",) and set(parts[:-1]) & {"total", "elapsed", "duration", "training"}:
        parts = (*parts[:-1], "minutes")
    if "per" in parts and parts[-1:] in (("min",), ("minutes",)):
        parts = (*parts[:-1], "minute")
    found = set(parts)
    if "outliers" in found:
        return Meaning(COUNT)
    if {"confidence", "level"} <= found or (found & SETTINGS and not found & {"predictions"}):
        return Meaning(SETTING)
    if found & {"setup", "teardown"} and not found & RATES:
        return Meaning(SETUP)
    if found & {"fraction", "share", "portion"} and not found & TIMES:
        return Meaning(UNKNOWN)
    if "interval" in found and not found & {"confidence", "ci"} and not statistic_of(parts):
        return Meaning(SETTING)
    if found & {"audio", "video", "clip"} and found <= {
        "audio",
        "video",
        "clip",
        "duration",
        "length",
        *TIME_UNITS,
    }:
        return Meaning(SETTING)  # of what goes in
    if parts in _LENGTHS_SET or {"to", "run"} <= found or (found & INPUTS and "fps" in found):
        return Meaning(SETTING)
    if found & MOMENTS - ({"epoch"} if found & TIMES else set()) or (
        parts[:1] and parts[0] in _EDGES and not set(parts[1:2]) & _AFTER_EDGE and _is_stamp(parts)
    ):
        return Meaning(MOMENT)
    if found & {"effective", "query", "queries"} and found & {"min", "max"} and not found & LATENCY:
        return Meaning(SETTING)
    if found & TESTS and not found & (LATENCY | TIMES | RATES | MEMORY):
        return Meaning(BOOKKEEPING)
    if inside is not None and inside.kind == MEASURE:
        inner = _inside(parts, found, inside)
        if inner is not None:
            return inner
    return _named(parts, found)


def _is_stamp(parts: tuple[str, ...]) -> bool:
    """Tell whether a name that begins with start or end is a moment's: `endComputeMs`, `start_time`, `end_ns`."""
    return parts[-1] in TIME_UNITS or bool({"time", "ts", "at"} & set(parts[1:]))


def is_run_length(name: str) -> bool:
    """Tell whether a name says how long a whole run took and nothing else: `duration_s`, `testRunDurationMs`."""
    parts = set(words(name)) - set(TIME_UNITS)
    return parts <= RUN_LENGTHS | {"time"} and bool(parts - {"time"})


def _inside(parts: tuple[str, ...], found: set[str], outer: Meaning) -> Meaning | None:
    """Return what a field inside a metric's own object means: a statistic of it, or its value."""
    statistic = statistic_of(parts)
    if parts == ("peak",) and outer.family in ("power", "rate", "time"):
        statistic = "max"
    if not statistic and len(parts) == 1:
        statistic = rank_of(parts[0]) if parts[0].rstrip("%") in RANKS or "." in parts[0] else ""
    unit = _unit(parts, outer.family)
    if found & PERCENT and found & {"change", "regression", "relative"}:
        return Meaning(UNKNOWN)
    if statistic in ("ci_low", "ci_high", "sem") and outer.statistic not in ("value", "mean"):
        statistic = f"{outer.statistic}_{statistic}"  # of the median, of the deviation
    if statistic and not found & (LATENCY | RATES | MEMORY | TIMES):
        return Meaning(MEASURE, outer.metric, statistic, unit or outer.unit, outer.family, outer.formula)
    filling = {part for part in parts if part not in STATISTICS and part not in TIME_UNITS}
    before = set(outer.metric.split("_")) <= BEFORE | {"time"} and outer.family == "time"
    if statistic and before and filling <= {"time", "times"}:
        return Meaning(MEASURE, outer.metric, statistic, unit or outer.unit, "time", outer.formula)
    if found <= {
        "original",
        "value",
        "values",
        "samples",
        "raw",
        "data",
        "all",
        "mean",
        "result",
        "times",
        "latencies",
        "magnitude",
        "amount",
    } | set(TIME_UNITS):
        return Meaning(
            MEASURE, outer.metric, outer.statistic, unit or outer.unit, outer.family, outer.formula
        )
    if outer.family in ("energy", "power") and parts and found <= COMPONENTS:
        own = "_".join(part for part in parts if part != "total")
        return Meaning(
            MEASURE, f"{own}_{outer.metric}".lstrip("_"), "value", outer.unit, outer.family, outer.formula
        )
    if outer.family == "size" and unit:
        return Meaning(MEASURE, _rest(parts, MEMORY, outer.metric), "value", unit, "size", outer.formula)
    if outer.family == "time" and found & PHASES:
        metric = _rest(parts, set(), "time")
        return Meaning(
            MEASURE, "latency" if metric == "time" else metric, "value", unit or outer.unit, "time"
        )
    return None


def _named(parts: tuple[str, ...], found: set[str]) -> Meaning:
    if parts in (("test", "times"), ("repeat", "times"), ("loop", "times")):
        return Meaning(MEASURE, "_".join(parts), "value", "count", "count")
    formula = bool(found & FORMULA)
    statistic = statistic_of(parts) or "value"
    if parts[-1:] == ("ts",) and (parts[0] in STATISTICS or parts[0] == "samples"):
        return Meaning(MEASURE, "throughput", statistic, "tokens/s", "rate", formula)
    per_second = (
        "per" in found and bool({"second", "sec"} & found or parts[-1] == "s")
    ) or "persecond" in found
    if found & PERCENT and found & (MEMORY | UTILISATION | {"cpu", "gpu", "npu"}):
        return Meaning(MEASURE, _rest(parts, PERCENT, "utilisation", keep=True), statistic, "%")
    if "per" in found and set(parts[parts.index("per") :]) & _PER_ENERGY:
        return Meaning(
            MEASURE, "efficiency", statistic, f"per {'W' if found & _POWER_WORDS else 'J'}", "", formula
        )
    per_second = per_second or {"per", "minute"} <= found
    if (
        found & RATES
        or per_second
        or found & _BANDWIDTH
        or {"rate", "hz"} <= found
        or (parts[-1:] in (("sec",), ("s",)) and found & set(RATE_UNITS))
    ):
        unit = next((RATE_UNITS[part] for part in reversed(parts) if part in RATE_UNITS), "items/s")
        noise = (
            RATES
            | set(RATE_UNITS)
            | {"rate", "hz", "num", "number", "per", "second", "sec", "s", "items", "minute", "completed"}
        )
        prefix = _rest(parts, noise, "", keep=False)
        unit = unit.replace("/s", "/min") if "minute" in found else unit
        if found & _BANDWIDTH:
            unit = "MB/s" if found & {"mb", "mbps"} else "GB/s" if found & {"gb", "gbps"} else "bandwidth"
            return Meaning(MEASURE, "bandwidth", statistic, unit, "", formula)
        return Meaning(MEASURE, f"{prefix}_throughput".lstrip("_"), statistic, unit, "rate", formula)
    if found & MEMORY:
        if found & {"total", "available", "free", "capacity"} and not found & {"used", "peak"}:
            return Meaning(HOST)
        return Meaning(
            MEASURE, _rest(parts, MEMORY, "memory"), statistic, _unit(parts, "size"), "size", formula
        )
    if found & PEAKS and parts[-1] in SIZE_UNITS and parts[-1] != "b":
        metric = _rest(parts, PEAKS - {"peak"}, "memory")
        return Meaning(MEASURE, metric, statistic, parts[-1], "size", formula)
    if found & {"size", "sizes"} and not found & {"used", "peak"}:
        return Meaning(SIZE)
    if parts[-1:] == ("mb",) and _unit(parts, "size"):
        return Meaning(
            MEASURE, _rest(parts, {"size"}, "size"), statistic, _unit(parts, "size"), "size", formula
        )
    time = _time(parts, found, statistic, formula)
    return time or _other(parts, found, statistic, formula)


def _time(parts: tuple[str, ...], found: set[str], statistic: str, formula: bool) -> Meaning | None:
    unit = _unit(parts, "time")
    if {"real", "factor"} <= found:
        return Meaning(MEASURE, "real_time_factor", statistic, "ratio", "", formula)
    if found & LATENCY:
        own = next((part for part in parts if part in ("ttft", "tpot", "itl", "rtt")), "")
        metric = own or _rest(parts, LATENCY, "latency")
        return Meaning(MEASURE, metric, statistic, unit, "time", formula)
    if found & TIMES or {"time", "first"} <= found:
        rest = _rest(parts, TIMES, "time") if "elapsed" not in found else "elapsed_time"
        return Meaning(MEASURE, "latency" if rest == "time" else rest, statistic, unit, "time", formula)
    told = {part for part in parts if not statistic_of((part,))}
    if statistic != "value" and not unit and told and told <= WORK - {"generation", "load", "step"}:
        rest = _rest(parts, set(), "time")
        return Meaning(MEASURE, "latency" if rest == "time" else rest, statistic, "", "time", formula)
    sure = (
        unit != "s"
        or statistic != "value"
        or bool(found & (WORK | BEFORE | {"boot", "cold", "start", "warm"}))
    )
    if unit and (len(parts) > 1 or unit in ("ms", "us", "ns")) and sure:
        rest = _rest(parts, set(), "time")
        return Meaning(MEASURE, "latency" if rest == "time" else rest, statistic, unit, "time", formula)
    return None


def _other(parts: tuple[str, ...], found: set[str], statistic: str, formula: bool) -> Meaning:
    for part in parts:
        if part in OTHERS:
            metric, unit = OTHERS[part]
            family = metric if metric in ("energy", "power") and not found & PERCENT else ""
            table = {"energy": ENERGY_UNITS, "power": POWER_UNITS}.get(family, {})
            said = next((word for word in reversed(parts) if word in table), "")
            unit = "%" if found & PERCENT else said if family else unit
            drop = {part, "c", "celsius", *table}
            return Meaning(MEASURE, _rest(parts, drop, metric), statistic, unit, family, formula)
    for family in ("power", "energy"):
        said = _unit(parts, family)
        if said and (len(said) > 1 or said in (parts[-1], "per" in found and parts[0])) and len(parts) > 1:
            return Meaning(MEASURE, _rest(parts, {said}, family), statistic, said, family, formula)
    if found & UTILISATION and found & {"cpu", "gpu", "npu", "device", "util", "utilization", "utilisation"}:
        return Meaning(MEASURE, _rest(parts, {"usage", "load"}, "utilisation", keep=True), statistic, "%")
    if "cycles" in found and found & (
        WORK | BEFORE | {"compute", "cpu", "exec", "execution", "kernel", "npu"}
    ):
        return Meaning(MEASURE, _rest(parts, {"cycles"}, "cycles"), statistic, "cycles", "", formula)
    if found & COUNT_HINTS and found & COUNTS and not found & {"errors", "failed", "models", "tests"}:
        return Meaning(MEASURE, "_".join(parts), "value", "count", "count")
    if statistic != "value" and len(parts) == 1:
        return Meaning(UNKNOWN, "", statistic)
    return Meaning(UNKNOWN)


def _unit(parts: tuple[str, ...], family: str) -> str:
    table = _UNIT_TABLES.get(family, {})
    told = [
        part for part in parts if part not in STATISTICS and not RANK.fullmatch(part) and part != "quantiles"
    ]
    for position, part in enumerate(reversed(told)):
        if part in table and (part not in ("s", "b", "second") or position == 0):
            return part
    return ""


def _rest(parts: tuple[str, ...], family: set[str], default: str, *, keep: bool = False) -> str:
    """Return the metric's name: the words that are neither family, unit, statistic nor filling."""
    drop = family | NOISE | set(STATISTICS) | FORMULA | PERCENT
    rest = [
        part for part in parts
        if part not in drop and part not in TIME_UNITS and part not in _UNIT_WORDS
        and not RANK.fullmatch(part) and not re.fullmatch(r"\d[\d.]*", part)
    ]  # fmt: skip
    if not rest:
        return default
    return "_".join(rest) if default == "" or keep else "_".join([*rest, default])
