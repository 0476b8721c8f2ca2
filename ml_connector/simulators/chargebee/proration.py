"""Credit notes for the rest of a term (Chargebee reference, section 5.5)."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ml_connector.simulators.chargebee.billing import Plan
from ml_connector.simulators.chargebee.credit_notes import creditable, issue, left_of
from ml_connector.simulators.chargebee.protocol import Actor
from ml_connector.simulators.chargebee.site import Resource, Site
from ml_connector.simulators.chargebee.terms import part

_CARRIED = ("entity_type", "entity_id", "subscription_id", "tax_rate", "is_taxed", "pricing_model", "customer_id")


def rest_of(amount: int, starts: int, ends: int, now: int) -> int:
    """The part of an amount that belongs to the time after now."""
    return part(amount, max(0, ends - max(now, starts)), ends - starts)


def credit_rest(site: Site, actor: Actor, plan: Plan, now: int, reason: str) -> list[Resource]:
    """Credit what was billed for the time after now; nothing for what is neither due nor paid."""
    chosen: defaultdict[str, set[str]] = defaultdict(set)
    for invoice_id, line_id in plan.billed:
        chosen[invoice_id].add(line_id)
    plan.billed = []
    notes = []
    for invoice_id, ids in chosen.items():
        invoice = site.invoices.find(invoice_id)
        chosen_lines = [line for line in invoice["line_items"] if line["id"] in ids]
        lines = [_credit_line(site, line, now, left_of(site, invoice, line["id"])) for line in chosen_lines]
        lines = [line for line in lines if line["amount"]]
        tax = sum(line["tax_amount"] for line in lines) if invoice["price_type"] == "tax_exclusive" else 0
        total = sum(line["amount"] - line["discount_amount"] for line in lines) + tax
        if not lines or invoice["status"] == "voided":
            continue
        for kind, most in (("adjustment", invoice["amount_due"]), ("refundable", creditable(invoice))):
            if 0 < total <= most:
                taxes: dict[str, Any] = {"line_item_taxes": _taxes(invoice, lines)} if tax else {}
                notes.append(issue(site, actor, invoice, kind, total, lines, tax=tax, reason_code=reason, **taxes))
                break
    return notes


def _credit_line(site: Site, line: Resource, now: int, left: int) -> Resource:
    """The line of a note carries the dates and amounts that it takes back, and names the line of the invoice."""
    starts, ends = line["date_from"], line["date_to"]
    amount = min(rest_of(line["amount"], starts, ends, now), left)
    return {
        "id": site.new_id("li"),
        "date_from": max(now, starts),
        "date_to": ends,
        "unit_amount": amount,
        "quantity": 1,
        "amount": amount,
        "discount_amount": part(line["discount_amount"], amount, line["amount"]),
        "item_level_discount_amount": 0,
        "tax_amount": part(line["tax_amount"], amount, line["amount"]),
        "reference_line_item_id": line["id"],
        "description": f"{line['description']} - prorated credits",
        "object": "line_item",
        **{name: line[name] for name in _CARRIED if name in line},
    }


def _taxes(invoice: Resource, lines: list[Resource]) -> list[Resource]:
    names = [tax["tax_name"] for tax in invoice.get("line_item_taxes", ())]
    return [
        {
            "tax_name": names[0],
            "tax_rate": line["tax_rate"],
            "tax_amount": line["tax_amount"],
            "taxable_amount": line["amount"] - line["discount_amount"],
            "is_partial_tax_applied": False,
            "is_non_compliance_tax": False,
            "line_item_id": line["id"],
            "object": "line_item_tax",
        }
        for line in lines
        if names
    ]
