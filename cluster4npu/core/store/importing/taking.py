"""Takes what fields hold into records: numbers, samples, statistics, texts; counts what is left out, and why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cluster4npu.core.store.importing.beside import (
    is_a_log_lines_clock,
    is_over_batches,
)
from cluster4npu.core.store.importing.columned import Cell
from cluster4npu.core.store.importing.context import by_fields
from cluster4npu.core.store.importing.forms import (
    ranked_items,
)
from cluster4npu.core.store.importing.keys import by_key
from cluster4npu.core.store.importing.masking import masked
from cluster4npu.core.store.importing.meanings import (
    is_a_columns_device,
    meaning_at,
    meaning_of_text,
    named_device,
    of_preparation,
    tells_where,
    without_device,
)
from cluster4npu.core.store.importing.metrics import (
    MEASURE,
    MOMENT,
    SETTING,
    UNKNOWN,
    Meaning,
    meaning,
)
from cluster4npu.core.store.importing.model import (
    FAILED,
    OK,
    Context,
    Figure,
    Path,
    Record,
)
from cluster4npu.core.store.importing.names import DEVICES, base_device
from cluster4npu.core.store.importing.opening import Places
from cluster4npu.core.store.importing.quantities import quantity_in
from cluster4npu.core.store.importing.text import records_in_text
from cluster4npu.core.store.importing.unit_words import of_unit, plain_unit
from cluster4npu.core.store.importing.unnamed import unnamed, with_unit
from cluster4npu.core.store.importing.values import (
    are_numbers,
    is_finite,
    is_number,
    whole,
)
from cluster4npu.core.store.importing.vocabulary import (
    ENERGY_UNITS,
    RATE_UNITS,
    SIZE_UNITS,
    TIME_UNITS,
)
from cluster4npu.core.store.importing.words import words

_UNITS = {"time": TIME_UNITS, "size": SIZE_UNITS}
UNREAD = "a text that is no number with a known unit"
NOT_FINITE, IMPOSSIBLE = "not a finite number", "below zero, as no time, rate or size is"
SHOWN, _SHOWN = "how a figure is shown", {"display", "formatted", "human", "pretty"}
_FAILED_TEXT = re.compile(r"\W*(fail|error|crash|oom\b|out of memory|timed? ?out)", re.IGNORECASE)
_STARTS = re.compile(r"\s*[+-]?\d[^:\n]{0,30}$")
_BATCH_NAMES = {"batch_size", "batch", "batch_sizes", "bs", "sequence_length", "seq_length", "seq_len", "batchsize",
                "sequence_lengths", "seq"}  # fmt: skip
_NO_TEXTS = ("command", "model", "model_name", "input", "prompt")


@dataclass(slots=True)
class Place:
    """An object that is being read: itself, what is known of it, and the records that its own fields gave."""

    node: Mapping[str, Any]
    here: Context
    path: Path
    parent: str  # the key below which it stands
    above: Mapping[str, Any]  # the object that encloses it
    inside: Meaning | None  # what the enclosing field means
    level: str = ""  # what the names of its parts are
    own: dict[str, Record] = field(default_factory=dict)

    def but(self, **changes: Any) -> Place:
        """Return the same object with other knowledge, for the same records."""
        return replace(self, **changes)


class Taker:
    """Gathers records; every number that it is given is either in one of them or counted in `skipped`."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.numbers = 0
        self.skipped: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self.browser = False
        self.made_up: set[str] = set()  # devices that their own objects call simulated
        self.places = Places()

    def _cells(self, name: str, value: list[Any], cells: list[Cell], at: Place) -> None:
        """Take the figures of a list whose columns are named elsewhere; whatever else it holds is how it was run."""
        last = name.rpartition(".")[2]
        for cell in cells:
            place = (*at.path, name, f"[{cell.column}]", f"[{cell.position}]")
            where = at.but(here=by_fields(at.here, cell.fields))
            self._figures(last, cell.value, place, where, replace(meaning(last), statistic=cell.statistic))
        taken = {cell.column for cell in cells}
        self._leave([item for column, item in enumerate(value) if column not in taken], SETTING)

    def _statistics(self, value: Mapping[str, Any], found: Meaning, place: Path, at: Place) -> None:
        """Take a metric's own object: its statistics, variants or parts."""
        here = by_fields(at.here, value).but(label=at.here.label, status=at.here.status, error=at.here.error)
        for key, item in value.items():
            inner = at.but(node=value, here=here, inside=found, path=place)
            if is_number(item) or are_numbers(item):
                self._figures(str(key), item, (*place, str(key)), inner)
            elif isinstance(item, str) and quantity_in(item):
                self._text(str(key), item, (*place, str(key)), inner)

    def _ranks(self, name: str, value: Any, place: Path, at: Place) -> bool:
        """Take `{"percentiles": {"50.0": 8.4, "99.0": 8.9}}`; tell whether it was such an object."""
        items = ranked_items(value)
        told, around = meaning(name, at.inside), of_unit(at.here.units)
        base = next((m for m in (told, at.inside, around) if m is not None and m.kind == MEASURE), None)
        if base is None and len(items) > 2 and any(isinstance(item, float) for *_, item in items):
            base = Meaning(MEASURE, "latency", "value", "", "time")  # of what else would ranks be told
        if base is None or not items:
            return False
        for key, rank, item in items:
            if item is not None:
                known = replace(base, statistic={"p0": "min", "p100": "max"}.get(rank, rank))
                self._figures(key, item, (*place, *key.split("/")), at, known)
        return True

    def _interval(self, name: str, ends: list[Any], place: Path, at: Place) -> None:
        """Take the ends of a confidence interval."""
        told, around = meaning(name, at.inside), of_unit(at.here.units)
        means = [m for m in map(meaning, map(str, at.node)) if m.statistic == "mean"]
        base = next(
            (m for m in (told, at.inside, around, *means) if m is not None and m.kind == MEASURE), None
        )
        for position, (statistic, end) in enumerate(zip(("ci_low", "ci_high"), ends, strict=True)):
            known = base and replace(base, statistic=statistic)
            self._figures(name, end, (*place, f"[{position}]"), at, known)

    def _text(self, name: str, text: str, place: Path, at: Place) -> None:
        """Take a number with its unit, `"12.5 ms"`, or the figures of printed text."""
        quantity = quantity_in(text)
        if quantity and set(words(name)) & _SHOWN:
            self._skip_numbers(SHOWN, name, 1)
            return
        told = (
            meaning_of_text(name, quantity[1], at.here.units, at.inside)
            if quantity
            else meaning(name, at.inside)
        )
        known = _UNITS.get(told.family)
        fits = not known or (quantity and (not quantity[1] or plain_unit(quantity[1]) in known))
        if quantity and fits and told.kind == MEASURE and told.family != "count":
            named = meaning(name, at.inside).kind != UNKNOWN or tells_where(name) or told.statistic != "value"
            self._figures(name, quantity[0], place, at, None if named else told, unit=_unit_of(quantity[1]))
            return
        if told.kind == MEASURE and told.family in ("time", "rate", "size") and _STARTS.match(text):
            self._skip_numbers(UNREAD, name, 1)
        if len(text) >= 8 and name.lower() not in _NO_TEXTS and (at.here.status == OK or "\n" in text):
            for record in records_in_text(text, at.here, place):
                self.numbers += len(record.figures)
                self.records.append(record)
        if _FAILED_TEXT.match(text) and named_device(name) and len(words(name)) <= 2:
            where = by_key(at.here, name, "", None)
            self.records.append(Record(place, where.but(status=FAILED, error=masked(text)[:1000])))

    def _figures(
        self, name: str, value: Any, place: Path, at: Place, known: Meaning | None = None, *, unit: str = "",
    ) -> None:  # fmt: skip
        """Take a number or a list of samples, or count it as left out."""
        values = value if isinstance(value, list) else [value]
        double = name.endswith("_") and name.rstrip("_") in at.node  # another thing of nearly the same name
        if double or is_a_log_lines_clock(name, at.node):
            self._skip_numbers(UNKNOWN if double else MOMENT, name, len(values))
            return
        own = "_".join(words(name))
        beside = at.here.unit_beside(own, "_".join(words(at.path[-1])) if at.path else own)
        if name.lower() in _BATCH_NAMES and all(whole(item) is not None for item in values):
            self._skip_numbers("context", name, len(values))
            return
        found = meaning_at(name, values, at.node, place, unit, beside, at.inside, known)
        if found.kind == UNKNOWN and (kept := unnamed(name, values, at.node, at.above, at.path)) is not None:
            found = with_unit(kept, beside)
        if found.kind != MEASURE:
            self._skip_numbers(found.kind, name, len(values))
            return
        self.numbers += len(values)
        finite = [float(item) for item in values if is_finite(item)]
        if len(finite) < len(values):
            self.skipped[NOT_FINITE] += len(values) - len(finite)
        if found.family in ("time", "rate", "size") and any(item < 0 for item in finite):
            self.skipped[IMPOSSIBLE] += len(finite)
        elif finite:
            found, where = self._where(name, of_preparation(found, at.here.label), at, known)
            if isinstance(value, list) and is_over_batches(value, at.node, at.here):
                for position, (item, batch) in enumerate(zip(finite, at.here.batches, strict=True)):
                    single = Figure((*place, f"[{position}]"), name, found, [item], unit=unit, beside=beside)
                    self._record(place, where.but(batch=batch), at).figures.append(single)
                return
            figure = Figure(place, name, found, finite, isinstance(value, list), unit=unit, beside=beside)
            self._record(place, where, at).figures.append(figure)

    @staticmethod
    def _where(name: str, found: Meaning, at: Place, known: Meaning | None) -> tuple[Meaning, Context]:
        """Return what a figure means and belongs to, where its own name tells a device, a batch or a precision."""
        device = named_device(name)
        owned = found.family in ("time", "rate", "size", "count") or found == at.inside
        owned = owned or is_a_columns_device(device, at.node)
        if device and not at.here.device and owned:
            return without_device(found, device), at.here.but(device=device, device_rank=60)
        told = meaning(name, at.inside).kind == MEASURE
        if known is None and not told and (at.inside is not None or tells_where(name)):
            return found, by_key(at.here, name, at.path[-1] if at.path else "", None)
        return found, at.here

    def _record(self, place: Path, where: Context, at: Place) -> Record:
        variant = repr((where.model, where.device, where.batch, where.precision, where.label, where.status))
        record = at.own.get(variant)
        if record is None:
            record = at.own[variant] = Record(place[:-1], where)
            self.records.append(record)
        return record

    def _verdict(self, name: str, value: bool | None, here: Context, place: Path, parent: str) -> None:
        """Note `"cpu": false` below a model's name: the model failed there."""
        if value is False and here.model_rank == 50 and here.model == parent and base_device(name) in DEVICES:
            self.records.append(Record(place, here.but(device=name, status=FAILED)))

    def _skip_numbers(self, reason: str, name: str, count: int) -> None:
        self.numbers += count
        self._skip(reason, name, count)

    def _skip(self, reason: str, name: str, count: int = 1) -> None:
        if reason == UNKNOWN:
            self.unknown[masked(name)[:80]] += count
        self.skipped[reason] += count

    def _leave(self, node: Any, reason: str) -> None:
        """Count every number below `node` as left out."""
        pending: list[Any] = [node]
        while pending:
            item = pending.pop()
            if isinstance(item, Mapping):
                pending.extend(item.values())
            elif isinstance(item, Sequence) and not isinstance(item, str):
                pending.extend(item)
            elif is_number(item):
                self.numbers += 1
                self.skipped[reason] += 1


def _unit_of(text: str) -> str:
    """Return the unit of a figure in a text: "J" of "J/frame", "inferences/s" of "inf/s"."""
    plain = plain_unit(text)
    known = plain in TIME_UNITS or plain in ENERGY_UNITS or plain in RATE_UNITS.values()
    return plain if "/" in text and known else text
