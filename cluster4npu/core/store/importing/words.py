"""What a field's name says: which metric it is, which statistic of it, and in which unit."""

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

MEASURE = "measure"
BOOKKEEPING, COUNT = "a count of tests or an exit code", "a count"
_MAP = re.compile(r"(?<![A-Za-z])m(AP|IoU|IOU)(?:[@_]?(?:0?\.)?(\d+)(?:[-:](?:0?\.)?(\d+))?)?")
_TOP = re.compile(r"(?i)(?<![a-z])top[-_ @]?([15])(?![0-9])|(?<![a-z])(?:acc|accuracy)@([15])(?![0-9])")
_BANDWIDTH = {"bandwidth", "bw", "gbps", "mbps"}
_PER_ENERGY, _POWER_WORDS = {"watt", "watts", "joule", "joules", "w", "j"}, {"watt", "watts", "w"}
_UNIT_WORDS = {"byte", "kib", "mib", "gib", "mw", "mj", "kwh", "mwh"}
_UNIT_TABLES: dict[str, Mapping[str, float]] = {
    "time": TIME_UNITS, "size": SIZE_UNITS, "energy": ENERGY_UNITS, "power": POWER_UNITS,
}  # fmt: skip
_EDGES, _AFTER_EDGE = {"start", "end", "begin", "finish", "stop"}, {"to", "up"}  # of end to end, start up
_RANK = re.compile(
    r"(?:p|tp|t(?=50|9\d)|pct|perc|percentile|quantile|q)(\d\d?(?:\.\d+)?|100|999|9999)(?:th)?|(\d\d?(?:\.\d+)?)(?:th|%|pct)"
)
_LENGTHS_SET = {("measurement", "time"), ("warmup", "duration"), ("warm", "up", "time"), ("run", "delay")}
_SPELLED = re.compile(  # units that are no two words
    r"(?<![A-Z])(mWh?|kWh?|Wh|[mukn]J|[KMGT]iB|[kKMGT]B|[kMG]?Hz|m[VA])(?![A-Za-z])"
)
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


def words(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case: `avgLatencyMs`, `avg_latency_ms`, `Avg latency (ms)` alike."""
    name = _TOP.sub(lambda found: f"top{found[1] or found[2]}", name[:200])
    name = _MAP.sub(_accuracy, re.sub(r"\([A-Z]\)$", "", name))
    name = _SPELLED.sub(lambda found: f"_{found[1].lower()}", name)
    name = re.sub(r"\b[pP]\((\d+(?:\.\d+)?)\)", r"p\1", name)
    name = re.sub(r"/\s*s(?:ec(?:ond)?)?s?(?![A-Za-z])", " per second", name, flags=re.IGNORECASE)
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})", "_", name)
    return tuple(part.lower() for part in re.split(r"[^A-Za-z0-9%µ.]+|\.(?!\d)", parted) if part)


def _accuracy(match: re.Match[str]) -> str:
    """Return mAP50-95 or mAP@0.5:0.95 as one word."""
    low, high = (text and text.ljust(2, "0")[:2] for text in match.group(2, 3))
    return f"m{match[1].lower()}{low or ''}{f'to{high}' if high else ''}"


def statistic_of(parts: tuple[str, ...]) -> str:
    """Return the statistic that a name's words tell, "" for none: `p95`, `95th`, `percentile_95`, `avg` ..."""
    if {"bound", "ci", "confidence"} & set(parts) and (
        ends := {"lower", "low", "upper", "high"} & set(parts)
    ):
        return "ci_low" if ends & {"lower", "low"} else "ci_high"
    if parts[-2:] == ("standard", "error"):
        return "sem"
    for part in parts:
        if part in STATISTICS:
            return STATISTICS[part]
        rank = _RANK.fullmatch(part)
        if rank and (part[0] != "q" or float(rank[1]) >= 5):  # q1 and q3 are quartiles
            return f"p{_plain_rank(rank[1] or rank[2])}"
    if "percentile" in parts or "percentiles" in parts:
        ranks = (part for part in parts if re.fullmatch(r"\d{1,2}(\.\d+)?", part))
        return next((f"p{_plain_rank(part)}" for part in ranks), "")
    return ""


def _plain_rank(text: str) -> str:
    """Return "90" of "90.00", "99.9" as it is, and "99.9" of "999"."""
    if text in ("999", "9999"):
        return f"99.{text[2:]}"
    return text.rstrip("0").rstrip(".") if "." in text else text


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


def rank_of(text: str) -> str:
    """Return the percentile that a key below `percentiles` names: "p99.9" of "99.9" or "0.999"; "" for none."""
    found = re.fullmatch(r"p?(\d{1,3}(?:\.\d+)?)(?:th|%)?", text.strip().lower())
    if not found or float(found[1]) > 100:
        return ""
    share = 0 < float(found[1]) < 1 and text.strip().startswith("0.")
    return f"p{float(found[1]) * 100:.10g}" if share else f"p{_plain_rank(found[1])}"


def _inside(parts: tuple[str, ...], found: set[str], outer: Meaning) -> Meaning | None:
    """Return what a field inside a metric's own object means: a statistic of it, or its value."""
    statistic = statistic_of(parts)
    if not statistic and len(parts) == 1:
        statistic = rank_of(parts[0]) if parts[0].rstrip("%") in RANKS or "." in parts[0] else ""
    unit = _unit(parts, outer.family)
    if found & PERCENT and found & {"change", "regression", "relative"}:
        return Meaning(UNKNOWN)
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
    per_second = ("per" in found and parts[-1] in ("second", "sec", "s")) or "persecond" in found
    if found & PERCENT and found & (MEMORY | UTILISATION | {"cpu", "gpu", "npu"}):
        return Meaning(MEASURE, _rest(parts, PERCENT, "utilisation", keep=True), statistic, "%")
    if "per" in found and found & _PER_ENERGY:
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
            | {"rate", "hz", "per", "second", "sec", "s", "items", "minute", "completed"}
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
        if said and (len(said) > 1 or parts[-1] == said) and len(parts) > 1:
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
        part for part in parts if part not in STATISTICS and not _RANK.fullmatch(part) and part != "quantiles"
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
        and not _RANK.fullmatch(part) and not re.fullmatch(r"\d[\d.]*", part)
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
