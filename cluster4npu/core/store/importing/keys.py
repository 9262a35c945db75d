"""Which model, device, batch ... the name of an enclosing key tells, by itself and beside its sisters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cluster4npu.core.store.importing.labels import dimensions
from cluster4npu.core.store.importing.metrics import MEASURE, meaning
from cluster4npu.core.store.importing.model import Context
from cluster4npu.core.store.importing.names import (
    DEVICES,
    PRECISIONS,
    base_device,
    device_word,
    family_of,
    is_chip,
)
from cluster4npu.core.store.importing.words import words

LENDERS = {
    "metadata", "meta", "config", "configuration", "parameters", "params", "settings", "info",
    "benchmark_config", "test_config", "platform_support", "model_info", "run_info", "benchmark_info",
    "args", "options", "context", "environment", "device_info", "hardware_config", "extra_info", "header",
}  # fmt: skip
NEUTRAL = {
    "results", "result", "summary", "benchmark", "benchmarks", "performance", "metrics", "data", "stats",
    "statistics", "benchmark_data", "benchmark_results", "batch_results", "batch_sizes", "raw",
    "detailed_results", "details", "performance_benchmarks", "performance_summary", "measurements",
    "output", "stdout", "stderr", "log", "timing", "runs", "entries", "rows", "items", "report",
    "json_result", "by_batch", "output_example", "performance_results", "model_results", "aggregated",
    "all_results", "tests", "test_results", "perf", "performance_metrics", "text", "benchmark_summary",
    "inference", "latest", "models", "by_model", "by_hardware", "by_device", "hardware", "hardware_results",
    "model_families", "devices", "platforms", "timings", "completed", "completed_benchmarks",
    "failed_benchmarks", "skipped_benchmarks", "model_benchmarks", "hardware_compatibility", "families",
}  # fmt: skip
CONFIG_KEY = re.compile(
    r"(?:^|[_\-\s])(batch|bs|b|seq|seq_len|sequence|sequence_length)(?:[_\-\s]?size)?[_\-\s=:]?(\d+)(?=$|[_\-\s])"
)
_VARIANTS = {"after", "async", "baseline", "before", "cold", "compiled", "default", "dynamic", "eager", "inference",
             "optimized", "original", "parallel", "pruned", "quantized", "single", "static", "sync", "train",
             "training", "warm", "precision", "precisions", "batch", "batches", "sizes"}  # fmt: skip
_CONTAINERS = {
    "all", "benchmark", "by", "curve", "curves", "data", "entries", "execution", "grid", "inference", "matrix",
    "measurement", "measurements", "metrics", "output", "outputs", "perf", "performance", "profile", "profiling",
    "raw", "records", "report", "result", "results", "run", "runs", "scaling", "series", "stats", "summary",
    "sweep", "sweeps", "test", "tests", "timing", "timings",
}  # fmt: skip
_HARDWARE = {"accelerators", "backends", "boards", "chips", "device", "devices", "hardware", "platforms"}
_ROUNDS = {
    "attempt",
    "day",
    "fold",
    "iteration",
    "pass",
    "repeat",
    "repetition",
    "round",
    "run",
    "session",
    "trial",
}
_NUMBERED = re.compile(r"\d{1,5}")
_SURE, _JOINED, _ABOVE, _WEAK = (
    50,
    60,
    70,
    90,
)  # ranks: what a key by itself, beside others, and by its place tells
DEVICE, MODEL = "device", "model"


def by_key(outer: Context, key: str, parent: str, child: Any, level: str = "") -> Context:
    """Return the context below a key: batch, device, precision and model that its name tells.

    `level` is what its sisters are, as `level_of` finds it.
    """
    parts = words(key)
    lowered = key.lower().strip()
    told = CONFIG_KEY.findall(lowered)
    if family_of(key):  # the b0 of efficientnet_b0 is no batch
        told = [(name, count) for name, count in told if name != "b"]
    if _NUMBERED.fullmatch(lowered):
        if "batch" in words(parent) or int(lowered) in outer.batches:
            return outer.but(batch=int(lowered))
        return outer.but(label=(*outer.label, lowered)) if not lowered.startswith("[") else outer
    if lowered in PRECISIONS:
        return outer.but(precision=PRECISIONS[lowered])
    first, slash, rest = key.partition("/")
    if slash and first.lower() in DEVICES and rest and isinstance(child, dict | list) and not outer.device:
        return by_key(outer.but(device=first, device_rank=_SURE), rest, "models", child)
    if lowered in DEVICES or (base_device(key) in DEVICES and set(parts) <= DEVICES):
        return outer.but(device=key, device_rank=_SURE)
    joined = _joined(outer, key, child, level, sure=bool(told))
    if joined is not None:
        return joined
    if told:
        config = {name[0]: int(count) for name, count in told}
        rest = CONFIG_KEY.sub("", lowered).strip("_- ")
        changes: dict[str, Any] = {
            "batch": config.get("b", outer.batch),
            "sequence": config.get("s", outer.sequence),
        }
        return outer.but(**changes, label=(*outer.label, rest) if rest else outer.label)
    if is_chip(key) and isinstance(child, dict | list) and not outer.device and level != MODEL:
        return outer.but(device=key, device_rank=_SURE)
    is_name = isinstance(child, dict | list) and _may_name(key)
    if names_devices(parent) and isinstance(child, dict | list) and lowered not in NEUTRAL:
        return outer.but(device=key, device_rank=_SURE)
    if _names_model(key, parent, child) or (level == MODEL and is_name and not outer.model):
        return outer.but(model=key, model_rank=_SURE)
    if level == DEVICE and is_name and not outer.device:
        return outer.but(device=key, device_rank=_ABOVE)
    if _is_above_variants(key, child) and not (outer.model and outer.device):
        if outer.model:
            return outer.but(device=key, device_rank=_ABOVE)
        return outer.but(model=key, model_rank=_ABOVE)
    return _labelled(outer, key, child)


def _labelled(outer: Context, key: str, child: Any) -> Context:
    """Return the context below a key that is no dimension of its own: a variant, or a device among other words."""
    parts, lowered = words(key), key.lower().strip()
    named = {part for part in parts if device_word(part)}
    device = named.pop() if len(named) == 1 else ""
    label = outer.label if lowered in NEUTRAL or lowered in LENDERS else (*outer.label, lowered)
    changes: dict[str, Any] = {}
    if isinstance(child, dict | list) and device and not outer.device:
        changes = {"device": device, "device_rank": _JOINED}
    summary = outer.summary or "summary" in parts or "aggregate" in parts or "aggregated" in parts
    return outer.but(**changes, label=label, summary=summary)


def _joined(outer: Context, key: str, child: Any, level: str, *, sure: bool) -> Context | None:
    """Return the context below a key that joins several dimensions, `resnet50_cuda_fp16_bs8`; None for another."""
    told, rest = dimensions(key)
    if not told or (rest and not isinstance(child, dict | list)):
        return None
    changes: dict[str, Any] = dict(told)
    if "device" in changes:
        changes["device_rank"] = _SURE
    if not rest:
        return outer.but(**changes)
    is_model = bool(family_of(rest)) or level == MODEL
    if not is_model and len(told) < 2:
        return None
    is_word = set(words(rest)) <= _CONTAINERS | _VARIANTS or rest.lower() in NEUTRAL | LENDERS
    if is_model or not (is_word or outer.model or meaning(rest).kind == MEASURE):
        return outer.but(**changes, model=rest, model_rank=_SURE if is_model else _JOINED)
    return outer.but(
        **changes, label=outer.label if rest.lower() in NEUTRAL else (*outer.label, rest.lower())
    )


def level_of(node: Mapping[str, Any]) -> str:
    """Return what the names of an object's parts are, DEVICE or MODEL, where most of them are known; else ""."""
    names = [
        str(key) for key, value in node.items() if isinstance(value, dict | list) and _may_name(str(key))
    ]
    if len(names) < 2:
        return ""
    devices = sum(_is_a_device(name) for name in names)
    models = sum(bool(family_of(name)) for name in names)
    if devices and devices * 2 >= len(names) and devices >= models:
        return DEVICE
    if models * 2 > len(names):
        return MODEL
    below = [value for name, value in node.items() if str(name) in names and isinstance(value, dict)]
    if len(below) < len(names):
        return ""
    levels = [_plain_level(value) for value in below]
    if levels.count(DEVICE) * 2 >= len(levels):
        return MODEL
    common = set.intersection(*(set(map(str, value)) for value in below))
    several = any(set(words(name)) & _ROUNDS for name in names)
    if levels.count(MODEL) * 2 >= len(levels) and any(family_of(name) for name in common) and not several:
        told = [item for value in below for item in value.values() if isinstance(item, dict)]
        return "" if DEVICE in map(_plain_level, told) else DEVICE
    return ""


def _plain_level(node: Mapping[str, Any]) -> str:
    names = [
        str(key) for key, value in node.items() if isinstance(value, dict | list) and _may_name(str(key))
    ]
    if names and all(map(_is_a_device, names)):
        return DEVICE
    return MODEL if names and all(map(family_of, names)) else ""


def _may_name(key: str) -> bool:
    """Tell whether a key may be a name of something: no container, metric, number or precision."""
    lowered = key.lower().strip()
    if lowered in NEUTRAL or lowered in LENDERS or lowered in PRECISIONS or _NUMBERED.fullmatch(lowered):
        return False
    if re.search(r"\.(?:py|sh|js|json|txt|log|exe|cpp|rs)$", lowered):
        return False
    return meaning(key).kind != MEASURE and not set(words(key)) <= _CONTAINERS | _VARIANTS | _HARDWARE


def _is_a_device(name: str) -> bool:
    told, rest = dimensions(name)
    return (not rest and any(field == "device" for field, _ in told)) or is_chip(name)


def names_devices(parent: str) -> bool:
    """Tell whether what stands below this name is named by devices: `by_hardware`."""
    parts = set(words(parent))
    return bool(parts & _HARDWARE) and not parts & {
        "info", "details", "types", "available"}  # fmt: skip


def _is_above_variants(key: str, child: Any) -> bool:
    """Tell whether a name stands above precisions or batch sizes only: it is the model's, then the device's."""
    return (
        isinstance(child, dict) and bool(child) and all(_tells_variant(str(k)) for k in child)
        and key.lower() not in NEUTRAL and key.lower() not in LENDERS and not set(words(key)) & _VARIANTS
        and meaning(key).kind != MEASURE and not names_devices(key)
    )  # fmt: skip


def _tells_variant(key: str) -> bool:
    """Tell whether a key is a precision, or a batch size that says so."""
    return key.lower().strip() in PRECISIONS or (
        "b" in {name[0] for name, _ in CONFIG_KEY.findall(key.lower())}
        and not CONFIG_KEY.sub("", key.lower())
    )


def _names_model(key: str, parent: str, child: Any) -> bool:
    """Tell whether a key is a model's name: below `models`, of the form org/name, or above devices only."""
    if not isinstance(child, dict | list) or key.startswith("[") or meaning(key).kind == MEASURE:
        return False
    if family_of(key):
        return True
    is_container = (
        key.lower() in NEUTRAL or key.lower() in LENDERS or set(words(key)) <= _CONTAINERS | _HARDWARE
    )
    if isinstance(child, dict) and child and all(_is_a_device(str(k)) for k in child):
        return not is_container and not names_devices(key)
    if re.fullmatch(r"[\w.-]+/[\w.-]+", key):
        return True
    parts = set(words(parent))
    return (
        bool(parts & {"models", "model"})
        and not parts & {"families", "family", "info"}
        and (key.lower() not in NEUTRAL and key.lower() not in LENDERS)
    )
