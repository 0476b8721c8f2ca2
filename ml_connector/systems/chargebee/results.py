"""What results have in common."""

from __future__ import annotations

from collections.abc import Callable

from ml_connector.engine.records import Change, Result
from ml_connector.http import to_json
from ml_connector.systems.chargebee.client import ChargebeeClient

SENT = "sent"
"""In the audit's payload, beside the body: every POST with its parameters."""


def with_posts(client: ChargebeeClient, change: Change, deliver: Callable[[Change], Result]) -> Result:
    """The result of a change with what was sent for it: the audit proves it, and a preview compares with the body."""
    with client.noting() as posts:
        result = deliver(change)
    if not posts:
        return result
    sent = [{"post": post.path, **post.members} for post in posts]
    return result._replace(payload=to_json({**change.body, SENT: sent}))


def ids_of(change: Change, current: str) -> list[str]:
    """Every id that the document was ever imported under, the current one last: by these its events are told apart."""
    facts = change.facts
    earlier = (*facts.get("ids", ()), facts.get("id"), change.target_id)
    return [*dict.fromkeys(one for one in earlier if one and one != current), current]
