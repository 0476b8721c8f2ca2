"""Credit notes: made and imported (Chargebee reference, section 4.2)."""

from __future__ import annotations

from ml_connector.simulators.chargebee import transactions
from ml_connector.simulators.chargebee.balances import changed, payment_event, settle
from ml_connector.simulators.chargebee.credit_rows import (
    apply_credit,
    credit_event,
    new_credit_note,
    note_adjustment,
    refund,
)
from ml_connector.simulators.chargebee.document_tables import CREATE_CREDIT_NOTE, IMPORT_CREDIT_NOTE
from ml_connector.simulators.chargebee.documents import Document, read_document
from ml_connector.simulators.chargebee.errors import duplicate, missing, wrong_state, wrong_value
from ml_connector.simulators.chargebee.line_pages import page_of
from ml_connector.simulators.chargebee.lists import Listing
from ml_connector.simulators.chargebee.pages import answer_list
from ml_connector.simulators.chargebee.params import Params
from ml_connector.simulators.chargebee.protocol import Actor, Call, Methods, Reply, ok
from ml_connector.simulators.chargebee.site import Resource, Site

LISTING = Listing(
    name="credit_note",
    filters={
        "id": "text",
        "customer_id": "text",
        "subscription_id": "text",
        "reference_invoice_id": "text",
        "type": "enum",
        "reason_code": "enum",
        "create_reason_code": "text",
        "status": "enum",
        "date": "time",
        "total": "amount",
        "price_type": "enum",
        "amount_allocated": "amount",
        "amount_refunded": "amount",
        "amount_available": "amount",
        "voided_at": "time",
        "updated_at": "time",
        "channel": "enum",
    },
    sorts=("date",),
    default_sort="date",
    deletable=True,
)


def create(site: Site, call: Call) -> Reply:
    params = call.params(site, CREATE_CREDIT_NOTE)
    if params.get("reference_invoice_id") is None:
        raise missing("reference_invoice_id")  # notes for the customer alone are not simulated
    invoice = site.invoices.find(params.get("reference_invoice_id"), "reference_invoice_id")
    lines = _lines(site, params, invoice)
    total = sum(line["amount"] for line in lines) if lines else params.get("total")
    if total is None:
        raise missing("total")
    more = {name: params.get(name) for name in ("reason_code", "create_reason_code")}
    note = issue(site, call.actor, invoice, params.get("type"), total, lines, date=params.get("date"), **more)
    return ok(credit_note=note, invoice=invoice)


def issue(
    site: Site,
    actor: Actor,
    invoice: Resource,
    kind: str,
    total: int,
    lines: list[Resource],
    *,
    tax: int = 0,
    date: int | None = None,
    **more: object,
) -> Resource:
    """A credit note of the site's own: an adjustment takes from what is due, a refundable one from what was paid."""
    if kind == "adjustment":
        if total > invoice["amount_due"]:
            raise wrong_state(f"Only {invoice['amount_due']} is due, which is less than {total}")
    elif total > creditable(invoice):
        raise wrong_state(f"Only {creditable(invoice)} was paid and not credited, which is less than {total}")
    for line in lines:
        if line["amount"] > left_of(site, invoice, line.get("reference_line_item_id")):
            raise wrong_state(f"More than the line item {line.get('reference_line_item_id')} cannot be credited")
    note = new_credit_note(
        site,
        site.next_number("credit_note"),
        invoice,
        kind,
        total,
        date=date,
        line_items=lines,
        sub_total=sum(line["amount"] for line in lines) if lines else total - tax,
        **more,
    )
    if kind == "adjustment":
        note_adjustment(site, note, invoice, total)
    settle(site, invoice)
    credit_event(site, actor, "credit_note_created", note)
    changed(site, actor, invoice)
    return note


def left_of(site: Site, invoice: Resource, line_id: str | None) -> int:
    """What was not credited yet of a line; a line that names none of the invoice's may be up to its total."""
    whole = next((line["amount"] for line in invoice["line_items"] if line["id"] == line_id), None)
    if whole is None:
        return int(invoice["total"])
    briefs = [*invoice["issued_credit_notes"], *invoice["adjustment_credit_notes"]]
    notes = [note for brief in briefs if (note := site.credit_notes.get(brief["cn_id"])) is not None]
    lines = (line for note in notes for line in note["line_items"])
    return int(whole - sum(line["amount"] for line in lines if line.get("reference_line_item_id") == line_id))


def creditable(invoice: Resource) -> int:
    """What was paid and not credited yet."""
    issued = sum(row.get("cn_total", 0) for row in invoice["issued_credit_notes"])
    return int(invoice["amount_paid"] + invoice["credits_applied"] - issued)


def _lines(site: Site, params: Params, invoice: Resource) -> list[Resource]:
    """Lines name the invoice's, and have their dates and texts unless they say otherwise."""
    known = {line["id"]: line for line in invoice["line_items"]}
    lines = []
    for index, given in params.items("line_items").items():
        reference = given.get("reference_line_item_id")
        if reference is not None and reference not in known:
            raise wrong_value(f"line_items[reference_line_item_id][{index}]", "is no line item of the invoice")
        line = {**known.get(reference or "", {}), **given}
        amount = given.get("amount", given.get("unit_amount", line.get("unit_amount", 0)) * line.get("quantity", 1))
        line = {"date_from": invoice["date"], "date_to": invoice["date"], "entity_type": "adhoc", **line}
        line.update(id=site.new_id("li"), amount=amount, is_taxed=False, tax_amount=0, object="line_item")
        line.setdefault("unit_amount", amount)
        line.setdefault("description", "Credit")
        lines.append(line)
    return lines


def import_credit_note(site: Site, call: Call) -> Reply:
    """`store` is refused; addresses are copied from the invoice; the rest must add up as for an invoice."""
    params = call.params(site, IMPORT_CREDIT_NOTE)
    known = site.credit_notes.get(params.get("id"))
    if known is not None and not (known["deleted"] and site.settings.deleted_id == "free"):
        raise duplicate()
    kind, note_id = params.get("type"), params.get("id")
    if kind == "store":
        raise wrong_value("type", "store cannot be imported")
    invoice = site.invoices.find(params.get("reference_invoice_id"), "reference_invoice_id")
    if params.get("customer_id", invoice["customer_id"]) != invoice["customer_id"]:
        raise wrong_value("customer_id", "is not the customer of the invoice")
    if params.get("currency_code", invoice["currency_code"]) != invoice["currency_code"]:
        raise wrong_value("currency_code", "is not the currency of the invoice")
    if params.get("date") > site.epoch() and site.settings.import_dates:
        raise wrong_value("date", "cannot be in the future")
    document, total = _imported_total(site, params, invoice)
    refunds = params.items("linked_refunds")
    if sum(one["amount"] for one in refunds.values()) > (0 if kind == "adjustment" else total):
        raise wrong_value("linked_refunds[amount][0]", "the refunds are more than can be refunded")
    allocations = _allocations(site, params, invoice, kind, total)
    note = new_credit_note(
        site,
        note_id,
        invoice,
        kind,
        total,
        date=params.get("date"),
        create_reason_code=params.get("create_reason_code"),
        sub_total=document.sub_total if document.line_items else params.get("sub_total", total),
        round_off_amount=params.get("round_off_amount", 0),
        **document.shown(),
        **{name: value for name, value in params.scalars.items() if name.startswith("cf_")},
    )
    for allocated, amount in allocations:
        if kind == "adjustment":
            note_adjustment(site, note, allocated, amount)
        else:
            apply_credit(site, note, allocated, amount)
        settle(site, allocated)
    for one in refunds.values():
        refund_note(site, call.actor, note, one["amount"], one["payment_method"], one["date"], one.get("id"))
    if params.get("status") == "voided":
        note.update(status="voided", voided_at=params.get("voided_at", site.epoch()))
    site.touch(invoice)
    if site.settings.import_events:
        credit_event(site, call.actor, "credit_note_created", note)
        changed(site, call.actor, invoice)
    return ok(credit_note=note)


def _imported_total(site: Site, params: Params, invoice: Resource) -> tuple[Document, int]:
    document = read_document(
        site,
        params,
        date=params.get("date"),
        subscription_id=params.get("subscription_id", invoice.get("subscription_id")),
        customer_id=invoice["customer_id"],
    )
    total = params.get("total")
    if not document.line_items:
        if total is None:
            raise missing("total")
        return document, int(total)
    expected = document.total(invoice["price_type"], params.get("round_off_amount", 0))
    if total is not None and total != expected and site.settings.import_arithmetic:
        raise wrong_value("total", f"{total} is not what the line items come to, {expected}")
    return document, expected if total is None else int(total)


def _allocations(site: Site, params: Params, invoice: Resource, kind: str, total: int) -> list[tuple[Resource, int]]:
    """Which invoices the note pays. An adjustment without any goes to its own invoice."""
    found: list[tuple[Resource, int]] = []
    for index, one in params.items("allocations").items():
        target = site.invoices.find(one["invoice_id"], f"allocations[invoice_id][{index}]")
        if one["allocated_amount"] > target["amount_due"]:
            raise wrong_value(f"allocations[allocated_amount][{index}]", f"only {target['amount_due']} is due")
        found.append((target, one["allocated_amount"]))
    if sum(amount for _, amount in found) > total:
        raise wrong_value("allocations[allocated_amount][0]", f"the allocations are more than the total {total}")
    if kind == "adjustment" and not found:
        if total > invoice["amount_due"]:
            raise wrong_state(f"Only {invoice['amount_due']} is due, which is less than {total}")
        found = [(invoice, total)]
    return found


def refund_note(
    site: Site,
    actor: Actor,
    note: Resource,
    amount: int,
    method: str,
    date: int | None = None,
    transaction_id: str | None = None,
) -> Resource:
    """Pay back what a note has available."""
    if amount > note["amount_available"]:
        raise wrong_state(f"Only {note['amount_available']} is available, which is less than {amount}")
    transaction = transactions.new_transaction(
        site, note, amount, method, kind="refund", date=date, transaction_id=transaction_id
    )
    refund(site, note, transaction)
    invoice = site.invoices.get(note["reference_invoice_id"])
    payment_event(site, actor, "payment_refunded", transaction, invoice=invoice, credit_note=note)
    credit_event(site, actor, "credit_note_updated", note)
    return transaction


def _list(site: Site, call: Call) -> Reply:
    return answer_list(site, LISTING, site.credit_notes, call)


def _read(site: Site, call: Call) -> Reply:
    return ok(credit_note=page_of(site, site.credit_notes.find(call.args["id"]), call.query))


CREDIT_NOTES: Methods = {"GET": _list, "POST": create}
CREDIT_NOTE: Methods = {"GET": _read}
IMPORT: Methods = {"POST": import_credit_note}
