"""Search: behind by a few seconds, capped at 10,000 results, without rate headers (HubSpot reference, section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ml_connector.simulators.hubspot.errors import invalid
from ml_connector.simulators.hubspot.portal import Portal
from ml_connector.simulators.hubspot.protocol import Call, Reply, limit_of, number_of, texts_of
from ml_connector.simulators.hubspot.record_view import view
from ml_connector.simulators.hubspot.search_filters import Found, Test, free_text, sortable, test_of
from ml_connector.simulators.hubspot.table import Table

MOST_PAGE = 200
MOST_RESULTS = 10_000
MOST_GROUPS, MOST_IN_GROUP, MOST_FILTERS = 5, 6, 18
"""Of the current guide; other pages have other numbers."""
MOST_CHARACTERS = 3000


def search(portal: Portal, call: Call) -> Reply:
    """POST search."""
    table = portal.objects(call.args["type"], "read")
    if len(call.body.decode(errors="replace")) > MOST_CHARACTERS:
        raise invalid(f"The request body is longer than {MOST_CHARACTERS} characters.")
    body = call.json()
    limit = limit_of(body.get("limit"), 10, MOST_PAGE)
    after = number_of(str(body.get("after") or "0"), invalid("after must be a whole number."))
    if after + limit > MOST_RESULTS:
        raise invalid(f"Paging through more than {MOST_RESULTS} results is not possible.")
    groups = _groups(portal, table, body.get("filterGroups"))
    query = body.get("query")
    text = free_text(table, query) if isinstance(query, str) and query else None
    found: list[Found] = [
        one
        for one in table.as_searched()
        if (text is None or text(one)) and (not groups or any(all(test(one) for test in group) for group in groups))
    ]
    found = _sorted(portal, table, found, body.get("sorts"))
    properties = texts_of(body, "properties")
    results = [
        view(portal, table, record, properties, values=dict(values), updated=updated)
        for record, values, updated in found[after : after + limit]
    ]
    answer: dict[str, Any] = {"total": len(found), "results": results}
    if len(found) > after + limit:
        answer["paging"] = {"next": {"after": str(after + limit)}}
    return Reply(200, answer)


def _groups(portal: Portal, table: Table, told: object) -> Sequence[Sequence[Test]]:
    """Groups are alternatives, their filters conditions; 400 where there are too many."""
    if told is None:
        return []
    if type(told) is not list:
        raise invalid("filterGroups must be an array.")
    lists = [group.get("filters") if isinstance(group, dict) else None for group in told]
    if not all(type(filters) is list for filters in lists):
        raise invalid("A filter group needs filters.")
    sizes = [len(filters) for filters in lists if filters is not None]
    if len(sizes) > MOST_GROUPS or sum(sizes) > MOST_FILTERS or any(size > MOST_IN_GROUP for size in sizes):
        limits = f"{MOST_GROUPS} groups, {MOST_IN_GROUP} filters in one and {MOST_FILTERS} in all"
        raise invalid(f"There are too many filters: the limits are {limits}.")
    return [[test_of(portal, table, one) for one in filters or ()] for filters in lists]


def _sorted(portal: Portal, table: Table, found: list[Found], sorts: object) -> list[Found]:
    """By one rule; without, the oldest first."""
    if not sorts:
        return found
    if type(sorts) is not list or len(sorts) > 1:
        raise invalid("Only one sort rule is possible.")
    rule = sorts[0]
    if isinstance(rule, str):
        name, descending = rule.removeprefix("-"), rule.startswith("-")
    elif isinstance(rule, dict):
        name, descending = str(rule.get("propertyName")), rule.get("direction") == "DESCENDING"
    else:
        raise invalid("A sort rule has a propertyName and a direction.")
    definition = table.definition(name)
    if definition is None:
        raise invalid(f'Property "{name}" does not exist.', code="PROPERTY_DOESNT_EXIST")
    keyed = [(sortable(portal, table, definition, one), one) for one in found]
    having = [pair for pair in keyed if pair[0] is not None]
    having.sort(key=lambda pair: pair[0], reverse=descending)
    return [one for _, one in having] + [one for value, one in keyed if value is None]
