"""Long documents: with enterprise-scale invoicing their lines come in pages.

Retrieving one gives the first page and where the next begins; lists and events give no line of a document that has more
than a page (official API pages of the two retrievals, and a connector that meets this in lists; for events a GUESS).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ml_connector.simulators.chargebee.errors import wrong_value
from ml_connector.simulators.chargebee.site import Resource, Site

MOST = 300
NEXT = "line_items_next_offset"
OF_LINES = ("line_item_taxes", "line_item_discounts", "line_item_tiers")
"""Lists that name a line by `line_item_id`; they come with their lines."""
KINDS = ("invoice", "credit_note")


def page_of(site: Site, resource: Resource, query: Sequence[tuple[str, str]]) -> Resource:
    """A retrieved document: a page of its lines."""
    size = site.settings.line_page
    if size is None:
        return resource
    given = dict(query)
    begin, limit = _number(given, "line_items_offset", 0), _number(given, "line_items_limit", size)
    if not 1 <= limit <= MOST:
        raise wrong_value("line_items_limit", f"must be between 1 and {MOST}")
    return _cut(resource, begin, begin + limit)


def brief(site: Site, resource: Resource) -> Resource:
    """A document of a list or an event: one with more than a page of lines shows none."""
    size = site.settings.line_page
    return resource if size is None or len(resource.get("line_items", ())) <= size else _cut(resource, 0, 0)


def brief_content(site: Site, content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of an event."""
    return {name: _brief_value(site, name, value) for name, value in content.items()}


def _brief_value(site: Site, name: str, value: Any) -> Any:
    if name.removesuffix("s") not in KINDS or value is None:
        return value
    return [brief(site, one) for one in value] if isinstance(value, list) else brief(site, value)


def _cut(resource: Resource, begin: int, end: int) -> Resource:
    lines = resource.get("line_items", [])
    chosen = lines[begin:end]
    ids = {line["id"] for line in chosen}
    shown = {**resource, "line_items": chosen}
    for name in OF_LINES:
        if name in resource:
            shown[name] = [row for row in resource[name] if row.get("line_item_id") in ids]
    return {**shown, NEXT: str(end)} if end < len(lines) else shown


def _number(given: Mapping[str, str], name: str, default: int) -> int:
    text = given.get(name, str(default))
    if not text.isdigit():
        raise wrong_value(name, "is no value of it")
    return int(text)
