"""From a batch of the general ledger to a transaction at HubSpot: pure and total.

A batch is complete or not used: where debit and credit differ, or are not what its header says, nothing of it is sent.
The body serves both places where transactions can be kept: only the account knows whether it has custom objects.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Final

from ml_connector.engine.records import Desired, Mapped, Need, Record, Reject, Skip
from ml_connector.systems.hubspot.fields import as_text
from ml_connector.systems.hubspot.invoice_lines import ZERO, digits, is_usable
from ml_connector.systems.hubspot.parties import UNREADABLE, parsed
from ml_connector.systems.hubspot.segments import segment_names, segment_properties
from ml_connector.systems.hubspot.transaction_settings import TransactionsSettings, on_invoices
from ml_connector.systems.visma.models import JournalLine, JournalTransaction

TRANSACTIONS: Final = "visma.journal_transactions"
POSTED = frozenset({"Posted", "Completed", "Released", "Voided"})
"""Statuses of batches that stand in the ledger; the others can still change or go (Visma reference, section 6)."""

OTHER_MODULE, OTHER_ACCOUNTS = "not selected: module", "not selected: accounts"
NOT_POSTED, BEFORE_FROM = "not posted", "before from"
GONE = "deleted, and not in HubSpot"

COMPANY, INVOICE = "company ", "invoice "
"""How the names begin under which the ids of companies and invoices come into the body."""
SHOWN = 50
"""So many lines stand in the text of a transaction; a batch can have thousands."""


def map_transaction(
    record: Record, settings: TransactionsSettings, namespace: str, portal: str | None, *, invoices: bool
) -> Mapped:
    """What the transaction of this batch should look like.

    The body holds `properties` of the custom object, without our key, which is the claim; `invoice`, what stands on the
    invoices where there is no such object; and, from other flows, the ids of companies and invoices.

    Args:
        invoices: the target has invoices.
    """
    batch = _batch(record)
    if isinstance(batch, Reject):
        return batch
    if (skipped := _left_out(batch, settings)) is not None:
        return skipped
    amounts = [value for line in batch.journal_transaction_lines for value in _values(line)]
    if not amounts or not all(value is None or is_usable(value) for value in amounts):
        return Reject("The batch has no lines, or no usable amounts.", "unreadable")
    if not batch.is_balanced:
        said = batch.debit_total if batch.debit_total is not None else "nothing"
        return Reject(
            f"Debit is {digits(batch.debit)}, credit is {digits(batch.credit)}, and the header says {said}. A batch is "
            "complete or not used, so nothing of it was sent.",
            "does not balance",
        )
    deleted = batch.status == "Deleted"
    subaccounts = (one.subaccount for one in batch.journal_transaction_lines if _counts(one, settings))
    segments = segment_properties(settings.segments, subaccounts, segment_names(record))
    body: dict[str, Any] = {
        "properties": {**_properties(batch, settings), **segments},
        "invoice": {
            **_on_invoices(batch, settings),
            **{on_invoices(name): value for name, value in segments.items()},
        },
    }
    if portal is not None:
        body["portal"] = portal
    return Desired(
        f"{namespace}:{batch.key}",
        body,
        create=not deleted,
        rule=GONE if deleted else None,
        needs=dict(_needs(batch, settings, namespace, invoices)),
    )


def _batch(record: Record) -> JournalTransaction | Reject:
    if record.key.startswith(UNREADABLE):
        return Reject("Visma.net sent this batch without a module or a number.", "unreadable")
    batch = parsed(JournalTransaction, record.payload)
    if isinstance(batch, str):
        return Reject(f"Visma.net's batch cannot be read: {batch}.", "unreadable")
    return batch.model_copy(update={"status": "Deleted"}) if record.vanished else batch


def _left_out(batch: JournalTransaction, settings: TransactionsSettings) -> Skip | None:
    """Why a rule leaves it alone."""
    module = _module(batch)
    if module not in settings.modules:
        return Skip(OTHER_MODULE, f"It is of the module {module}.")
    accounts = [as_text(line.account_number) for line in batch.journal_transaction_lines]
    if settings.accounts and not any(map(settings.is_sales, accounts)):
        return Skip(OTHER_ACCOUNTS, "None of its lines is on one of `accounts`.")
    if batch.status not in POSTED and batch.status != "Deleted":
        return Skip(NOT_POSTED, f"Its status is {batch.status or '(none)'}.")
    day = batch.transaction_date
    if settings.from_ is not None and day is not None and day < settings.from_:
        return Skip(BEFORE_FROM, f"It is of {day}, and `from` is {settings.from_}.")
    return None


def _properties(batch: JournalTransaction, settings: TransactionsSettings) -> dict[str, str]:
    return {
        "batch": batch.key,
        "description": as_text(batch.description),
        "module": _module(batch),
        "status": as_text(batch.status),
        "transaction_date": as_text(batch.transaction_date),
        "financial_period": as_text(batch.financial_period),
        "currency": as_text(batch.currency_id).upper() if _in_currency(batch) else "",
        "total": digits(_total(batch)),
        "sales_amount": digits(_sales(batch, settings)),
        "customers": ", ".join(_customers(batch)),
        "documents": ", ".join(_documents(batch, settings)),
        "lines": as_text("\n".join(_texts(batch))),
    }


def _on_invoices(batch: JournalTransaction, settings: TransactionsSettings) -> dict[str, str]:
    return {
        "visma_transaction": batch.key,
        "visma_transaction_date": as_text(batch.transaction_date),
        "visma_transaction_period": as_text(batch.financial_period),
        # Beside the invoice's currency an amount in another one would be wrong.
        "visma_transaction_sales": digits(_sales(batch, settings)) if _in_currency(batch) else "",
    }


def _needs(
    batch: JournalTransaction, settings: TransactionsSettings, namespace: str, invoices: bool
) -> Iterator[tuple[str, Need]]:
    """The companies and invoices that it concerns, as far as they come over; it goes without them, too."""
    for number in _customers(batch):
        yield f"{COMPANY}{number}", Need("companies", number, number, record=True, optional=True)
    for document in _documents(batch, settings) if invoices else ():
        flow = "credit_notes" if document.startswith("CreditNote-") else "invoices"
        yield f"{INVOICE}{document}", Need(flow, f"{namespace}:{document}", document, optional=True)


def _customers(batch: JournalTransaction) -> list[str]:
    """Numbers of the customers on its lines; in other modules the same member holds suppliers as well."""
    if _module(batch) != "AR":
        return []
    numbers = (as_text(line.customer_supplier) for line in batch.journal_transaction_lines)
    return [number for number in dict.fromkeys(numbers) if number]


def _documents(batch: JournalTransaction, settings: TransactionsSettings) -> list[str]:
    """Keys of the invoices and credit notes that its lines refer to."""
    found = (
        f"{kind}-{as_text(line.reference_number)}"
        for line in batch.journal_transaction_lines
        if (kind := settings.document_types.get(as_text(line.transaction_type))) and as_text(line.reference_number)
    )
    return list(dict.fromkeys(found))


def _total(batch: JournalTransaction) -> Decimal:
    """The debit."""
    return sum((debit for _, debit, _ in _amounts(batch)), ZERO)


def _sales(batch: JournalTransaction, settings: TransactionsSettings) -> Decimal:
    """What was credited to the accounts that count, less what was debited; of all accounts it would be nothing."""
    counted = ((debit, credit) for line, debit, credit in _amounts(batch) if _is_sales(line, settings))
    return sum((credit - debit for debit, credit in counted), ZERO)


def _counts(line: JournalLine, settings: TransactionsSettings) -> bool:
    """Whether it is one of the lines for which the batch comes over."""
    return not settings.accounts or _is_sales(line, settings)


def _is_sales(line: JournalLine, settings: TransactionsSettings) -> bool:
    return settings.is_sales(as_text(line.account_number))


def _texts(batch: JournalTransaction) -> Iterator[str]:
    """Account, debit less credit, and text of each line."""
    amounts = _amounts(batch)
    for line, debit, credit in amounts[:SHOWN]:
        text = as_text(line.transaction_description) or as_text(line.description)
        yield f"{as_text(line.account_number)} {digits(debit - credit)} {text}".rstrip()
    if len(amounts) > SHOWN:
        yield f"and {len(amounts) - SHOWN} more"


def _amounts(batch: JournalTransaction) -> Sequence[tuple[JournalLine, Decimal, Decimal]]:
    """Debit and credit of each line: in the batch's currency, or else all of them in the company's."""
    if _in_currency(batch):
        return [
            (one, one.debit_amount_in_currency or ZERO, one.credit_amount_in_currency or ZERO)
            for one in batch.journal_transaction_lines
        ]
    return [(one, one.debit_amount or ZERO, one.credit_amount or ZERO) for one in batch.journal_transaction_lines]


def _in_currency(batch: JournalTransaction) -> bool:
    """Whether every line says what it is in the batch's currency; amounts without suffix are in the company's (Visma
    reference, section 6), which no row names."""
    return bool(as_text(batch.currency_id)) and all(
        one.debit_amount_in_currency is not None or one.credit_amount_in_currency is not None
        for one in batch.journal_transaction_lines
    )


def _values(line: JournalLine) -> Sequence[Decimal | None]:
    return line.debit_amount, line.credit_amount, line.debit_amount_in_currency, line.credit_amount_in_currency


def _module(batch: JournalTransaction) -> str:
    return as_text(batch.module).removeprefix("Module")
