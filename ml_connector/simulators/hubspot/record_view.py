"""A record as it is shown (HubSpot reference, section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ml_connector.simulators.hubspot.computed import COMPUTED
from ml_connector.simulators.hubspot.table import Record, Table
from ml_connector.simulators.hubspot.times import shown

if TYPE_CHECKING:
    from ml_connector.simulators.hubspot.portal import Portal

_NO_FORMULAS: Mapping[str, Any] = {}
_CREATED = ("createdate", "hs_createdate")


def value_of(
    portal: Portal, table: Table, record: Record, name: str, values: Mapping[str, str], updated: float
) -> str | None:
    """The value of any property, kept or worked out; None where there is none, `""` where it was cleared."""
    if compute := COMPUTED.get(table.type.name, _NO_FORMULAS).get(name):
        found: str | None = compute(portal, record, values)
        return found
    if name == "hs_object_id":
        return str(record.id)
    if name == table.type.modified:
        return shown(updated)
    if name in _CREATED:
        return values.get(name) or shown(record.created)
    return values.get(name)


def is_kept(table: Table, name: str) -> bool:
    """Whether a property's value is simply the one that was written, which is quicker to search."""
    worked_out = COMPUTED.get(table.type.name, _NO_FORMULAS)
    return name not in worked_out and name not in ("hs_object_id", table.type.modified, *_CREATED)


def is_by_system(table: Table, name: str) -> bool:
    """Whether a property is an id or a time of the record itself, which nobody can write."""
    definition = table.definitions.get(name)
    by_system = name in ("hs_object_id", table.type.modified, *_CREATED)
    return by_system and definition is not None and definition.read_only


def view(
    portal: Portal,
    table: Table,
    record: Record,
    properties: Sequence[str] = (),
    *,
    values: Mapping[str, str] | None = None,
    updated: float | None = None,
    history: Sequence[str] = (),
    associations: Sequence[str] = (),
    trace_id: str | None = None,
) -> dict[str, Any]:
    """The record with these properties; without any, with the few that its type has by default.

    `values` and `updated` are those that search knows.
    """
    kind = table.type
    values, updated = record.values if values is None else values, record.updated if updated is None else updated
    wanted = dict.fromkeys((*(properties or kind.shown), kind.created, kind.modified, "hs_object_id"))
    shown_values: dict[str, str | None] = {}
    empty, cleared = portal.settings.empty_value == "null", portal.settings.cleared_value == "empty"
    for name in wanted:
        if table.definition(name) is None:
            continue
        value = value_of(portal, table, record, name, values, updated)
        if value or (cleared and value == ""):
            shown_values[name] = value
        elif empty:
            shown_values[name] = None
    body: dict[str, Any] = {
        "id": str(record.id),
        "properties": shown_values,
        "createdAt": shown(record.created),
        "updatedAt": shown(updated),
        "archived": bool(record.archived),
    }
    if record.archived:
        body["archivedAt"] = shown(record.archived)
    if trace_id is not None:
        body["objectWriteTraceId"] = trace_id
    if history:
        body["propertiesWithHistory"] = {
            name: [{"value": values[name], "timestamp": shown(updated), "sourceType": "INTEGRATION"}]
            for name in history
            if name in values and table.definition(name)
        }
    if associations:
        body["associations"] = _associations(portal, table, record, associations)
    return body


def _associations(portal: Portal, table: Table, record: Record, names: Iterable[str]) -> dict[str, Any]:
    """The ids of associated records, once for every type of association."""
    found = {}
    for name in names:
        there = portal.table(name)
        kinds = portal.graph.types.pairs.get((table.type.name, there.type.name), {})
        here_title, there_title = table.type.title.lower(), there.type.title.lower()
        results = [
            {"id": str(other), "type": _type_name(kinds[spec].label, here_title, there_title)}
            for other, specs in portal.graph.of(table.type.name, record.id, there.type.name).items()
            for spec in sorted(specs)
            if spec in kinds
        ]
        if results:
            found[there.type.name] = {"results": results}
    return found


def _type_name(label: str | None, here: str, there: str) -> str:
    return f"{here}_to_{there}" if label is None else f"{here}_to_{there}_{label.lower().replace(' ', '_')}"


def control_view(portal: Portal, table: Table, record: Record) -> dict[str, Any]:
    """Everything that the simulator knows of a record."""
    linked: dict[str, list[str]] = {}
    for there, other in portal.graph.neighbours(table.type.name, record.id):
        linked.setdefault(there, []).append(str(other))
    return {
        "id": str(record.id),
        "properties": {
            name: value
            for name in {**record.values, **COMPUTED.get(table.type.name, _NO_FORMULAS)}
            if (value := value_of(portal, table, record, name, record.values, record.updated)) is not None
        },
        "createdAt": shown(record.created),
        "updatedAt": shown(record.updated),
        "archived": bool(record.archived),
        "mergedInto": str(record.merged_into) if record.merged_into else None,
        "emails": list(record.emails),
        "associations": linked,
    }
