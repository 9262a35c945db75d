"""Figures that stand in printed text: `Batch 1: Latency 24.80ms, Throughput 40.33 items/s`."""

from __future__ import annotations

import re
from typing import Any

from cluster4npu.core.store.importing.masking import masked
from cluster4npu.core.store.importing.metrics import MEASURE, Meaning, meaning
from cluster4npu.core.store.importing.model import Context, Figure, Path, Record
from cluster4npu.core.store.importing.names import DEVICES, base_device, family_of
from cluster4npu.core.store.importing.vocabulary import TIME_UNITS
from cluster4npu.core.store.importing.words import words

_LONGEST = 2_000_000  # characters of one text
_LONGEST_LINE = 2_000
_UNIT = (
    r"ms|msec|milliseconds?|µs|us|usec|microseconds?|ns|nanoseconds?|seconds?|secs?|s"
    r"|(?:items|samples|frames|tokens|images|inferences|requests|queries|it|req|inf|img|tok)\s?/\s?s(?:ec(?:ond)?)?"
    r"|(?:items|samples|frames|tokens|images|inferences|requests|queries) per sec(?:ond)?|fps|qps"
    r"|KB|MB|GB|KiB|MiB|GiB|bytes|%|W|J|x"
)
_FIGURE = re.compile(
    rf"(?P<name>[A-Za-z][A-Za-z0-9_ .%/-]{{1,60}}?(?:\s?\((?P<inside>{_UNIT})\))?)\s*(?:[:=]|\b(?:is|in|took)\b|\s)\s*"
    rf"(?P<value>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)\s?(?P<unit>{_UNIT})?(?![\w./]\d|[A-Za-z])"
)
_ALONE = re.compile(
    r"(?<![\w.])(?P<value>\d+(?:\.\d+)?)\s?(?P<unit>fps|(?:items|samples|frames|tokens|images|inferences|requests)\s?/\s?s(?:ec)?)\b",
    re.IGNORECASE,
)
_BATCH = re.compile(r"\bbatch(?:[ _-]?size)?\s*[:=]?\s*(\d{1,6})\b", re.IGNORECASE)
_MODEL = re.compile(r"^\W*model(?:[ _]name)?\s*[:=]\s*([\w./-]+)", re.IGNORECASE)
_LOADED = re.compile(
    r"\b(?:load(?:ed|ing)|running|benchmark(?:ed|ing)?|testing)\s+(?:model\s+)?['\"]?([\w./-]*[\w-])",
    re.IGNORECASE,
)
_DEVICE = re.compile(
    r"^\W*(?:hardware|device|platform|backend)\s*[:=]\s*([\w:. -]{2,60}?)\s*$", re.IGNORECASE
)
_WORK = {
    "loaded": "load_time", "loading": "load_time", "compiled": "compile_time", "compiling": "compile_time",
    "initialized": "init_time", "initialised": "init_time", "run": "latency", "iteration": "latency",
    "iter": "latency", "inference": "latency", "pass": "latency",
}  # fmt: skip
_RATES = {
    "it": "iterations/s",
    "req": "requests/s",
    "inf": "inferences/s",
    "img": "images/s",
    "tok": "tokens/s",
}


def records_in_text(text: str, outer: Context, place: Path) -> list[Record]:
    """Return one record per line that holds figures with a known name and, for times and sizes, a unit."""
    found: list[Record] = []
    here = outer
    for number, line in enumerate(text[:_LONGEST].splitlines(), 1):
        line = line[:_LONGEST_LINE]
        model, device, batch = _MODEL.search(line), _DEVICE.search(line), _BATCH.search(line)
        if model is None and (named := _LOADED.search(line)) and family_of(named[1]):
            model = named
        changes: dict[str, Any] = {}
        if model and (not outer.model or outer.model_rank > 1):
            changes |= {"model": masked(model[1]), "model_rank": 1}
        if device and not outer.device and base_device(device[1]) in DEVICES:
            changes["device"] = masked(device[1])
        if batch:
            changes["batch"] = int(batch[1])
        here = here.but(**changes) if changes else here
        figures = _figures(line, (*place, f"line {number}"))
        if figures:
            found.append(Record((*place, f"line {number}"), here, figures, from_text=True))
    return found


def _figures(line: str, place: Path) -> list[Figure]:
    found: list[Figure] = []
    taken: list[tuple[int, int]] = []
    for match in _FIGURE.finditer(line):
        name = re.split(r"[,;|]|\b(?:and|with)\b", match["name"])[-1].strip()
        unit = (match["unit"] or match["inside"] or "").strip()
        known = meaning(name[-60:])
        if known.kind != MEASURE and unit.lower() in TIME_UNITS:
            known = _of_work(name) or known
        if (
            abs(float(match["value"])) > 1e100
            or known.kind != MEASURE
            or known.family == "count"
            or not _agrees(known, unit)
        ):
            continue
        found.append(_figure(name, known, match["value"], unit, place))
        taken.append(match.span("value"))
    for match in _ALONE.finditer(line):
        if match.span("value") not in taken:
            known = Meaning(MEASURE, "throughput", "value", "", "rate")
            found.append(_figure("throughput", known, match["value"], match["unit"], place))
    return found


def _of_work(name: str) -> Meaning | None:
    """Return the time that a line tells of work done: `Loaded t5-small in 2.4 s`, `Run 1/3: 181.4 ms`."""
    told = [_WORK[word] for word in words(name) if word in _WORK]
    return Meaning(MEASURE, told[0], "value", "", "time") if told else None


def _figure(name: str, known: Meaning, text: str, unit: str, place: Path) -> Figure:
    digits = len(text.partition(".")[2].partition("e")[0]) if "e" not in text.lower() else 12
    return Figure(place, masked(name), known, [float(text)], digits=digits, unit=_plain(unit, known))


def _agrees(known: Meaning, unit: str) -> bool:
    """Tell whether a figure may have this unit; times, sizes and shares must have one, said or in the name."""
    lowered = unit.lower()
    rate = "/" in lowered or " per " in lowered or lowered in ("fps", "qps")
    size = lowered in ("kb", "mb", "gb", "kib", "mib", "gib", "bytes")
    if known.family == "rate":
        return rate or not unit
    if known.family == "time":
        return bool(unit or known.unit) and not rate and not size and lowered not in ("%", "w", "j", "x")
    if known.family == "size":
        return size or (bool(known.unit) and not unit)
    return lowered in ("", "%", "w", "j", "x") and known.metric not in (
        "overhead",
        "map",
        "efficiency",
        "improvement",
    )


def _plain(unit: str, known: Meaning) -> str:
    lowered = unit.lower().replace(" per ", "/").replace(" ", "")
    if "/" in lowered:
        thing = lowered.partition("/")[0]
        return _RATES.get(thing, f"{thing}/s")
    if lowered == "fps":
        return "frames/s"
    if lowered == "qps":
        return "queries/s"
    if unit in ("W", "J", "%"):
        return unit
    return "ratio" if lowered == "x" else lowered or known.unit
