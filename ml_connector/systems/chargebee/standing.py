"""Whether a document at Chargebee is what Visma has: pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Resource = Mapping[str, Any]

VOIDED = "voided"
PLAIN = ("total", "currency_code", "date", "due_date")
"""Attributes of an import that are read back under the same names (Chargebee reference, section 4.3)."""


def is_same_money(resource: Resource, document: Resource) -> bool:
    """By total and currency: what tells a repeated import from somebody else's document (section 4.2)."""
    return all(resource.get(name) == document[name] for name in ("total", "currency_code"))


def holds(resource: Resource, document: Resource) -> bool:
    """Whether it has these lines, amounts and days."""
    return _lines(resource) == _lines(document) and all(
        resource.get(name) == document[name] for name in PLAIN if name in document
    )


def is_voided(resource: Resource) -> bool:
    return resource.get("status") == VOIDED


def _lines(resource: Resource) -> list[tuple[str, int]]:
    return sorted((str(line.get("description")), int(line.get("amount") or 0)) for line in resource["line_items"])
