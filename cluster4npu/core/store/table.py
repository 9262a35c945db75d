"""Reading and writing typed records, one table at a time, through DuckDB's own expressions: no SQL is put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import duckdb
from duckdb import ColumnExpression, ConstantExpression, Expression, FunctionExpression
from pydantic import ValidationError

from cluster4npu.core.errors import InputError, Problem, nearest
from cluster4npu.core.store.rows import ROWS, Row

R = TypeVar("R", bound=Row)
T = TypeVar("T")
Ask = Callable[[Callable[[duckdb.DuckDBPyConnection], Any]], Any]

_COMPARE: dict[str, Callable[[Expression, Expression], Expression]] = {
    "=": lambda column, value: column == value,
    "!=": lambda column, value: column != value,
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
    "contains": lambda column, value: FunctionExpression("contains", column, value),
}


@dataclass(frozen=True, slots=True)
class Where:
    """One condition: a field, how it is compared (= != < <= > >= contains in), and the value."""

    field: str
    how: str
    value: Any


class TableAccess(Generic[R]):
    """One table of a store as records of one type.

    Every method may raise StoreError as those of `Store` do, and InputError for a field that is not there, a value of
    the wrong type, a record that refers to nothing, or one that is there already.

    >>> store.table(ResultRow).find(Where("fps", ">", 100.0), device="onnx:cpu", order="-fps", limit=10)
    """

    def __init__(self, kind: type[R], reading: Ask, writing: Ask) -> None:
        self.kind = kind
        self._reading, self._writing = reading, writing

    def find(self, *conditions: Where, order: str = "", limit: int | None = None, **equal: Any) -> list[R]:
        """Return the records that fulfil all conditions; `order` is a field, with a - in front the other way round."""
        rule = self._rule(conditions, equal)
        field = order.removeprefix("-")
        if order:
            self._known(field)

        def ask(opened: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
            found = opened.table(self.kind.table)
            found = found.filter(rule) if rule is not None else found
            if order:
                column = ColumnExpression(field)
                found = found.sort(column.desc() if order.startswith("-") else column.asc())
            found = found.select(*map(ColumnExpression, self._fields()))
            return (found.limit(limit) if limit is not None else found).fetchall()

        return [self._made(dict(zip(self._fields(), row, strict=True))) for row in self._reading(ask)]

    def count(self, *conditions: Where, **equal: Any) -> int:
        """Return how many records fulfil all conditions."""
        rule = self._rule(conditions, equal)
        return int(self._reading(lambda opened: _count(opened, self.kind.table, rule)))

    def get(self, *key: Any) -> R | None:
        """Return the record of this key, or None."""
        found = self.find(limit=1, **dict(zip(self.kind.key, key, strict=True)))
        return found[0] if found else None

    def add(self, records: R | Iterable[R]) -> int:
        """Add records, all or none, and return how many."""
        rows = [records] if isinstance(records, Row) else list(records)
        for row in rows:
            self._checked(row)

        def write(opened: duckdb.DuckDBPyConnection) -> int:
            opened.execute("BEGIN")
            for row in rows:
                _refuse_strays(opened, row)
                self._refuse_twins(opened, row)
                opened.table(self.kind.table).insert([getattr(row, name) for name in self._columns(opened)])
            opened.execute("COMMIT")
            return len(rows)

        return int(self._writing(write))

    def change(self, record: R) -> None:
        """Replace the record of the same key; raises InputError when there is none."""
        self._checked(record)
        rule = self._rule((), {name: getattr(record, name) for name in self.kind.key})

        def write(opened: duckdb.DuckDBPyConnection) -> None:
            opened.execute("BEGIN")
            if not _count(opened, self.kind.table, rule):
                raise _refused(f"there is no such record in {self.kind.table}", self._told(record))
            _refuse_strays(opened, record)
            new = {name: ConstantExpression(getattr(record, name)) for name in self._fields()}
            opened.table(self.kind.table).update(new, condition=rule)
            opened.execute("COMMIT")

        self._writing(write)

    def remove(self, *key: Any) -> bool:
        """Remove the record of this key; tell whether there was one. Raises InputError while others refer to it."""
        equal = dict(zip(self.kind.key, key, strict=True))
        rule = self._rule((), equal)

        def write(opened: duckdb.DuckDBPyConnection) -> bool:
            opened.execute("BEGIN")
            _refuse_referred(opened, self.kind, equal)
            before = _count(opened, self.kind.table, rule)
            marks = " AND ".join(
                f"{name} IS NOT DISTINCT FROM ?" for name in self.kind.key
            )  # names are this package's own
            opened.execute(f"DELETE FROM {self.kind.table} WHERE {marks}", list(key))
            opened.execute("COMMIT")
            return before > 0

        return bool(self._writing(write))

    def _rule(self, conditions: Sequence[Where], equal: dict[str, Any]) -> Expression | None:
        rule: Expression | None = None
        for item in (*conditions, *(Where(name, "=", value) for name, value in equal.items())):
            self._known(item.field)
            part = _condition(item)
            rule = part if rule is None else rule & part
        return rule

    def _known(self, field: str) -> None:
        if field not in self.kind.model_fields:
            names = self._fields()
            raise InputError(
                Problem(
                    f"the table {self.kind.table} has no such field", found=field, allowed=", ".join(names),
                    hint=nearest(field, names),
                )
            )  # fmt: skip

    def _fields(self) -> list[str]:
        return list(self.kind.model_fields)

    def _columns(self, opened: duckdb.DuckDBPyConnection) -> list[str]:
        return [str(name) for name in opened.table(self.kind.table).columns]

    def _checked(self, record: R) -> R:
        if not isinstance(record, self.kind):
            raise _refused(f"this is no record of {self.kind.table}", type(record).__name__)
        return self._made(record.model_dump())  # model_construct and model_copy make records unchecked

    def _made(self, values: dict[str, Any]) -> R:
        try:
            return self.kind.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            raise _refused(
                f"a record of {self.kind.table} is wrong", f"{first['loc']}: {first['msg']}"
            ) from error

    def _refuse_twins(self, opened: duckdb.DuckDBPyConnection, row: R) -> None:
        rule = self._rule((), {name: getattr(row, name) for name in self.kind.key})
        if _count(opened, self.kind.table, rule):
            raise _refused(f"this record of {self.kind.table} is there already", self._told(row))

    def _told(self, row: R) -> str:
        return ", ".join(f"{name} {getattr(row, name)}" for name in self.kind.key)


def _condition(item: Where) -> Expression:
    column = ColumnExpression(item.field)
    if item.how == "in":
        return column.isin(*map(ConstantExpression, item.value)) if item.value else ConstantExpression(False)
    if item.value is None and item.how in ("=", "!="):
        return column.isnull() if item.how == "=" else column.isnotnull()
    if item.how not in _COMPARE:
        raise _refused("there is no such comparison", item.how, ", ".join([*_COMPARE, "in"]))
    return _COMPARE[item.how](column, ConstantExpression(item.value))


def _count(opened: duckdb.DuckDBPyConnection, table: str, rule: Expression | None) -> int:
    found = opened.table(table)
    ((count,),) = (found.filter(rule) if rule is not None else found).aggregate("count(*)").fetchall()
    return int(count)


def _refuse_strays(opened: duckdb.DuckDBPyConnection, row: Row) -> None:
    """Raise InputError when a record refers to what is not there: DuckDB's own foreign keys would block migrations."""
    for field, (table, column) in row.refers.items():
        value = getattr(row, field)
        if value is not None and not _count(
            opened, table, ColumnExpression(column) == ConstantExpression(value)
        ):
            raise _refused(f"{row.table}.{field} refers to nothing in {table}", str(value))


def _refuse_referred(opened: duckdb.DuckDBPyConnection, kind: type[Row], key: dict[str, Any]) -> None:
    for other in ROWS:
        for field, (table, column) in other.refers.items():
            if table != kind.table or column not in key:
                continue
            if _count(opened, other.table, ColumnExpression(field) == ConstantExpression(key[column])):
                raise _refused(f"{other.table} still refers to it", f"{kind.table} {key[column]}")


def _refused(message: str, found: str, allowed: str = "") -> InputError:
    return InputError(Problem(message, found=found, allowed=allowed, hint="Nothing was changed."))
