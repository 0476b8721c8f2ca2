"""Property definitions: what they are, and the ones that HubSpot made (HubSpot reference, section 8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ml_connector.simulators.hubspot.times import shown

TYPES = ("string", "number", "date", "datetime", "bool", "enumeration", "phone_number")
FIELD_TYPES = (
    "text", "textarea", "number", "date", "select", "radio", "checkbox", "booleancheckbox", "html", "file",
    "phonenumber", "calculation_equation",
)  # fmt: skip
_FIELD_OF = {
    "number": "number",
    "date": "date",
    "datetime": "date",
    "bool": "booleancheckbox",
    "enumeration": "select",
    "phone_number": "phonenumber",
}


@dataclass(slots=True, kw_only=True)
class Definition:
    """One property of one type of object.

    Attributes:
        options: `value`, `label` and more, in order; of an enumeration or a bool.
        unique: `hasUniqueValue`; frozen at creation.
        extra: what was sent besides, and is only shown again.
    """

    name: str
    label: str
    type: str
    field_type: str
    group: str
    created_at: float
    updated_at: float
    description: str = ""
    options: list[dict[str, Any]] = field(default_factory=list)
    unique: bool = False
    read_only: bool = False
    by_hubspot: bool = False
    hidden: bool = False
    form_field: bool = False
    display_order: int = -1
    archived_at: float = 0.0
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def many(self) -> bool:
        """Whether several values may be joined with `;`."""
        return self.field_type == "checkbox"

    def view(self) -> dict[str, Any]:
        """As the API shows it; HubSpot's own ones may lack `archived`."""
        body: dict[str, Any] = {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group,
            "options": self.options,
            "displayOrder": self.display_order,
            "calculated": self.read_only and self.by_hubspot,
            "externalOptions": False,
            "hasUniqueValue": self.unique,
            "hidden": self.hidden,
            "formField": self.form_field,
            "dataSensitivity": "non_sensitive",
            **self.extra,
            "createdAt": shown(self.created_at),
            "updatedAt": shown(self.updated_at),
            "modificationMetadata": {
                "archivable": not self.by_hubspot,
                "readOnlyDefinition": self.by_hubspot,
                "readOnlyValue": self.read_only,
                **({"readOnlyOptions": self.by_hubspot} if self.type == "enumeration" else {}),
            },
        }
        if self.by_hubspot:
            body["hubspotDefined"] = True
        else:
            body["archived"] = bool(self.archived_at)
        if self.archived_at:
            body["archivedAt"] = shown(self.archived_at)
        return body


def options_of(values: Iterable[str]) -> list[dict[str, Any]]:
    """Options of an enumeration whose labels are made from its values."""
    return [
        {
            "value": value,
            "label": value.replace("_", " ").capitalize(),
            "displayOrder": index,
            "hidden": False,
            "description": "",
        }
        for index, value in enumerate(values)
    ]


def built_in(table: Mapping[str, str], group: str, at: float) -> dict[str, Definition]:
    """The definitions of a table of `object_types.py`."""
    found = {}
    for name, told in table.items():
        kind, _, values = told.rstrip("!^").partition(" ")
        several = kind == "checkbox"
        kind = "enumeration" if several else kind or "string"
        listed = ("true", "false") if kind == "bool" else values.split()
        found[name] = Definition(
            name=name,
            label=name.removeprefix("hs_").replace("_", " ").capitalize(),
            type=kind,
            field_type="checkbox" if several else _FIELD_OF.get(kind, "text"),
            group=group,
            created_at=at,
            updated_at=at,
            options=options_of(listed),
            unique=told.endswith("^") or name == "hs_object_id",
            read_only=told.endswith("!"),
            by_hubspot=True,
        )
    return found
