"""From documents to transactions of Visma's general ledger: pure and total.

| document    | debit                        | credit                                                        |
| ----------- | ---------------------------- | ------------------------------------------------------------- |
| invoice     | receivable: the total        | revenue, or deferred revenue: each line; VAT; rounding        |
| credit note | the same with sides changed  |                                                               |
| voiding     | of an invoice: as a credit note of everything; of a credit note: as the invoice     |         |

A line that is for a time is deferred where the policy says so, and comes to revenue month by month (`recognition.py`).
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from pydantic import ValidationError

from ml_connector.engine.records import Desired, Mapped, Need, Record, Reject, Skip
from ml_connector.systems.chargebee.documents import NO_LINES, STORE, WRITE_OFF, Document, Line
from ml_connector.systems.chargebee.event_settings import EventsSettings, LineRule
from ml_connector.systems.chargebee.money import NotMoney, major
from ml_connector.systems.chargebee.rules import (
    NO_RULE,
    Missing,
    code_of,
    deferred_of,
    project_of,
    revenue_of,
    rule_for,
    subaccount_of,
    vat_account,
)
from ml_connector.systems.chargebee.schedule import day_of, month_of
from ml_connector.systems.visma.journals import LINES
from ml_connector.systems.visma.places import BOOKS

BEFORE_FROM = "before from"
OUR_IMPORT = "our own import"
NOTHING_TO_POST = "nothing to post"
LONGEST_REFERENCE = 15
"""How long Visma's `referenceNumber` may be is not documented; this is short enough for any ledger."""
LONGEST_TEXT = 250
JOURNALS = "journals"
"""The flow of documents."""
ORIGINAL, ORIGINALS = "original", "originals"
"""In the body of what takes another document back: the places of that document's lines, as its own delivery told them,
and which of its lines each line takes back (see `systems/visma/places.py`)."""
STANDS = "stands"
"""In the body of what follows a document: under which number that stands in Visma. One that stands and tells no places
was posted by an earlier version, which knew no projects."""


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of a transaction.

    Attributes:
        amount: minor units; positive is a debit.
        line: the id of the document's line, which stands in the note of Visma's.
        rule: by which it stands elsewhere than every line.
    """

    account: str
    amount: int
    text: str
    line: str
    vat_code: str | None = None
    rule: LineRule = NO_RULE


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose transactions these are: what makes a reference unlike any other's."""

    company: str
    target: str

    def reference(self, key: str) -> str:
        """`CB` and twelve characters, on every line of the transaction of a record."""
        digest = blake2b(f"{self.company}/{self.target}/{key}".encode(), digest_size=10).digest()
        return f"CB{b32encode(digest).decode()[:12]}"


@dataclass(frozen=True, slots=True)
class Imported:
    """The documents at Chargebee that came from Visma.

    Attributes:
        prefixes: how the ids of those begin that are imported now; an event may come before its import is recorded.
        made: of the ids at hand, those that the ledger knows as imported, under whatever prefix.
    """

    prefixes: tuple[str, ...]
    made: Collection[str]

    def __contains__(self, document_id: str) -> bool:
        return document_id.startswith(self.prefixes) or document_id in self.made


def names_of(payload: bytes) -> Collection[str]:
    """The ids of the document of a landed row, or of its month's, and of the invoice that it credits."""
    try:
        members = orjson.loads(payload)
        document = members.get("document", members)
        return {name for name in (document.get("id"), document.get("refers_to")) if isinstance(name, str)}
    except (orjson.JSONDecodeError, AttributeError):
        return ()


def read_document(payload: bytes) -> Document | Reject:
    """The landed document, or what is wrong with it."""
    try:
        members = orjson.loads(payload)
        if isinstance(members, Mapping) and "broken" in members:
            return Reject(f"Chargebee's document cannot be read: {members['broken']}.", "unreadable")
        return Document.model_validate(members)
    except (orjson.JSONDecodeError, ValidationError):
        return Reject(unreadable("document"), "unreadable")


def unreadable(what: str) -> str:
    """Why nothing can be made of a row that landed."""
    return f"The landed {what} has a form that this version does not know. `ml-connector sync --full` makes it anew."


def map_document(record: Record, settings: EventsSettings, origin: Origin, prefixes: tuple[str, ...]) -> Mapped:
    """The transaction of a document.

    Args:
        prefixes: of the ids of documents that we import ourselves.
    """
    document, imported = read_document(record.payload), Imported(prefixes, record.made)
    if isinstance(document, Reject):
        return document
    if (left_out := left_alone(document, settings, imported)) is not None:
        return left_out
    if (refused := refusal_of(document, settings, imported)) is not None:
        return refused
    day = day_of(document.date, ZoneInfo(settings.timezone))
    try:
        postings = list(_postings(document, settings))
        off = sum(posting.amount for posting in postings)
        if off:
            return _unbalanced(document, postings)
        lines = [member for posting in postings if (member := line_of(posting, document.currency, settings))]
        if not lines:
            return Skip(NOTHING_TO_POST, f"The total of {document.id} is zero.")
        body = body_of(document, settings, origin, record.key, day, month_of(day), lines)
    except Missing as missing:
        return Reject(str(missing), "configuration")
    except NotMoney as error:
        return Reject(str(error), "currency")
    deferred = {line.id: deferred_of(rule, settings) for line, rule in _deferred_lines(document, settings)}
    told = {
        "policy": settings.policy,
        "deferred": deferred,
        "keeps_places": True,
        "names": [line.id for line in lines_of(document)],
        ORIGINALS: document.originals,
    }
    return Desired(body["reference"], {**body, **told}, needs=needs_original(document), basis=document.basis)


def needs_original(document: Document) -> dict[str, Need]:
    """What takes a document back stands where that stands, whatever is configured by now. One that may still come is
    waited for; one that will not, tells nothing: then today's settings count."""
    key = document.original
    facts = {ORIGINAL: "places", BOOKS: BOOKS, STANDS: "batch"} if key else {}
    return {
        name: Need(JOURNALS, str(key), key, fact=fact, record=True, optional=True, awaited=True)
        for name, fact in facts.items()
    }


def lines_of(document: Document) -> Sequence[Line]:
    """Those that come to something."""
    return [line for line in document.lines if line.amount or any(tax.amount for tax in line.taxes)]


def left_alone(document: Document, settings: EventsSettings, imported: Imported) -> Skip | None:
    """The rule by which a document is none of accounting's business."""
    if document.id in imported:
        return Skip(OUR_IMPORT, "It came from Visma and stands there.")
    day = day_of(document.date, ZoneInfo(settings.timezone))
    if day < settings.from_:
        return Skip(BEFORE_FROM, f"It is of {day}, and `from` is {settings.from_}.")
    if document.kind == "void" and document.credited and document.credited >= document.total:
        return Skip("credited before", "Credit notes took back all of it before it was voided.")
    return None


def body_of(
    document: Document,
    settings: EventsSettings,
    origin: Origin,
    key: str,
    day: date,
    period: str,
    lines: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """The body as Visma's writer takes it."""
    rate = Decimal(document.exchange_rate) if document.exchange_rate else Decimal(1)
    members = {
        "transactionDate": f"{day}T00:00:00",
        "description": description_of(document, settings, period),
        "currencyId": document.currency,
        **({"exchangeRate": float(rate)} if rate != 1 else {}),
        **({"branch": settings.branch} if settings.branch else {}),
        **({"ledger": settings.ledger} if settings.ledger else {}),
        LINES: list(lines),
    }
    return {
        "reference": origin.reference(key),
        "period": period,
        "date": day.isoformat(),
        "release": settings.release,
        "base_currency": document.base_currency,
        "members": members,
    }


def description_of(document: Document, settings: EventsSettings, period: str) -> str:
    """What a transaction or an invoice is called in Visma."""
    return settings.description.format(
        document=document.id,
        kind=document.kind.replace("_", " "),
        customer=document.customer_id,
        subscription=document.subscription_id or "",
        period=period,
    )[:LONGEST_TEXT]


def line_of(posting: Posting, currency: str, settings: EventsSettings) -> dict[str, Any] | None:
    """A line of the update model; None for an amount of nothing. Raises `NotMoney`."""
    if not posting.amount:
        return None
    side = "debitAmountInCurrency" if posting.amount > 0 else "creditAmountInCurrency"
    project, task = project_of(posting.rule, settings)
    return {
        "accountNumber": posting.account,
        side: major(abs(posting.amount), currency),
        "transactionDescription": posting.text[:LONGEST_TEXT],
        **({"vatCodeId": posting.vat_code} if posting.vat_code else {}),
        **({"note": posting.line} if posting.line else {}),
        **({"branch": settings.branch} if settings.branch else {}),
        **subaccount_of(posting.rule, settings),
        **({"project": project} if project else {}),
        **({"projectTask": task} if task else {}),
    }


def refusal_of(document: Document, settings: EventsSettings, imported: Imported) -> Reject | None:
    """Why a document is for people to post."""
    by_hand, needs_lines = (
        "post it in Visma by hand.",
        (settings.accounts.vat or settings.vat_codes or settings.policy == "deferred"),
    )
    if document.special == WRITE_OFF:
        return Reject(
            f"{document.id} writes a claim off. Which account bears the loss, and what becomes of its VAT, is the "
            f"accountant's to say: {by_hand}",
            "write-off",
        )
    if document.special == STORE:
        return Reject(f"{document.id} is a store credit, for which there is no rule: {by_hand}", "store credit")
    if document.special == NO_LINES and document.total and needs_lines:
        return Reject(
            f"{document.id} has no lines, so nothing tells what of it is VAT and what is revenue that was not earned "
            f"yet: {by_hand}",
            NO_LINES,
        )
    if document.refers_to is not None and document.refers_to in imported:
        return Reject(
            f"{document.id} credits {document.refers_to}, which came from Visma and stands in its customer ledger. "
            "Where it is not credited there yet, credit it there.",
            "credits our own import",
        )
    if document.voids_of is not None and day_of(document.voids_of, ZoneInfo(settings.timezone)) < settings.from_:
        return Reject(
            f"{document.id} is dated before `from` ({settings.from_}), so it was not posted from here, and was voided "
            "after that. Where it stands in Visma, reverse it there.",
            "voided, before from",
        )
    if document.kind == "void" and document.credited:
        return Reject(
            f"{document.id} was voided after credit notes took back a part of it ({document.credited} of "
            f"{document.total} in minor units). Post what is left in Visma by hand.",
            "voided in part",
        )
    return None


def _postings(document: Document, settings: EventsSettings) -> Iterator[Posting]:
    """In minor units, debits positive. Raises `Missing`."""
    accounts, sign = settings.accounts, document.sign
    name = f"{document.kind.replace('_', ' ')} {document.id}"
    yield Posting(accounts.receivable, sign * document.total, name, "")
    for line in document.lines:
        yield _of_line(line, sign, name, settings)
        ruled = rule_for(line.entity_type, line.entity_id, settings).vat_code
        for tax in line.taxes:
            if tax.amount:
                text, code = f"{name} {tax.name}".rstrip(), ruled or code_of(tax, settings)
                own = line.id if line.amount else ""  # the first one with a name is the line's own (`places.py`)
                yield Posting(vat_account(tax, settings), -sign * tax.amount, text, own, code)
    if document.round_off:
        if accounts.rounding is None:
            raise Missing("The document is rounded, and rounding has no account: set accounts.rounding.")
        yield Posting(accounts.rounding, -sign * document.round_off, f"{name} rounding", "")


def _deferred_lines(document: Document, settings: EventsSettings) -> Iterator[tuple[Line, LineRule]]:
    """Those that come to revenue month by month."""
    for line in document.lines:
        if _is_deferred(line, settings):
            yield line, rule_for(line.entity_type, line.entity_id, settings)


def _is_deferred(line: Line, settings: EventsSettings) -> bool:
    return settings.policy == "deferred" and line.is_ranged


def _of_line(line: Line, sign: int, name: str, settings: EventsSettings) -> Posting:
    rule = rule_for(line.entity_type, line.entity_id, settings)
    account = deferred_of(rule, settings) if _is_deferred(line, settings) else revenue_of(rule, settings)
    taxes = sorted(line.taxes, key=lambda tax: tax.amount == 0)
    code = rule.vat_code or next((code for tax in taxes if (code := code_of(tax, settings))), None)
    text = f"{line.description or line.entity_id or ''} ({name})".strip()
    return Posting(account, -sign * line.amount, text, line.id, code, rule)


def _unbalanced(document: Document, postings: Sequence[Posting]) -> Reject:
    lines = abs(sum(posting.amount for posting in postings[1:]))
    return Reject(
        f"The lines of {document.id} with tax and rounding add up to {lines}, and its total is {document.total} "
        f"{document.currency} in minor units. Nothing was posted: post it by hand, and tell us which kind of document "
        "it is.",
        "does not add up",
    )
