"""Invoices that the site makes itself: for terms, for changes, for single charges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ml_connector.simulators.chargebee import transactions
from ml_connector.simulators.chargebee.balances import invoice_event, payment_event, settle
from ml_connector.simulators.chargebee.document_tables import CREATE_INVOICE, RECURRING
from ml_connector.simulators.chargebee.errors import incompatible, missing, wrong_value
from ml_connector.simulators.chargebee.invoice_import import blank_invoice
from ml_connector.simulators.chargebee.protocol import Actor, Call, Methods, Reply, ok
from ml_connector.simulators.chargebee.site import Resource, Site
from ml_connector.simulators.chargebee.terms import Unit, part

_DAY = 86_400
_OLD_ENTITY_TYPES = {"plan_item_price": "plan", "addon_item_price": "addon", "charge_item_price": "addon"}


@dataclass
class Item:
    """Something that a subscription has, at its price per period in minor units."""

    item_price_id: str
    item_type: str
    unit_price: int
    quantity: int = 1

    @property
    def amount(self) -> int:
        return self.unit_price * self.quantity


@dataclass
class Plan:
    """What a subscription bills, and how: what the API does not show in one place.

    Attributes:
        anchor: the beginning of the first term; `periods` have begun since.
        billed: invoice and line of what was billed for the current term.
        next_items: from the next term on.
    """

    items: list[Item]
    period: int
    unit: Unit
    anchor: int
    tax_name: str
    tax_rate: float
    price_type: str
    discount_percentage: float
    net_term_days: int
    auto_collection: bool
    periods: int = 0
    billed: list[tuple[str, str]] = field(default_factory=list)
    next_items: list[Item] | None = None


def new_line(
    site: Site,
    plan: Plan,
    item: Item,
    amount: int,
    dates: tuple[int, int],
    *,
    subscription_id: str | None,
    suffix: str = "",
) -> Resource:
    """A line with its discount and its tax; a charge is one-time, and begins and ends at once (section 5.5)."""
    entity_type = f"{item.item_type}_item_price"
    if site.settings.catalogue == "1.0":
        entity_type = _OLD_ENTITY_TYPES[entity_type]
    discount = part(amount, round(plan.discount_percentage * 100), 10_000)
    rate, net = round(plan.tax_rate * 100), amount - discount
    within = plan.price_type == "tax_inclusive"
    tax = part(net, rate, 10_000 + rate if within else 10_000)
    whole = amount == item.amount
    line: Resource = {
        "id": site.new_id("li"),
        "date_from": dates[0],
        "date_to": dates[0] if item.item_type == "charge" else dates[1],
        "unit_amount": item.unit_price if whole else amount,
        "quantity": item.quantity if whole else 1,
        "amount": amount,
        "pricing_model": "per_unit",
        "is_taxed": plan.tax_rate > 0,
        "tax_amount": tax,
        "tax_rate": plan.tax_rate,
        "object": "line_item",
        "description": item.item_price_id + suffix,
        "entity_type": entity_type,
        "entity_id": item.item_price_id,
        "discount_amount": discount,
        "item_level_discount_amount": 0,
    }
    if subscription_id is not None:
        line["subscription_id"] = subscription_id
    return line


def make_invoice(
    site: Site,
    customer: Resource,
    plan: Plan,
    lines: Sequence[Resource],
    *,
    currency: str,
    subscription_id: str | None = None,
    first: bool = False,
    date: int | None = None,
) -> Resource:
    """An invoice with the site's next number. Nothing is raised yet: see `announce`."""
    now = site.epoch() if date is None else date
    discount = sum(line["discount_amount"] for line in lines)
    tax, sub_total = sum(line["tax_amount"] for line in lines), sum(line["amount"] for line in lines)
    total = sub_total - discount + (tax if plan.price_type == "tax_exclusive" else 0)
    invoice: Resource = {
        **blank_invoice(site, site.next_number("invoice"), customer, currency, now),
        "status": "posted" if plan.net_term_days else "payment_due",
        "price_type": plan.price_type,
        "due_date": now + plan.net_term_days * _DAY,
        "net_term_days": plan.net_term_days,
        "recurring": any(line["entity_type"] in RECURRING for line in lines),
        "first_invoice": first,
        "has_advance_charges": False,
        "sub_total": sub_total,
        "tax": tax,
        "total": total,
        "line_items": [{**line, "customer_id": customer["id"]} for line in lines],
    }
    if subscription_id is not None:
        invoice["subscription_id"] = subscription_id
    if plan.tax_rate:
        invoice["taxes"] = [{"name": plan.tax_name, "amount": tax, "description": _rate(plan), "object": "tax"}]
        invoice["line_item_taxes"] = [
            {
                "tax_name": plan.tax_name,
                "tax_rate": plan.tax_rate,
                "tax_amount": line["tax_amount"],
                "taxable_amount": line["amount"] - line["discount_amount"],
                "is_partial_tax_applied": False,
                "is_non_compliance_tax": False,
                "line_item_id": line["id"],
                "object": "line_item_tax",
            }
            for line in lines
        ]
    if discount:
        invoice["discounts"] = [{"entity_type": "document_level_discount", "amount": discount, "object": "discount"}]
        invoice["line_item_discounts"] = [
            {
                "line_item_id": line["id"],
                "discount_type": "document_level_discount",
                "discount_amount": line["discount_amount"],
                "object": "line_item_discount",
            }
            for line in lines
        ]
    site.add(site.invoices, invoice)
    settle(site, invoice)
    if plan.auto_collection and invoice["amount_due"]:
        transaction = transactions.new_transaction(site, invoice, invoice["amount_due"], "card")
        transactions.apply(site, transaction, invoice, transaction["amount"])
        settle(site, invoice)
    return invoice


def announce(site: Site, actor: Actor, invoice: Resource) -> None:
    """The events of a new invoice, and of its payment if it has one."""
    invoice_event(site, actor, "invoice_generated", invoice)
    for link in invoice["linked_payments"]:
        transaction = site.transactions.find(link["txn_id"])
        payment_event(site, actor, "payment_succeeded", transaction, invoice=invoice)


def _rate(plan: Plan) -> str:
    return f"{plan.tax_name} @ {plan.tax_rate:g}%"


def create_for_items(site: Site, call: Call) -> Reply:
    """POST /invoices/create_for_charge_items_and_charges; catalogue 2.0 alone (section 1: transport)."""
    if site.settings.catalogue == "1.0":
        raise incompatible("This operation is not available in product catalogue 1.0")
    params = call.params(site, CREATE_INVOICE)
    if params.get("customer_id") is None:
        raise missing("customer_id")
    customer = site.customers.find(params.get("customer_id"), "customer_id")
    date = params.get("invoice_date", site.epoch())
    days = params.get("net_term_days", customer["net_term_days"])
    collects = params.get("auto_collection", customer["auto_collection"]) == "on" and customer["id"] in site.cards
    plan = Plan([], 1, "month", date, "", 0.0, "tax_exclusive", 0.0, days, collects)
    lines = []
    for given in params.items("item_prices").values():
        item = Item(given["item_price_id"], "charge", given["unit_price"], given.get("quantity", 1))
        dates = (given.get("date_from", date), given.get("date_to", date))
        lines.append(new_line(site, plan, item, item.amount, dates, subscription_id=None))
    for given in params.items("charges").values():
        dates = (given.get("date_from", date), given.get("date_to", date))
        line = new_line(site, plan, Item("", "charge", given["amount"]), given["amount"], dates, subscription_id=None)
        del line["entity_id"]
        lines.append({**line, "entity_type": "adhoc", "description": given["description"], "date_to": dates[1]})
    if not lines:
        raise wrong_value("charges[amount][0]", "needs at least one item price or charge")
    more: dict[str, Any] = {"date": date, "currency": _currency(site, params.get("currency_code"), customer)}
    invoice = make_invoice(site, customer, plan, lines, **more)
    announce(site, call.actor, invoice)
    return ok(invoice=invoice)


def _currency(site: Site, sent: str | None, customer: Resource) -> str:
    return site.currency(sent or customer.get("preferred_currency_code") or site.settings.base_currency)


CREATE: Methods = {"POST": create_for_items}
