"""What one run read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from ml_connector.store.tables import landing, reading


def reads_of_run(connection: Connection, run_id: str) -> list[dict[str, Any]]:
    """Each read with entity, rows, landed, vanished, calls, seconds and note; one that broke off has no seconds."""
    query = select(reading).where(reading.c.run_id == run_id).order_by(reading.c.id)
    found = []
    for row in connection.execute(query):
        lasted = (row.finished_at - row.started_at).total_seconds() if row.finished_at else None
        counts = {"rows": row.rows, "landed": row.landed, "vanished": row.vanished, "calls": row.calls}
        found.append({"entity": row.entity, **counts, "seconds": lasted, "note": row.note})
    return found


def reading_now(connection: Connection, run_id: str) -> tuple[str, int] | None:
    """The entity that a run read last, and how many rows of it have landed in this read; None before the first one."""
    query = select(reading.c.id, reading.c.entity).where(reading.c.run_id == run_id).order_by(reading.c.id.desc())
    newest = connection.execute(query.limit(1)).one_or_none()
    if newest is None:
        return None
    landed = select(func.coalesce(func.sum(landing.c.rows), 0)).where(
        landing.c.entity == newest.entity, landing.c.reading_id == newest.id
    )
    return str(newest.entity), int(connection.execute(landed).scalar_one())
