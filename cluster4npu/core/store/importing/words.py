"""What a field's name says: which metric it is, which statistic of it, and in which unit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from cluster4npu.core.store.importing.vocabulary import (
    COUNT_HINTS,
    COUNTS,
    FORMULA,
    LATENCY,
    MEMORY,
    MOMENTS,
    NOISE,
    OTHERS,
    PERCENT,
    PHASES,
    RANKS,
    RATE_UNITS,
    RATES,
    SETTINGS,
    SIZE_UNITS,
    STATISTICS,
    TESTS,
    TIME_UNITS,
    TIMES,
    UTILISATION,
    WORK,
)

MEASURE = "measure"
BOOKKEEPING = "a count of tests or an exit code"
SETTING, MOMENT, HOST, UNKNOWN = "a setting", "a point in time", "about the host", "not a known measurement"


@dataclass(frozen=True, slots=True)
class Meaning:
    """`kind` is MEASURE, or why the number is none. `unit` is the source's, "" where the name does not say.

    `family` is "time", "rate", "size" or "" and says how the unit is settled; `formula` that the name itself
    calls the figure computed ("predicted", "estimated" ...).
    """

    kind: str
    metric: str = ""
    statistic: str = "value"
    unit: str = ""
    family: str = ""
    formula: bool = False


def words(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case: `avgLatencyMs`, `avg_latency_ms`, `Avg latency (ms)` alike."""
    name = re.sub(r"/\s*s(?:ec(?:ond)?)?s?(?![A-Za-z])", " per second", name[:200], flags=re.IGNORECASE)
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})", "_", name)
    return tuple(part.lower() for part in re.split(r"[^A-Za-z0-9%µ.]+|\.(?!\d)", parted) if part)


def statistic_of(parts: tuple[str, ...]) -> str:
    """Return the statistic that a name's words tell, "" for none: `p95`, `95th`, `percentile_95`, `avg` ..."""
    for part in parts:
        if part in STATISTICS:
            return STATISTICS[part]
        rank = re.fullmatch(r"p(\d{1,2}(?:\.\d+)?|999|9999)|(\d{1,2})th", part)
        if rank:
            return f"p{_plain_rank(rank[1] or rank[2])}"
    if "percentile" in parts or "percentiles" in parts:
        ranks = (part for part in parts if re.fullmatch(r"\d{1,2}(\.\d+)?", part))
        return next((f"p{_plain_rank(part)}" for part in ranks), "")
    return ""


def _plain_rank(text: str) -> str:
    """Return "90" of "90.00", and "99.9" as it is."""
    return text.rstrip("0").rstrip(".") if "." in text else text


@lru_cache(maxsize=20_000)
def meaning(name: str, inside: Meaning | None = None) -> Meaning:
    """Return what a field of this name holds. `inside` is what the enclosing field means, where it is a metric.

    >>> meaning("p95_latency_ms")
    Meaning(kind='measure', metric='latency', statistic='p95', unit='ms', family='time', formula=False)
    """
    parts = words(name)
    found = set(parts)
    if found & SETTINGS and not found & {"predictions"}:
        return Meaning(SETTING)
    if found & MOMENTS:
        return Meaning(MOMENT)
    if found & TESTS and not found & (LATENCY | TIMES | RATES | MEMORY):
        return Meaning(BOOKKEEPING)
    if inside is not None and inside.kind == MEASURE:
        inner = _inside(parts, found, inside)
        if inner is not None:
            return inner
    return _named(parts, found)


def _inside(parts: tuple[str, ...], found: set[str], outer: Meaning) -> Meaning | None:
    """Return what a field inside a metric's own object means: a statistic of it, or its value."""
    statistic = statistic_of(parts)
    if not statistic and len(parts) == 1 and parts[0].rstrip("%") in RANKS:
        statistic = f"p{parts[0].rstrip('%')}"
    unit = _unit(parts, outer.family)
    if statistic and not found & (LATENCY | RATES | MEMORY | TIMES):
        return Meaning(MEASURE, outer.metric, statistic, unit or outer.unit, outer.family, outer.formula)
    if found <= {
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
    } | set(TIME_UNITS):
        return Meaning(
            MEASURE, outer.metric, outer.statistic, unit or outer.unit, outer.family, outer.formula
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
    per_second = ("per" in found and parts[-1] in ("second", "sec", "s")) or "persecond" in found
    if found & PERCENT and found & (MEMORY | UTILISATION | {"cpu", "gpu", "npu"}):
        return Meaning(MEASURE, _rest(parts, PERCENT, "utilisation", keep=True), statistic, "%")
    if found & RATES or per_second or (parts[-1:] in (("sec",), ("s",)) and found & set(RATE_UNITS)):
        unit = next((RATE_UNITS[part] for part in reversed(parts) if part in RATE_UNITS), "items/s")
        noise = RATES | set(RATE_UNITS) | {"per", "second", "sec", "s", "items", "minute", "completed"}
        prefix = _rest(parts, noise, "", keep=False)
        unit = unit.replace("/s", "/min") if "minute" in found else unit
        if "bandwidth" in found:
            unit = "MB/s" if "mb" in found else "GB/s" if "gb" in found else "bandwidth"
            return Meaning(MEASURE, "bandwidth", statistic, unit, "", formula)
        return Meaning(MEASURE, f"{prefix}_throughput".lstrip("_"), statistic, unit, "rate", formula)
    if found & MEMORY:
        if found & {"total", "available", "free", "capacity"} and not found & {"used", "peak"}:
            return Meaning(HOST)
        return Meaning(
            MEASURE, _rest(parts, MEMORY, "memory"), statistic, _unit(parts, "size"), "size", formula
        )
    if ("size" in found or parts[-1:] == ("mb",)) and _unit(parts, "size"):
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
    if unit and (len(parts) > 1 or unit in ("ms", "us", "ns")) and (unit != "s" or statistic != "value"):
        rest = _rest(parts, set(), "time")
        return Meaning(MEASURE, "latency" if rest == "time" else rest, statistic, unit, "time", formula)
    return None


def _other(parts: tuple[str, ...], found: set[str], statistic: str, formula: bool) -> Meaning:
    for part in parts:
        if part in OTHERS:
            metric, unit = OTHERS[part]
            unit = "%" if found & PERCENT else {"mw": "mW", "kwh": "kWh", "mj": "mJ"}.get(parts[-1], unit)
            return Meaning(
                MEASURE,
                _rest(parts, {part, "c", "watts", "joules", "mw", "mj", "kwh", "celsius"}, metric),
                statistic,
                unit,
                "",
                formula,
            )
    if found & UTILISATION and found & {"cpu", "gpu", "npu", "device", "util", "utilization", "utilisation"}:
        return Meaning(MEASURE, _rest(parts, {"usage", "load"}, "utilisation", keep=True), statistic, "%")
    if found & COUNT_HINTS and found & COUNTS and not found & {"errors", "failed", "models", "tests"}:
        return Meaning(MEASURE, "_".join(parts), "value", "count", "count")
    if statistic != "value" and len(parts) == 1:
        return Meaning(UNKNOWN, "", statistic)
    return Meaning(UNKNOWN)


def _unit(parts: tuple[str, ...], family: str) -> str:
    table = {"time": TIME_UNITS, "size": SIZE_UNITS}.get(family, {})
    for position, part in enumerate(reversed(parts)):
        if part in table and (part not in ("s", "b", "second") or position == 0):
            return part
    return ""


def _rest(parts: tuple[str, ...], family: set[str], default: str, *, keep: bool = False) -> str:
    """Return the metric's name: the words that are neither family, unit, statistic nor filling."""
    drop = family | NOISE | set(STATISTICS) | FORMULA | PERCENT
    rest = [
        part for part in parts
        if part not in drop and part not in TIME_UNITS and not re.fullmatch(r"p?\d[\d.]*(th)?", part)
    ]  # fmt: skip
    if not rest:
        return default
    return "_".join(rest) if default == "" or keep else "_".join([*rest, default])


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
    if unit.endswith("/min"):
        return 1 / 60, unit.replace("/min", "/s")
    return 1.0, unit
