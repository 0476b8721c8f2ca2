"""Long documents: a site with enterprise-scale invoicing gives their lines in pages.

Retrieving a document takes `line_items_limit` (at most 300) and `line_items_offset`, and says in
`line_items_next_offset` where the next page begins. The taxes and discounts of the lines come with them. In lists and
events such a document may come with no line at all.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from ml_connector.http import TornAnswer
from ml_connector.http.actions import Action, Decision
from ml_connector.systems.chargebee.client import ChargebeeClient
from ml_connector.systems.chargebee.documents import CREDIT_NOTE, INVOICE, NEXT_LINES, several

PAGED: Final = ("line_items", "line_item_taxes", "line_item_discounts", "line_item_tiers")
AT_ONCE: Final = 300


def find(client: ChargebeeClient, kind: str, document_id: str) -> dict[str, Any] | None:
    """An invoice or a credit note with all of its lines; None where none is there. Raises `CallProblem`, `Stopped`."""
    path = f"/{kind}s/{quote(document_id, safe='')}"
    answer = client.find(path)
    if answer is None:
        return None
    document: dict[str, Any] = answer.data[kind]
    lists: dict[str, list[Any]] = {name: list(document.get(name) or ()) for name in PAGED}
    offset, seen = document.pop(NEXT_LINES, None), set[str]()
    while offset:
        if offset in seen:
            decision = Decision(Action.RETRY, "malformed answer", f"the pages of the lines of {document_id} do not end")
            raise TornAnswer(decision, answer.status)
        seen.add(offset)
        answer = client.get(path, {"line_items_offset": offset, "line_items_limit": AT_ONCE})
        page = answer.data[kind]
        for name, rows in lists.items():
            rows += page.get(name) or ()
        offset = page.get(NEXT_LINES)
    return {**document, **{name: rows for name, rows in lists.items() if rows}}


def complete(client: ChargebeeClient, event: dict[str, Any]) -> None:
    """Put the lines into an event's documents that came in pages; one that is another by now keeps its mark.

    Lines of a closed document never change, so those of today are those of the event, if the total is.
    """
    content = event.get("content")
    if not isinstance(content, dict):
        return
    for kind in (INVOICE, CREDIT_NOTE):
        for document in several(content, kind):
            if document.get(NEXT_LINES):
                _complete(client, kind, document)


def _complete(client: ChargebeeClient, kind: str, document: dict[str, Any]) -> None:
    whole = find(client, kind, str(document.get("id")))
    if whole is None or any(whole.get(name) != document.get(name) for name in ("total", "currency_code")):
        return
    document.update({name: whole[name] for name in PAGED if name in whole})
    del document[NEXT_LINES]
