"""What of an invoice can still be changed once it is imported: pure (Chargebee reference, section 4.2).

| in Visma                               | import                            | later                         |
| -------------------------------------- | --------------------------------- | ----------------------------- |
| `customer_ref_number`                  | `po_number`                       | `po_number`                   |
| `invoice_address`, with the addressee  | `billing_address`                 | `billing_address`             |
| VAT number: the customer alone has one | `vat_number`, `vat_number_prefix` | the same, with the address    |
| `invoice_text`                         | `notes`                           | `comment`                     |

`update_details` leaves alone what is left out. An address is sent whole all the same, with what people entered there:
nothing tells whether what is left out of one stays. A note of an import can neither be changed nor taken off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ml_connector.engine.digests import digest_of
from ml_connector.systems.chargebee.fields import ADDRESS, as_text
from ml_connector.systems.visma.models import CustomerDocument

BILLING: Final = "billing_address"
PO_NUMBER: Final = "po_number"
TEXT: Final = "text"
COMMENT: Final = "comment"
VAT: Final = ("vat_number", "vat_number_prefix")
DETAILS: Final = (BILLING, *VAT)
"""What Chargebee may refuse for reasons of its own, and an invoice can do without."""
KEPT_OF_ADDRESS: Final = (*ADDRESS, "state_code")
"""What of an address is sent back as it stands; the rest of it is Chargebee's own."""
LONGEST: Final[Mapping[str, int]] = {PO_NUMBER: 100, COMMENT: 300, "note": 65_000}

_COUNTRY = re.compile(r"[A-Z]{2}")

Members = dict[str, Any]


def details_of(document: CustomerDocument) -> Members:
    """The details that Visma has on the invoice itself: `po_number`, `text` and, where there is one, the address."""
    details: Members = {
        PO_NUMBER: as_text(document.customer_ref_number)[: LONGEST[PO_NUMBER]],
        TEXT: as_text(document.invoice_text),
    }
    address = _address(document)
    return {**details, BILLING: address} if address else details


def for_import(details: Mapping[str, Any]) -> Members:
    """The parameters of `import_invoice`; what is empty is left out, but for the purchase order."""
    address = {name: value for name, value in details.get(BILLING, {}).items() if value}
    notes = [{"note": details[TEXT][: LONGEST["note"]]}] if details[TEXT] else []
    return {
        PO_NUMBER: details[PO_NUMBER],
        **({BILLING: address} if address else {}),
        **({"notes": notes} if notes else {}),
    }


def vat_of(customer: Mapping[str, Any]) -> dict[str, str]:
    """The VAT number that a customer at Chargebee bears, with its prefix; empty texts where there is none."""
    return {name: str(customer.get(name) or "") for name in VAT}


def differing(
    details: Mapping[str, Any], vat: Mapping[str, str] | None, invoice: Mapping[str, Any], *, text_stands: bool
) -> Members:
    """The parameters of the `update_details` that makes the invoice like Visma's; empty where it is.

    Args:
        vat: as of `vat_of`; None: whatever stands there stays.
        invoice: as it stands at Chargebee.
        text_stands: whether the text is there already.
    """
    members: Members = {}
    stands = invoice.get(BILLING) or {}
    whole = _whole(stands, details.get(BILLING, {}))
    if _differ(invoice, {PO_NUMBER: details[PO_NUMBER]}):
        members[PO_NUMBER] = details[PO_NUMBER]
    if _differ(stands, details.get(BILLING, {})):
        members[BILLING] = whole
    if vat is not None and whole and _differ(invoice, vat):  # a VAT number alone is refused
        members |= {name: value for name, value in vat.items() if value or invoice.get(name)}
        members[BILLING] = whole
    if details[TEXT] and not text_stands:
        members[COMMENT] = details[TEXT][: LONGEST[COMMENT]]
    return members


def tries(members: Mapping[str, Any], invoice: Mapping[str, Any]) -> Iterator[Members]:
    """What to send, and what to send instead as long as it is refused for its address: the address without the VAT
    number, then the VAT number with the address that stands there, then neither. Every one brings less than the first,
    and the last may bring nothing."""
    yield dict(members)
    if BILLING not in members:
        return
    stands = _whole(invoice.get(BILLING) or {}, {})
    if members[BILLING] != stands and any(name in members for name in VAT):
        yield {name: value for name, value in members.items() if name not in VAT}
        if stands:
            yield {**members, BILLING: stands}
    yield {name: value for name, value in members.items() if name not in DETAILS}


def import_tries(members: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """What to import, and what to import instead where it is refused for its VAT number or address."""
    yield members
    if BILLING in members and any(name in members for name in VAT):
        yield {name: value for name, value in members.items() if name not in VAT}
    if any(name in members for name in DETAILS):
        yield {name: value for name, value in members.items() if name not in DETAILS}


def text_digest(details: Mapping[str, Any]) -> str:
    """What is noted of a text: Chargebee shows no comment of an invoice."""
    return digest_of({TEXT: details[TEXT]}).hex()


def is_noted(details: Mapping[str, Any], invoice: Mapping[str, Any]) -> bool:
    """Whether the text is among the notes that the invoice was imported with."""
    notes: Sequence[Mapping[str, Any]] = invoice.get("notes") or ()
    return any(note.get("note") == details[TEXT][: LONGEST["note"]] for note in notes)


def _address(document: CustomerDocument) -> dict[str, str]:
    """The invoice's address; empty where Visma gives none, which says nothing about what stands at Chargebee.

    Nor does a missing name or country: Chargebee would take the latter for a change of the tax.
    """
    given, contact, customer = document.invoice_address, document.invoice_contact, document.customer
    if given is None:
        return {}
    country = as_text(given.country and given.country.id).upper()
    place = {
        "line1": as_text(given.address_line1),
        "line2": as_text(given.address_line2),
        "line3": as_text(given.address_line3),
        "city": as_text(given.city),
        "zip": as_text(given.postal_code),
    }
    if not any(place.values()):
        return {}
    addressee = as_text(contact and contact.business_name) or as_text(customer and customer.name)
    known = {"company": addressee, "country": country if _COUNTRY.fullmatch(country) else ""}
    whole = {**place, **{name: value for name, value in known.items() if value}}
    return {name: value[: ADDRESS[name]] for name, value in whole.items()}


def _whole(stands: Mapping[str, Any], wanted: Mapping[str, str]) -> Members:
    """What stands there with ours over it; an empty text clears what stands."""
    whole = {**{name: stands.get(name) for name in KEPT_OF_ADDRESS}, **wanted}
    return {name: value or "" for name, value in whole.items() if value or stands.get(name)}


def _differ(held: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    """Whether what stands there is not what is wanted; an empty text is nothing."""
    return any(str(held.get(name) or "") != value for name, value in wanted.items())
