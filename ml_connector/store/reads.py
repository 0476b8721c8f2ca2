"""What one run read."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import Connection

from ml_connector.store.tables import reading


def reads_of_run(connection: Connection, run_id: str) -> list[dict[str, Any]]:
    """Each read with entity, rows, landed, vanished, calls, seconds and note; one that broke off has no seconds."""
    query = select(reading).where(reading.c.run_id == run_id).order_by(reading.c.id)
    found = []
    for row in connection.execute(query):
        lasted = (row.finished_at - row.started_at).total_seconds() if row.finished_at else None
        counts = {"rows": row.rows, "landed": row.landed, "vanished": row.vanished, "calls": row.calls}
        found.append({"entity": row.entity, **counts, "seconds": lasted, "note": row.note})
    return found
