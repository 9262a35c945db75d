"""What texts tell by themselves: command lines, names of tests, units, and names of devices and models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cluster4npu.core.store.importing.keys import CONFIG_KEY
from cluster4npu.core.store.importing.labels import dimensions, pairs_in
from cluster4npu.core.store.importing.masking import masked
from cluster4npu.core.store.importing.metrics import MEASURE
from cluster4npu.core.store.importing.model import Context
from cluster4npu.core.store.importing.names import (
    DEVICES,
    PRECISIONS,
    base_device,
    device_word,
    family_of,
)
from cluster4npu.core.store.importing.unit_words import of_unit, plain_unit
from cluster4npu.core.store.importing.words import words

_LONGEST_NAME = 60
_VALUE_RANK = 75  # what a text is, whatever its field is called
_DESCRIBED = {
    "benchmark",
    "case",
    "config",
    "pipeline",
    "setup",
    "subject",
    "test",
    "workload",
}  # by model and more
_OF_OTHERS = {  # names of fields that tell of something else, or of more than what ran
    "against",
    "available",
    "backbone",
    "base",
    "baseline",
    "browser",
    "class",
    "command",
    "compared",
    "comment",
    "dataset",
    "description",
    "draft",
    "engine",
    "error",
    "expected",
    "fallback",
    "family",
    "framework",
    "from",
    "host",
    "library",
    "message",
    "note",
    "notes",
    "original",
    "os",
    "parent",
    "reason",
    "reference",
    "requested",
    "runtime",
    "source",
    "status",
    "supported",
    "teacher",
    "tokenizer",
    "type",
    "url",
    "version",
    "versus",
    "vs",
    "warning",
}
_LONGEST_UNIT = 30  # characters
_OPTION = re.compile(r"(?:^|\s)--?([A-Za-z][\w-]*)[=\s]+(\"[^\"]*\"|'[^']*'|[^\s-][^\s]*)")
_SHORT = {"m": "model", "d": "device", "b": "batch_size", "bs": "batch_size"}


def by_values(outer: Context, node: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """Return a device, a precision and a model that texts are by themselves, whatever their fields are called."""
    found: dict[str, set[str]] = {"device": set(), "precision": set(), "model": set()}
    for name, value in node.items():
        if (
            not isinstance(value, str)
            or not 1 < len(value) < _LONGEST_NAME
            or set(name.split("_")) & _OF_OTHERS
            or (device_word(name.partition("_")[0]) and "_" in name)  # it is that device's column
        ):
            continue
        dims, rest = dimensions(value)
        if not rest and len(dims) == 1 and dims[0][0] in found:
            found[dims[0][0]].add(value if dims[0][0] == "device" else str(dims[0][1]))
        elif not dims and family_of(value) and " " not in value.strip():
            found["model"].add(value)
        elif name.rpartition("_")[2] in _DESCRIBED and family_of(
            first := re.split(r"[\s,;]", value.strip())[0]
        ):
            found["model"].add(first)
    known = {"device": outer.device, "precision": outer.precision, "model": outer.model}
    single = {
        field: masked(next(iter(values))) for field, values in found.items()
        if len(values) == 1 and not told.get(field) and not known[field]
    }  # fmt: skip
    return single | {f"{field}_rank": _VALUE_RANK for field in single if field != "precision"}


def units_of(outer: Context, node: Mapping[str, Any]) -> dict[str, Any]:
    """Return the units that an object says, of all its figures or of some by name."""
    told: dict[str, str] = {}
    units, others = "", []
    for name, value in node.items():
        own, _, last = name.rpartition("_")
        known = isinstance(value, str) and of_unit(plain_unit(value)).kind == MEASURE
        if name in ("unit_of_measurement", "unit_of_measure") or (name in ("u", "uom") and known):
            own = ""
        elif last not in ("unit", "units"):
            continue
        if isinstance(value, dict):
            told |= {"_".join(words(str(k))): plain_unit(v) for k, v in value.items() if isinstance(v, str)}
        elif isinstance(value, str) and value and len(value) < _LONGEST_UNIT:
            if own and of_unit(plain_unit(value)).kind != MEASURE:
                continue  # `computeUnit`: a part of the machine
            if own in ("", "time"):
                units = units or plain_unit(value)
            else:
                told[own] = plain_unit(value)
                others.append(plain_unit(value))
    units = units or (others[0] if len(others) == 1 else "")
    found: dict[str, Any] = {"unit_of": tuple((dict(outer.unit_of) | told).items())} if told else {}
    return found | ({"units": units} if units else {})


def options_of(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a command line says, `--model x --batch-size 8`, and what short names of options stand for."""
    found: dict[str, Any] = {}
    for name in ("command", "cmd", "cmdline", "command_line", "argv", "invocation"):
        text = node.get(name)
        text = " ".join(map(str, text)) if isinstance(text, list) else text
        for option, value in _OPTION.findall(text) if isinstance(text, str) else ():
            key = "_".join(words(option))
            found.setdefault(_SHORT.get(key, key), value.strip("\"'"))
    for name, value in node.items():
        if isinstance(value, str):
            found |= {key: told for key, told in pairs_in(value).items() if key not in found and key != name}
    if isinstance(short := node.get("m"), str) and (family_of(short) or "." in short):
        found |= {long: node[key] for key, long in _SHORT.items() if key in node}
    return found


def by_name(name: str) -> dict[str, Any]:
    """Return what the parts of a test's name say: `BM_Infer/resnet50/cpu/batch:16`, `test_infer[resnet50-cpu-1]`."""
    told: dict[str, Any] = {}
    for part in re.split(r"[/\[\],|\s]+", name):
        config = {key[0]: int(count) for key, count in CONFIG_KEY.findall(part.lower())}
        if "b" in config and not family_of(part):
            told.setdefault("batch", config["b"])
        elif part.lower() in DEVICES or (":" in part and base_device(part) in DEVICES):
            told.setdefault("device", part)
        elif part.lower() in PRECISIONS:
            told.setdefault("precision", PRECISIONS[part.lower()])
        elif family_of(part) and part != name:
            own, rest = dimensions(part)
            told = {**dict(own), **told}
            told.setdefault("model", rest or part)
    dims, rest = dimensions(name)
    for field, value in dims:
        told.setdefault(field, value)
    if dims and family_of(rest) and " " not in rest.strip():
        told.setdefault("model", rest)
    return told
