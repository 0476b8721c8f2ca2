"""Many rows in one call, at the price of the database's own work.

SQLAlchemy's executemany costs three times what SQLite needs for the rows themselves, most of it in building one
dictionary of parameters per row. Here the statement is written once and each row becomes a plain tuple.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from operator import itemgetter
from typing import Any

from sqlalchemy import Column, Connection, LargeBinary, Table
from sqlalchemy.engine import Dialect

from ml_connector.store.tables import Moment

Row = Mapping[str, Any]
PAGE = 1_000  # rows of one multi-row INSERT on PostgreSQL
NOTHING: Row = {}


def insert(connection: Connection, table: Table, rows: Sequence[Row], same: Row = NOTHING) -> None:
    """Insert rows that all name the same columns; columns that they leave out take their default.

    Args:
        same: the values of further columns, which are the same in every row.
    """
    if rows:
        given = _Given(table, rows, same)
        _execute(connection, given, f"INSERT INTO {given.head(connection)}", "")


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Row],
    update: Sequence[str] | None = None,
    same: Row = NOTHING,
) -> None:
    """Insert rows; where the primary key is taken, update columns of the row that has it.

    Args:
        rows: all name the same columns. Of several with one key the last one counts (with `update=[]` the first).
        update: the columns to update; None: every one beside the key, so that the row is as if just inserted;
            empty: leave the row that is there alone.
        same: the values of further columns, which are the same in every row.
    """
    if not rows:
        return
    key = [column.name for column in table.primary_key]
    if update is None:
        update = [column.name for column in table.columns if not column.primary_key]
    if update:
        identity = itemgetter(*([name for name in key if name not in same] or key))
        rows = list({identity(row): row for row in rows}.values())  # PostgreSQL refuses to touch a row twice
    quote = connection.dialect.identifier_preparer.quote
    conflict = f" ON CONFLICT ({', '.join(map(quote, key))}) DO "
    conflict += f"UPDATE SET {', '.join(f'{quote(c)} = excluded.{quote(c)}' for c in update)}" if update else "NOTHING"
    given = _Given(table, rows, same)
    _execute(connection, given, f"INSERT INTO {given.head(connection)}", conflict)


class _Given:
    """The rows of one call, with the columns that they name and those that have a default."""

    def __init__(self, table: Table, rows: Sequence[Row], same: Row) -> None:
        named = {*rows[0], *same}
        unknown = named - set(table.columns.keys())
        if unknown:
            raise ValueError(f"table {table.name} has no column {', '.join(sorted(unknown))}")
        self.columns = [column for column in table.columns if column.name in named or column.default is not None]
        self._table = table
        self._rows = rows
        self._same = same

    def head(self, connection: Connection) -> str:
        preparer = connection.dialect.identifier_preparer
        names = ", ".join(preparer.quote(column.name) for column in self.columns)
        return f"{preparer.format_table(self._table)} ({names}) VALUES "

    def tuples(self, dialect: Dialect) -> Iterator[tuple[Any, ...]]:
        """Each row's values in the columns' order, as the driver takes them; built column by column."""
        converters = [_converter(column, dialect) for column in self.columns]
        width = len(self._rows[0])
        source = iter(self._rows)
        while page := list(islice(source, PAGE)):
            if any(len(row) != width for row in page):
                raise ValueError("the rows of one call name different columns")
            values = [self._values(*one, page) for one in zip(self.columns, converters, strict=True)]
            yield from zip(*values, strict=True)

    def _values(self, column: Column[Any], convert: Callable[[Any], Any] | None, page: Sequence[Row]) -> Sequence[Any]:
        name = column.name
        if name in page[0]:
            values = [row[name] for row in page]
            if convert is None:
                return values
            if isinstance(column.type, Moment):  # most rows of a page carry the same moments
                texts = {value: convert(value) for value in set(values)}
                return [texts[value] for value in values]
            return [convert(value) for value in values]
        value = self._same[name] if name in self._same else column.default.arg  # type: ignore[union-attr]  # noqa: SIM401
        return [convert(value) if convert else value] * len(page)


def _execute(connection: Connection, given: _Given, head: str, tail: str) -> None:
    values = given.tuples(connection.dialect)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(given.columns))
        connection.exec_driver_sql(f"{head}({marks}){tail}", list(values))
        return
    marks = f"({', '.join(['%s'] * len(given.columns))})"
    while page := list(islice(values, PAGE)):
        connection.exec_driver_sql(head + ", ".join([marks] * len(page)) + tail, tuple(chain.from_iterable(page)))


def _converter(column: Column[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    if isinstance(column.type, LargeBinary):
        return None  # both drivers take bytes as they are
    if isinstance(column.type, Moment):
        return partial(column.type.process_bind_param, dialect=dialect)
    return column.type.dialect_impl(dialect).bind_processor(dialect)
