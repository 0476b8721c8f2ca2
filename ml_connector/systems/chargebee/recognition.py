"""From a month's part of a document to a transaction: deferred revenue comes to revenue. Pure and total."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import orjson
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from ml_connector.engine.records import Desired, Mapped, Need, Record, Reject, Skip
from ml_connector.systems.chargebee.documents import BESIDE_THE_BASIS, Amount, Document
from ml_connector.systems.chargebee.event_settings import EventsSettings
from ml_connector.systems.chargebee.journals import (
    JOURNALS,
    ORIGINAL,
    Imported,
    Origin,
    Posting,
    body_of,
    left_alone,
    line_of,
    refusal_of,
    unreadable,
)
from ml_connector.systems.chargebee.money import NotMoney
from ml_connector.systems.chargebee.rules import revenue_of, rule_for
from ml_connector.systems.chargebee.schedule import end_of, last_day
from ml_connector.systems.visma.journals import LINES
from ml_connector.systems.visma.places import BOOKS, in_books, of_both_lines, without_project

POLICY, DEFERRED = "policy", "deferred"
"""In the body, as the document's own transaction tells: by which policy it was posted, and to which account each of its
lines was deferred; and ORIGINAL, where its lines stand. A document that an earlier version posted tells no accounts and
no places: then today's count, but for projects, which that version did not know."""


class Part(BaseModel):
    """A line's part, in minor units."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    line: str
    amount: Amount
    description: str
    entity_type: str | None
    entity_id: str | None


class Month(BaseModel):
    """A month of a document."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: dict[str, Any]
    month: Annotated[str, StringConstraints(pattern=r"^[12]\d{3}-(0[1-9]|1[0-2])$")]
    parts: list[Part]


def map_recognition(record: Record, settings: EventsSettings, origin: Origin, prefixes: tuple[str, ...]) -> Mapped:
    """The transaction of one month; due when the month has ended where the site is.

    It needs the document's own transaction, and of that how it was posted: what was posted at once has nothing to
    recognise, and what was deferred comes off the account that it went to, where it stands, whichever is configured by
    now.
    """
    try:
        month = Month.model_validate_json(record.payload)
        document = Document.model_validate({**month.document, "lines": []})
    except ValidationError:
        return Reject(unreadable("month"), "unreadable")
    imported = Imported(prefixes, record.made)
    if (left_out := left_alone(document, settings, imported)) is not None:
        return left_out
    if (refused := refusal_of(document, settings, imported)) is not None:
        return Skip("posted by hand", f"So is its document. {refused.reason}")
    name = f"{document.kind.replace('_', ' ')} {document.id}, {month.month}"
    lines = []
    for part in month.parts:
        rule = rule_for(part.entity_type, part.entity_id, settings)
        amount, text = document.sign * part.amount, f"{part.description} ({name})"
        deferred = rule.deferred or settings.accounts.deferred or ""
        lines += [  # without a VAT code: the document's own transaction has told the tax authorities of it
            Posting(deferred, amount, text, part.line, None, rule),
            Posting(revenue_of(rule, settings), -amount, text, part.line, None, rule),
        ]
    try:
        members = [member for posting in lines if (member := line_of(posting, document.currency, settings))]
        body = body_of(document, settings, origin, record.key, last_day(month.month), month.month, members)
    except NotMoney as error:
        return Reject(str(error), "currency")
    return Desired(
        body["reference"],
        body,
        needs={
            POLICY: Need(JOURNALS, document.key, document.key, fact=POLICY, record=True),
            DEFERRED: Need(JOURNALS, document.key, document.key, fact=DEFERRED, record=True, optional=True),
            ORIGINAL: Need(JOURNALS, document.key, document.key, fact="places", record=True, optional=True),
            BOOKS: Need(JOURNALS, document.key, document.key, fact=BOOKS, record=True, optional=True),
        },
        basis=_basis(orjson.loads(record.payload)),
        not_before=end_of(month.month, ZoneInfo(settings.timezone)),
    )


def from_where_it_was_deferred(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with the accounts and places that the document's own transaction tells. Of the two lines of a part, both
    of which bear its name, the first one is on deferred revenue."""
    accounts, seen, lines = body.get(DEFERRED) or {}, set(), []
    for line in body["members"][LINES]:
        name = line.get("note")
        known = accounts.get(name) if name not in seen else None
        seen.add(name)
        lines.append({**line, "accountNumber": known} if known else line)
    places = body.get(ORIGINAL)
    lines = [without_project(line) for line in lines] if places is None else of_both_lines(lines, places)
    return {**body, "members": in_books({**body["members"], LINES: lines}, body.get(BOOKS))}


def has_accounts(body: Mapping[str, Any]) -> bool:
    """Whether every line has one: an account for deferred revenue may be configured no more."""
    return all(line["accountNumber"] for line in body["members"][LINES])


def _basis(month: dict[str, Any]) -> dict[str, Any]:
    """See `Document.basis`."""
    document = {name: value for name, value in month["document"].items() if name not in BESIDE_THE_BASIS}
    return {**month, "document": document}
