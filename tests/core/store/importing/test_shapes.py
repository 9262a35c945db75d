"""Results of many shapes, each with what is to be found in it: all of it, and nothing that the file does not say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cluster4npu.core.store import Store
from cluster4npu.core.store.importing.model import Row
from cluster4npu.core.store.importing.recognise import recognise
from cluster4npu.core.store.keeper import Keeper

SHAPES: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("shapes.json").read_text(encoding="utf-8")
)
FIELDS = {"batch": "batch_size"}


def numbers_of(node: Any) -> set[float]:
    """Return every number of a file, also those within its texts."""
    if isinstance(node, dict):
        return set().union(*map(numbers_of, node.values())) if node else set()
    if isinstance(node, list):
        return set().union(*map(numbers_of, node)) if node else set()
    if isinstance(node, str):
        parts = "".join(c if c in "0123456789.+-e" else " " for c in node).split()
        return {float(part) for part in parts if part.replace(".", "", 1).isdecimal()}
    return {float(node)} if isinstance(node, int | float) and not isinstance(node, bool) else set()


def fits(row: Row, wanted: dict[str, Any]) -> bool:
    """Tell whether a row is what is wanted, in every field that is named."""
    own = {name: getattr(row, FIELDS.get(name, name)) for name in wanted}
    if "value" in wanted:
        value = own.pop("value")
        if value is None or value != pytest.approx(wanted["value"], rel=1e-9):
            return False
    return all(own[name] == wanted[name] for name in own)


@pytest.mark.parametrize("shape", SHAPES)
def test_all_that_is_measured_is_found_and_nothing_else(shape: str) -> None:
    data, expected = SHAPES[shape]["data"], SHAPES[shape]["expected"]
    rows = recognise(data).rows
    left = list(rows)
    for wanted in expected:
        found = next((row for row in left if fits(row, wanted)), None)
        assert found is not None, (
            f"{wanted} in {[(r.model, r.device, r.metric, r.statistic, r.value) for r in left]}"
        )
        left.remove(found)
    said = numbers_of(data)
    assert all(row.source_value in said for row in rows if row.value is not None)
    assert not [row for row in rows if row.unit == "count"]
    surplus = [row for row in left if row.metric != "failure"]
    assert len(surplus) <= max(4, len(expected)), surplus


def test_all_shapes_in_one_store_and_again(tmp_path: Path) -> None:
    files = []
    for name, shape in SHAPES.items():
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(json.dumps(shape["data"]), encoding="utf-8")
    keeper = Keeper(Store(tmp_path / "results.duckdb"))
    first = keeper.import_paths(files)
    count = keeper.store.info()["rows"]["imported_measurements"]
    assert count == sum(report.measurements + report.failures for report in first)
    assert {report.outcome for report in keeper.import_paths(files)} == {"already imported"}
    assert keeper.store.info()["rows"]["imported_measurements"] == count
    assert keeper.check()["wrong"] == []
