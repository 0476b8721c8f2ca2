"""Associations of one pair (HubSpot reference, section 7)."""

from __future__ import annotations

from itertools import islice
from typing import Any
from urllib.parse import urlencode

from ml_connector.simulators.hubspot.association_types import Spec
from ml_connector.simulators.hubspot.batches import reply
from ml_connector.simulators.hubspot.errors import invalid
from ml_connector.simulators.hubspot.links import (
    check_parent,
    connect,
    connect_by_default,
    disconnect,
    record_id,
    shown_id,
    shown_specs,
    specs_of,
)
from ml_connector.simulators.hubspot.portal import Portal
from ml_connector.simulators.hubspot.protocol import Call, Reply, number_of
from ml_connector.simulators.hubspot.table import Table

MOST_LISTED = 500


def tables(portal: Portal, call: Call, right: str) -> tuple[Table, Table]:
    """Both object types of the path; there is no scope for associations, both objects' are needed (section 2)."""
    return portal.objects(call.args["from"], right), portal.objects(call.args["to"], right)


def put_default(portal: Portal, call: Call) -> Reply:
    """PUT without a body: the unlabelled association; again is harmless."""
    here, there = tables(portal, call, "write")
    one, other = _ids(call, here, there)
    connect_by_default(portal, here.type.name, one, there.type.name, other)
    return reply(portal, default_results(portal, here, one, there, other), (), 200)


def put(portal: Portal, call: Call) -> Reply:
    """PUT of types: they take the place of the pair's labels."""
    here, there = tables(portal, call, "write")
    one, other = _ids(call, here, there)
    specs = specs_of(portal, here, there, call.any_json())
    check_parent(portal, here.type.name, one, there.type.name, other)
    connect(portal, here.type.name, one, there.type.name, other, specs)
    return Reply(201, labelled_result(portal, here, one, there, other))


def delete(portal: Portal, call: Call) -> Reply:
    """DELETE of the pair with all its labels."""
    here, there = tables(portal, call, "write")
    one, other = (number_of(call.args[key], invalid("An id is a number.")) for key in ("id", "to_id"))
    disconnect(portal, here.type.name, one, there.type.name, other)
    return Reply(204)


def listed(portal: Portal, call: Call) -> Reply:
    """GET of what a record is associated with."""
    here, there = tables(portal, call, "read")
    one = record_id(here, {"id": call.args["id"]})
    limit = call.limit(MOST_LISTED, MOST_LISTED)
    results, cursor = page(portal, here, one, there, call.one("after"), limit)
    body: dict[str, Any] = {"results": results}
    if cursor:
        body["paging"] = {"next": {"after": cursor, "link": f"{call.url}?{urlencode({'after': cursor})}"}}
    return Reply(200, body)


def page(
    portal: Portal, here: Table, one: int, there: Table, after: str | None, limit: int = MOST_LISTED
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of associated objects with their types, and the cursor of the next one."""
    linked = portal.graph.of(here.type.name, one, there.type.name)
    first = number_of(after or "0", invalid("after is not a cursor of this list."))
    found = list(islice(((other, linked[other]) for other in sorted(linked) if other > first), limit + 1))
    results = [
        {
            "toObjectId": shown_id(portal, other),
            "associationTypes": shown_specs(portal, here.type.name, there.type.name, specs),
        }
        for other, specs in found[:limit]
    ]
    return results, str(found[limit - 1][0]) if len(found) > limit else None


def default_results(portal: Portal, here: Table, one: int, there: Table, other: int) -> list[dict[str, Any]]:
    """Both directions of an unlabelled association."""
    kind = portal.graph.types.default(here.type.name, there.type.name)
    return [_default_result(one, other, kind.spec), _default_result(other, one, kind.back)]


def labelled_result(portal: Portal, here: Table, one: int, there: Table, other: int) -> dict[str, Any]:
    """What a labelled write made."""
    kinds = portal.graph.types.of(here.type.name, there.type.name)
    specs = portal.graph.of(here.type.name, one, there.type.name)[other]
    return {
        "fromObjectTypeId": here.type.type_id,
        "fromObjectId": shown_id(portal, one),
        "toObjectTypeId": there.type.type_id,
        "toObjectId": shown_id(portal, other),
        "labels": [label for spec in sorted(specs) if (label := kinds[spec].label)],
    }


def _default_result(one: int, other: int, spec: Spec) -> dict[str, Any]:
    return {
        "from": {"id": str(one)},
        "to": {"id": str(other)},
        "associationSpec": {"associationCategory": spec[0], "associationTypeId": spec[1]},
    }


def _ids(call: Call, here: Table, there: Table) -> tuple[int, int]:
    return record_id(here, {"id": call.args["id"]}), record_id(there, {"id": call.args["to_id"]})
