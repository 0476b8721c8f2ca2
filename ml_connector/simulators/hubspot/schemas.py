"""Custom objects: Enterprise only, and their reads are behind their writes (HubSpot reference, section 9)."""

from __future__ import annotations

import re
from typing import Any

from ml_connector.simulators.hubspot.definitions import built_in
from ml_connector.simulators.hubspot.errors import Problem, invalid, missing_scopes, not_found
from ml_connector.simulators.hubspot.object_types import CUSTOM_PROPERTIES, ObjectType
from ml_connector.simulators.hubspot.portal import Portal
from ml_connector.simulators.hubspot.property_bodies import define
from ml_connector.simulators.hubspot.protocol import Call, Reply, texts_of
from ml_connector.simulators.hubspot.schema_store import Schema
from ml_connector.simulators.hubspot.table import Table
from ml_connector.simulators.hubspot.times import shown

MOST_SCHEMAS = 20
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,49}")
_READ, _WRITE = ["crm.schemas.custom.read"], ["crm.schemas.custom.write"]


def listed(portal: Portal, call: Call) -> Reply:
    """GET of all: right a few seconds after a PATCH."""
    _allow(portal, _READ)
    archived = call.flag("archived")
    found = [one for one in portal.schemas.values() if bool(one.archived_at) is archived]
    old = portal.settings.schema_list_seconds
    return Reply(200, {"results": [_view(portal, one, _age(portal, one) < old) for one in found]})


def create(portal: Portal, call: Call) -> Reply:
    """POST: makes the object, its group, its properties and its types of associations."""
    _allow(portal, _WRITE)
    body = call.json()
    name, labels = body.get("name"), body.get("labels")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid("A schema's name has a letter first, then letters, digits and underscores, at most 50.")
    if not isinstance(labels, dict) or any(len(str(label)) > 50 for label in labels.values()):
        raise invalid("labels has singular and plural, each of at most 50 characters.")
    if not body.get("primaryDisplayProperty"):
        raise invalid("A primary display property is required.", code="PRIMARY_DISPLAY_PROPERTY_REQUIRED")
    known = next((one for one in portal.schemas.values() if one.name.lower() == name.lower()), None)
    if known is not None and not known.archived_at:
        raise Problem(409, "OBJECT_ALREADY_EXISTS", f"A schema named '{name}' already exists.")
    if sum(not one.archived_at for one in portal.schemas.values()) >= MOST_SCHEMAS:
        raise invalid(f"At most {MOST_SCHEMAS} custom objects are allowed.")
    associated = [portal.table(one) for one in texts_of(body, "associatedObjects")]
    if known is not None:
        _purge(portal, known)
    schema, table = _make(portal, body)
    try:
        for item in _list(body, "properties"):
            if not isinstance(item, dict):
                raise invalid("A property must be an object.")
            made = define(table, {"groupName": f"{schema.name.lower()}_information", **item}, portal.now())
            table.definitions[made.name] = made
            if made.unique:
                table.make_unique(made.name)
        _check_display(schema, table)
    except Problem:
        _purge(portal, schema)
        raise
    table.required = tuple(schema.required)
    for there in associated:
        _associate(portal, schema, table, there, f"{schema.name}_to_{there.type.name}")
    portal.writes["schemas created"] += 1
    return Reply(201, _view(portal, schema, old=False))


def read(portal: Portal, call: Call) -> Reply:
    """GET of one: now the new, now the old one, for a while after a PATCH."""
    _allow(portal, _READ)
    schema = _find(portal, call, call.flag("archived"))
    schema.reads += 1
    flips = _age(portal, schema) < portal.settings.schema_flip_seconds
    return Reply(200, _view(portal, schema, flips and schema.reads % 2 == 1))


def update(portal: Portal, call: Call) -> Reply:
    """PATCH of labels and of display, search and required properties, which must be there already."""
    _allow(portal, _WRITE)
    schema, body = _find(portal, call, archived=False), call.json()
    for key in ("secondaryDisplayProperties", "searchableProperties", "requiredProperties"):
        texts_of(body, key)
    table, before = portal.tables[schema.type_id], schema.changeable()
    after = Schema(
        name=schema.name,
        type_id=schema.type_id,
        portal_id=schema.portal_id,
        labels=body.get("labels", schema.labels),
        primary=body.get("primaryDisplayProperty", schema.primary),
        secondary=body.get("secondaryDisplayProperties", schema.secondary),
        searchable=body.get("searchableProperties", schema.searchable),
        required=body.get("requiredProperties", schema.required),
        description=body.get("description", schema.description),
        created_at=schema.created_at,
        updated_at=portal.now(),
        associated=schema.associated,
        before=before,
    )
    _check_display(after, table)
    portal.schemas[schema.type_id] = after
    table.required = tuple(after.required)
    return Reply(200, _definition(after, old=False))


def delete(portal: Portal, call: Call) -> Reply:
    """DELETE: archives, and is refused while there are records; `archived=true` purges."""
    _allow(portal, _WRITE)
    if call.flag("archived"):
        _purge(portal, _find(portal, call, archived=True))
        return Reply(204)
    schema = _find(portal, call, archived=False)
    if portal.tables[schema.type_id].live:
        raise invalid(f"The custom object {schema.name} has records and cannot be deleted.")
    schema.archived_at = portal.now()
    return Reply(204)


def create_association(portal: Portal, call: Call) -> Reply:
    """POST of a type of association between two objects."""
    _allow(portal, _WRITE)
    schema, body = _find(portal, call, archived=False), call.json()
    here, there = (portal.table(str(body.get(key) or "")) for key in ("fromObjectTypeId", "toObjectTypeId"))
    if schema.type_id not in (here.type.name, there.type.name):
        raise invalid("One of the two objects must be this one.")
    return Reply(201, _associate(portal, schema, here, there, str(body.get("name") or "")))


def limits(portal: Portal, _call: Call) -> Reply:
    """How many custom objects there may be, and are."""
    most = MOST_SCHEMAS if portal.settings.plan == "enterprise" else 0
    used = sum(not one.archived_at for one in portal.schemas.values())
    return Reply(200, {"limit": most, "usage": used, "percentage": used / most if most else 0})


def _allow(portal: Portal, scopes: list[str]) -> None:
    """403 below Enterprise, where nobody can grant the scope; the body is not documented (section 17)."""
    if portal.settings.plan != "enterprise":
        raise missing_scopes(scopes)
    portal.require(scopes)


def _make(portal: Portal, body: dict[str, Any]) -> tuple[Schema, Table]:
    now = portal.now()
    portal.schema_numbers += portal.random.randrange(1, 9)
    schema = Schema(
        name=body["name"],
        type_id=f"2-{portal.schema_numbers}",
        portal_id=portal.settings.portal_id,
        labels=body["labels"],
        primary=body["primaryDisplayProperty"],
        secondary=texts_of(body, "secondaryDisplayProperties"),
        searchable=texts_of(body, "searchableProperties"),
        required=texts_of(body, "requiredProperties"),
        description=str(body.get("description") or ""),
        created_at=now,
        updated_at=now,
    )
    kind = ObjectType(
        name=schema.type_id,
        type_id=schema.type_id,
        aliases=(schema.qualified_name,),
        scope="custom",
        shown=(schema.primary,),
        created="hs_createdate",
        searched=tuple(schema.searchable),
    )
    group = f"{schema.name.lower()}_information"
    table = portal.add_table(kind, group)
    table.definitions.update(built_in(CUSTOM_PROPERTIES, group, now))
    portal.schemas[schema.type_id] = schema
    return schema, table


def _associate(portal: Portal, schema: Schema, here: Table, there: Table, name: str) -> dict[str, Any]:
    """An unlabelled type for both directions; the schema shows one of them."""
    kind = portal.graph.types.define(here.type.name, there.type.name, None, None, name)
    made = {
        "id": str(kind.spec[1]),
        "fromObjectTypeId": here.type.type_id,
        "toObjectTypeId": there.type.type_id,
        "name": name,
        "createdAt": shown(portal.now()),
        "updatedAt": shown(portal.now()),
    }
    back = {
        **made,
        "id": str(kind.back[1]),
        "fromObjectTypeId": there.type.type_id,
        "toObjectTypeId": here.type.type_id,
    }
    schema.associated += [made, back]
    return made


def _check_display(schema: Schema, table: Table) -> None:
    """Display and required properties exist; at most two secondary ones, at most 20 searchable."""
    named = (schema.primary, *schema.secondary, *schema.searchable, *schema.required)
    if unknown := [name for name in named if table.definition(str(name)) is None]:
        raise invalid(f"The property {unknown[0]} does not exist.", code="PROPERTY_DOESNT_EXIST")
    if len(schema.secondary) > 2 or len(schema.searchable) > 20:
        raise invalid("At most 2 secondary display properties and 20 searchable properties are allowed.")


def _purge(portal: Portal, schema: Schema) -> None:
    portal.remove_table(schema.type_id)
    del portal.schemas[schema.type_id]


def _find(portal: Portal, call: Call, archived: bool) -> Schema:
    table = portal.aliases.get(call.args["type"].lower(), "")
    found = portal.schemas.get(table)
    if found is None or bool(found.archived_at) is not archived:
        raise not_found()
    return found


def _age(portal: Portal, schema: Schema) -> float:
    """Seconds since the last PATCH; without one, for ever."""
    return portal.now() - schema.updated_at if schema.before else float("inf")


def _definition(schema: Schema, old: bool) -> dict[str, Any]:
    """What a PATCH answers."""
    return {
        "id": schema.type_id.removeprefix("2-"),
        "objectTypeId": schema.type_id,
        "fullyQualifiedName": schema.qualified_name,
        "portalId": schema.portal_id,
        "name": schema.name,
        **schema.changeable(),
        **(schema.before if old else {}),
        "archived": bool(schema.archived_at),
        "allowsSensitiveProperties": False,
        "createdAt": shown(schema.created_at),
        "updatedAt": shown(schema.updated_at),
    }


def _view(portal: Portal, schema: Schema, old: bool) -> dict[str, Any]:
    definitions = portal.tables[schema.type_id].definitions.values()
    properties = [one.view() for one in definitions if not one.archived_at]
    return {**_definition(schema, old), "properties": properties, "associations": schema.associated}


def _list(body: dict[str, Any], key: str) -> list[Any]:
    value = body.get(key) or []
    if type(value) is not list:
        raise invalid(f"{key} must be an array.")
    return value
