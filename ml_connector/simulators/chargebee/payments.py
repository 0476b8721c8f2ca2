"""Payments of invoices: recorded, applied from what is unused, taken off again (Chargebee reference, section 4.2)."""

from __future__ import annotations

from typing import Any

from ml_connector.simulators.chargebee import transactions
from ml_connector.simulators.chargebee.balances import changed, need_unpaid, payment_event, settle
from ml_connector.simulators.chargebee.document_tables import APPLY_PAYMENTS, RECORD_PAYMENT, REMOVE_PAYMENT
from ml_connector.simulators.chargebee.errors import not_found, wrong_state, wrong_value
from ml_connector.simulators.chargebee.protocol import Actor, Call, Methods, Reply, ok
from ml_connector.simulators.chargebee.site import Resource, Site

_KEPT = ("reference_number", "id_at_gateway", "error_code", "error_text")


def record(site: Site, call: Call) -> Reply:
    params = call.params(site, RECORD_PAYMENT)
    invoice = site.invoices.find(call.args["id"])
    given = {name: value for name, value in params.objects["transaction"].items() if value is not None}
    transaction = pay(site, call.actor, invoice, given)
    return ok(invoice=invoice, transaction=transaction)


def pay(site: Site, actor: Actor, invoice: Resource, given: dict[str, Any]) -> Resource:
    """Record a payment, or a failed attempt; the values are those of `transaction[...]`."""
    need_unpaid(invoice, "Recording a payment")
    due: int = invoice["amount_due"]
    amount: int = given.get("amount", due)
    if amount < 1:
        raise wrong_value("transaction[amount]", "should be positive")
    if amount > due and site.settings.excess_payment == "refuse":
        raise wrong_value("transaction[amount]", f"cannot be more than the amount due, {due}")
    if given.get("date", 0) > site.epoch() and site.settings.import_dates:
        raise wrong_value("transaction[date]", "cannot be in the future")
    more: dict[str, Any] = {
        name: given.get(name) for name in ("reference_number", "id_at_gateway", "error_code", "error_text")
    }
    status = given.get("status", "success")
    transaction = transactions.new_transaction(
        site, invoice, amount, given["payment_method"], status=status, date=given.get("date"), **more
    )
    if status == "success":
        transactions.apply(site, transaction, invoice, min(amount, due))
        transactions.excess(site, invoice["customer_id"], transaction["amount_unused"])
        settle(site, invoice)
        payment_event(site, actor, "payment_succeeded", transaction, invoice=invoice)
    else:
        transactions.link(site, transaction, invoice, 0)
        site.touch(invoice)
        payment_event(site, actor, "payment_failed", transaction, invoice=invoice)
    changed(site, actor, invoice)
    return transaction


def apply(site: Site, call: Call) -> Reply:
    """Uses the named payments, or everything unused, up to what is due."""
    params = call.params(site, APPLY_PAYMENTS)
    invoice = site.invoices.find(call.args["id"])
    need_unpaid(invoice, "Applying payments")
    named = params.items("transactions")
    chosen: list[tuple[Resource, int]] = []
    for index, one in named.items():
        param = f"transactions[id][{index}]"
        transaction = site.transactions.find(one.get("id", ""), param)
        if transaction["customer_id"] != invoice["customer_id"]:
            raise not_found(transaction["id"], param)
        wanted = one["amount"] if "amount" in one else transaction["amount_unused"]
        if wanted > transaction["amount_unused"]:
            raise wrong_value(f"transactions[amount][{index}]", f"only {transaction['amount_unused']} is unused")
        chosen.append((transaction, wanted))
    if not named:
        mine = (row for row in site.transactions if row["customer_id"] == invoice["customer_id"])
        chosen = [(row, row["amount_unused"]) for row in mine if row["amount_unused"]]
    if not chosen:
        raise wrong_state("There is no payment that could be applied")
    for payment, wished in chosen:
        used = min(wished, invoice["amount_due"])
        if used > 0:
            transactions.apply(site, payment, invoice, used)
            transactions.excess(site, invoice["customer_id"], -used)
            settle(site, invoice)
    changed(site, call.actor, invoice)
    return ok(invoice=invoice)


def remove(site: Site, call: Call) -> Reply:
    """Detaches a payment, so that the invoice can be voided; the money stays with the customer."""
    params = call.params(site, REMOVE_PAYMENT)
    invoice = site.invoices.find(call.args["id"])
    transaction = site.transactions.find(params.objects["transaction"]["id"], "transaction[id]")
    if not any(link["txn_id"] == transaction["id"] for link in invoice["linked_payments"]):
        raise wrong_state(f"The payment {transaction['id']} is not linked to the invoice")
    before = transaction["amount_unused"]
    transactions.detach(site, transaction, invoice)
    transactions.excess(site, invoice["customer_id"], transaction["amount_unused"] - before)
    settle(site, invoice)
    changed(site, call.actor, invoice)
    return ok(invoice=invoice, transaction=transaction)


RECORD: Methods = {"POST": record}
APPLY: Methods = {"POST": apply}
REMOVE: Methods = {"POST": remove}
