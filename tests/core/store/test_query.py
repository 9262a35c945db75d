"""Questions in SQL: they read this store, and nothing else."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from cluster4npu.core.errors import InputError
from cluster4npu.core.store import Store
from tests.core.store.records import record


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return one store for all: no query can change it, as each attack checks."""
    store = Store(tmp_path_factory.mktemp("store") / "results.duckdb")
    store.save(record(10))
    return store


def test_answers_with_columns_and_rows(store: Store) -> None:
    answer = store.query("SELECT kind, conditions ->> '$.host.cpu' AS cpu FROM runs")
    assert answer.columns == ("kind", "cpu")
    assert answer.rows == (("benchmark", "c"),)
    assert answer.as_dicts() == [{"kind": "benchmark", "cpu": "c"}]


def test_every_value_is_json(store: Store) -> None:
    answer = store.query(
        "SELECT 'nan'::DOUBLE, '-inf'::FLOAT, 1.5::DECIMAL(4,2), [1, NULL], {'a': 'nan'::DOUBLE}, 'x'::BLOB,"
        " DATE '2020-01-02', TIMESTAMP '2020-01-02 03:04:05', INTERVAL 1 DAY, uuid(), 2::HUGEINT ** 100, NULL, true,"
        " MAP {'k': 1}, TIME '01:02:03'"
    )
    text = json.dumps(answer.as_dicts(), allow_nan=False)
    row = answer.rows[0]
    assert row[:2] == (None, None)
    assert row[3:5] == ([1, None], {"a": None})
    assert row[6] == "2020-01-02"
    assert json.loads(text)


def test_columns_of_one_name_are_told_apart(store: Store) -> None:
    assert store.query("SELECT 1 AS a, 2 AS a").as_dicts() == [{"a": 1, "a_2": 2}]


def test_long_answers_are_cut(store: Store) -> None:
    answer = store.query("SELECT * FROM range(50)", limit=20)
    assert (len(answer.rows), answer.truncated) == (20, True)
    assert not store.query("SELECT * FROM range(20)", limit=20).truncated


def test_a_query_without_end_is_ended(store: Store) -> None:
    with pytest.raises(InputError, match="within"):
        store.query("SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b", timeout_s=0.2)
    assert store.query("SELECT 1").rows == ((1,),)


def test_a_huge_answer_is_ended_too(store: Store) -> None:
    begin = time.monotonic()
    with pytest.raises(InputError, match=r"within|[Mm]emory"):
        store.query("SELECT range(5000) FROM range(100000)", timeout_s=0.2)
    assert time.monotonic() - begin < 20  # the machine may be busy


ATTACKS = [
    "DROP TABLE runs",
    "DELETE FROM runs",
    "UPDATE runs SET headline = 'x'",
    "INSERT INTO models VALUES ('a', 'b', 1)",
    "CREATE TABLE t AS SELECT 1",
    "CREATE TEMP TABLE t AS SELECT 1",
    "COPY runs TO 'FOLDER/stolen.csv'",
    "COPY (SELECT 1) TO 'FOLDER/stolen.csv'",
    "EXPORT DATABASE 'FOLDER/stolen'",
    "ATTACH 'FOLDER/stolen.duckdb' AS other",
    "ATTACH ':memory:' AS other",
    "SELECT * FROM read_csv('FOLDER/secret.csv')",
    "SELECT * FROM read_text('FOLDER/secret.csv')",
    "SELECT * FROM read_json('FOLDER/secret.csv')",
    "SELECT * FROM 'FOLDER/secret.csv'",
    "SELECT * FROM glob('FOLDER/*')",
    "FROM read_blob('FOLDER/secret.csv')",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET memory_limit = '64GB'",
    "PRAGMA enable_external_access = true",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE runs",
    "EXPLAIN ANALYZE COPY runs TO 'FOLDER/stolen.csv'",
    "EXPLAIN ANALYZE DELETE FROM runs",
    "BEGIN",
    "CHECKPOINT",
    "VACUUM",
    "CALL pragma_version()",
    "PREPARE p AS SELECT 1",
    "SELECT * FROM secret_variable",
    "SELECT * FROM query('DROP TABLE runs')",
    "SELECT nonsense FROM runs",
    "SELECT",
    "",
    "   -- nothing",
    "\0",
    "SELECT " + "(" * 5000,
]


@pytest.mark.parametrize("sql", ATTACKS)
def test_nothing_but_reading_is_possible(store: Store, tmp_path: Path, sql: str) -> None:
    secret_variable = {"a": [1]}  # DuckDB can otherwise read variables of the caller
    (tmp_path / "secret.csv").write_text("top,secret\n1,2\n", encoding="utf-8")
    folders = (tmp_path, store.path.parent)
    before = ([sorted(f.iterdir()) for f in folders], store.info()["rows"], store.path.read_bytes())
    with pytest.raises(InputError) as caught:
        store.query(sql.replace("FOLDER", tmp_path.as_posix()))
    assert caught.value.problems[0].field == "sql"
    assert ([sorted(f.iterdir()) for f in folders], store.info()["rows"], store.path.read_bytes()) == before
    assert secret_variable
