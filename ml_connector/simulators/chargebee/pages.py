"""Answers of lists of resources: rows wrapped in an object named after the resource."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ml_connector.simulators.chargebee.line_pages import KINDS, brief
from ml_connector.simulators.chargebee.lists import Listing, page
from ml_connector.simulators.chargebee.protocol import Call, Reply
from ml_connector.simulators.chargebee.site import Resource, Rows, Site


def answer_list(
    site: Site,
    listing: Listing,
    rows: Rows,
    call: Call,
    beside: Callable[[Resource], Mapping[str, Any]] | None = None,
    value: Callable[[Resource, str], Any] = dict.get,
) -> Reply:
    """A page of the rows; `beside` gives what else stands in a row's wrapper, None being left out."""
    found, next_offset = page(site.settings, listing, call.query, rows.ordered(), value)
    wrapped = []
    for row in found:
        more = beside(row) if beside else {}
        shown = brief(site, row) if listing.name in KINDS else row
        wrapped.append({listing.name: shown, **{name: other for name, other in more.items() if other is not None}})
    body: dict[str, Any] = {"list": wrapped}
    if next_offset is not None:
        body["next_offset"] = next_offset
    return Reply(200, body)
