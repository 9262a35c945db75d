"""Figures of names that are not known, beside known ones: kept as they stand, if they look like measurements."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cluster4npu.core.store.importing.metrics import MEASURE, Meaning, meaning
from cluster4npu.core.store.importing.unit_words import of_unit
from cluster4npu.core.store.importing.values import is_epoch, is_finite, is_number
from cluster4npu.core.store.importing.vocabulary import LATENCY, PERCENT, WORK
from cluster4npu.core.store.importing.words import statistic_of, words

OWN = "own"  # the family of such figures
NO_UNIT = "unknown"
_NOT_MEASURED = {  # settings, properties of a model or of its input, labels and answers
    "fraction", "portion", "share",
    "above", "alpha", "anchor", "anchors", "arrival", "below", "beta", "bits", "budget", "burstiness", "channels",
    "clock", "commit", "conf", "confidence", "config", "decay", "dim", "dropout", "eps", "epsilon", "every",
    "fence", "flops", "format", "freq", "frequency", "gamma", "ghz", "gmacs", "height", "hidden", "hz", "iou",
    "kurtosis", "lambda", "lat", "latitude", "layers", "learning", "level", "line", "logit", "logits", "lon",
    "longitude", "lr", "macs", "margin", "mhz", "milestones", "moe", "momentum", "nms", "number", "opset",
    "padding", "param", "parameters", "params", "patch", "penalty", "percentile", "price", "prob", "probability",
    "proportion", "quantile", "rank", "release", "resolution", "rev", "revision", "rme", "scale", "schedule",
    "seed", "shape", "significance", "size", "skewness", "sparsity", "step", "stride", "tolerance", "trial",
    "version", "warmup", "weight", "weights", "width", "x", "y", "year", "z", "zero", "zoom",
}  # fmt: skip
_RATES = {
    "arrival",
    "frame",
    "learning",
    "rate",
    "refresh",
    "request",
    "sample",
    "sampling",
}  # that are asked for
_TELLS = re.compile(r"[a-z]{2}")
_RESULTS = {
    "accuracy", "counters", "eval", "evaluation", "extra", "extras", "measured", "measurements", "metrics", "perf",
    "performance", "quality", "result", "results", "scores", "stats", "statistics", "summary", "values",
}  # fmt: skip


def unnamed(
    name: str, values: Sequence[Any], node: Mapping[str, Any], above: Mapping[str, Any], path: Sequence[str]
) -> Meaning | None:
    """Return the meaning of a figure whose name is not known; None where it need not be a measurement.

    It must be written with a decimal point, and stand beside known measurements or below a name of results.
    """
    parts = words(name)
    if (
        len(values) != 1
        or not isinstance(values[0], float)
        or not is_finite(values[0])
        or is_epoch(values[0])
    ):
        return None
    if set(parts) & _NOT_MEASURED or {"rate"} < set(parts) & _RATES or not any(map(_TELLS.search, parts)):
        return None
    around = path[-1] if path else ""
    told = set(words(around)) & _RESULTS and parts != ("score",)
    if not (told or set(parts) & (WORK | LATENCY) or _measures(node) or _measures(above)):
        return None
    statistic = statistic_of(parts)
    own = [part for part in parts if not statistic_of((part,))] or list(words(around)) or list(parts)
    unit = "%" if set(parts) & PERCENT else NO_UNIT
    return Meaning(MEASURE, "_".join(own), statistic or "value", unit, OWN)


def _measures(node: Mapping[str, Any]) -> bool:
    """Tell whether an object has known measurements of its own."""
    return any(
        (known := meaning(str(key))).kind == MEASURE and known.family != "count" and is_number(value)
        for key, value in node.items()
    )


def with_unit(found: Meaning, unit: str) -> Meaning:
    """Return the meaning of such a figure where a unit stands beside it after all."""
    said = of_unit(unit, found.statistic)
    return Meaning(MEASURE, found.metric, found.statistic, "", said.family) if said.kind == MEASURE else found
