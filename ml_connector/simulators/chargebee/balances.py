"""What is paid, credited and due, and the states that follow from it (Chargebee reference, section 4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml_connector.simulators.chargebee.document_tables import UNPAID
from ml_connector.simulators.chargebee.errors import wrong_state
from ml_connector.simulators.chargebee.events import raise_event
from ml_connector.simulators.chargebee.protocol import Actor
from ml_connector.simulators.chargebee.site import Resource, Site

LINKED = ("success", "in_progress")


def linked_sum(invoice: Resource) -> int:
    return sum(link["applied_amount"] for link in invoice["linked_payments"] if link["txn_status"] in LINKED)


def settle(site: Site, invoice: Resource) -> None:
    """Work out the amounts anew; an invoice becomes paid, or unpaid again, by what is due."""
    invoice["amount_paid"] = linked_sum(invoice)
    invoice["credits_applied"] = sum(credit["applied_amount"] for credit in invoice["applied_credits"])
    given = invoice["amount_paid"] + invoice["credits_applied"] + invoice["amount_adjusted"]
    due = invoice["total"] - given - invoice["write_off_amount"]
    if invoice["status"] != "voided":
        invoice["amount_due"] = invoice["amount_to_collect"] = due
        if due == 0 and invoice["status"] in UNPAID:
            invoice["status"], invoice["paid_at"] = "paid", site.epoch()
        elif due > 0 and invoice["status"] == "paid":
            invoice["status"] = unpaid_status(site, invoice["due_date"])
            invoice.pop("paid_at", None)
    site.touch(invoice)


def unpaid_status(site: Site, due_date: int) -> str:
    """`posted` before the due date, `not_paid` afterwards."""
    return "posted" if site.epoch() < due_date else "not_paid"


def need_unpaid(invoice: Resource, what: str) -> None:
    if invoice["status"] not in UNPAID:
        raise wrong_state(f"{what} is not possible for an invoice that is {invoice['status']}")


def need_untouched(invoice: Resource, what: str) -> None:
    """409 where payments or credits hang on the invoice."""
    if any(link["txn_status"] in LINKED for link in invoice["linked_payments"]):
        raise wrong_state(f"{what} is not possible for an invoice with linked payments")
    if invoice["amount_adjusted"]:
        raise wrong_state(f"{what} is not possible for an invoice that was adjusted")


def release_credits(site: Site, invoice: Resource) -> None:
    """Give the applied credits back to their notes."""
    for credit in invoice["applied_credits"]:
        note = site.credit_notes.get(credit["cn_id"])
        if note is not None:
            note["amount_allocated"] -= credit["applied_amount"]
            note["amount_available"] += credit["applied_amount"]
            note["allocations"] = [a for a in note["allocations"] if a["invoice_id"] != invoice["id"]]
            site.touch(note)
    invoice["applied_credits"] = []


def surroundings(site: Site, document: Resource) -> dict[str, Any]:
    """Subscription, customer and card, as events carry them beside an invoice or a transaction."""
    return {
        "subscription": site.subscriptions.get(document.get("subscription_id")),
        "customer": site.customers.get(document["customer_id"]),
        "card": site.cards.get(document["customer_id"]),
    }


def invoice_event(site: Site, actor: Actor, event_type: str, invoice: Resource) -> None:
    """Only the invoice (section 5.4)."""
    raise_event(site, actor, event_type, {"invoice": invoice})


def payment_event(site: Site, actor: Actor, event_type: str, transaction: Resource, **more: Any) -> None:
    """The transaction and what belongs to it."""
    raise_event(site, actor, event_type, {"transaction": transaction, **more, **surroundings(site, transaction)})


def changed(site: Site, actor: Actor, invoice: Resource) -> None:
    """`invoice_updated` covers void, address, payment and credit changes (section 5.4)."""
    invoice_event(site, actor, "invoice_updated", invoice)


def with_values(row: Resource, values: Mapping[str, Any], *names: str) -> Resource:
    """The row with those of the values that there are."""
    row.update({name: values[name] for name in names if values.get(name) is not None})
    return row
