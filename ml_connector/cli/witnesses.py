"""What Dagster remembers of the audit: the last hash of every delivery stands in its materializations.

The audit's own chain cannot show that its newest rows are gone; these hashes, kept elsewhere, can.
"""

from __future__ import annotations

from ml_connector.config import Target
from ml_connector.home import Home

PAGE = 1_000
HASH = "audit_hash"


def audit_hashes(home: Home, target: Target) -> set[str]:
    """The hashes with which runs of this target ended; empty where no run was ever made."""
    if not (home.dagster_home / "dagster.yaml").is_file():
        return set()
    import dagster as dg

    from ml_connector.defs.names import target_key

    found: set[str] = set()
    with dg.DagsterInstance.from_config(str(home.dagster_home)) as instance:
        for flow in target.flows:
            cursor: str | None = None
            while True:
                page = instance.fetch_materializations(target_key(target, flow), limit=PAGE, cursor=cursor)
                for record in page.records:
                    materialization = record.asset_materialization
                    if materialization is not None and HASH in materialization.metadata:
                        found.add(str(materialization.metadata[HASH].value))
                if not page.has_more:
                    break
                cursor = page.cursor
    return found - {""}
