"""Comments on a resource: seen by people at Chargebee and in the simulator's state, and never in the resource."""

from __future__ import annotations

from ml_connector.simulators.chargebee.protocol import Actor
from ml_connector.simulators.chargebee.site import Site


def add_comment(site: Site, actor: Actor, entity_type: str, entity_id: str, text: str) -> None:
    """One more: a comment takes no other one's place."""
    row = {
        "id": site.new_id("cmt"),
        "entity_type": entity_type,
        "entity_id": entity_id,
        "added_by": actor.user or actor.source,
        "notes": text,
        "created_at": site.epoch(),
        "object": "comment",
    }
    site.add(site.comments, row)
