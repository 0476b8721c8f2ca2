"""Customers (Chargebee reference, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml_connector.simulators.chargebee.errors import wrong_value
from ml_connector.simulators.chargebee.events import raise_event
from ml_connector.simulators.chargebee.lists import Listing
from ml_connector.simulators.chargebee.pages import answer_list
from ml_connector.simulators.chargebee.params import Params
from ml_connector.simulators.chargebee.protocol import Actor, Call, Methods, Reply, ok
from ml_connector.simulators.chargebee.site import Resource, Site
from ml_connector.simulators.chargebee.tables import (
    BILLING_INFO,
    CREATE_CUSTOMER,
    DELETE_CUSTOMER,
    UPDATE_BILLING_INFO,
    UPDATE_CUSTOMER,
)

LISTING = Listing(
    name="customer",
    filters={
        "id": "text",
        "first_name": "text",
        "last_name": "text",
        "email": "text",
        "company": "text",
        "phone": "text",
        "auto_collection": "enum",
        "taxability": "enum",
        "created_at": "time",
        "updated_at": "time",
        "offline_payment_method": "enum",
        "auto_close_invoices": "flag",
        "channel": "enum",
        "business_entity_id": "text",
    },
    sorts=("created_at", "updated_at"),
    default_sort="created_at",
    deletable=True,
    extras=("relationship",),
)


def new_customer(site: Site, customer_id: str | None, values: Mapping[str, Any]) -> Resource:
    """A customer with the defaults of section 3.1; `auto_collection` is on unless somebody says otherwise."""
    return {
        "id": customer_id or site.new_id("cus"),
        "auto_collection": "on",
        "net_term_days": 0,
        "allow_direct_debit": False,
        "taxability": "taxable",
        "created_at": site.epoch(),
        "object": "customer",
        "deleted": False,
        "channel": "web",
        "pii_cleared": "active",
        "card_status": "no_card",
        "promotional_credits": 0,
        "refundable_credits": 0,
        "excess_payments": 0,
        "unbilled_charges": 0,
        "preferred_currency_code": site.settings.base_currency,
        **values,
    }


def address(values: Mapping[str, Any]) -> Resource | None:
    """An address as it is kept; None when nothing of it is left."""
    kept = {name: value for name, value in values.items() if value is not None}
    return {"validation_status": "not_validated", **kept, "object": "billing_address"} if kept else None


def customer_event(site: Site, actor: Actor, event_type: str, customer: Resource) -> None:
    raise_event(site, actor, event_type, {"customer": customer, "card": site.cards.get(customer["id"])})


def answer(site: Site, customer: Resource) -> Reply:
    return ok(customer=customer, card=site.cards.get(customer["id"]))


def create(site: Site, call: Call) -> Reply:
    params = call.params(site, CREATE_CUSTOMER)
    values = _given(site, params)
    values.pop("id", None)
    check_vat(site, params.get("vat_number"), params.objects.get("billing_address", {}))
    if (billing := address(params.objects.get("billing_address", {}))) is not None:
        values["billing_address"] = billing
    if identifiers := params.items("entity_identifiers"):
        values["entity_identifiers"] = _identifiers(site, identifiers)
    customer = site.add(site.customers, new_customer(site, params.get("id"), values))
    customer_event(site, call.actor, "customer_created", customer)
    return answer(site, customer)


def update(site: Site, call: Call) -> Reply:
    """Only what was sent changes; it takes neither an address nor a VAT number (section 3.2)."""
    params = call.params(site, UPDATE_CUSTOMER)
    customer = site.customers.find(call.args["id"])
    for name, value in params.scalars.items():
        if value is not None:
            customer[name] = value
        elif site.settings.empty_value == "clear":
            customer.pop(name, None)
    site.touch(customer)
    customer_event(site, call.actor, "customer_changed", customer)
    return answer(site, customer)


def update_billing_info(site: Site, call: Call) -> Reply:
    """Replaces the whole set: what is left out is removed, the VAT number too (section 3.3)."""
    params = call.params(site, UPDATE_BILLING_INFO)
    customer = site.customers.find(call.args["id"])
    check_vat(site, params.get("vat_number"), params.objects.get("billing_address", {}))
    for name in (*BILLING_INFO, "billing_address"):
        customer.pop(name, None)
    customer.update(_given(site, params))
    if (billing := address(params.objects.get("billing_address", {}))) is not None:
        customer["billing_address"] = billing
    if identifiers := params.items("entity_identifiers"):
        customer["entity_identifiers"] = _identifiers(site, identifiers)
    site.touch(customer)
    customer_event(site, call.actor, "customer_changed", customer)
    return answer(site, customer)


def delete(site: Site, call: Call) -> Reply:
    """Takes minutes, and takes everything that belongs to the customer along (section 3.4)."""
    call.params(site, DELETE_CUSTOMER)
    customer = site.customers.find(call.args["id"])
    site.deletions.setdefault(customer["id"], site.epoch() + int(site.settings.delete_seconds))
    reply = ok(customer={**customer, "deleted": True}, card=site.cards.get(customer["id"]))
    finish_deletions(site)
    return reply


def finish_deletions(site: Site) -> None:
    """Carry out the deletions whose time has come."""
    due = [customer_id for customer_id, at in site.deletions.items() if at <= site.epoch()]
    for customer_id in due:
        del site.deletions[customer_id]
        customer = site.customers.find(customer_id)
        subscriptions = []
        for table in (site.subscriptions, site.invoices, site.credit_notes):
            for row in table:
                if row["customer_id"] == customer_id and not row["deleted"]:
                    row["deleted"] = True
                    site.touch(row)
                    if table is site.subscriptions:
                        subscriptions.append(row)
        customer["deleted"] = True
        site.touch(customer)
        content = {"customer": customer, "card": site.cards.pop(customer_id, None), "subscriptions": subscriptions}
        raise_event(site, Actor("system"), "customer_deleted", content)


def _given(site: Site, params: Params) -> dict[str, Any]:
    given = {name: value for name, value in params.scalars.items() if value is not None}
    if "preferred_currency_code" in given:
        site.currency(given["preferred_currency_code"])
    return given


def _identifiers(site: Site, identifiers: Mapping[int, Mapping[str, Any]]) -> list[Resource]:
    return [
        {"id": site.new_id("eid"), "scheme": "", **identifier, "object": "entity_identifier"}
        for identifier in identifiers.values()
        if identifier.get("operation") != "delete"
    ]


def check_vat(site: Site, number: str | None, billing: Mapping[str, Any]) -> None:
    """With VAT enabled, a number is validated and can be rejected (section 3.1)."""
    country = billing.get("country")
    if site.settings.vat_check and number and country and not number.startswith(country):
        raise wrong_value("vat_number", "is not valid")


def _list(site: Site, call: Call) -> Reply:
    return answer_list(site, LISTING, site.customers, call, lambda row: {"card": site.cards.get(row["id"])})


def _read(site: Site, call: Call) -> Reply:
    return answer(site, site.customers.find(call.args["id"]))


CUSTOMERS: Methods = {"GET": _list, "POST": create}
CUSTOMER: Methods = {"GET": _read, "POST": update}
BILLING: Methods = {"POST": update_billing_info}
DELETE: Methods = {"POST": delete}
