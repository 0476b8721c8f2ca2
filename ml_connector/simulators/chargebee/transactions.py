"""Payments and refunds; all of them are offline, because nothing here has a gateway."""

from __future__ import annotations

from typing import Any

from ml_connector.simulators.chargebee.lists import Listing
from ml_connector.simulators.chargebee.pages import answer_list
from ml_connector.simulators.chargebee.protocol import Call, Methods, Reply, ok
from ml_connector.simulators.chargebee.site import Resource, Site

LISTING = Listing(
    name="transaction",
    filters={
        "id": "text",
        "customer_id": "text",
        "subscription_id": "text",
        "payment_method": "enum",
        "reference_number": "text",
        "type": "enum",
        "date": "time",
        "amount": "amount",
        "status": "enum",
        "updated_at": "time",
    },
    sorts=("date", "updated_at"),
    default_sort="date",
    deletable=True,
)


def new_transaction(
    site: Site,
    owner: Resource,
    amount: int,
    method: str,
    *,
    kind: str = "payment",
    status: str = "success",
    date: int | None = None,
    transaction_id: str | None = None,
    **more: Any,
) -> Resource:
    """A transaction for an invoice or a credit note; nothing of it is applied yet."""
    transaction: Resource = {
        "id": transaction_id or site.new_id("txn"),
        "customer_id": owner["customer_id"],
        "payment_method": method,
        "gateway": "not_applicable",
        "type": kind,
        "date": site.epoch() if date is None else date,
        "exchange_rate": site.exchange_rate(owner["currency_code"]),
        "amount": amount,
        "status": status,
        "currency_code": owner["currency_code"],
        "deleted": False,
        "object": "transaction",
        "amount_unused": amount if kind == "payment" and status == "success" else 0,
        "linked_invoices": [],
        "linked_credit_notes": [],
        "linked_refunds": [],
        **{name: value for name, value in more.items() if value is not None},
    }
    if "subscription_id" in owner:
        transaction["subscription_id"] = owner["subscription_id"]
    return site.add(site.transactions, transaction)


def apply(site: Site, transaction: Resource, invoice: Resource, amount: int) -> None:
    """Use some of a payment for an invoice; the invoice's amounts are still to be settled."""
    now = site.epoch()
    transaction["amount_unused"] -= amount
    transaction["linked_invoices"].append(
        {
            "invoice_id": invoice["id"],
            "applied_amount": amount,
            "applied_at": now,
            "invoice_date": invoice["date"],
            "invoice_total": invoice["total"],
            "invoice_status": invoice["status"],
            "object": "linked_invoice",
        }
    )
    link(site, transaction, invoice, amount)
    site.touch(transaction)


def link(site: Site, transaction: Resource, invoice: Resource, amount: int) -> None:
    """Show the payment at the invoice, a failed one too."""
    invoice["linked_payments"].append(
        {
            "txn_id": transaction["id"],
            "applied_amount": amount,
            "applied_at": site.epoch(),
            "txn_status": transaction["status"],
            "txn_date": transaction["date"],
            "txn_amount": transaction["amount"],
            "object": "linked_payment",
        }
    )


def detach(site: Site, transaction: Resource, invoice: Resource) -> None:
    """Take a payment off an invoice; it is unused from then on."""
    gone = [link for link in invoice["linked_payments"] if link["txn_id"] == transaction["id"]]
    invoice["linked_payments"] = [link for link in invoice["linked_payments"] if link not in gone]
    transaction["linked_invoices"] = [
        link for link in transaction["linked_invoices"] if link["invoice_id"] != invoice["id"]
    ]
    if transaction["status"] == "success":
        transaction["amount_unused"] += sum(link["applied_amount"] for link in gone)
    site.touch(transaction)


def excess(site: Site, customer_id: str, amount: int) -> None:
    """So much more of the customer's payments is unused; less, when negative."""
    customer = site.customers.get(customer_id)
    if customer is not None and amount:
        customer["excess_payments"] += amount
        site.touch(customer)


def _list(site: Site, call: Call) -> Reply:
    return answer_list(site, LISTING, site.transactions, call)


def _read(site: Site, call: Call) -> Reply:
    return ok(transaction=site.transactions.find(call.args["id"]))


TRANSACTIONS: Methods = {"GET": _list}
TRANSACTION: Methods = {"GET": _read}
