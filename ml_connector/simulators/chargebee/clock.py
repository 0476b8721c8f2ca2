"""The clock moves on, and whatever becomes due on the way happens at its time."""

from __future__ import annotations

import asyncio
import heapq

from ml_connector.simulators.chargebee.balances import changed
from ml_connector.simulators.chargebee.customers import finish_deletions
from ml_connector.simulators.chargebee.lifecycle import begin_again, renew
from ml_connector.simulators.chargebee.protocol import SCHEDULER
from ml_connector.simulators.chargebee.site import Resource, Site

_STEPS_AT_ONCE = 50  # webhooks and calls have their turn in between


async def advance(site: Site, moment: int) -> int:
    """Move the clock to that moment; renews, ends, activates and resumes what is due. Gives the number of steps."""
    steps = 0
    waiting = [(at, row["id"]) for row in site.subscriptions if (at := _next(row)) is not None]
    heapq.heapify(waiting)
    while waiting and waiting[0][0] <= moment:
        at, subscription_id = heapq.heappop(waiting)
        site.move_clock(max(at, site.epoch()))
        subscription = site.subscriptions.find(subscription_id)
        if subscription["status"] == "paused":
            begin_again(site, SCHEDULER, subscription, "paused", "subscription_resumed")
        else:
            renew(site, subscription)
        if (again := _next(subscription)) is not None:
            heapq.heappush(waiting, (again, subscription_id))
        steps += 1
        if steps % _STEPS_AT_ONCE == 0:
            await asyncio.sleep(0)
    site.move_clock(moment)
    _overdue(site)
    catch_up(site)
    return steps


def catch_up(site: Site) -> None:
    """What needs no exact moment: customers whose deletion is done, webhooks to send."""
    finish_deletions(site)
    site.webhooks.wake()


def _overdue(site: Site) -> None:
    """Invoices whose due date has passed are `not_paid`."""
    now = site.epoch()
    for invoice in list(site.invoices):
        if invoice["status"] == "posted" and invoice["due_date"] <= now and not invoice["deleted"]:
            invoice["status"] = "not_paid"
            site.touch(invoice)
            changed(site, SCHEDULER, invoice)


def _next(subscription: Resource) -> int | None:
    """When something happens to the subscription by itself, if ever."""
    status = subscription["status"]
    if subscription["deleted"]:
        return None
    if status == "non_renewing":
        return int(subscription["current_term_end"])
    if status == "paused":
        return subscription.get("resume_date")
    return subscription.get("next_billing_at") if status in ("active", "in_trial", "future") else None
