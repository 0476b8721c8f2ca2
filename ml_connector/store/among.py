"""`key IN (...)` for many keys, as one parameter.

SQLAlchemy writes and compiles an IN list anew for every number of keys; with a thousand keys that costs more than the
query. Here the keys travel as one JSON text, and the statement stays the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Text, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class _Texts(FunctionElement[str]):
    """The texts of a JSON array, as rows."""

    inherit_cache = True
    type = Text()


@compiles(_Texts, "sqlite")
def _sqlite(element: _Texts, compiler: SQLCompiler, **how: Any) -> str:
    return f"(SELECT value FROM json_each({compiler.process(element.clauses, **how)}))"  # noqa: S608 - a parameter


@compiles(_Texts, "postgresql")
def _postgresql(element: _Texts, compiler: SQLCompiler, **how: Any) -> str:
    return f"(SELECT jsonb_array_elements_text(CAST({compiler.process(element.clauses, **how)} AS JSONB)))"


def among(column: ColumnElement[Any], values: Iterable[str]) -> ColumnElement[bool]:
    """Whether a text column holds one of these values."""
    texts = bindparam(None, orjson.dumps(list(values)).decode(), type_=Text())
    return column.op("IN", is_comparison=True)(_Texts(texts))


class _Hex(FunctionElement[str]):
    inherit_cache = True
    type = Text()


@compiles(_Hex, "sqlite")
def _sqlite_hex(element: _Hex, compiler: SQLCompiler, **how: Any) -> str:
    return f"lower(hex({compiler.process(element.clauses, **how)}))"


@compiles(_Hex, "postgresql")
def _postgresql_hex(element: _Hex, compiler: SQLCompiler, **how: Any) -> str:
    return f"encode({compiler.process(element.clauses, **how)}, 'hex')"


def hexadecimal(column: ColumnElement[Any]) -> ColumnElement[str]:
    """The bytes of a column as JSON can hold them, in lower case."""
    return _Hex(column)
