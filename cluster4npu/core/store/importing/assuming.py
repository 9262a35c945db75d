"""Units that nothing proves: assumed by what clocks and memories are usually told in, one for what is of one clock."""

from __future__ import annotations

import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable

from cluster4npu.core.store.importing.model import Figure
from cluster4npu.core.store.importing.unit_words import scale
from cluster4npu.core.store.importing.vocabulary import (
    WORK,
)
from cluster4npu.core.store.importing.words import words

CLOCK, BROWSER, SIZE_RULE = (
    "assumed: a clock's difference is in seconds", "assumed: a browser's clock is in ms", "assumed: by its size",
)  # fmt: skip

_WHOLES = {"e2e", "end", "overall", "total"}  # of whose parts there are times, too
_LONG = 100.0
_LONGEST_REQUEST_S = 30.0  # what has percentiles happens often, and so takes less
_HOUR = 3600.0
_COUNTED_NS = (
    1e6  # whole numbers from which a clock's ticks are meant: as ms it would be a quarter of an hour
)
_OF_MACHINE = {"cpu", "gpu", "cuda", "rss", "process"}
_LEAST_PROCESS_MB = 4.0  # no process that runs a model has its peak there
_STEPS = {"configure", "create", "network", "open", "prepare", "read", "set", "setup"}
_OFTEN = {"itl", "latency", "tpot", "ttft"}  # happens often, so it takes less than an hour
_PER_ITEM = ("latency", "first", "forward", "backward", "optimizer", "preprocess_time", "postprocess_time")


def assume_together(figures: list[Figure], browser: bool) -> None:
    """Give what is open in one record one unit for each metric: its statistics and samples are of the same clock."""
    times = [f for f in figures if f.meaning.family == "time"]
    for figure in (f for f in figures if f.meaning.family != "time"):
        _assume(figure)
    for figure in times:
        if figure.unit_rule:
            continue
        same = [f for f in times if f.meaning.metric == figure.meaning.metric]
        if figure.meaning.metric != "latency" and _is_of_a_clock(figure):
            same = [f for f in times if f.meaning.metric != "latency" and _is_of_a_clock(f)]
        leader = max(same, key=_tells)
        ranked = any(re.fullmatch(r"p\d.*", f.meaning.statistic) for f in same)
        if browser:
            settle_in(leader, "ms", BROWSER)
        elif ranked and _LONGEST_REQUEST_S <= _typical(same) < _COUNTED_NS:
            settle_in(leader, "ms", SIZE_RULE)
        else:
            _assume(leader)
        for other in same:
            settle_in(other, leader.unit, leader.unit_rule)
    _lengthen_wholes([f for f in times if f.unit_rule == SIZE_RULE])


def assume_alike(figures: Iterable[Figure]) -> None:
    """Give times of one name that were assumed to be s here and ms there the commoner unit: 0.9 among many above 1."""
    assumed: defaultdict[tuple[str, str], list[Figure]] = defaultdict(list)
    for figure in figures:
        if (
            figure.unit_rule in (SIZE_RULE, CLOCK)
            and figure.meaning.family == "time"
            and figure.unit in ("s", "ms")
        ):
            assumed[figure.name, figure.meaning.metric].append(figure)
    for same in assumed.values():
        (unit, count), *others = Counter(figure.unit for figure in same).most_common()
        if others and count > others[0][1]:
            for figure in same:
                settle_in(figure, unit, SIZE_RULE)


def _is_of_a_clock(figure: Figure) -> bool:
    """Tell whether a time is one of several that a program takes of its own work: `load_time`, `read_network_time`."""
    parts = set(words(figure.name))
    return bool(parts & WORK) or (parts & {"time", "times"} != set() and bool(parts & _STEPS))


def _lengthen_wholes(assumed: list[Figure]) -> None:
    """Give a whole that would be shorter than its part the part's unit: one object has one clock."""
    for whole in assumed:
        if whole.unit != "ms" or not set(words(whole.name)) & _WHOLES:
            continue
        same = [f for f in assumed if f.meaning.metric == whole.meaning.metric]
        if any(
            f.unit == "s"
            and f.meaning.statistic == whole.meaning.statistic
            and f.settled[0] > whole.settled[0]
            for f in assumed
            if f not in same
        ):
            for figure in same:
                settle_in(figure, "s", SIZE_RULE)


def _typical(figures: list[Figure]) -> float:
    return statistics.median(abs(value) for figure in figures for value in figure.values)


def _tells(figure: Figure) -> tuple[bool, bool, float]:
    """Return how much a figure tells of its unit: one called a time most, then what is typical, the largest."""
    typical = figure.meaning.statistic in ("value", "mean", "p50")
    return "time" in figure.name.lower(), typical, statistics.median(abs(value) for value in figure.values)


def _assume(figure: Figure) -> None:
    typical = statistics.median(abs(value) for value in figure.values)
    if (
        figure.meaning.family == "time"
        and typical >= _COUNTED_NS
        and (figure.meaning.metric in _OFTEN or all(v == int(v) for v in figure.values))
    ):
        settle_in(figure, "ns", SIZE_RULE)
    elif figure.meaning.family == "size":
        whole_process = (
            set(words(figure.name)) & {"peak", "max", "rss"} and set(words(figure.name)) & _OF_MACHINE
        )
        in_gb = whole_process and typical < _LEAST_PROCESS_MB and any(v != int(v) for v in figure.values)
        settle_in(figure, "bytes" if typical >= 2**20 else "gb" if in_gb else "mb", SIZE_RULE)
    elif figure.meaning.metric.startswith(_PER_ITEM) or "time" not in figure.meaning.metric:
        clock = "time" in figure.name.lower() and typical < 30
        settle_in(figure, "s" if clock or typical < 1 else "ms", CLOCK if clock else SIZE_RULE)
    elif typical >= _LONG and set(words(figure.name)) & WORK:
        settle_in(
            figure, "ms", SIZE_RULE
        )  # loading, compiling ... for minutes is rarer than a browser's clock
    else:
        settle_in(figure, "s" if typical < _HOUR else "ms", CLOCK if typical < _HOUR else SIZE_RULE)


def settle_in(figure: Figure, unit: str, rule: str) -> None:
    figure.unit, figure.unit_rule = unit, rule
    figure.factor, figure.target = scale(unit)
    if figure.meaning.statistic == "variance" and figure.meaning.family == "time":
        figure.factor, figure.target = figure.factor**2, f"{figure.target}\u00b2"
