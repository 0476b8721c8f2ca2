"""Links to objects that may have been merged into others meanwhile (HubSpot reference, section 5)."""

from __future__ import annotations

from collections.abc import Sequence

from ml_connector.http import CallProblem
from ml_connector.systems.hubspot.associations import Pair
from ml_connector.systems.hubspot.batches import Reply, refused, survivors
from ml_connector.systems.hubspot.client import HubSpotClient
from ml_connector.systems.hubspot.errors import NOT_FOUND
from ml_connector.systems.hubspot.pairs import associate


def is_gone(reply: Reply) -> bool:
    """Whether HubSpot does not know one of the two any more."""
    return reply.decision is not None and reply.decision.kind == NOT_FOUND


def associate_or_heirs(
    client: HubSpotClient, from_kind: str, to_kind: str, pairs: Sequence[Pair]
) -> tuple[dict[Pair, Reply], dict[Pair, str]]:
    """Link these; what is gone may have been merged into another record: that one is linked instead.

    Returns the reply of each pair, and pair -> the id of the record that took the other one's place. Raises Stopped.
    """
    replies = associate(client, from_kind, to_kind, pairs)
    lost = [pair for pair, reply in replies.items() if is_gone(reply)]
    if not lost:
        return replies, {}
    try:
        found = survivors(client, to_kind, [other for _, other in lost])
    except CallProblem as problem:
        return replies | dict.fromkeys(lost, refused(problem)), {}
    heirs = {
        (one, other): str(found[other]["id"])
        for one, other in lost
        if other in found and str(found[other]["id"]) != other
    }
    instead = associate(client, from_kind, to_kind, [(one, heir) for (one, _), heir in heirs.items()])
    return replies | {pair: instead[pair[0], heir] for pair, heir in heirs.items()}, heirs
