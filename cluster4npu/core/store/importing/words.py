"""What a field's name says: which metric it is, which statistic of it, and in which unit."""

from __future__ import annotations

import re
from functools import lru_cache

from cluster4npu.core.store.importing.vocabulary import (
    STATISTICS,
)

_MAP = re.compile(r"(?<![A-Za-z])m(AP|IoU|IOU)(?:[@_]?(?:0?\.)?(\d+)(?:[-:](?:0?\.)?(\d+))?)?")
_TOP = re.compile(r"(?i)(?<![a-z])top[-_ @]?([15])(?![0-9])|(?<![a-z])(?:acc|accuracy)@([15])(?![0-9])")
RANK = re.compile(
    r"(?:p|tp|t(?=50|9\d)|pct|perc|percentile|quantile|q)(\d\d?(?:\.\d+)?|100|999|9999)(?:th)?|(\d\d?(?:\.\d+)?)(?:th|%|pct)"
)
_SPELLED = re.compile(  # units that are no two words
    r"(?<![A-Z])(mWh?|kWh?|Wh|[mukn]J|[KMGT]iB|[kKMGT]B|[kMG]?Hz|m[VA])(?![A-Za-z])"
)


@lru_cache(maxsize=50_000)
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


@lru_cache(maxsize=50_000)
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
        rank = RANK.fullmatch(part)
        if rank and (part[0] != "q" or float(rank[1]) >= 5):  # q1 and q3 are quartiles
            return f"p{plain_rank(rank[1] or rank[2])}"
    if "percentile" in parts or "percentiles" in parts:
        ranks = (part for part in parts if re.fullmatch(r"\d{1,2}(\.\d+)?", part))
        return next((f"p{plain_rank(part)}" for part in ranks), "")
    return ""


def plain_rank(text: str) -> str:
    """Return "90" of "90.00", "99.9" as it is, and "99.9" of "999"."""
    if text in ("999", "9999"):
        return f"99.{text[2:]}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def rank_of(text: str) -> str:
    """Return the percentile that a key below `percentiles` names: "p99.9" of "99.9" or "0.999"; "" for none."""
    found = re.fullmatch(r"p?(\d{1,3}(?:\.\d+)?)(?:th|%)?", text.strip().lower())
    if not found or float(found[1]) > 100:
        return ""
    share = 0 < float(found[1]) < 1 and text.strip().startswith("0.")
    return f"p{float(found[1]) * 100:.10g}" if share else f"p{plain_rank(found[1])}"
