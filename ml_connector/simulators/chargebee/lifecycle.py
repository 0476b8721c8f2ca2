"""What happens to a subscription, with the documents and events that follow (Chargebee reference, 5.4, 5.5).

Every function checks before it changes anything, and raises Problem.
"""

from __future__ import annotations

from typing import Any

from ml_connector.simulators.chargebee.billing import Item, Plan, announce, make_invoice
from ml_connector.simulators.chargebee.errors import wrong_state
from ml_connector.simulators.chargebee.proration import credit_rest
from ml_connector.simulators.chargebee.protocol import SCHEDULER, Actor
from ml_connector.simulators.chargebee.site import Resource, Site
from ml_connector.simulators.chargebee.subscriptions import mrr_event, show_items, subscription_event
from ml_connector.simulators.chargebee.term_billing import (
    begin_term,
    calendar_of,
    charge_rest,
    move_term,
    plan_of,
    term_lines,
)

RENEWABLE = ("active", "non_renewing", "in_trial", "future")


def create(
    site: Site,
    actor: Actor,
    subscription_id: str | None,
    customer: Resource,
    plan: Plan,
    currency: str,
    *,
    trial_end: int | None = None,
    unbilled: bool = False,
) -> Resource:
    """A new subscription, from the plan's anchor on: at once, backdated, later, or after a trial."""
    now, start = site.epoch(), plan.anchor
    subscription: Resource = {
        "id": subscription_id or site.new_id("sub"),
        "customer_id": customer["id"],
        "status": "active",
        "created_at": now,
        "billing_period": plan.period,
        "billing_period_unit": plan.unit,
        "auto_collection": "on" if plan.auto_collection else "off",
        "currency_code": currency,
        "base_currency_code": site.settings.base_currency,
        "exchange_rate": site.exchange_rate(currency),
        "net_term_days": plan.net_term_days,
        "channel": "web",
        "object": "subscription",
        "deleted": False,
        "decommissioned": False,
        "has_scheduled_changes": False,
        "has_scheduled_advance_invoices": False,
        "override_relationship": False,
        "due_invoices_count": 0,
        "mrr": 0,
    }
    site.add(site.subscriptions, subscription)
    site.plans[subscription["id"]] = plan
    show_items(site, subscription, plan)
    documents: dict[str, Any] = {}
    if start > now:
        subscription.update(status="future", start_date=start, next_billing_at=start, mrr=0, arr=0)
    elif trial_end is not None:
        subscription.update(status="in_trial", trial_start=start, trial_end=trial_end, started_at=start, mrr=0, arr=0)
        subscription["next_billing_at"] = trial_end
    else:
        subscription.update(started_at=start, activated_at=start)
        documents = begin_term(site, subscription, first=True, unbilled=unbilled)
    backdated = "_with_backdating" if start < calendar_of(site).first_moment(now) else ""
    _tell(site, actor, f"subscription_created{backdated}", subscription, documents)
    mrr_event(site, subscription, 0)
    return subscription


def renew(site: Site, subscription: Resource, actor: Actor = SCHEDULER, *, unbilled: bool = False) -> Resource:
    """The next term, or whatever is due instead: the end, the end of a trial, the first start."""
    _need(subscription, RENEWABLE, "Renewing")
    plan, before = plan_of(site, subscription), subscription["mrr"]
    if subscription["status"] == "non_renewing":
        return end(site, subscription, actor, subscription["current_term_end"])
    event_type = {"in_trial": "subscription_activated", "future": "subscription_started"}.get(
        subscription["status"], "subscription_renewed"
    )
    if event_type != "subscription_renewed":
        begins = subscription["next_billing_at"]
        plan.anchor, plan.periods = calendar_of(site).first_moment(begins), 0
        subscription.update(status="active", activated_at=begins)
        subscription.setdefault("started_at", begins)
    take_scheduled_items(site, actor, subscription, plan)
    show_items(site, subscription, plan)
    documents = begin_term(site, subscription, first=not plan.periods, unbilled=unbilled)
    _tell(site, actor, event_type, subscription, documents)
    mrr_event(site, subscription, before)
    return subscription


def renew_together(site: Site, subscriptions: list[Resource], actor: Actor = SCHEDULER) -> Resource:
    """One invoice for several subscriptions of a customer; it has no `subscription_id` of its own (section 4.3)."""
    lines: list[Resource] = []
    for subscription in subscriptions:
        _need(subscription, ("active",), "Renewing")
        if subscription["customer_id"] != subscriptions[0]["customer_id"]:
            raise wrong_state("Only subscriptions of one customer are invoiced together")
        if all(item.item_type == "charge" for item in plan_of(site, subscription).items):
            raise wrong_state("There is nothing to renew but charges")
    owners: list[tuple[Plan, list[str]]] = []
    for subscription in subscriptions:
        plan = plan_of(site, subscription)
        move_term(site, subscription, plan)
        made = term_lines(site, subscription, plan)
        owners.append((plan, [line["id"] for line in made]))
        lines += made
    first, customer = subscriptions[0], site.customers.find(subscriptions[0]["customer_id"])
    invoice = make_invoice(site, customer, owners[0][0], lines, currency=first["currency_code"])
    for plan, ids in owners:
        plan.billed = [(invoice["id"], line_id) for line_id in ids]
    for subscription in subscriptions:
        site.touch(subscription)
        subscription_event(site, actor, "subscription_renewed", subscription, invoice=invoice)
    announce(site, actor, invoice)
    return invoice


def change(
    site: Site, actor: Actor, subscription: Resource, items: list[Item], *, at_term_end: bool, prorate: bool
) -> Resource:
    """Other items: at once, with a credit for the rest of the old and a charge for the rest of the new; or later."""
    _need(subscription, ("active", "non_renewing", "in_trial", "future"), "Changing")
    plan, before, now = plan_of(site, subscription), subscription["mrr"], site.epoch()
    if at_term_end:
        plan.next_items = items
        subscription.update(has_scheduled_changes=True, changes_scheduled_at=subscription.get("next_billing_at", now))
        site.touch(subscription)
        subscription_event(site, actor, "subscription_changes_scheduled", subscription)
        return subscription
    documents: dict[str, Any] = {}
    billed = "current_term_end" in subscription
    if billed and prorate:
        documents["credit_notes"] = credit_rest(site, actor, plan, now, "subscription_change")
    plan.items = items
    show_items(site, subscription, plan)
    if billed and prorate:
        documents["invoice"] = charge_rest(site, subscription, plan, now)
    site.touch(subscription)
    _tell(site, actor, "subscription_changed", subscription, documents)
    mrr_event(site, subscription, before)
    return subscription


def schedule_end(site: Site, actor: Actor, subscription: Resource) -> Resource:
    """Cancelled, but it runs to the end of its term."""
    _need(subscription, ("active", "in_trial"), "Cancelling")
    ends = subscription.get("current_term_end", subscription.get("trial_end"))
    subscription.update(status="non_renewing", cancelled_at=ends, cancel_schedule_created_at=site.epoch())
    subscription["current_term_end"] = ends
    subscription.pop("next_billing_at", None)
    site.touch(subscription)
    subscription_event(site, actor, "subscription_cancellation_scheduled", subscription)
    return subscription


def keep(site: Site, actor: Actor, subscription: Resource) -> Resource:
    """The scheduled cancellation is taken back."""
    _need(subscription, ("non_renewing",), "Keeping")
    subscription.update(status="active", next_billing_at=calendar_of(site).next_start(subscription["current_term_end"]))
    for name in ("cancelled_at", "cancel_schedule_created_at"):
        subscription.pop(name, None)
    site.touch(subscription)
    subscription_event(site, actor, "subscription_scheduled_cancellation_removed", subscription)
    return subscription


def end(
    site: Site, subscription: Resource, actor: Actor = SCHEDULER, at: int | None = None, *, credit: bool | None = None
) -> Resource:
    """Cancelled. The term ends there, and its original end is nowhere to be found any more (section 5.5)."""
    _need(subscription, ("active", "non_renewing", "in_trial", "paused", "future"), "Cancelling")
    now, before = site.epoch() if at is None else at, subscription["mrr"]
    documents: dict[str, Any] = {}
    if site.settings.cancellation_credits if credit is None else credit:
        documents["credit_notes"] = credit_rest(
            site, actor, plan_of(site, subscription), now, "subscription_cancellation"
        )
    subscription.update(status="cancelled", cancelled_at=now, mrr=0, arr=0)
    if "current_term_end" in subscription:
        subscription["current_term_end"] = now
    for name in ("next_billing_at", "pause_date", "resume_date"):
        subscription.pop(name, None)
    site.touch(subscription)
    _tell(site, actor, "subscription_cancelled", subscription, documents)
    mrr_event(site, subscription, before)
    return subscription


def pause(site: Site, actor: Actor, subscription: Resource, resume_date: int | None, credit: bool | None) -> Resource:
    """May come with credit notes, or without (section 5.5)."""
    _need(subscription, ("active",), "Pausing")
    now, before, documents = site.epoch(), subscription["mrr"], {}
    if site.settings.cancellation_credits if credit is None else credit:
        documents = {"credit_notes": credit_rest(site, actor, plan_of(site, subscription), now, "subscription_pause")}
    subscription.update(status="paused", pause_date=now, mrr=0, arr=0)
    if resume_date is not None:
        subscription["resume_date"] = resume_date
    subscription.pop("next_billing_at", None)
    site.touch(subscription)
    _tell(site, actor, "subscription_paused", subscription, documents)
    mrr_event(site, subscription, before)
    return subscription


def begin_again(site: Site, actor: Actor, subscription: Resource, state: str, event_type: str) -> Resource:
    """Resumed after a pause, or reactivated after the end: a new term from now on."""
    _need(subscription, (state,), "Beginning again")
    plan, before = plan_of(site, subscription), subscription["mrr"]
    plan.anchor, plan.periods = calendar_of(site).first_moment(site.epoch()), 0
    subscription.update(status="active", activated_at=site.epoch())
    for name in ("cancelled_at", "pause_date", "resume_date", "cancel_reason_code"):
        subscription.pop(name, None)
    show_items(site, subscription, plan)
    documents = begin_term(site, subscription, first=False, unbilled=False)
    _tell(site, actor, event_type, subscription, documents)
    mrr_event(site, subscription, before)
    return subscription


def remove(site: Site, actor: Actor, subscription: Resource) -> Resource:
    subscription["deleted"] = True
    site.touch(subscription)
    subscription_event(site, actor, "subscription_deleted", subscription)
    return subscription


def take_scheduled_items(site: Site, actor: Actor, subscription: Resource, plan: Plan) -> None:
    """What was changed for the next term takes effect, with an event of its own."""
    if plan.next_items is None:
        return
    plan.items, plan.next_items = plan.next_items, None
    subscription["has_scheduled_changes"] = False
    subscription.pop("changes_scheduled_at", None)
    show_items(site, subscription, plan)
    site.touch(subscription)
    subscription_event(site, actor, "subscription_changed", subscription)


def _tell(site: Site, actor: Actor, event_type: str, subscription: Resource, documents: dict[str, Any]) -> None:
    """The subscription's event first, then those of its new invoice."""
    subscription_event(site, actor, event_type, subscription, **documents)
    if documents.get("invoice") is not None:
        announce(site, actor, documents["invoice"])


def _need(subscription: Resource, states: tuple[str, ...], what: str) -> None:
    if subscription["status"] not in states:
        raise wrong_state(f"{what} is not possible for a subscription that is {subscription['status']}")
