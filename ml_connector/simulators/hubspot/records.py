"""Single records and lists (HubSpot reference, section 4)."""

from __future__ import annotations

from itertools import islice
from typing import Any
from urllib.parse import urlencode

from ml_connector.simulators.hubspot.errors import invalid, not_found
from ml_connector.simulators.hubspot.portal import Portal
from ml_connector.simulators.hubspot.protocol import Call, Reply, number_of, text_of
from ml_connector.simulators.hubspot.record_view import view
from ml_connector.simulators.hubspot.table import Record, Table
from ml_connector.simulators.hubspot.writes import archive, check_archive, commit, merge, plan_create, plan_update

MOST_LISTED = 100


def create(portal: Portal, call: Call) -> Reply:
    """POST: 201 with all values that the record has."""
    table = portal.objects(call.args["type"], "write")
    record = commit(portal, plan_create(portal, table, call.json(), {}, portal.rules(table, call.version)))
    return Reply(201, view(portal, table, record, list(record.values)))


def read(portal: Portal, call: Call) -> Reply:
    """GET by id, or by the value of `idProperty`."""
    table = portal.objects(call.args["type"], "read")
    record = _find(portal, table, call, call.flag("archived"))
    return Reply(200, _shown(portal, table, record, call))


def listed(portal: Portal, call: Call) -> Reply:
    """GET of a page, by ascending id."""
    table = portal.objects(call.args["type"], "read")
    limit = call.limit(10, MOST_LISTED)
    after = number_of(call.one("after") or "0", invalid("after is not a cursor of this list."))
    found = list(islice(table.after(after, call.flag("archived")), limit + 1))
    body: dict[str, Any] = {"results": [_shown(portal, table, record, call) for record in found[:limit]]}
    if len(found) > limit:
        cursor = str(found[limit - 1].id)
        rest = [(key, value) for key, value in call.query if key != "after"]
        body["paging"] = {"next": {"after": cursor, "link": f"{call.url}?{urlencode([*rest, ('after', cursor)])}"}}
    return Reply(200, body)


def update(portal: Portal, call: Call) -> Reply:
    """PATCH by id, or by the value of `idProperty`."""
    table = portal.objects(call.args["type"], "write")
    record = _find(portal, table, call, archived=False)
    properties = call.json().get("properties")
    if not isinstance(properties, dict):
        raise invalid("Some required fields were not set: [properties]")
    plan = plan_update(portal, table, record, properties, {}, portal.rules(table, call.version))
    return Reply(200, view(portal, table, commit(portal, plan), plan.sent))


def archived(portal: Portal, call: Call) -> Reply:
    """DELETE; of a record that is not there, 204 as well as far as anybody knows."""
    table = portal.objects(call.args["type"], "write")
    record = table.find(number_of(call.args["id"], not_found()))
    if record is not None:
        check_archive(portal, table, record)
        archive(portal, table, record)
    elif portal.settings.missing_on_delete == 404:
        raise not_found()
    return Reply(204)


def merged(portal: Portal, call: Call) -> Reply:
    """POST of two ids, of which the first survives."""
    table, body = portal.objects(call.args["type"], "write"), call.json()
    if not table.type.can_merge:
        raise not_found()
    ids = [number_of(text_of(body, key), not_found()) for key in ("primaryObjectId", "objectIdToMerge")]
    primary, other = (table.find(one) for one in ids)
    if primary is None or other is None:
        raise not_found()
    if primary is other:
        raise invalid("A record cannot be merged into itself.")
    merge(portal, table, primary, other)
    return Reply(200, view(portal, table, primary, list(primary.values)))


def key_of(table: Table, name: str) -> str:
    """An `idProperty`; 400 for a property whose values are not unique (section 5)."""
    if name not in table.unique or table.definition(name) is None:
        raise invalid(f"Unable to perform update/upsert by non-unique {table.type.type_id} property {name}")
    return name


def survivor(table: Table, record: Record | None) -> Record | None:
    """What became of a record that was merged into another, perhaps in several steps."""
    while record is not None and record.merged_into:
        record = table.records[record.merged_into]
    return record


def _find(portal: Portal, table: Table, call: Call, archived: bool) -> Record:
    text = call.args["id"]
    if (key := call.one("idProperty")) and key != "hs_object_id":
        record = table.holder(key_of(table, key), text)
    else:
        record = table.records.get(number_of(text, not_found()))
        if portal.settings.merged_read == "survivor":
            record = survivor(table, record)
    if record is None or bool(record.archived) is not archived or (record.merged_into and not archived):
        raise not_found()
    return record


def _shown(portal: Portal, table: Table, record: Record, call: Call) -> dict[str, Any]:
    return view(
        portal,
        table,
        record,
        call.many("properties"),
        history=call.many("propertiesWithHistory"),
        associations=call.many("associations"),
    )
