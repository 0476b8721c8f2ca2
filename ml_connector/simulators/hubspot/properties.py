"""Properties and their groups (HubSpot reference, section 8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from ml_connector.simulators.hubspot.batches import reply
from ml_connector.simulators.hubspot.definitions import Definition
from ml_connector.simulators.hubspot.errors import Problem, invalid, not_found
from ml_connector.simulators.hubspot.invoices import BILLED_ELSEWHERE
from ml_connector.simulators.hubspot.object_types import INVOICES
from ml_connector.simulators.hubspot.portal import Portal
from ml_connector.simulators.hubspot.property_bodies import define, order_of, revise
from ml_connector.simulators.hubspot.protocol import Call, Reply, inputs_of, text_of
from ml_connector.simulators.hubspot.table import Group, Table

MOST_INPUTS = 100


def listed(portal: Portal, call: Call) -> Reply:
    """GET of all, without pages."""
    table, archived = portal.properties(call.args["type"], "read"), call.flag("archived")
    found = [one for one in table.definitions.values() if bool(one.archived_at) is archived]
    return Reply(200, {"results": [_view(portal, table, one) for one in found]})


def create(portal: Portal, call: Call) -> Reply:
    """POST: 201 and where it is."""
    table = portal.properties(call.args["type"], "write")
    made = add(portal, table, call.json())
    return Reply(201, _view(portal, table, made), {"Location": f"{call.url}/{quote(made.name, errors='replace')}"})


def read(portal: Portal, call: Call) -> Reply:
    """GET of one; an archived one only when asked for."""
    table = portal.properties(call.args["type"], "read")
    return Reply(200, _view(portal, table, _find(table, call.args["name"], call.flag("archived"))))


def update(portal: Portal, call: Call) -> Reply:
    """PATCH."""
    table = portal.properties(call.args["type"], "write")
    found = _find(table, call.args["name"], archived=False)
    if found.by_hubspot and call.json().keys() - {"options"}:
        raise invalid(f"{found.name} is defined by HubSpot.", code="READ_ONLY_DEFINITION")
    revise(table, found, call.json(), portal.now())
    return Reply(200, _view(portal, table, found))


def delete(portal: Portal, call: Call) -> Reply:
    """DELETE: its values come back when its name is created again."""
    table = portal.properties(call.args["type"], "write")
    archive(portal, table, _find(table, call.args["name"], archived=False))
    return Reply(204)


def batch_create(portal: Portal, call: Call) -> Reply:
    """POST batch/create: each for itself."""
    table = portal.properties(call.args["type"], "write")
    return _each(portal, call, 201, lambda item: _view(portal, table, add(portal, table, item)))


def batch_read(portal: Portal, call: Call) -> Reply:
    """POST batch/read by `name`."""
    table, archived = portal.properties(call.args["type"], "read"), bool(call.json().get("archived"))
    return _each(portal, call, 200, lambda item: _view(portal, table, _find(table, text_of(item, "name"), archived)))


def batch_delete(portal: Portal, call: Call) -> Reply:
    """POST batch/archive by `name`."""
    table = portal.properties(call.args["type"], "write")
    for item in inputs_of(call.json(), MOST_INPUTS):
        if (found := table.definition(text_of(item, "name"))) is not None:
            archive(portal, table, found)
    return Reply(204)


def groups(portal: Portal, call: Call) -> Reply:
    """GET of all groups."""
    table = portal.properties(call.args["type"], "read")
    return Reply(200, {"results": [group.view() for group in table.groups.values() if not group.archived]})


def create_group(portal: Portal, call: Call) -> Reply:
    """POST of a group, which must be there before its properties."""
    table, body = portal.properties(call.args["type"], "write"), call.json()
    name, label = text_of(body, "name"), text_of(body, "label")
    known = table.groups.get(name)
    if known is not None and not known.archived:
        message = f"A property group named '{name}' already exists."
        raise Problem(409, "OBJECT_ALREADY_EXISTS", message, context={"name": [name]})
    group = table.groups[name] = Group(name, label, order_of(body, -1))
    return Reply(201, group.view(), {"Location": f"{call.url}/{quote(name, errors='replace')}"})


def read_group(portal: Portal, call: Call) -> Reply:
    """GET of one group."""
    return Reply(200, _group(portal.properties(call.args["type"], "read"), call).view())


def update_group(portal: Portal, call: Call) -> Reply:
    """PATCH of label and order."""
    group, body = _group(portal.properties(call.args["type"], "write"), call), call.json()
    group.label = str(body.get("label", group.label))
    group.display_order = order_of(body, group.display_order)
    return Reply(200, group.view())


def delete_group(portal: Portal, call: Call) -> Reply:
    """DELETE of a group that has no properties."""
    table = portal.properties(call.args["type"], "write")
    group = _group(table, call)
    if any(one.group == group.name and not one.archived_at for one in table.definitions.values()):
        raise invalid(f"The property group {group.name} has properties.")
    group.archived = True
    return Reply(204)


def add(portal: Portal, table: Table, body: object) -> Definition:
    """Define a property. Raises Problem."""
    if not isinstance(body, dict):
        raise invalid("A property must be an object.")
    made = define(table, body, portal.now())
    table.definitions[made.name] = made
    if made.unique:
        table.make_unique(made.name)
    else:
        table.unique.pop(made.name, None)
    portal.writes["properties created"] += 1
    return made


def archive(portal: Portal, table: Table, definition: Definition) -> None:
    """Put a property away; not HubSpot's own, nor one that a schema needs. Raises Problem."""
    schema = portal.schemas.get(table.type.name)
    used = (*table.required, *((schema.primary, *schema.secondary) if schema else ()))
    if definition.by_hubspot or definition.name in used:
        message = f"The property {definition.name} is in use and cannot be deleted."
        sub_category = "PropertyValidationError.CANNOT_DELETE_PROPERTY_IN_USE"
        raise Problem(400, "VALIDATION_ERROR", message, sub_category=sub_category)
    definition.archived_at = portal.now()
    table.unique.pop(definition.name, None)


def _view(portal: Portal, table: Table, definition: Definition) -> dict[str, Any]:
    body = definition.view()
    if table.type.name == INVOICES and definition.name in BILLED_ELSEWHERE:
        body["modificationMetadata"]["readOnlyValue"] |= portal.settings.nonbillable_fields == "refused"
    return body


def _each(portal: Portal, call: Call, status: int, one: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Reply:
    results, errors = [], []
    for item in inputs_of(call.json(), MOST_INPUTS):
        try:
            results.append(one(item))
        except Problem as problem:
            portal.refuse(problem)
            errors.append(problem.item(complete=portal.settings.batch_error_shape == "specified"))
    return reply(portal, results, errors, status)


def _find(table: Table, name: str, archived: bool) -> Definition:
    found = table.definitions.get(name)
    if found is None or bool(found.archived_at) is not archived:
        raise not_found()
    return found


def _group(table: Table, call: Call) -> Group:
    group = table.groups.get(call.args["name"])
    if group is None or group.archived:
        raise not_found()
    return group
