"""Judges what an object of a file is: settings, a description of the machine, a model's output, or results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cluster4npu.core.store.importing.context import lends
from cluster4npu.core.store.importing.metrics import COUNT, HOST, MEASURE, SETTING, meaning
from cluster4npu.core.store.importing.model import FAILED, Record
from cluster4npu.core.store.importing.values import are_numbers, is_number
from cluster4npu.core.store.importing.vocabulary import INPUTS, LATENCY, MEMORY, RATES, TIMES
from cluster4npu.core.store.importing.words import statistic_of, words

HOST_KEYS = {
    "system_info", "hardware_info", "hardware_details", "system", "environment", "env", "machine_info",
    "cpu_info", "gpu_info", "versions", "host", "platform_info", "system_information", "software",
}  # fmt: skip
_SETTING_KEYS = {
    "args", "assertions", "benchmark_config", "config", "configuration", "criteria", "expectations", "gate",
    "gates", "generation_config", "goals", "hyperparameters", "limits", "options", "parameters", "params",
    "requirements", "settings", "sla", "slo", "target", "targets", "test_config", "thresholds", "throttling",
}  # fmt: skip
_PLANS = {"catalog", "catalogue", "plan", "planned", "registry", "schedule", "todo", "wishlist"}
_LIMITS = {"limits", "threshold", "thresholds", "tolerance", "tolerances"}
_COUNTED = {"bins", "buckets", "histogram", "histograms"}
DIFFERENCE = "a difference of two others"
_DIFFERENCES = {"change", "changes", "delta", "deltas", "diff", "difference", "differences", "diffs"}
_OUTPUT_KEYS = {"predictions", "examples", "outputs", "logits", "embedding_values", "boxes", "detections"}
_DESCRIBED = {"machine", "hardware", "device", "gpu", "cpu", "npu", "accelerator"}


def left_out(name: str, value: Any) -> str:
    """Return why nothing below this name is a measurement, "" where something may be."""
    lowered = name.lower()
    if not isinstance(value, dict | list):
        return ""
    if lowered in HOST_KEYS or _describes(lowered, value):
        return HOST
    if set(words(name)) & _COUNTED:
        return COUNT
    if set(words(name)) & INPUTS and lends(name):
        return SETTING
    named_after_figures = set(words(name)) & (
        TIMES | LATENCY | MEMORY | RATES | {"perf", "performance", "power"}
    )
    if set(words(name)) <= _DIFFERENCES:
        return DIFFERENCE
    if set(words(name)) & (_PLANS | _LIMITS):
        return SETTING
    if lowered in _SETTING_KEYS or (lends(name) and not named_after_figures and not _measures(value)):
        return SETTING
    return "a model's output" if lowered in _OUTPUT_KEYS and _is_output(value) else ""


def doubt(own: Sequence[Record], below: Sequence[Record]) -> None:
    """Mark an object's figures failed when everything measured below it failed, whatever it says of itself."""
    if below and all(record.context.status == FAILED for record in below):
        for record in own:
            record.context = record.context.but(status=FAILED, error="everything below it failed")


def are_names(value: Any) -> bool:
    """Tell whether a value is a list of texts."""
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) and item for item in value)


def _measures(value: Any) -> bool:
    """Tell whether there are latencies or rates below: then what is called a configuration is a result."""
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, list):
            pending += item
        elif isinstance(item, dict):
            pending += [v for v in item.values() if isinstance(v, dict | list)]
            told = [meaning(str(k)) for k, v in item.items() if is_number(v) or are_numbers(v)]
            if any(t.kind == MEASURE and t.family in ("time", "rate") and t.metric != "duration_time" and (
                t.statistic != "value" or t.metric in ("latency", "throughput")) and t.statistic not in ("min", "max")
                for t in told):  # fmt: skip
                return not _only_durations(item)
    return False


def _only_durations(node: Mapping[str, Any]) -> bool:
    """Tell whether the only times are lengths of runs: `duration_ms` of a configuration is a setting."""
    times = [
        words(str(k))
        for k, v in node.items()
        if (is_number(v) or are_numbers(v)) and meaning(str(k)).family in ("time", "rate")
    ]
    return all({"duration", "runtime", "time", "interval"} & set(t) and not statistic_of(t) for t in times)


def _describes(name: str, value: Any) -> bool:
    """Tell whether an object describes a device by name, memory and the like, and holds no results."""
    return (
        name in _DESCRIBED
        and isinstance(value, dict)
        and isinstance(value.get("name"), str)
        and not _has_times(value)
    )


def _has_times(value: Mapping[str, Any]) -> bool:
    """Tell whether an object holds times, rates or lists, which a description of a card does not."""
    return any(
        isinstance(v, list) or (_has_times(v) if isinstance(v, dict) else meaning(str(k)).family in ("time", "rate"))
        for k, v in value.items()
    )  # fmt: skip


def _is_output(value: Any) -> bool:
    """Tell whether what is called predictions, boxes ... is a model's output, and no list of predicted figures."""
    items = value if isinstance(value, list) else [value, *value.values()]
    told = [meaning(str(key)) for item in items[:20] if isinstance(item, dict) for key in item]
    return not any(known.formula or known.family in ("time", "rate") for known in told)
