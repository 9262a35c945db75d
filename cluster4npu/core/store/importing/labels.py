"""Labels inside a name: `model=resnet18, device=cuda, bs=16, metric=latency`, `yolov5s/openvino:GPU/fp16 latency`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from cluster4npu.core.store.importing.names import (
    DEVICES,
    PRECISIONS,
    PROGRAMS,
    base_device,
    device_word,
    family_of,
    is_chip,
)

_PAIR = re.compile(r"\s*([A-Za-z][\w .-]{0,40}?)\s*[=:]\s*(\"[^\"]*\"|'[^']*'|.*?)\s*$")
_METRIC = ("metric", "metric_name", "measure", "measurement", "quantity", "kpi")
_LONGEST = 400
_PLACES = re.compile(r"[=/,|\[]")
_ALONE, _END = r"(?<![A-Za-z0-9])", r"(?![A-Za-z0-9])"
_BATCH = re.compile(rf"{_ALONE}(?:batch(?:[ _-]?size)?|bsz?|b)[ _:=-]?(\d{{1,5}}){_END}", re.IGNORECASE)
_SEQUENCE = re.compile(
    rf"{_ALONE}(?:seq(?:uence)?(?:[ _-]?len(?:gth)?)?|sl)[ _:=-]?(\d{{1,6}}){_END}", re.IGNORECASE
)
_UNCERTAIN = {"half", "mixed"}  # words that are no precision beside others
_PRECISION = re.compile(
    _ALONE + "(" + "|".join(sorted(PRECISIONS.keys() - _UNCERTAIN, key=len, reverse=True))
    + r"|w\d{1,2}a\d{1,2}|q[2-8]_[0-9k](?:_[sml])?)" + _END, re.IGNORECASE,
)  # fmt: skip
_DEVICE = re.compile(
    rf"{_ALONE}(?:(?:onnx|ort|ov|openvino|tflite|torch|tvm|sim):)?"
    rf"(?:{'|'.join(sorted(DEVICES, key=len, reverse=True))})\d{{0,2}}(?:[:#.]\d{{1,2}})?{_END}", re.IGNORECASE,
)  # fmt: skip
_LETTERED = ("efficientnet", "segformer", "vit", "clip", "swin", "beit")  # b0, B-16 are of the model
_SEPARATORS = r"[\s_\-/|@#,;:+.]"


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


@lru_cache(maxsize=20_000)
def dimensions(text: str) -> tuple[tuple[tuple[str, Any], ...], str]:
    """Return the batch, sequence, precision and device that a name tells among other words, and the words left.

    >>> dimensions("zoo-net@npu:int8#b4")
    ((('batch', 4), ('precision', 'int8'), ('device', 'npu')), 'zoo-net')
    """
    if len(text) > _LONGEST:
        return (), text
    told: dict[str, Any] = {}
    rest = text
    for field, pattern in (("batch", _BATCH), ("sequence", _SEQUENCE)):
        found = [m for m in pattern.finditer(rest) if not _is_a_models(m[0], rest)]
        if found:
            told[field] = int(found[-1][1])
            rest = _without(rest, found[-1])
    if precision := _PRECISION.search(rest):
        told["precision"] = PRECISIONS.get(precision[1].lower(), precision[1].lower())
        rest = _without(rest, precision)
    if devices := list(_DEVICE.finditer(rest)):
        best = next((m for m in devices if device_word(m[0]) not in PROGRAMS), devices[0])
        told["device"] = best[0]
        for other in reversed(devices):
            rest = _without(rest, other)
    elif told or family_of(rest):
        chip = next(
            (m for m in re.finditer(r"[A-Za-z0-9]+", rest) if is_chip(m[0]) and not family_of(m[0])), None
        )
        if chip is not None and chip.start() > 0:
            told["device"] = chip[0]
            rest = _without(rest, chip)
    return tuple(told.items()), rest


def _is_a_models(token: str, text: str) -> bool:
    """Tell whether `b0` or `b-16` is a part of a model's name."""
    if not re.fullmatch(r"[bB][ _:=-]?\d+", token):
        return False
    family = family_of(text)
    following = text[len(family) :].lstrip(" _-").lower() if family else ""
    return family.startswith(_LETTERED) and (following.startswith(token.lower()) or not token[1:].isdecimal())


def _without(text: str, found: re.Match[str]) -> str:
    """Return a name without a part, and without the separators that stood beside it."""
    before = re.sub(rf"{_SEPARATORS}+$", "", text[: found.start()])
    after = re.sub(rf"^{_SEPARATORS}+", "", text[found.end() :])
    return f"{before}_{after}" if before and after else before or after
