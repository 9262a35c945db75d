"""Labels inside a name: `model=resnet18, device=cuda, bs=16, metric=latency`, `yolov5s/openvino:GPU/fp16 latency`."""

from __future__ import annotations

import re
from functools import lru_cache

from cluster4npu.core.store.importing.names import DEVICES, PRECISIONS, base_device, family_of

_PAIR = re.compile(r"\s*([A-Za-z][\w .-]{0,40}?)\s*[=:]\s*(\"[^\"]*\"|'[^']*'|.*?)\s*$")
_METRIC = ("metric", "metric_name", "measure", "measurement", "quantity", "kpi")
_LONGEST = 400
_PLACES = re.compile(r"[=/,|\[]")


def is_plain_name(name: str) -> bool:
    """Tell whether a key is a field's name, and no list of labels, which speaks for its own value only."""
    return not _PLACES.search(name)


def pairs_in(text: str) -> dict[str, str]:
    """Return the `name=value` pairs of a text, also those of `call(Model: "x", Batch: 1)`; {} for fewer than two."""
    if len(text) > _LONGEST or ("=" not in text and "(" not in text):
        return {}
    enclosed = re.search(r"\(([^()]*)\)\s*$|\[([^\[\]]*=[^\[\]]*)\]\s*$", text)
    inner = (enclosed[1] or enclosed[2] or "") if enclosed else ""
    colons = enclosed is not None and "=" not in text
    told: dict[str, str] = {}
    for part in re.split(r"[,;&|]", inner if ("=" in inner or colons) else text):
        found = _PAIR.match(part) if "=" in part or colons else None
        if found:
            told[found[1].strip().lower()] = found[2].strip("\"' ")
    return told if len(told) > 1 else {}


@lru_cache(maxsize=20_000)
def labelled(name: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """Return the fields that a key tells, and what is left of it as the metric's name; ((), name) without labels."""
    if pairs := pairs_in(name):
        metric = next((pairs.pop(key) for key in _METRIC if key in pairs), "")
        rest = [p for p in re.split(r"[,;&|]", name) if "=" not in p and ":" not in p]
        return tuple(pairs.items()), metric or " ".join(rest).strip()
    if "/" not in name or len(name) > _LONGEST:
        return (), name
    told: dict[str, str] = {}
    rest = []
    for part in re.split(r"[/\s|]+", name):
        if part.lower() in DEVICES or (":" in part and base_device(part) in DEVICES):
            told.setdefault("device", part)
        elif part.lower() in PRECISIONS:
            told.setdefault("precision", PRECISIONS[part.lower()])
        elif family_of(part):
            told.setdefault("model", part)
        elif found := re.fullmatch(r"(?:batch|bs|b)[_:=]?(\d+)", part.lower()):
            told.setdefault("batch_size", found[1])
        else:
            rest.append(part)
    return (tuple(told.items()), " ".join(rest)) if len(told) > 1 and rest else ((), name)
