"""Links between objects by batch: made, read, and taken apart (HubSpot reference, section 7).

Where a batch of links is refused, halves are sent until the link that spoils it stands alone: of a hundred 14 further
calls at most, of two thousand 22.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ml_connector.http import BatchRefused, CallProblem, Decision, RecordRefused
from ml_connector.systems.hubspot.associations import Pair, blamed, pair_of
from ml_connector.systems.hubspot.batches import Reply, grouped, halves, refused
from ml_connector.systems.hubspot.client import LINKS, HubSpotClient
from ml_connector.systems.hubspot.errors import MISSING

NOTHING: Final = 404
READ: Final = 1_000
"""Inputs of a batch that reads associations."""


def associate(client: HubSpotClient, from_kind: str, to_kind: str, pairs: Sequence[Pair]) -> dict[Pair, Reply]:
    """Link these without a label; linking twice is harmless. Raises Stopped."""
    replies: dict[Pair, Reply] = {}
    for group in grouped(list(dict.fromkeys(pairs)), LINKS):
        replies |= _associate(client, client.routes.associate(from_kind, to_kind), group)
    return replies


def associated(client: HubSpotClient, from_kind: str, to_kind: str, ids: Sequence[str]) -> dict[str, list[str]]:
    """Id -> what it is linked to, in no order; what is linked to nothing may be missing. Raises CallProblem."""
    found: dict[str, list[str]] = {}
    asked: list[Mapping[str, str]] = [{"id": one} for one in dict.fromkeys(ids)]
    path = client.routes.associations(from_kind, to_kind, "read")
    while asked:
        following: list[Mapping[str, str]] = []
        for group in grouped(asked, READ):
            for row in _read(client, path, group):
                origin = row.get("from") if isinstance(row, Mapping) else None
                if not isinstance(origin, Mapping):
                    continue
                here = str(origin.get("id"))
                linked = [str(one["toObjectId"]) for one in row.get("to") or () if "toObjectId" in one]
                found.setdefault(here, []).extend(linked)
                after = ((row.get("paging") or {}).get("next") or {}).get("after")
                if after:
                    following.append({"id": here, "after": str(after)})
        asked = following
    return found


def _read(client: HubSpotClient, path: str, inputs: Sequence[Mapping[str, str]]) -> Sequence[Any]:
    """The rows of one call. Where nothing at all is there, the whole call may be answered with 404, as for records."""
    try:
        results: Sequence[Any] = client.link(path, {"inputs": list(inputs)}).data["results"]
    except RecordRefused as problem:
        if problem.status != NOTHING:
            raise
        return []
    return results


def part(client: HubSpotClient, from_kind: str, to_kind: str, pairs: Sequence[Pair]) -> None:
    """Take these links off; one that is not there is none. Raises CallProblem."""
    path = client.routes.associations(from_kind, to_kind, "archive")
    for group in grouped(list(dict.fromkeys(pairs)), LINKS):
        client.unlink(path, {"inputs": [{"from": {"id": one}, "to": [{"id": other}]} for one, other in group]})


def _associate(client: HubSpotClient, path: str, pairs: Sequence[Pair]) -> dict[Pair, Reply]:
    try:
        answer = client.link(path, {"inputs": [{"from": {"id": one}, "to": {"id": other}} for one, other in pairs]})
    except BatchRefused as problem:
        if len(pairs) == 1:
            return {pairs[0]: refused(problem)}
        first, second = halves(pairs)
        return _associate(client, path, first) | _associate(client, path, second)
    except CallProblem as problem:
        return dict.fromkeys(pairs, refused(problem))
    linked = {pair for result in answer.data["results"] if (pair := pair_of(result))}
    linked |= {(other, one) for one, other in linked}
    wrong = blamed(answer.data.get("errors") or ())
    replies: dict[Pair, Reply] = {}
    for pair in pairs:
        decision: Decision | None = None
        if pair not in linked:
            decision = next((why for ids, why in wrong if ids & set(pair)), MISSING)
        replies[pair] = Reply(None, False, decision, answer.status, answer.correlation_id, answer.repeated)
    return replies
