"""What a property definition may say, and what becomes of it (HubSpot reference, section 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml_connector.simulators.hubspot.definitions import FIELD_TYPES, TYPES, Definition, options_of
from ml_connector.simulators.hubspot.errors import Problem, invalid
from ml_connector.simulators.hubspot.table import Table

MOST_UNIQUE = 10
MOST_PROPERTIES = 1000
REQUIRED = ("name", "label", "type", "fieldType", "groupName")
_SHOWN_AGAIN = (
    "calculationFormula", "referencedObjectType", "showCurrencySymbol", "numberDisplayHint", "textDisplayHint",
    "currencyPropertyName",
)  # fmt: skip


def define(table: Table, body: Mapping[str, Any], at: float) -> Definition:
    """A new property, or an archived one that comes back with its old values. Raises Problem."""
    if missing := [key for key in REQUIRED if not isinstance(body.get(key), str) or not body[key]]:
        raise invalid(f"Some required fields were not set: [{', '.join(missing)}]")
    name = body["name"]
    if name != name.lower() or not name.replace("_", "").isalnum() or not name[0].isalpha():
        raise invalid(f"The property name {name} must begin with a letter and have only a-z, 0-9 and underscores.")
    known = table.definitions.get(name)
    if known is not None and not known.archived_at:
        raise Problem(
            409,
            "OBJECT_ALREADY_EXISTS",
            f"A property named '{name}' already exists.",
            sub_category="Properties.PROPERTY_WITH_NAME_EXISTS",
            context={"name": [name]},
        )
    _check_group(table, body["groupName"])
    _check_types(body["type"], body["fieldType"])
    unique = bool(body.get("hasUniqueValue", False))
    if unique:
        _check_unique(table, body["type"])
    if known is None and sum(not one.by_hubspot for one in table.definitions.values()) >= MOST_PROPERTIES:
        raise invalid(f"At most {MOST_PROPERTIES} custom properties are allowed.")
    return Definition(
        name=name,
        label=body["label"],
        type=body["type"],
        field_type=body["fieldType"],
        group=body["groupName"],
        created_at=at,
        updated_at=at,
        description=str(body.get("description") or ""),
        options=options(body["type"], body.get("options")),
        unique=unique,
        read_only=body["fieldType"] == "calculation_equation",
        hidden=bool(body.get("hidden", False)),
        form_field=bool(body.get("formField", False)),
        display_order=order_of(body, -1),
        extra={key: body[key] for key in _SHOWN_AGAIN if body.get(key) is not None},
    )


def revise(table: Table, definition: Definition, body: Mapping[str, Any], at: float) -> None:
    """Overwrite what was sent; `options` are replaced whole, and `hasUniqueValue` is silently ignored."""
    if "groupName" in body:
        _check_group(table, body["groupName"])
    kind, field_type = body.get("type", definition.type), body.get("fieldType", definition.field_type)
    _check_types(kind, field_type)
    if "options" in body or kind != definition.type:
        definition.options = options(kind, body.get("options"))
    definition.type, definition.field_type = kind, field_type
    definition.group = body.get("groupName", definition.group)
    definition.label = body.get("label", definition.label)
    definition.description = body.get("description", definition.description)
    definition.hidden = bool(body.get("hidden", definition.hidden))
    definition.form_field = bool(body.get("formField", definition.form_field))
    definition.display_order = order_of(body, definition.display_order)
    definition.extra |= {key: body[key] for key in _SHOWN_AGAIN if body.get(key) is not None}
    definition.updated_at = at


def options(kind: str, told: object) -> list[dict[str, Any]]:
    """The options of an enumeration, or the two of a bool. Raises Problem."""
    if kind not in ("enumeration", "bool"):
        return []
    if told is not None and type(told) is not list:
        raise invalid("options must be an array.")
    found = []
    for index, item in enumerate(told or []):
        if not isinstance(item, dict) or not all(isinstance(item.get(key), str) for key in ("label", "value")):
            raise invalid("An option has a label and a value.")
        found.append({**options_of([item["value"]])[0], "displayOrder": index, **item})
    if kind == "bool" and sorted(option["value"] for option in found) != ["false", "true"]:
        raise invalid("A bool has exactly the options true and false.", code="INVALID_BOOLEAN_OPTION")
    values = [option["value"] for option in found]
    if not values:
        raise invalid("An enumeration needs options.", code="MISSING_OPTIONS")
    if len(set(values)) < len(values):
        raise invalid("Option values must be unique.", code="DUPLICATE_OPTION")
    return found


def order_of(body: Mapping[str, Any], usual: int) -> int:
    """`displayOrder`, or the usual one. Raises Problem."""
    order = body.get("displayOrder", usual)
    if isinstance(order, bool) or not isinstance(order, int):
        raise invalid("displayOrder must be a whole number.")
    return order


def _check_group(table: Table, name: object) -> None:
    group = table.groups.get(str(name))
    if group is None or group.archived:
        raise invalid(f"The property group {name} does not exist.", code="PROPERTY_GROUP_NOT_FOUND")


def _check_types(kind: object, field_type: object) -> None:
    if kind not in TYPES:
        raise invalid(f"The property type {kind} is not one of {', '.join(TYPES)}.", code="INVALID_TYPE")
    if field_type not in FIELD_TYPES:
        raise invalid(f"The field type {field_type} is not one of {', '.join(FIELD_TYPES)}.", code="INVALID_FIELD_TYPE")


def _check_unique(table: Table, kind: str) -> None:
    if kind != "string":
        raise invalid("Only a text property can have unique values.", code="INVALID_UNIQUE_TYPE")
    own = [one for one in table.definitions.values() if one.unique and not one.by_hubspot and not one.archived_at]
    if len(own) >= MOST_UNIQUE:
        raise invalid(f"At most {MOST_UNIQUE} properties with unique values are allowed.", code="UNIQUE_LIMIT")
