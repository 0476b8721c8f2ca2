"""Credit notes as they are kept, and what they do to their invoices and customers."""

from __future__ import annotations

from typing import Any

from ml_connector.simulators.chargebee.balances import with_values
from ml_connector.simulators.chargebee.events import raise_event
from ml_connector.simulators.chargebee.protocol import Actor
from ml_connector.simulators.chargebee.site import Resource, Site


def new_credit_note(
    site: Site, note_id: str, invoice: Resource, kind: str, total: int, *, date: int | None = None, **more: Any
) -> Resource:
    """A credit note for an invoice; addresses are the invoice's (Chargebee reference, section 4.2)."""
    note: Resource = {
        "id": note_id,
        "customer_id": invoice["customer_id"],
        "reference_invoice_id": invoice["id"],
        "type": kind,
        "status": "adjusted" if kind == "adjustment" else "refund_due",
        "date": site.epoch() if date is None else date,
        "price_type": invoice["price_type"],
        "currency_code": invoice["currency_code"],
        "sub_total": total,
        "total": total,
        "amount_allocated": 0,
        "amount_refunded": 0,
        "amount_available": 0 if kind == "adjustment" else total,
        "round_off_amount": 0,
        "generated_at": site.epoch(),
        "channel": "web",
        "deleted": False,
        "object": "credit_note",
        "line_items": [],
        "linked_refunds": [],
        "allocations": [],
        "exchange_rates": [
            {
                "currency_code": site.settings.base_currency,
                "rate": site.exchange_rate(invoice["currency_code"]),
                "object": "exchange_rate",
            }
        ],
        **{name: value for name, value in more.items() if value is not None},
    }
    for name in ("billing_address", "shipping_address"):
        if name in invoice:
            note[name] = {**invoice[name]}
    with_values(note, invoice, "subscription_id", "vat_number", "vat_number_prefix")
    site.add(site.credit_notes, note)
    if kind != "adjustment":
        _credits(site, note["customer_id"], total)
        note_issue(note, invoice)
    return note


def _brief(note: Resource) -> Resource:
    """The note as it stands in its invoice."""
    brief = {"cn_id": note["id"], "cn_status": note["status"], "cn_date": note["date"], "cn_total": note["total"]}
    for short, name in (("cn_reason_code", "reason_code"), ("cn_create_reason_code", "create_reason_code")):
        if name in note:
            brief[short] = note[name]
    return brief


def note_issue(note: Resource, invoice: Resource) -> None:
    """A refundable note is shown at the invoice it is for."""
    invoice["issued_credit_notes"].append({**_brief(note), "object": "issued_credit_note"})


def note_adjustment(site: Site, note: Resource, invoice: Resource, amount: int) -> None:
    """An adjusting note makes less due; the invoice's amounts are still to be settled."""
    note["amount_allocated"] += amount
    note["allocations"].append(_allocation(site, invoice, amount))
    invoice["adjustment_credit_notes"].append({**_brief(note), "object": "adjustment_credit_note"})
    if note.get("reason_code") != "write_off":
        invoice["amount_adjusted"] += amount
    site.touch(note)


def apply_credit(site: Site, note: Resource, invoice: Resource, amount: int) -> None:
    """Use a refundable note to pay an invoice; its amounts are still to be settled."""
    note["amount_allocated"] += amount
    note["amount_available"] -= amount
    note["allocations"].append(_allocation(site, invoice, amount))
    brief = {name: value for name, value in _brief(note).items() if name != "cn_total"}
    applied = {"applied_amount": amount, "applied_at": site.epoch(), "object": "applied_credit"}
    invoice["applied_credits"].append({**brief, **applied})
    _credits(site, note["customer_id"], -amount)
    used_up(site, note)


def used_up(site: Site, note: Resource) -> None:
    """A refundable note of which nothing is left counts as refunded."""
    if note["type"] != "adjustment" and note["status"] == "refund_due" and note["amount_available"] == 0:
        note["status"] = "refunded"
        if note["amount_refunded"]:
            note["refunded_at"] = site.epoch()
    site.touch(note)


def refund(site: Site, note: Resource, transaction: Resource) -> None:
    """Pay some of a note back."""
    amount = transaction["amount"]
    note["amount_refunded"] += amount
    note["amount_available"] -= amount
    note["linked_refunds"].append(
        {
            "txn_id": transaction["id"],
            "applied_amount": amount,
            "applied_at": site.epoch(),
            "txn_status": transaction["status"],
            "txn_date": transaction["date"],
            "txn_amount": amount,
            "object": "linked_refund",
        }
    )
    transaction["linked_credit_notes"].append(
        {
            **_brief(note),
            "applied_amount": amount,
            "applied_at": site.epoch(),
            "object": "linked_credit_note",
        }
    )
    site.touch(transaction)
    _credits(site, note["customer_id"], -amount)
    used_up(site, note)


def credit_event(site: Site, actor: Actor, event_type: str, note: Resource) -> None:
    """Only the credit note (section 5.4)."""
    raise_event(site, actor, event_type, {"credit_note": note})


def _allocation(site: Site, invoice: Resource, amount: int) -> Resource:
    return {
        "invoice_id": invoice["id"],
        "allocated_amount": amount,
        "allocated_at": site.epoch(),
        "invoice_date": invoice["date"],
        "invoice_status": invoice["status"],
        "object": "allocation",
    }


def _credits(site: Site, customer_id: str, amount: int) -> None:
    customer = site.customers.get(customer_id)
    if customer is not None:
        customer["refundable_credits"] += amount
        site.touch(customer)
