"""Walks a file's JSON and gathers its measurement records, by field names and structure alone."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from cluster4npu.core.store.importing.beside import (
    bare_statistics,
    is_histogram,
)
from cluster4npu.core.store.importing.columned import cells_of
from cluster4npu.core.store.importing.context import by_fields
from cluster4npu.core.store.importing.forms import (
    activity,
    are_rounds,
    interval_of,
    is_interval,
    named_metric,
    said_unit,
)
from cluster4npu.core.store.importing.judging import are_names, doubt, left_out
from cluster4npu.core.store.importing.keys import by_key, level_of
from cluster4npu.core.store.importing.labels import labelled
from cluster4npu.core.store.importing.masking import masked
from cluster4npu.core.store.importing.meanings import (
    of_name,
)
from cluster4npu.core.store.importing.metrics import (
    BOOKKEEPING,
    COUNT,
    MEASURE,
    MOMENT,
    UNKNOWN,
    meaning,
)
from cluster4npu.core.store.importing.model import (
    FAILED,
    INCOMPATIBLE,
    OK,
    SKIPPED,
    Context,
    Figure,
    Path,
    Record,
)
from cluster4npu.core.store.importing.names import DEVICES, base_device
from cluster4npu.core.store.importing.opening import opened
from cluster4npu.core.store.importing.tables_in_json import rows_below_names, rows_of, series_of
from cluster4npu.core.store.importing.taking import Place, Taker
from cluster4npu.core.store.importing.text_tables import objects_in
from cluster4npu.core.store.importing.values import (
    are_numbers,
    is_number,
    is_plain,
    last_of_series,
)
from cluster4npu.core.store.importing.vocabulary import (
    PREDICTED,
)
from cluster4npu.core.store.importing.words import words

DEEPEST = 100
_BROWSER = re.compile(r"user.?agent|mozilla/|webgpu|webnn|webgl|\bwasm\b", re.IGNORECASE)
_RANKED = {"percentiles", "percentile", "quantiles", "ranks"}


class Walker(Taker):
    """Gathers records; every number of the file is either in one of them or counted in `skipped`."""

    def walk(self, data: Any) -> None:
        """Walk a whole document."""
        self._visit(data, Place({}, Context(), (), "", {}, None))

    def _visit(self, node: Any, at: Place) -> None:
        """Gather what is below `node`; `at` is the place, of which the object itself is not known yet."""
        if len(at.path) > DEEPEST:
            self._leave(node, "nested too deeply")
        elif isinstance(node, dict):
            self._rows(dict(opened(series_of(node), at.path, self.places)), at)
        elif isinstance(node, list):
            rows = rows_below_names(node)
            for position, item in enumerate(node if rows is None else rows, rows is not None):
                if isinstance(item, dict | list):
                    self._visit(item, at.but(path=(*at.path, f"[{position}]")))
                elif isinstance(item, str) and (objects := objects_in(item)) is not None:
                    self._visit(objects, at.but(path=(*at.path, f"[{position}]")))
                elif is_number(item):
                    self.numbers += 1
                    self._skip(UNKNOWN, at.parent)

    def _rows(self, node: dict[str, Any], at: Place) -> None:
        """Read an object, or what stands in it column by column row by row."""
        self.browser = self.browser or any(
            _BROWSER.search(f"{k} {v}") for k, v in node.items() if isinstance(v, str)
        )
        table = rows_of(node, at.above)
        if table is None:
            self._object(at.but(node=node, here=by_fields(at.here, node), own={}))
            return
        for row, row_path, used in table.rows:
            shared = by_fields(at.here, table.shared)
            self._object(at.but(node=row, here=by_fields(shared, row), path=(*at.path, *row_path), own={}))
            self.numbers += used
        rest = {name: value for name, value in node.items() if name not in table.columns}
        self._object(at.but(node=rest, here=by_fields(at.here, rest), own={}))

    def _object(self, at: Place) -> None:
        at.level = level_of(at.node)
        at.inside = (
            named_metric(at.node, at.path) or at.inside or bare_statistics(at.node, at.path, at.here.units)
        )
        before, here = len(self.records), at.here
        says = by_fields(Context(), at.node)
        if here.simulated and at.path and at.path[-1] == here.device and says.simulated:
            self.made_up.add(base_device(here.device))
        explicit = here.status in (FAILED, INCOMPATIBLE, SKIPPED)
        for name, value in at.node.items():
            self._field(str(name), value, at)
        own = list(at.own.values())
        if all(_is_a_property(figure) for record in own for figure in record.figures):
            for record in own:  # counts and sizes alone are no measurement
                self.records.remove(record)
                self.skipped["a count or a size without a measurement"] += sum(
                    len(f.values) for f in record.figures
                )
        below = self.records[before:]
        # its parents' failure is theirs
        if explicit and not below and (here.model or here.device or here.error) and says.status != OK:
            self.records.append(Record(at.path, here))
        elif own and below and not explicit:
            doubt(own, [r for r in below if r not in own and not (r.path and labelled(r.path[-1])[0])])

    def _field(self, name: str, value: Any, at: Place) -> None:
        place = (*at.path, name)
        fields, spoken = labelled(name)
        if fields:  # they are of this value alone
            error = {"error": value} if isinstance(value, str) and words(spoken)[-1:] == ("error",) else {}
            at = at.but(here=by_fields(at.here, {**dict(fields), **error}))
            if error and at.here.status != OK:
                self.records.append(Record(place, at.here))
                return
            name = spoken or "value"
        if fields and isinstance(value, dict | list) and not are_numbers(value):
            self._visit(value, Place({}, at.here, place, name, at.node, at.inside))
        elif isinstance(value, bool) or value is None:
            self._verdict(name, value, at.here, place, at.parent)
        elif reason := left_out(name, value):
            self._leave(value, reason)
        elif "failed" in words(name) and "models" in words(name) and are_names(value):
            self.records += [
                Record((*place, f"[{position}]"), at.here.but(model=masked(model), status=FAILED))
                for position, model in enumerate(value)
            ]
        elif words(name)[-2:] == ("exit", "codes") and are_numbers(value) and any(value):
            self._leave(value, BOOKKEEPING)
            failed = f"exit codes {', '.join(map(str, value[:50]))}"
            self.records.append(Record(place, at.here.but(status=FAILED, error=failed)))
        elif (
            isinstance(value, list)
            and (cells := cells_of(value, at.above))
            and (meaning(name.rpartition(".")[2]).kind == MEASURE)
        ):
            self._cells(name, value, cells, at)
        elif series := last_of_series(value):
            self._skip_numbers(MOMENT, name, sum(map(len, value)) - len(series))
            self._figures(name, series, place, at)
        elif isinstance(value, list) and value and all(map(are_numbers, value)) and are_rounds(
            name, at.here.units, at.inside
        ):  # fmt: skip
            self._figures(name, [item for row in value for item in row], place, at)
        elif is_interval(name, value):
            self._interval(name, value, place, at)
        elif isinstance(value, str) and (objects := objects_in(value)) is not None:
            self._visit(objects, Place({}, at.here, place, name, at.node, at.inside))
        elif isinstance(value, str):
            self._text(name, value, place, at)
        elif is_number(value) or are_numbers(value):
            self._figures(name, value, place, at)
        else:
            self._nested(name, value, place, at)

    def _nested(self, name: str, value: Any, place: Path, at: Place) -> None:
        found = meaning(name, at.inside)
        if found.kind == UNKNOWN and at.inside is None and isinstance(value, dict):
            found = activity(name, value) or found
        if found.kind == UNKNOWN and at.inside is None and (said := said_unit(value)) is not None:
            found = of_name(name, said) if by_key(Context(), name, "", value).label else found
        is_metric = found.kind == MEASURE and found.family != "count"
        if set(words(name)) & _RANKED and self._ranks(name, value, place, at):
            return
        if (
            {"confidence", "interval"} <= set(words(name))
            and at.inside is not None
            and (ends := interval_of(value))
        ):
            for key, statistic, end in ends:
                self._figures(key, end, (*place, key), at, replace(at.inside, statistic=statistic))
            self._leave({k: v for k, v in value.items() if k not in {key for key, _, _ in ends}}, COUNT)
            return
        if is_metric and isinstance(value, dict) and is_histogram(value, at.node):
            self._leave(value, COUNT)
            return
        plain = isinstance(value, dict) and bool(value) and all(map(is_plain, value.values()))
        if is_metric and plain and not any(words(str(k))[:1] and words(str(k))[0] in DEVICES for k in value):
            self._statistics(value, found, place, at)
            return
        below = at.here if place[-1].startswith("[") else by_key(at.here, name, at.parent, value, at.level)
        if is_metric:
            below = below.but(label=at.here.label)
        if set(words(name)) & PREDICTED:
            below = below.but(formula=True)
        models = {
            key: item
            for key, item in at.above.items()
            if "model" in str(key).lower() and isinstance(item, list)
        }
        inside = found if is_metric else at.inside
        self._visit(value, Place({}, below, place, name, {**models, **at.node}, inside))


def _is_a_property(figure: Figure) -> bool:
    """Tell whether a figure alone is no measurement: a count, or the size of a file."""
    return figure.meaning.family == "count" or (
        figure.meaning.family == "size" and "size" in figure.meaning.metric.split("_")
    )
