"""The API's paths, and whom a write locks (Chargebee reference, section 2)."""

from __future__ import annotations

from collections.abc import Mapping

from ml_connector.simulators.chargebee import (
    billing,
    credit_notes,
    customers,
    events,
    invoice_import,
    invoices,
    payments,
    subscriptions,
    transactions,
)
from ml_connector.simulators.chargebee.protocol import Call, Methods
from ml_connector.simulators.chargebee.site import Site

PATHS: Mapping[str, Methods] = {
    "/events": events.EVENTS,
    "/events/{id}": events.EVENT,
    "/customers": customers.CUSTOMERS,
    "/customers/{id}": customers.CUSTOMER,
    "/customers/{id}/update_billing_info": customers.BILLING,
    "/customers/{id}/delete": customers.DELETE,
    "/invoices/import_invoice": invoice_import.IMPORT,
    "/invoices/create_for_charge_items_and_charges": billing.CREATE,
    "/invoices/payment_reference_numbers": invoices.PAYMENT_REFERENCES,
    "/invoices": invoices.INVOICES,
    "/invoices/{id}": invoices.INVOICE,
    "/invoices/{id}/update_details": invoices.UPDATE_INVOICE,
    "/invoices/{id}/void": invoices.VOID,
    "/invoices/{id}/delete": invoices.DELETE,
    "/invoices/{id}/write_off": invoices.WRITE_OFF,
    "/invoices/{id}/record_payment": payments.RECORD,
    "/invoices/{id}/apply_payments": payments.APPLY,
    "/invoices/{id}/remove_payment": payments.REMOVE,
    "/credit_notes/import_credit_note": credit_notes.IMPORT,
    "/credit_notes": credit_notes.CREDIT_NOTES,
    "/credit_notes/{id}": credit_notes.CREDIT_NOTE,
    "/subscriptions": subscriptions.SUBSCRIPTIONS,
    "/subscriptions/{id}": subscriptions.SUBSCRIPTION,
    "/transactions": transactions.TRANSACTIONS,
    "/transactions/{id}": transactions.TRANSACTION,
}


def locked_customer(site: Site, path: str, call: Call) -> str | None:
    """The customer whom a write changes, itself or its documents: two writes to one at once do not work."""
    form = call.form.scalars
    if path.startswith("/customers"):
        return call.args.get("id") or form.get("id")
    if path.startswith("/invoices/{id}"):
        return _owner(site.invoices.get(call.args["id"]))
    if path.startswith("/credit_notes"):
        return _owner(site.invoices.get(form.get("reference_invoice_id")))
    return form.get("customer_id") or _owner(site.subscriptions.get(form.get("subscription_id")))


def _owner(row: Mapping[str, str] | None) -> str | None:
    return None if row is None else row["customer_id"]
