"""From documents to Visma's customer invoices and credit notes, where `post` is `invoices`: pure and total.

Visma computes VAT and posts receivables and VAT itself; ours are the lines, their revenue accounts and VAT codes. A
voiding is a credit note of everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from ml_connector.engine.records import Desired, Mapped, Record, Reject, Skip
from ml_connector.systems.chargebee.documents import Document, Line
from ml_connector.systems.chargebee.event_settings import EventsSettings
from ml_connector.systems.chargebee.journals import (
    LONGEST_TEXT,
    NOTHING_TO_POST,
    ORIGINALS,
    Imported,
    Origin,
    description_of,
    left_alone,
    lines_of,
    needs_original,
    read_document,
    refusal_of,
)
from ml_connector.systems.chargebee.money import NotMoney, major
from ml_connector.systems.chargebee.rules import Missing, project_of, revenue_of, rule_for, subaccount_of
from ml_connector.systems.chargebee.schedule import day_of, month_of

UNTAXED = "none"
"""The name in `vat_codes` for lines without a tax."""


def map_to_invoice(
    record: Record, settings: EventsSettings, origin: Origin, prefixes: tuple[str, ...], customers: str
) -> Mapped:
    """The invoice or credit note of a document.

    Args:
        prefixes: of the ids of documents that we import ourselves.
        customers: how the ids of customers begin that came from Visma, before their number there.
    """
    document, imported = read_document(record.payload), Imported(prefixes, record.made)
    if isinstance(document, Reject):
        return document
    if (left_out := left_alone(document, settings, imported)) is not None:
        return left_out
    if (wrong := refusal_of(document, settings, imported) or _inexpressible(document)) is not None:
        return wrong
    number = document.customer_id.removeprefix(customers)
    if not number or not document.customer_id.startswith(customers):
        return Reject(
            f"The customer {document.customer_id} did not come from Visma, so nobody can tell who it is there. Post "
            f"{document.id} in Visma by hand.",
            "unknown customer",
        )
    day = day_of(document.date, ZoneInfo(settings.timezone))
    period = month_of(day)
    try:
        lines = [_line(line, document, settings) for line in lines_of(document)]
        total = major(document.total, document.currency)
    except Missing as missing:
        return Reject(str(missing), "configuration")
    except NotMoney as error:
        return Reject(str(error), "currency")
    if not lines:
        return Skip(NOTHING_TO_POST, f"The total of {document.id} is zero.")
    reference = origin.reference(record.key)
    members = {
        "customerNumber": number,
        "documentDate": f"{day}T00:00:00",
        "currencyId": document.currency,
        "customerRefNumber": document.id,
        "invoiceText": description_of(document, settings, period),
        **({"exchangeRate": document.exchange_rate} if document.exchange_rate not in (None, "1", "1.0") else {}),
        **({"branchNumber": settings.branch} if settings.branch else {}),
        **({"project": settings.project} if settings.project else {}),
        "lines": lines,
    }
    body = {
        "kind": "invoice" if document.sign > 0 else "credit_note",
        "reference": reference,
        "period": period,
        "date": day.isoformat(),
        "release": settings.release,
        "policy": settings.policy,
        "total": total,
        "base_currency": document.base_currency,
        "names": [line.id for line in lines_of(document)],
        "deferred": [line.id for line in document.lines if line.is_ranged],
        ORIGINALS: document.originals,
        "members": members,
    }
    return Desired(reference, body, needs=needs_original(document), basis=document.basis)


def _inexpressible(document: Document) -> Reject | None:
    if document.round_off:
        return Reject(
            f"{document.id} is rounded, and Visma rounds invoices by its own rules. Post it in Visma by hand.",
            "rounded",
        )
    if any(sum(tax.amount != 0 for tax in line.taxes) > 1 for line in document.lines):
        return Reject(
            f"A line of {document.id} has several taxes, and a line in Visma has one VAT code. Post it by hand.",
            "several taxes",
        )
    off = document.total - sum(line.amount + sum(tax.amount for tax in line.taxes) for line in document.lines)
    if off:
        return Reject(
            f"The lines of {document.id} with tax differ from its total by {off} {document.currency} in minor units. "
            "Nothing was posted: post it by hand, and tell us which kind of document it is.",
            "does not add up",
        )
    return None


def _line(line: Line, document: Document, settings: EventsSettings) -> Mapping[str, Any]:
    """A line of the update model; the project is the document's. Raises `Missing`, `NotMoney`."""
    rule = rule_for(line.entity_type, line.entity_id, settings)
    code = rule.vat_code or _code(line, settings)
    _, task = project_of(rule, settings)
    return {
        "description": (line.description or line.entity_id or document.id)[:LONGEST_TEXT],
        "quantity": "1",
        "unitPriceInCurrency": major(line.amount, document.currency),
        "accountNumber": revenue_of(rule, settings),
        **({"vatCodeId": code} if code else {}),
        **({"branchNumber": settings.branch} if settings.branch else {}),
        **subaccount_of(rule, settings),
        **({"taskId": task} if task else {}),
    }


def _code(line: Line, settings: EventsSettings) -> str | None:
    """The VAT code of a line; one without a tax leaves it to Visma where `none` names no code. Raises `Missing`."""
    taxes = [tax for tax in line.taxes if tax.amount]
    if not taxes:  # a tax of nothing still has a code
        codes = [settings.vat_codes[tax.name] for tax in line.taxes if tax.name in settings.vat_codes]
        return codes[0] if codes else settings.vat_codes.get(UNTAXED)
    name = taxes[0].name
    known = {of: code for of, code in settings.vat_codes.items() if of != UNTAXED}
    code = known.get(name) if name else (next(iter(known.values())) if len(set(known.values())) == 1 else None)
    if code is None:
        what = f"The tax {name} has no VAT code" if name else "A tax has no name, and several could be meant"
        raise Missing(f"{what}: set vat_codes{f'.{name}' if name else ''}.")
    return code
