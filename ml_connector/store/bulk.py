"""Many rows in one call, at the price of the database's own work.

SQLAlchemy's executemany costs three times what SQLite needs for the rows themselves, most of it in building one
dictionary of parameters per row. Here the statement is written once and each row becomes a plain tuple.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any

from sqlalchemy import Column, Connection, LargeBinary, Table
from sqlalchemy.engine import Dialect

Row = Mapping[str, Any]
PAGE = 1_000  # rows of one multi-row INSERT on PostgreSQL


def insert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert rows that all name the same columns; columns that they leave out take their default."""
    if rows:
        columns = _columns(table, rows[0])
        _execute(connection, columns, f"INSERT INTO {_head(connection, table, columns)}", "", rows)


def upsert(connection: Connection, table: Table, rows: Sequence[Row], update: Sequence[str] | None = None) -> None:
    """Insert rows; where the primary key is taken, update columns of the row that has it.

    Args:
        rows: all name the same columns. Of several with one key the last one counts (with `update=[]` the first).
        update: the columns to update; None: every one beside the key, so that the row is as if just inserted;
            empty: leave the row that is there alone.
    """
    if not rows:
        return
    key = [column.name for column in table.primary_key]
    if update is None:
        update = [column.name for column in table.columns if not column.primary_key]
    if update:
        identity = itemgetter(*key)
        rows = list({identity(row): row for row in rows}.values())  # PostgreSQL refuses to touch a row twice
    quote = connection.dialect.identifier_preparer.quote
    conflict = f" ON CONFLICT ({', '.join(map(quote, key))}) DO "
    conflict += f"UPDATE SET {', '.join(f'{quote(c)} = excluded.{quote(c)}' for c in update)}" if update else "NOTHING"
    columns = _columns(table, rows[0])
    _execute(connection, columns, f"INSERT INTO {_head(connection, table, columns)}", conflict, rows)


def _columns(table: Table, row: Row) -> list[Column[Any]]:
    """The columns that the row names, and those that have a default."""
    unknown = row.keys() - table.columns.keys()
    if unknown:
        raise ValueError(f"table {table.name} has no column {', '.join(sorted(unknown))}")
    return [column for column in table.columns if column.name in row or column.default is not None]


def _head(connection: Connection, table: Table, columns: Sequence[Column[Any]]) -> str:
    preparer = connection.dialect.identifier_preparer
    return f"{preparer.format_table(table)} ({', '.join(preparer.quote(column.name) for column in columns)}) VALUES "


def _execute(connection: Connection, columns: Sequence[Column[Any]], head: str, tail: str, rows: Sequence[Row]) -> None:
    values = _tuples(connection.dialect, columns, rows)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        connection.exec_driver_sql(f"{head}({marks}){tail}", list(values))
        return
    marks = f"({', '.join(['%s'] * len(columns))})"
    while page := list(islice(values, PAGE)):
        connection.exec_driver_sql(head + ", ".join([marks] * len(page)) + tail, tuple(chain.from_iterable(page)))


def _tuples(dialect: Dialect, columns: Sequence[Column[Any]], rows: Sequence[Row]) -> Iterator[tuple[Any, ...]]:
    """Each row's values in the columns' order, as the driver takes them; built column by column."""
    converters = {column.name: _converter(column, dialect) for column in columns}
    width = len(rows[0])
    source = iter(rows)
    while page := list(islice(source, PAGE)):
        if any(len(row) != width for row in page):
            raise ValueError("the rows of one call name different columns")
        yield from zip(*(_values(column, converters[column.name], page) for column in columns), strict=True)


def _values(column: Column[Any], convert: Callable[[Any], Any] | None, page: Sequence[Row]) -> Sequence[Any]:
    name = column.name
    if name not in page[0]:
        return [column.default.arg] * len(page)  # type: ignore[union-attr]
    return [convert(row[name]) for row in page] if convert else [row[name] for row in page]


def _converter(column: Column[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    if isinstance(column.type, LargeBinary):
        return None  # both drivers take bytes as they are
    return column.type.dialect_impl(dialect).bind_processor(dialect)
