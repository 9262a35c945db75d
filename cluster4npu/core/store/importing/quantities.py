"""A number with its unit in a text, as people write it: `12.5 ms`, `3k fps`, `1m 3s`, `12,5`."""

from __future__ import annotations

import re

from cluster4npu.core.store.importing.vocabulary import RATE_UNITS

_LONGEST = 60
_NUMBER = r"[+-]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[eE][+-]?\d+)?"
_QUANTITY = re.compile(
    rf"\s*[~≈]?\s*({_NUMBER}|\d+,\d{{1,2}}|\d+,\d{{4,}})\s*(?:(?:±|\+/-|\+-)\s*\d+(?:[.,]\d+)?\s*)?"
    r"([A-Za-zµμ%/]*(?:\s?/\s?s(?:ec)?)?|[kKM]\s+[a-z]{2,}(?:/s(?:ec)?)?)\s*"
)
_TIMES = {"h": 3600.0, "m": 60.0, "min": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_PART = r"(\d+(?:\.\d+)?)\s*(h|min|m|s|ms|us|ns)"
_PARTS = re.compile(rf"\s*(?:{_PART}\s+|{_PART})+{_PART}\s*")
_CLOCK = re.compile(r"\s*(\d{1,3}):([0-5]\d):([0-5]\d(?:\.\d+)?)\s*")
_RATES = {"/s", "/sec", "fps", "qps", "rps", "tps", "ips"}
_THOUSANDS = {"k": 1e3, "K": 1e3, "M": 1e6}


def quantity_in(text: str) -> tuple[float, str] | None:
    """Return the number and the unit ("" for none) that a text is, None for any other text.

    >>> quantity_in("3k fps"), quantity_in("1m 3s"), quantity_in("12,5")
    ((3000.0, 'frames/s'), (63.0, 's'), (12.5, ''))
    """
    if len(text) > _LONGEST or not any(map(str.isdigit, text)):
        return None
    if _PARTS.fullmatch(text):
        return sum(float(number) * _TIMES[unit] for number, unit in re.findall(_PART, text)), "s"
    if clock := _CLOCK.fullmatch(text):
        return float(clock[1]) * 3600 + float(clock[2]) * 60 + float(clock[3]), "s"
    found = _QUANTITY.fullmatch(text)
    if not found:
        return None
    number = found[1].replace(",", "" if re.fullmatch(_NUMBER, found[1]) else ".")
    unit = re.sub(r"\s*/\s*", "/", found[2].replace("μ", "µ"))
    thousand, rest = _THOUSANDS.get(unit[:1]), unit[1:].strip()
    if thousand and (rest in _RATES or rest.endswith(("/s", "/sec"))) and not rest.startswith(("B", "b")):
        return float(number) * thousand, "items/s" if rest.startswith("/") else RATE_UNITS.get(rest, rest)
    return float(number), unit
