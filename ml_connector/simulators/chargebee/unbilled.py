"""Charges that are not invoiced yet (Chargebee reference, section 5.5)."""

from __future__ import annotations

from collections.abc import Sequence

from ml_connector.simulators.chargebee.billing import Plan, announce, make_invoice
from ml_connector.simulators.chargebee.errors import wrong_state
from ml_connector.simulators.chargebee.events import raise_event
from ml_connector.simulators.chargebee.protocol import Actor
from ml_connector.simulators.chargebee.site import Resource, Site

_OF_A_LINE = (
    "date_from", "date_to", "unit_amount", "quantity", "amount", "discount_amount", "description", "entity_type",
    "entity_id", "pricing_model",
)  # fmt: skip


def add_unbilled(site: Site, subscription: Resource, lines: Sequence[Resource]) -> list[Resource]:
    """Keep the lines as unbilled charges; they are accrued from the event's `unbilled_charges`."""
    charges = [
        {
            "id": line["id"],
            "customer_id": subscription["customer_id"],
            "subscription_id": subscription["id"],
            "currency_code": subscription["currency_code"],
            "is_voided": False,
            "deleted": False,
            "updated_at": site.epoch(),
            "object": "unbilled_charge",
            **{name: line[name] for name in _OF_A_LINE if name in line},
        }
        for line in lines
    ]
    site.unbilled.setdefault(subscription["id"], []).extend(zip(charges, lines, strict=True))
    _count(site, subscription["customer_id"], sum(line["amount"] - line["discount_amount"] for line in lines))
    site.touch(subscription)
    return charges


def bill_unbilled(site: Site, actor: Actor, subscription: Resource, plan: Plan) -> Resource:
    """Invoice them; their lines keep their dates, so that an accrual can be reversed."""
    waiting = site.unbilled.pop(subscription["id"], [])
    if not waiting:
        raise wrong_state("There are no unbilled charges")
    charges, lines = [charge for charge, _ in waiting], [line for _, line in waiting]
    customer = site.customers.find(subscription["customer_id"])
    invoice = make_invoice(
        site,
        customer,
        plan,
        lines,
        currency=subscription["currency_code"],
        subscription_id=subscription["id"],
    )
    plan.billed += [(invoice["id"], line["id"]) for line in invoice["line_items"]]
    _count(site, customer["id"], -sum(line["amount"] - line["discount_amount"] for line in lines))
    raise_event(site, actor, "unbilled_charges_invoiced", {"unbilled_charges": charges, "invoice": invoice})
    announce(site, actor, invoice)
    return invoice


def _count(site: Site, customer_id: str, amount: int) -> None:
    customer = site.customers.find(customer_id)
    customer["unbilled_charges"] += amount
    site.touch(customer)
