"""The `/_simulator` endpoints for what happens to subscriptions, invoices and credit notes.

| call                                             | body                                             | answer         |
| ------------------------------------------------ | ------------------------------------------------ | -------------- |
| POST /_simulator/subscriptions                   | customer_id, items, and see `_PLAN`              | subscription   |
| POST /_simulator/subscriptions/{id}/renew        | {"unbilled": false}                              | subscription   |
| POST /_simulator/subscriptions/{id}/change       | {"items": [..], "when": now, term_end; "prorate"}| subscription   |
| POST /_simulator/subscriptions/{id}/cancel       | {"when": now, term_end; "credit": true, false}   | subscription   |
| POST /_simulator/subscriptions/{id}/keep         |                                                  | subscription   |
| POST /_simulator/subscriptions/{id}/pause        | {"resume_date": epoch, "credit": true, false}    | subscription   |
| POST /_simulator/subscriptions/{id}/resume       |                                                  | subscription   |
| POST /_simulator/subscriptions/{id}/reactivate   |                                                  | subscription   |
| POST /_simulator/subscriptions/{id}/bill         |                                                  | invoice        |
| POST /_simulator/subscriptions/{id}/delete       |                                                  | subscription   |
| POST /_simulator/renew-together                  | {"subscriptions": [id, ..]}                      | invoice        |
| POST /_simulator/invoices/{id}/pay               | {"amount", "payment_method", "status", ...}      | transaction    |
| POST /_simulator/invoices/{id}/credit            | {"amount", "type", "reason_code", "line"}        | credit note    |
| POST /_simulator/credit-notes/{id}/refund        | {"amount", "payment_method"}                     | transaction    |
| POST /_simulator/flood                           | {"events": 10000, "subscriptions": 100}          | events raised  |

An item is {"item_price_id", "item_type": plan, addon, charge; "unit_price", "quantity"}, prices in minor units.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from ml_connector.simulators.chargebee import lifecycle
from ml_connector.simulators.chargebee.billing import Item, Plan
from ml_connector.simulators.chargebee.credit_notes import issue, refund_note
from ml_connector.simulators.chargebee.customers import customer_event, new_customer
from ml_connector.simulators.chargebee.errors import Problem, wrong_value
from ml_connector.simulators.chargebee.payments import pay
from ml_connector.simulators.chargebee.protocol import CONSOLE
from ml_connector.simulators.chargebee.site import Resource, Site
from ml_connector.simulators.chargebee.term_billing import calendar_of
from ml_connector.simulators.chargebee.terms import UNITS, part
from ml_connector.simulators.chargebee.unbilled import bill_unbilled
from ml_connector.simulators.control import ControlError, json_response, read_json
from ml_connector.simulators.faults import CONTROL_PATH

ITEM_TYPES = ("plan", "addon", "charge")
USUAL_ITEM = {"item_price_id": "standard-NOK-monthly", "item_type": "plan", "unit_price": 99_900}
_PLAN: Mapping[str, Any] = {
    "id": None,
    "customer_id": None,
    "items": [USUAL_ITEM],
    "billing_period": 1,
    "billing_period_unit": "month",
    "currency_code": None,
    "start_date": None,
    "trial_days": None,
    "tax_name": "MVA",
    "tax_rate": 25.0,
    "price_type": "tax_exclusive",
    "discount_percentage": 0.0,
    "net_term_days": 14,
    "auto_collection": "off",
    "unbilled": False,
}
"""What a new subscription can be told, with what it is without."""
_DAY = 86_400

Act = Callable[[Site, Resource, Any], Resource]


def lifecycle_routes(site: Site) -> Sequence[BaseRoute]:
    """The routes of this module's table."""

    async def subscribe(request: Request) -> Response:
        return json_response(_refused(lambda body: _subscribe(site, body), await read_json(request)))

    async def together(request: Request) -> Response:
        body = await read_json(request)

        def act(wanted: Any) -> Resource:
            rows = [site.subscriptions.find(str(one)) for one in wanted.get("subscriptions", ())]
            if not rows:
                raise ControlError('expected {"subscriptions": [id, ...]}')
            return lifecycle.renew_together(site, rows, CONSOLE)

        return json_response(_refused(act, body))

    async def flood(request: Request) -> Response:
        body = await read_json(request)
        wanted, count = body.get("events", 1000), body.get("subscriptions", 100)
        if type(wanted) is not int or type(count) is not int or wanted < 1 or count < 1:
            raise ControlError('expected {"events": a number, "subscriptions": a number}')
        return json_response({"events": await _flood(site, wanted, count)})

    def on(find: Callable[[str], Resource], act: Act) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            body = await read_json(request)
            row_id = request.path_params["id"]
            return json_response(_refused(lambda given: act(site, find(row_id), given), body))

        return endpoint

    def routes(folder: str, find: Callable[[str], Resource], acts: Mapping[str, Act]) -> list[BaseRoute]:
        path = f"{CONTROL_PATH}/{folder}/{{id}}"
        return [Route(f"{path}/{name}", on(find, act), methods=["POST"]) for name, act in acts.items()]

    return [
        Route(f"{CONTROL_PATH}/subscriptions", subscribe, methods=["POST"]),
        Route(f"{CONTROL_PATH}/renew-together", together, methods=["POST"]),
        Route(f"{CONTROL_PATH}/flood", flood, methods=["POST"]),
        *routes("subscriptions", lambda row_id: site.subscriptions.find(row_id), _ON_SUBSCRIPTION),
        *routes("invoices", lambda row_id: site.invoices.find(row_id), {"pay": _pay, "credit": _credit}),
        *routes("credit-notes", lambda row_id: site.credit_notes.find(row_id), {"refund": _refund}),
    ]


def _refused(act: Callable[[Any], Resource], body: Any) -> Resource:
    """What the act gives; its refusals are the control call's."""
    if not isinstance(body, dict):
        raise ControlError("expected an object")
    try:
        return act(body)
    except Problem as problem:
        raise ControlError(problem.message) from problem
    except (ValueError, TypeError) as error:
        raise ControlError(f"the body makes no sense: {error}") from error


def _subscribe(site: Site, body: Mapping[str, Any]) -> Resource:
    if unknown := sorted(set(body) - set(_PLAN)):
        raise ControlError(f"unknown key {unknown[0]!r}; known are {', '.join(_PLAN)}")
    given = {**_PLAN, **body}
    customer = site.customers.find(str(given["customer_id"]), "customer_id")
    if given["billing_period_unit"] not in UNITS:
        raise ControlError(f"billing_period_unit is one of {', '.join(UNITS)}")
    start = site.epoch() if given["start_date"] is None else int(given["start_date"])
    plan = Plan(
        items=_items(given["items"]),
        period=int(given["billing_period"]),
        unit=given["billing_period_unit"],
        anchor=calendar_of(site).first_moment(start) if given["trial_days"] is None else start,
        tax_name=str(given["tax_name"]),
        tax_rate=float(given["tax_rate"]),
        price_type=str(given["price_type"]),
        discount_percentage=float(given["discount_percentage"]),
        net_term_days=int(given["net_term_days"]),
        auto_collection=given["auto_collection"] == "on",
    )
    currency = site.currency(given["currency_code"] or site.settings.base_currency)
    trial_end = None if given["trial_days"] is None else start + int(given["trial_days"]) * _DAY
    unbilled = bool(given["unbilled"])
    return lifecycle.create(
        site, CONSOLE, given["id"], customer, plan, currency, trial_end=trial_end, unbilled=unbilled
    )


def _items(given: Any) -> list[Item]:
    try:
        items = [Item(**item) for item in given]
    except TypeError as error:
        raise ControlError(f"an item makes no sense: {error}") from error
    if not items or any(item.item_type not in ITEM_TYPES or type(item.unit_price) is not int for item in items):
        raise ControlError(f"items have a whole unit_price and an item_type of {', '.join(ITEM_TYPES)}")
    return items


def _change(site: Site, subscription: Resource, body: Any) -> Resource:
    items, later = _items(body.get("items")), body.get("when", "now") == "term_end"
    prorate = bool(body.get("prorate", True))
    return lifecycle.change(site, CONSOLE, subscription, items, at_term_end=later, prorate=prorate)


def _cancel(site: Site, subscription: Resource, body: Any) -> Resource:
    if "reason" in body:
        subscription["cancel_reason_code"] = str(body["reason"])
    if body.get("when", "now") == "term_end":
        return lifecycle.schedule_end(site, CONSOLE, subscription)
    return lifecycle.end(site, subscription, CONSOLE, credit=body.get("credit"))


def _pay(site: Site, invoice: Resource, body: Any) -> Resource:
    return pay(site, CONSOLE, invoice, {"payment_method": "bank_transfer", **body})


def _credit(site: Site, invoice: Resource, body: Any) -> Resource:
    """Credit an amount, tax included, on one line of the invoice; the whole line when no amount is given."""
    known = {line["id"]: line for line in invoice["line_items"]}
    line = known.get(body.get("line")) or invoice["line_items"][0]
    exclusive = invoice["price_type"] == "tax_exclusive"
    whole = line["amount"] - line["discount_amount"] + (line["tax_amount"] if exclusive else 0)
    total = body.get("amount", whole)
    if total < 1:
        raise wrong_value("amount", "should be positive")
    kind = body.get("type") or ("adjustment" if invoice["amount_due"] >= total else "refundable")
    tax = part(line["tax_amount"], total, whole)
    net = total - (tax if exclusive else 0)
    credited = {
        **line,
        "id": site.new_id("li"),
        "reference_line_item_id": line["id"],
        "unit_amount": net,
        "quantity": 1,
        "amount": net,
        "tax_amount": tax,
        "discount_amount": 0,
        "item_level_discount_amount": 0,
    }
    reason = str(body.get("reason_code", "service_unsatisfactory"))
    return issue(site, CONSOLE, invoice, kind, total, [credited], tax=tax, reason_code=reason)


def _refund(site: Site, note: Resource, body: Any) -> Resource:
    amount = body.get("amount", note["amount_available"])
    return refund_note(site, CONSOLE, note, amount, str(body.get("payment_method", "bank_transfer")))


_ON_SUBSCRIPTION: Mapping[str, Act] = {
    "renew": lambda site, row, body: lifecycle.renew(site, row, unbilled=bool(body.get("unbilled"))),
    "change": _change,
    "cancel": _cancel,
    "keep": lambda site, row, _body: lifecycle.keep(site, CONSOLE, row),
    "pause": lambda site, row, body: lifecycle.pause(site, CONSOLE, row, body.get("resume_date"), body.get("credit")),
    "resume": lambda site, row, _body: lifecycle.begin_again(site, CONSOLE, row, "paused", "subscription_resumed"),
    "reactivate": lambda site, row, _body: lifecycle.begin_again(
        site, CONSOLE, row, "cancelled", "subscription_reactivated"
    ),
    "bill": lambda site, row, _body: bill_unbilled(site, CONSOLE, row, site.plans[row["id"]]),
    "delete": lambda site, row, _body: lifecycle.remove(site, CONSOLE, row),
}


async def _flood(site: Site, wanted: int, count: int) -> int:
    """Subscriptions that are renewed again and again, until there are that many events more."""
    target = len(site.event_order) + wanted
    rows = []
    for _ in range(count):
        if len(site.event_order) >= target:
            break
        customer = site.add(site.customers, new_customer(site, None, {"email": "flom@nordic.no"}))
        customer_event(site, CONSOLE, "customer_created", customer)
        rows.append(_subscribe(site, {"customer_id": customer["id"]}))
    for step, row in enumerate(itertools.cycle(rows)):
        if len(site.event_order) >= target:
            break
        lifecycle.renew(site, row)
        if step % 50 == 0:
            await asyncio.sleep(0)  # webhooks and calls have their turn
    return len(site.event_order) - target + wanted
