"""Every table as typed records: added, found, changed and removed, on a real file; what is wrong is refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import duckdb
import pytest
from pydantic import ValidationError

from cluster4npu.core.errors import InputError
from cluster4npu.core.store import Store
from cluster4npu.core.store.keeper import Keeper
from cluster4npu.core.store.maintenance import Prune
from cluster4npu.core.store.readers import copy_path
from cluster4npu.core.store.records import DeviceRecord, ModelRecord, PredictionRecord
from cluster4npu.core.store.rows import (
    ROWS,
    CompatibilityRow,
    HostRow,
    ModelRow,
    PredictionRow,
    ResultRow,
    Row,
)
from cluster4npu.core.store.table import Where
from tests.core.store.records import record

RUN, MODEL = "20261101-123015-aaaaaa", "a" * 64
REFERRED = {"run_id": RUN, "host_id": "h1", "model_sha256": MODEL, "pipeline_digest": "p1", "sha256": "s1",
            "import_sha256": "s1"}  # fmt: skip
ODD = "a'; DROP TABLE runs; -- \\ \" \u00fc \U0001f600 %s ? $1 {x}\n\t"
VALUES: dict[type, Any] = {
    str: "text",
    int: 7,
    float: 1.5,
    bool: True,
    datetime: datetime(2026, 11, 1, 12, 30),
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results.duckdb")


def example(kind: type[Row], **fields: object) -> Row:
    """Return a record with a value in every field."""
    values: dict[str, Any] = {}
    for name, field in kind.model_fields.items():
        told = str(field.annotation)
        if name in REFERRED:
            values[name] = REFERRED[name]
        elif "list" in told:
            values[name] = ["a", "b'; DROP TABLE runs; --"]
        elif "Literal" in told:
            values[name] = get_args(field.annotation)[0]
        else:
            kinds = [k for k in VALUES if k in (field.annotation, *get_args(field.annotation))]
            values[name] = VALUES[next(iter(kinds), int)]
        if name in ("versions", "conditions", "detail", "skipped", "unknown_fields", "notes"):
            values[name] = '{"a": 1}'
    own = {
        "hosts": {"id": "h1"},
        "models": {"sha256": MODEL},
        "pipelines": {"digest": "p1"},
        "runs": {"id": RUN},
    }
    return kind(**{**values, **own.get(kind.table, {}), **fields})


def test_every_table_of_the_file_has_a_record_of_its_columns(store: Store) -> None:
    def columns(opened: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for table, column in opened.execute(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal"
        ).fetchall():
            found.setdefault(table, set()).add(column)
        return found

    with store:
        found = store.reading(columns)
    del found["schema_version"]
    assert found == {kind.table: set(kind.model_fields) for kind in ROWS}
    assert set(store.info()["rows"]) == set(found)


def test_each_table_adds_finds_changes_and_removes(store: Store) -> None:
    order = sorted(ROWS, key=lambda kind: (kind.table not in ("hosts", "models", "pipelines"), kind.table not in
                                           ("runs", "imports")))  # fmt: skip
    for kind in order:
        table, row = store.table(kind), example(kind)
        assert table.add(row) == 1
        key = [getattr(row, name) for name in kind.key]
        assert table.get(*key) == row
        if kind not in (HostRow, ResultRow, PredictionRow):  # one of each sort: every write opens the file
            continue
        with pytest.raises(InputError, match="there already"):
            table.add(row)
        field = next(
            n
            for n, f in kind.model_fields.items()
            if f.annotation is str and n not in kind.key and n not in REFERRED
        )
        changed = row.model_copy(update={field: ODD})
        table.change(changed)
        assert table.get(*key) == changed
        assert table.count(**{field: ODD}) == 1
    for kind in reversed(order):
        key = [getattr(example(kind), name) for name in kind.key]
        assert store.table(kind).remove(*key)
    assert not store.table(HostRow).remove("h1")


def test_questions_equal_plain_sql(store: Store) -> None:
    done = record(0).results
    results = tuple(type(r)(r.side, f"d{n % 3}", fps=float(n)) for n in range(20) for r in done)
    store.save(record(0, results=results, segments=()))
    table = store.table(ResultRow)
    sql = "SELECT fps FROM results WHERE device = 'd1' AND fps > 4 ORDER BY fps DESC LIMIT 5"
    found = table.find(Where("fps", ">", 4.0), device="d1", order="-fps", limit=5)
    assert [(row.fps,) for row in found] == list(store.query(sql).rows)
    assert table.count(Where("fps", "in", (1.0, 2.0))) == 6
    assert table.count(Where("device", "contains", "2"), side="single") == 6
    assert table.count(Where("weight", "=", None)) == table.count() == 60
    assert table.find(Where("fps", "in", ())) == []
    assert table.find(device="d1'; DROP TABLE results; --") == []


def test_what_is_wrong_is_refused_and_nothing_is_kept(store: Store) -> None:
    store.save(record(0))
    models, found = store.table(ModelRow), store.table(CompatibilityRow)
    with pytest.raises(ValidationError):
        ModelRow(sha256="b", name="m", bytes="many")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="bytes"):
        models.add(ModelRow(sha256="b", name="m").model_copy(update={"bytes": -1}))
    with pytest.raises(InputError, match="refers to nothing in hosts"):
        found.add(example(CompatibilityRow, run_id=None))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="Did you mean 'device'"):
        store.table(ResultRow).find(devise="x")
    with pytest.raises(InputError, match="comparison"):
        models.find(Where("name", "LIKE", "x"))
    with pytest.raises(InputError, match="still refers"):
        models.remove("a" * 64)
    with pytest.raises(InputError, match="no such record"):
        models.change(ModelRow(sha256="c", name="m"))
    with pytest.raises(InputError, match="there already"):  # the first is not kept either
        models.add([ModelRow(sha256="d", name="m"), ModelRow(sha256="a" * 64, name="m")])
    assert models.count() == 1
    assert found.count() == 1  # what the run showed


def test_what_was_foretold_stands_beside_what_was_measured(tmp_path: Path) -> None:
    told = PredictionRecord(
        "added up", "1", ("onnx:cpu", "openvino:cpu"), "throughput", "frames/s", 50.0, 47.5
    )
    with Store(tmp_path / "results.duckdb") as store:
        run_id = store.save(record(predictions=(told,)))
        (row,) = store.table(PredictionRow).find(run_id=run_id)
        assert (row.value, row.actual, row.devices, row.provenance) == (
            50.0,
            47.5,
            list(told.devices),
            "predicted",
        )
        with duckdb.connect(str(copy_path(store.path)), read_only=True) as copy:
            assert copy.execute("SELECT actual FROM predictions").fetchall() == [(47.5,)]
        Keeper(store).prune(Prune(run_ids=(run_id,)), really=True)
        assert store.table(PredictionRow).count() == 0


def test_a_device_whose_answers_differ_does_not_run_the_model(tmp_path: Path) -> None:
    model = ModelRecord("a" * 64, "net.onnx", 1000)
    wrong = DeviceRecord(
        "openvino:cpu", "openvino:cpu?precision=int8", unit="cpu", differs="boxes 80.0% as onnx:cpu's"
    )
    with Store(tmp_path / "results.duckdb") as store:
        store.save(record(model=model, devices=(replace(wrong, differs=""),)))
        store.save_compatibility(model, (DeviceRecord("onnx:cpu", "onnx:cpu", unit="cpu"), wrong), {})
        rows = {row.device: row for row in store.table(CompatibilityRow).find()}
        assert (rows["onnx:cpu"].status, rows["onnx:cpu"].reason) == ("runs", "cpu")
        assert (rows["openvino:cpu"].status, rows["openvino:cpu"].run_id) == ("fails", None)
        assert "boxes 80.0%" in rows["openvino:cpu"].reason
