"""Invoices: reading them, and what can still be done to a closed one (Chargebee reference, section 4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml_connector.simulators.chargebee.balances import (
    changed,
    invoice_event,
    need_unpaid,
    need_untouched,
    release_credits,
    settle,
)
from ml_connector.simulators.chargebee.comments import add_comment
from ml_connector.simulators.chargebee.credit_rows import credit_event, new_credit_note, note_adjustment
from ml_connector.simulators.chargebee.customers import address, check_vat
from ml_connector.simulators.chargebee.document_tables import COMMENT, UPDATE_DETAILS, VOID_INVOICE
from ml_connector.simulators.chargebee.errors import missing, not_found, wrong_state, wrong_value
from ml_connector.simulators.chargebee.line_pages import page_of
from ml_connector.simulators.chargebee.lists import Listing, elements
from ml_connector.simulators.chargebee.pages import answer_list
from ml_connector.simulators.chargebee.protocol import Call, Methods, Reply, ok
from ml_connector.simulators.chargebee.site import Resource, Site
from ml_connector.simulators.chargebee.tables import ADDRESS

LISTING = Listing(
    name="invoice",
    filters={
        "id": "text",
        "subscription_id": "text",
        "customer_id": "text",
        "recurring": "flag",
        "status": "enum",
        "price_type": "enum",
        "date": "time",
        "paid_at": "time",
        "total": "amount",
        "amount_paid": "amount",
        "amount_adjusted": "amount",
        "credits_applied": "amount",
        "amount_due": "amount",
        "dunning_status": "enum",
        "updated_at": "time",
        "voided_at": "time",
        "void_reason_code": "text",
        "channel": "enum",
    },
    sorts=("date", "updated_at"),
    default_sort="date",
    deletable=True,
)
REFERENCES = Listing(
    name="payment_reference_number",
    filters={"id": "text"},
    sorts=(),
    default_sort="id_order",
    extras=("payment_reference_number",),
)


def update_details(site: Site, call: Call) -> Reply:
    """Header data alone; amounts and lines of a closed invoice cannot be edited. The customer stays what it is.

    Everything is checked before anything is kept. A comment is added to those of the invoice, which does not show them.
    """
    params = call.params(site, UPDATE_DETAILS)
    invoice = site.invoices.find(call.args["id"])
    if invoice["status"] == "voided":
        raise wrong_state("The details of a voided invoice cannot be changed")
    if "billing_address" not in params.objects:
        for name in ("vat_number", "vat_number_prefix"):
            if name in params.scalars:
                raise wrong_value(name, "can only be changed together with billing_address")
    addresses: dict[str, Resource | None] = {
        kind: _address_after(site, invoice.get(kind, {}), params.objects[kind])
        for kind in ("billing_address", "shipping_address")
        if kind in params.objects
    }
    if "billing_address" in addresses:
        _check_tax(invoice, addresses["billing_address"] or {})
        check_vat(site, params.get("vat_number"), addresses["billing_address"] or {})
    for kind, given in addresses.items():
        invoice.pop(kind, None)
        if given is not None:
            invoice[kind] = {**given, "object": kind}
    for name in ("vat_number", "vat_number_prefix", "po_number"):
        if params.get(name) is not None:
            invoice[name] = params.scalars[name]
        elif name in params.scalars and site.settings.empty_value == "clear":
            invoice.pop(name, None)
    if descriptor := params.objects.get("statement_descriptor"):
        shown = {"id": site.new_id("sd"), **descriptor, "object": "statement_descriptor"}
        invoice["statement_descriptor"] = shown
    if params.get("comment") is not None:
        add_comment(site, call.actor, "invoice", invoice["id"], params.get("comment"))
    site.touch(invoice)
    changed(site, call.actor, invoice)
    return ok(invoice=invoice)


def _address_after(site: Site, before: Resource, sent: Mapping[str, Any]) -> Resource | None:
    """The address once some of it was sent; None where nothing is left of it. Left-out values stay, or go."""
    if site.settings.empty_value == "ignore":
        sent = {**sent, **{name: before.get(name) for name, value in sent.items() if value is None}}
    stays = before if site.settings.partial_address == "merge" else {}
    kept = {name: value for name, value in {**stays, **sent}.items() if name in ADDRESS and value is not None}
    return address(kept) if kept.keys() - {"validation_status"} else None


def _check_tax(invoice: Resource, billing: Resource) -> None:
    """400 where another country would change the tax that was applied."""
    if invoice["tax"] and billing.get("country") != invoice.get("billing_address", {}).get("country"):
        raise wrong_value("billing_address[country]", "cannot be changed because the applied tax would change")


def void(site: Site, call: Call) -> Reply:
    """Keeps the invoice, and its id stays taken."""
    params = call.params(site, VOID_INVOICE)
    invoice = site.invoices.find(call.args["id"])
    need_unpaid(invoice, "Voiding")
    need_untouched(invoice, "Voiding")
    if site.settings.void_reason_required and params.get("void_reason_code") is None:
        raise missing("void_reason_code")
    release_credits(site, invoice)
    note = None
    if site.settings.void_credit_note and invoice["total"]:
        number = site.next_number("credit_note")
        note = new_credit_note(site, number, invoice, "adjustment", invoice["total"], reason_code="other")
        note_adjustment(site, note, invoice, invoice["total"])
        invoice["amount_adjusted"] = 0  # a void invoice owes nothing that could be adjusted
    invoice.update(status="voided", voided_at=site.epoch(), amount_due=0, amount_to_collect=0, credits_applied=0)
    if params.get("void_reason_code") is not None:
        invoice["void_reason_code"] = params.get("void_reason_code")
    site.touch(invoice)
    changed(site, call.actor, invoice)
    if note is not None:
        credit_event(site, call.actor, "credit_note_created", note)
    return ok(invoice=invoice, credit_note=note)


def delete(site: Site, call: Call) -> Reply:
    """Marks it; from then on it is only in lists that ask for deleted ones."""
    call.params(site, COMMENT)
    invoice = site.invoices.find(call.args["id"])
    need_untouched(invoice, "Deleting")
    release_credits(site, invoice)
    invoice["deleted"] = True
    site.touch(invoice)
    invoice_event(site, call.actor, "invoice_deleted", invoice)
    return ok(invoice=invoice)


def write_off(site: Site, call: Call) -> Reply:
    """Credits what is due, which counts as neither paid nor adjusted."""
    call.params(site, COMMENT)
    invoice = site.invoices.find(call.args["id"])
    need_unpaid(invoice, "Writing off")
    due = invoice["amount_due"]
    note = new_credit_note(site, site.next_number("credit_note"), invoice, "adjustment", due, reason_code="write_off")
    invoice["write_off_amount"] += due
    note_adjustment(site, note, invoice, due)
    settle(site, invoice)
    credit_event(site, call.actor, "credit_note_created", note)
    changed(site, call.actor, invoice)
    return ok(invoice=invoice, credit_note=note)


def _list(site: Site, call: Call) -> Reply:
    return answer_list(site, LISTING, site.invoices, call)


def _read(site: Site, call: Call) -> Reply:
    return ok(invoice=page_of(site, _shown(site, call.args["id"]), call.query))


def _shown(site: Site, invoice_id: str) -> Resource:
    invoice = site.invoices.get(invoice_id)
    if invoice is None or (invoice["deleted"] and site.settings.deleted_read == "missing"):
        raise not_found(invoice_id)
    return invoice


def _list_references(site: Site, call: Call) -> Reply:
    """Found by number, which stands two brackets deep: `payment_reference_number[number][is]`."""
    wanted: set[str] | None = None
    for key, text in call.query:
        if key.startswith("payment_reference_number[number]"):
            operator = key.split("[")[2].rstrip("]")
            wanted = (wanted or set()) | ({text} if operator == "is" else set(elements(key, text)))

    def value(row: Resource, name: str) -> object:
        return None if name == "id_order" else row.get(name)

    rows = site.references
    if wanted is not None:
        rows = rows.only(lambda row: row["number"] in wanted)
    return answer_list(site, REFERENCES, rows, call, value=value)


INVOICES: Methods = {"GET": _list}
INVOICE: Methods = {"GET": _read}
PAYMENT_REFERENCES: Methods = {"GET": _list_references}
UPDATE_INVOICE: Methods = {"POST": update_details}
VOID: Methods = {"POST": void}
DELETE: Methods = {"POST": delete}
WRITE_OFF: Methods = {"POST": write_off}
