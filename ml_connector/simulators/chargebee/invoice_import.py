"""POST /invoices/import_invoice (Chargebee reference, section 4.1)."""

from __future__ import annotations

from typing import Any

from ml_connector.simulators.chargebee import transactions
from ml_connector.simulators.chargebee.balances import invoice_event, payment_event, settle, unpaid_status, with_values
from ml_connector.simulators.chargebee.credit_rows import credit_event, new_credit_note, note_adjustment
from ml_connector.simulators.chargebee.customers import address, check_vat
from ml_connector.simulators.chargebee.document_tables import IMPORT_INVOICE, RECURRING
from ml_connector.simulators.chargebee.documents import Document, read_document
from ml_connector.simulators.chargebee.errors import Problem, duplicate, missing, wrong_value
from ml_connector.simulators.chargebee.params import Params
from ml_connector.simulators.chargebee.protocol import Call, Methods, Reply, ok
from ml_connector.simulators.chargebee.site import Resource, Site

_DAY = 86_400


def import_invoice(site: Site, call: Call) -> Reply:
    """An invoice that somebody else made. Everything is checked before anything is kept."""
    params = call.params(site, IMPORT_INVOICE)
    known = site.invoices.get(params.get("id"))
    if known is not None and not (known["deleted"] and site.settings.deleted_id == "free"):
        raise duplicate()
    customer = _customer(site, params)
    currency = site.currency(params.get("currency_code"))
    if not params.items("line_items"):
        raise missing("line_items[description][0]")
    document = read_document(
        site,
        params,
        date=params.get("date"),
        subscription_id=params.get("subscription_id"),
        customer_id=customer["id"],
    )
    _check_lines(site, customer, document)
    _check_total(site, params, document)
    _check_dates(site, params)
    check_vat(site, params.get("vat_number"), params.objects.get("billing_address", {}))
    status = _status(site, params)
    invoice = _invoice(site, params, customer, currency, status, document)
    site.add(site.invoices, invoice)
    for transaction in _payments(site, params, invoice):
        transactions.apply(site, transaction, invoice, transaction["amount"])
    note = _write_off(site, params, invoice)
    settle(site, invoice)
    _references(site, params, invoice)
    if site.settings.import_events:
        # Our own documents come back as events like any others (failures.md 38).
        invoice_event(site, call.actor, "invoice_generated", invoice)
        for link in invoice["linked_payments"]:
            transaction = site.transactions.find(link["txn_id"])
            payment_event(site, call.actor, "payment_succeeded", transaction, invoice=invoice)
        if note is not None:
            credit_event(site, call.actor, "credit_note_created", note)
    return ok(invoice=invoice, credit_note=note)


def _customer(site: Site, params: Params) -> Resource:
    customer_id, subscription_id = params.get("customer_id"), params.get("subscription_id")
    if customer_id is None and subscription_id is None:
        raise missing("customer_id")
    if subscription_id is None:
        return site.customers.find(customer_id, "customer_id")
    subscription = site.subscriptions.find(subscription_id, "subscription_id")
    if customer_id not in (None, subscription["customer_id"]):
        raise wrong_value("customer_id", f"does not own the subscription {subscription_id}")
    return site.customers.find(subscription["customer_id"], "customer_id")


def _check_lines(site: Site, customer: Resource, document: Document) -> None:
    for index, line in enumerate(document.line_items):
        if "subscription_id" in line:
            param = f"line_items[subscription_id][{index}]"
            if site.subscriptions.find(line["subscription_id"], param)["customer_id"] != customer["id"]:
                raise wrong_value(param, "belongs to another customer")


def _check_total(site: Site, params: Params, document: Document) -> None:
    if not site.settings.import_arithmetic:
        return
    expected = document.total(params.get("price_type", "tax_exclusive"), params.get("round_off", 0))
    if params.get("total") != expected:
        raise wrong_value("total", f"{params.get('total')} is not what the line items come to, {expected}")


def _check_dates(site: Site, params: Params) -> None:
    if not site.settings.import_dates:
        return
    now = site.epoch()
    dates: dict[str, Any] = {name: params.get(name) for name in ("date", "paid_at", "write_off_date", "voided_at")}
    dates |= {f"payments[date][{index}]": one.get("date") for index, one in params.items("payments").items()}
    for name, moment in dates.items():
        if moment is not None and moment > now:
            raise wrong_value(name, "cannot be in the future")
    if params.get("due_date", params.get("date")) < params.get("date"):
        raise wrong_value("due_date", "cannot be before date")


def _status(site: Site, params: Params) -> str:
    """The status, and whether the rest fits it."""
    status = params.get("status")
    if status is None:
        status = site.settings.import_status
        if status == "refuse":
            raise missing("status")
    if status == "pending" and params.items("taxes"):
        raise wrong_value("taxes", "cannot be given for an invoice that is pending")
    if params.get("paid_at") is not None and status != "paid":
        raise wrong_value("paid_at", "is only for an invoice that is paid")
    if params.get("is_written_off"):
        if params.get("write_off_date") is None:
            raise missing("write_off_date")
        if params.objects.get("credit_note", {}).get("id") is None:
            raise missing("credit_note[id]")
        if site.credit_notes.get(params.objects["credit_note"]["id"]) is not None:
            raise duplicate("credit_note[id]")
    if site.settings.import_states:
        paid, total = sum(payment["amount"] for payment in params.items("payments").values()), params.get("total")
        if paid > total:
            raise wrong_value("payments[amount][0]", f"the payments are {paid}, more than the total {total}")
        if status == "paid" and paid < total and not params.get("is_written_off"):
            raise wrong_value("status", f"the payments are {paid}, less than the total {total}")
        if status == "voided" and params.get("voided_at") is None:
            raise missing("voided_at")
    _check_payment_ids(site, params)
    return str(status)


def _check_payment_ids(site: Site, params: Params) -> None:
    for index, payment in params.items("payments").items():
        if site.transactions.get(payment.get("id")) is not None:
            raise Problem(400, "duplicate_entry", "id : already used", f"payments[id][{index}]")


def _invoice(
    site: Site, params: Params, customer: Resource, currency: str, status: str, document: Document
) -> Resource:
    date, terms = params.get("date"), params.get("net_term_days", 0)
    invoice: Resource = {
        **blank_invoice(site, params.get("id"), customer, currency, date),
        "status": status,
        "price_type": params.get("price_type", "tax_exclusive"),
        "due_date": params.get("due_date", date + terms * _DAY),
        "net_term_days": terms,
        "recurring": any(line["entity_type"] in RECURRING for line in document.line_items),
        "first_invoice": False,
        "has_advance_charges": params.get("has_advance_charges", False),
        "sub_total": document.sub_total,
        "tax": document.tax,
        "total": params.get("total"),
        "round_off_amount": params.get("round_off", 0),
        **document.shown(),
    }
    with_values(
        invoice,
        params.scalars,
        *(name for name in params.scalars if name.startswith("cf_")),
        *("subscription_id", "po_number", "vat_number", "vat_number_prefix", "void_reason_code"),
        *(("paid_at",) if status == "paid" else ()),
        *(("voided_at",) if status == "voided" else ()),
    )
    for kind in ("billing_address", "shipping_address"):
        if (given := address(params.objects.get(kind, {}))) is not None:
            invoice[kind] = {**given, "object": kind}
    if notes := params.items("notes"):
        invoice["notes"] = [{**note, "object": "note"} for note in notes.values()]
    if status == "paid" and "paid_at" not in invoice:
        invoice["paid_at"] = date
    return invoice


def blank_invoice(site: Site, invoice_id: str, customer: Resource, currency: str, date: int) -> Resource:
    """What every invoice has at first. The address is the customer's of now; later ones do not reach it (3.3)."""
    invoice: Resource = {
        "id": invoice_id,
        "customer_id": customer["id"],
        "object": "invoice",
        "currency_code": currency,
        "exchange_rate": site.exchange_rate(currency),
        "date": date,
        "generated_at": site.epoch(),
        "net_term_days": 0,
        "amount_paid": 0,
        "amount_adjusted": 0,
        "write_off_amount": 0,
        "credits_applied": 0,
        "amount_due": 0,
        "amount_to_collect": 0,
        "round_off_amount": 0,
        "new_sales_amount": 0,
        "channel": "web",
        "deleted": False,
        "is_gifted": False,
        "term_finalized": True,
        "linked_payments": [],
        "applied_credits": [],
        "adjustment_credit_notes": [],
        "issued_credit_notes": [],
        "dunning_attempts": [],
        "linked_orders": [],
    }
    if "billing_address" in customer:
        invoice["billing_address"] = {**customer["billing_address"]}
    return with_values(invoice, customer, "vat_number", "vat_number_prefix")


def _payments(site: Site, params: Params, invoice: Resource) -> list[Resource]:
    made = [
        transactions.new_transaction(
            site,
            invoice,
            payment["amount"],
            payment["payment_method"],
            date=payment.get("date", invoice["date"]),
            transaction_id=payment.get("id"),
            reference_number=payment.get("reference_number"),
        )
        for payment in params.items("payments").values()
    ]
    rest = invoice["total"] - sum(transaction["amount"] for transaction in made)
    if invoice["status"] == "paid" and rest > 0 and not params.get("is_written_off"):
        made.append(transactions.new_transaction(site, invoice, rest, "other", date=invoice["date"]))
    return made


def _write_off(site: Site, params: Params, invoice: Resource) -> Resource | None:
    if not params.get("is_written_off"):
        return None
    open_amount = invoice["total"] - sum(link["applied_amount"] for link in invoice["linked_payments"])
    amount = min(params.get("write_off_amount", open_amount), open_amount)
    note_id, date = params.objects["credit_note"]["id"], params.get("write_off_date")
    note = new_credit_note(site, note_id, invoice, "adjustment", amount, date=date, reason_code="write_off")
    invoice["write_off_amount"] = amount
    note_adjustment(site, note, invoice, amount)
    if invoice["status"] == "paid" and amount < open_amount:
        invoice["status"] = unpaid_status(site, invoice["due_date"])
    return note


def _references(site: Site, params: Params, invoice: Resource) -> None:
    """KID and OCR numbers are a resource of their own."""
    for reference in params.items("payment_reference_numbers").values():
        row = {
            "id": reference.get("id") or site.new_id("prn"),
            "type": reference["type"],
            "number": reference["number"],
            "invoice_id": invoice["id"],
            "object": "payment_reference_number",
        }
        site.references.add(row, free_deleted=True)


IMPORT: Methods = {"POST": import_invoice}
