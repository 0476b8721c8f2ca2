"""Batches of the general ledger as their read model (Visma reference, appendix, JournalTransactionDto)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from ml_connector.simulators.visma.amounts import ZERO, Amount, added
from ml_connector.simulators.visma.chart import LEDGER, LEDGER_NAME, account_ref, subaccount_ref
from ml_connector.simulators.visma.invoice_rows import day_text
from ml_connector.simulators.visma.projects import project_ref, task_ref
from ml_connector.simulators.visma.vat import VAT

Members = dict[str, Any]

MODULES = ("GL", "AP", "AR", "CA", "CM", "IN", "DR", "FA", "PM")
"""As the filter names them; in answers they are `ModuleGL` and so on (section 4)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: a debit, or a credit.

    Attributes:
        amount: positive for a debit, negative for a credit; `storno` writes a debit as a negative credit instead, and
            a credit as a negative debit.
        partner: the number of the customer or supplier.
        kind: the kind of transaction ("INV", "PMT", "CRM").
    """

    account: str
    amount: Amount
    text: str = ""
    reference: str = ""
    subaccount: str = "00-0000"
    vat: str | None = None
    partner: str | None = None
    kind: str = ""
    storno: bool = False
    project: str | None = None
    task: str | None = None
    note: str | None = None

    @property
    def debit(self) -> Amount:
        return self.amount if (self.amount.base > 0) is not self.storno else Amount()

    @property
    def credit(self) -> Amount:
        return Amount() if (self.amount.base > 0) is not self.storno else -self.amount


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch is made of.

    Attributes:
        module: one of MODULES.
        number: unique within its module.
        stamp: the moment of its creation, with an offset.
        period: YYYYMM; None is the day's.
    """

    module: str
    number: str
    entries: Sequence[Entry]
    day: date
    description: str
    stamp: str
    currency: str = "NOK"
    rate: Decimal = Decimal(1)
    status: str = "Posted"
    branch: str = "1"
    period: str | None = None


def batch_row(batch: Batch) -> tuple[Members, list[Members]]:
    """The read model without its lines, and the lines."""
    period = batch.period or f"{batch.day:%Y%m}"
    debit, credit = (added(getattr(entry, side) for entry in batch.entries) for side in ("debit", "credit"))
    header = {
        "module": f"Module{batch.module}",
        "batchNumber": batch.number,
        "status": batch.status,
        "hold": batch.status == "Hold",
        "transactionDate": day_text(batch.day),
        "postPeriod": f"{period[4:]}{period[:4]}",  # the month first, here and nowhere else (section 6)
        "financialPeriod": period,
        "ledger": LEDGER,
        "ledgerDescription": LEDGER_NAME,
        "currencyId": batch.currency,
        "exchangeRate": float(batch.rate),
        "autoReversing": False,
        "reversingEntry": False,
        "description": batch.description,
        "originalBatchNumber": "",
        **debit.members("debitTotal"),
        **credit.members("creditTotal"),
        **debit.members("controlTotal"),
        "createVatTransaction": False,
        "skipVatAmountValidation": False,
        "transactionCode": None,
        "branch": batch.branch,
        "lastModifiedDateTime": batch.stamp,
        "timeStamp": "",
    }
    return header, [_line(at, entry, batch) for at, entry in enumerate(batch.entries, 1)]


def _line(at: int, entry: Entry, batch: Batch) -> Members:
    account = account_ref(entry.account)
    code = entry.vat and {"id": entry.vat, "description": VAT[entry.vat].description}
    return {
        "lineNumber": at,
        "accountNumber": entry.account,
        "description": account["description"],
        "subaccount": subaccount_ref(entry.subaccount),
        "referenceNumber": entry.reference,
        **entry.debit.members("debitAmount"),
        **entry.credit.members("creditAmount"),
        "transactionDescription": entry.text,
        "vatCode": code,
        "vat": code,
        "branch": batch.branch,
        "customerSupplier": entry.partner,
        "transactionType": entry.kind,
        "module": f"Module{batch.module}",
        "quantity": float(ZERO),
        "uom": None,
        "inventoryNumber": None,
        "project": project_ref(entry.project),
        "projectTask": task_ref(entry.project, entry.task),
        "note": entry.note,
    }
