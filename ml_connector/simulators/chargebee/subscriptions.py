"""Subscriptions as the API shows them (Chargebee reference, section 5.5); what happens to them is in `lifecycle.py`."""

from __future__ import annotations

from typing import Any

from ml_connector.simulators.chargebee.billing import Plan
from ml_connector.simulators.chargebee.events import raise_event
from ml_connector.simulators.chargebee.lists import Listing
from ml_connector.simulators.chargebee.pages import answer_list
from ml_connector.simulators.chargebee.protocol import Actor, Call, Methods, Reply, ok
from ml_connector.simulators.chargebee.site import Resource, Site
from ml_connector.simulators.chargebee.terms import MONTHS_A_YEAR, monthly

LISTING = Listing(
    name="subscription",
    filters={
        "id": "text",
        "customer_id": "text",
        "item_price_id": "text",
        "plan_id": "text",
        "status": "enum",
        "cancel_reason_code": "text",
        "created_at": "time",
        "activated_at": "time",
        "next_billing_at": "time",
        "cancelled_at": "time",
        "has_scheduled_changes": "flag",
        "updated_at": "time",
        "override_relationship": "flag",
        "channel": "enum",
    },
    sorts=("created_at", "updated_at"),
    default_sort="created_at",
    deletable=True,
)


def show_items(site: Site, subscription: Resource, plan: Plan) -> None:
    """The items, and what they come to a month, in the words of the site's catalogue.

    Amounts are list prices per period, before discounts and tax; `mrr` is a metric (section 5.5).
    """
    recurring = sum(item.amount for item in plan.items if item.item_type != "charge")
    subscription["mrr"] = monthly(recurring, plan.period, plan.unit)
    subscription["arr"] = subscription["mrr"] * MONTHS_A_YEAR
    if site.settings.catalogue == "2.0":
        subscription["subscription_items"] = [
            {
                "item_price_id": item.item_price_id,
                "item_type": item.item_type,
                "quantity": item.quantity,
                "unit_price": item.unit_price,
                "amount": item.amount,
                "free_quantity": 0,
                "billing_period": plan.period,
                "billing_period_unit": plan.unit,
                "object": "subscription_item",
            }
            for item in plan.items
        ]
        return
    first, others = plan.items[0], plan.items[1:]
    subscription.update(
        plan_id=first.item_price_id,
        plan_quantity=first.quantity,
        plan_unit_price=first.unit_price,
        plan_amount=first.amount,
        plan_free_quantity=0,
    )
    subscription["addons"] = [
        {
            "id": item.item_price_id,
            "quantity": item.quantity,
            "unit_price": item.unit_price,
            "amount": item.amount,
            "object": "addon",
        }
        for item in others
    ]


def subscription_event(site: Site, actor: Actor, event_type: str, subscription: Resource, **more: Any) -> None:
    """The subscription with its customer, card, and whatever of documents there is (section 5.4)."""
    content = {
        "subscription": subscription,
        "customer": site.customers.get(subscription["customer_id"]),
        "card": site.cards.get(subscription["customer_id"]),
        **more,
    }
    raise_event(site, actor, event_type, content)


def mrr_event(site: Site, subscription: Resource, before: int) -> None:
    """`mrr_updated` has the subscription only."""
    if subscription["mrr"] != before:
        raise_event(site, Actor("system"), "mrr_updated", {"subscription": subscription})


def _value(row: Resource, name: str) -> Any:
    if name == "item_price_id":
        return next((item["item_price_id"] for item in row.get("subscription_items", ())), None)
    return row.get(name)


def _beside(site: Site, row: Resource) -> Resource:
    customer_id = row["customer_id"]
    return {"customer": site.customers.get(customer_id), "card": site.cards.get(customer_id)}


def _list(site: Site, call: Call) -> Reply:
    return answer_list(site, LISTING, site.subscriptions, call, lambda row: _beside(site, row), _value)


def _read(site: Site, call: Call) -> Reply:
    subscription = site.subscriptions.find(call.args["id"])
    return ok(subscription=subscription, **_beside(site, subscription))


SUBSCRIPTIONS: Methods = {"GET": _list}
SUBSCRIPTION: Methods = {"GET": _read}
