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
