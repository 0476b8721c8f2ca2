"""Alembic's entry: upgrades the connection that it is given; a developer's `alembic revision` brings none, but a URL.

A new revision: `ML_CONNECTOR_DATABASE_URL=sqlite:////tmp/new.db alembic revision --autogenerate -m "what it adds"`,
then set `migrations.HEAD`.
"""

from __future__ import annotations

import os
from typing import Any

from alembic import context
from sqlalchemy import Connection, create_engine

from ml_connector.store.migrations import VERSION_TABLE
from ml_connector.store.tables import metadata


def _only_ours(name: str | None, kind: str, _parents: Any) -> bool:
    return kind != "table" or name in metadata.tables


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        include_name=_only_ours,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    with create_engine(os.environ["ML_CONNECTOR_DATABASE_URL"]).begin() as opened:
        _run(opened)
