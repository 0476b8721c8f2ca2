"""A custom object's schema as it is kept (HubSpot reference, section 9)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, kw_only=True)
class Schema:
    """One schema.

    Attributes:
        before: what a PATCH changed, as it was; single reads still show it now and then for a while.
        reads: single reads since the last PATCH.
    """

    name: str
    type_id: str
    portal_id: int
    labels: dict[str, str]
    primary: str
    secondary: list[str]
    searchable: list[str]
    required: list[str]
    description: str
    created_at: float
    updated_at: float
    archived_at: float = 0.0
    associated: list[dict[str, Any]] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    reads: int = 0

    @property
    def qualified_name(self) -> str:
        return f"p{self.portal_id}_{self.name}"

    def changeable(self) -> dict[str, Any]:
        """What a PATCH may change, as the API shows it."""
        return {
            "labels": self.labels,
            "primaryDisplayProperty": self.primary,
            "secondaryDisplayProperties": self.secondary,
            "searchableProperties": self.searchable,
            "requiredProperties": self.required,
            "description": self.description,
        }
