"""What results of documents have in common."""

from __future__ import annotations

from ml_connector.engine.records import Change


def ids_of(change: Change, current: str) -> list[str]:
    """Every id that the document was ever imported under, the current one last: by these its events are told apart."""
    facts = change.facts
    earlier = (*facts.get("ids", ()), facts.get("id"), change.target_id)
    return [*dict.fromkeys(one for one in earlier if one and one != current), current]
