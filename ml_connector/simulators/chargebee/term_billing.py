"""The terms of a subscription, and what each of them costs (Chargebee reference, section 5.5)."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from ml_connector.simulators.chargebee.billing import Plan, make_invoice, new_line
from ml_connector.simulators.chargebee.proration import rest_of
from ml_connector.simulators.chargebee.site import Resource, Site
from ml_connector.simulators.chargebee.terms import Calendar
from ml_connector.simulators.chargebee.unbilled import add_unbilled


def calendar_of(site: Site) -> Calendar:
    return Calendar(ZoneInfo(site.settings.time_zone), site.settings.term_ends == "end_of_day")


def plan_of(site: Site, subscription: Resource) -> Plan:
    return site.plans[subscription["id"]]


def begin_term(site: Site, subscription: Resource, *, first: bool, unbilled: bool) -> dict[str, Any]:
    """The next term, and what it costs: an invoice, or charges that are not invoiced yet."""
    plan = plan_of(site, subscription)
    move_term(site, subscription, plan)
    lines = term_lines(site, subscription, plan)
    if not lines:
        site.touch(subscription)
        return {}
    if unbilled:
        return {"unbilled_charges": add_unbilled(site, subscription, lines)}
    customer = site.customers.find(subscription["customer_id"])
    invoice = make_invoice(
        site,
        customer,
        plan,
        lines,
        currency=subscription["currency_code"],
        subscription_id=subscription["id"],
        first=first,
    )
    plan.billed = [(invoice["id"], line["id"]) for line in invoice["line_items"]]
    site.touch(subscription)
    return {"invoice": invoice}


def move_term(site: Site, subscription: Resource, plan: Plan) -> None:
    calendar = calendar_of(site)
    starts = plan.anchor
    if plan.periods:
        starts = calendar.next_start(calendar.end(plan.anchor, plan.periods, plan.period, plan.unit))
    plan.periods += 1
    ends = calendar.end(plan.anchor, plan.periods, plan.period, plan.unit)
    subscription.update(current_term_start=starts, current_term_end=ends, next_billing_at=calendar.next_start(ends))


def term_lines(site: Site, subscription: Resource, plan: Plan) -> list[Resource]:
    """A charge is in the first term alone."""
    dates = (subscription["current_term_start"], subscription["current_term_end"])
    return [
        new_line(site, plan, item, item.amount, dates, subscription_id=subscription["id"])
        for item in plan.items
        if item.item_type != "charge" or plan.periods == 1
    ]


def charge_rest(site: Site, subscription: Resource, plan: Plan, now: int) -> Resource | None:
    """What the new items cost until the end of the term."""
    starts, ends = subscription["current_term_start"], subscription["current_term_end"]
    lines = [
        new_line(
            site,
            plan,
            item,
            item.amount if item.item_type == "charge" else rest_of(item.amount, starts, ends, now),
            (now, ends),
            subscription_id=subscription["id"],
            suffix=" - prorated charges",
        )
        for item in plan.items
    ]
    if not lines:
        return None
    customer = site.customers.find(subscription["customer_id"])
    more: dict[str, Any] = {"currency": subscription["currency_code"], "subscription_id": subscription["id"]}
    invoice = make_invoice(site, customer, plan, lines, **more)
    plan.billed = [(invoice["id"], line["id"]) for line in invoice["line_items"]]
    return invoice
