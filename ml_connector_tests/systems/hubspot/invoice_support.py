"""Invoices as Visma gives them, with totals that add up, and what is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import orjson

from ml_connector.engine.poll import poll
from ml_connector.engine.ports import Entity
from ml_connector.engine.records import Change, Desired, Mapped, Operation, Record
from ml_connector.systems.hubspot.document_flows import document_flows
from ml_connector.systems.hubspot.invoices import CREDIT_NOTES, INVOICES
from ml_connector.systems.hubspot.segments import DIMENSIONS
from ml_connector.systems.hubspot.settings import Settings
from ml_connector.systems.hubspot.transactions import TRANSACTIONS
from ml_connector_tests.systems.hubspot.support import CHANGE_TIME, COMPANY, SENT_AT, Sync, Visma

CENT = Decimal("0.01")


def invoice_settings(url: str = "https://api.hubapi.com", *, contacts: bool = True, **invoices: Any) -> Settings:
    """A target with companies, perhaps contacts, and invoices with these settings."""
    blocks: dict[str, Any] = {"companies": {}, "invoices": invoices}
    return Settings.model_validate({"base_url": url, "flows": blocks | ({"contacts": {}} if contacts else {})})


def line(
    number: int = 1, quantity: str = "2", price: str = "500", amount: str | None = None, **members: Any
) -> dict[str, Any]:
    """A line; its amount is quantity x price, rounded to the cent, unless it is given."""
    exact = Decimal(quantity) * Decimal(price) if amount is None else Decimal(amount)
    value = float(exact.quantize(CENT))
    row = {
        "lineNumber": number,
        "description": f"Vare {number}",
        "quantity": float(quantity),
        "uom": "STK",
        "unitPrice": float(price),
        "unitPriceInCurrency": float(price),
        "amount": value,
        "amountInCurrency": value,
        "discountPercent": 0.0,
        "vatCode": {"id": "3", "description": "25 %"},
    }
    return row | members


def invoice(
    number: str = "100045",
    *lines: Mapping[str, Any],
    customer: str = "10001",
    vat: str | None = None,
    discount: str = "0",
    paid: Sequence[Mapping[str, Any]] = (),
    **members: Any,
) -> dict[str, Any]:
    """A released invoice of 1,000 and 25 % VAT, or of these lines; what `paid` holds is taken off the balance."""
    lines = lines or (line(),)
    detail = sum((Decimal(str(one["amountInCurrency"])) for one in lines), Decimal())
    tax = Decimal(vat) if vat is not None else ((detail - Decimal(discount)) / 4).quantize(CENT)
    total = detail - Decimal(discount) + tax
    balance = total - sum((Decimal(str(one["amountPaid"])) for one in paid if not one.get("voided")), Decimal())
    row: dict[str, Any] = {
        "documentType": "Invoice",
        "referenceNumber": number,
        "status": "Open" if balance else "Closed",
        "customer": {"number": customer, "name": "Nordfisk AS"},
        "documentDate": "2026-10-01T00:00:00",
        "documentDueDate": "2026-10-31T00:00:00",
        "currencyId": "NOK",
        "exchangeRate": 1.0,
        "paymentReference": "1000110004512",
        "customerRefNumber": "PO-7",
        "externalReference": "",
        "invoiceLines": list(lines),
        "taxDetails": [{"taxId": "3", "vatRate": 25.0}],
        "applications": list(paid),
        "lastModifiedDateTime": CHANGE_TIME,
    }
    for name, value in (
        ("amount", total), ("balance", balance), ("detailTotal", detail), ("discountTotal", Decimal(discount)),
        ("vatTotal", tax),
    ):  # fmt: skip
        row |= {name: float(value), f"{name}InCurrency": float(value)}
    return row | members


def posting(account: str, amount: str, **members: Any) -> dict[str, Any]:
    """A line of a batch: a debit, or with an amount below zero a credit."""
    value = Decimal(amount)
    debit, credit = float(max(value, Decimal())), float(max(-value, Decimal()))
    row = {
        "accountNumber": account,
        "debitAmount": debit,
        "debitAmountInCurrency": debit,
        "creditAmount": credit,
        "creditAmountInCurrency": credit,
        "referenceNumber": "100045",
        "transactionType": "INV",
        "transactionDescription": "Faktura 100045",
        "customerSupplier": "10001",
    }
    return row | members


def batch(number: str = "000123", *lines: Mapping[str, Any], **members: Any) -> dict[str, Any]:
    """A posted batch of an invoice, or of these lines; its totals are what the lines add up to."""
    lines = lines or (posting("1500", "1250"), posting("3000", "-1000"), posting("2700", "-250"))
    debit, credit = (sum(Decimal(str(one[side])) for one in lines) for side in ("debitAmount", "creditAmount"))
    row = {
        "module": "ModuleAR",
        "batchNumber": number,
        "status": "Posted",
        "transactionDate": "2026-10-01T00:00:00",
        "financialPeriod": "202610",
        "currencyId": "NOK",
        "exchangeRate": 1.0,
        "description": "Faktura 100045",
        "debitTotal": float(debit),
        "creditTotal": float(credit),
        "journalTransactionLines": [{"lineNumber": at, **one} for at, one in enumerate(lines, 1)],
        "lastModifiedDateTime": CHANGE_TIME,
    }
    return row | members


def batch_key(row: Mapping[str, Any]) -> str:
    return f"{row['module'].removeprefix('Module')}-{row['batchNumber']}"


def credit_note(number: str = "100003", *lines: Mapping[str, Any], **members: Any) -> dict[str, Any]:
    """A credit note, whose amounts are positive."""
    return invoice(number, *lines, **{"documentType": "CreditNote", "documentDueDate": None, **members})


def payment(amount: str, number: str = "700001", day: str = "2026-10-20", **members: Any) -> dict[str, Any]:
    """What a payment took off an invoice."""
    row = {
        "docType": "Payment",
        "refNbr": number,
        "amountPaid": float(amount),
        "paymentRef": f"BANK-{number}",
        "applicationDate": f"{day}T00:00:00",
        "voided": False,
    }
    return row | members


def key_of(row: Mapping[str, Any]) -> str:
    return f"{row['documentType']}-{row['referenceNumber']}"


def mapped(row: Mapping[str, Any], *, vanished: bool = False, contacts: bool = True, **settings: Any) -> Mapped:
    flow = next(iter(document_flows(invoice_settings(contacts=contacts, **settings), COMPANY)))
    return flow.map(Record(key_of(row), SENT_AT, orjson.dumps(row), vanished=vanished))


def desired(row: Mapping[str, Any], **how: Any) -> Desired:
    wish = mapped(row, **how)
    assert isinstance(wish, Desired), wish
    return wish


def amount_of(properties: Mapping[str, str]) -> Decimal:
    """A line item's amount as HubSpot works it out."""
    price = Decimal(properties["price"]) - Decimal(properties["discount"] or "0")
    price = price * (100 - Decimal(properties["hs_discount_percentage"] or "0")) / 100
    return Decimal(properties["quantity"]) * price


def change(
    row: Mapping[str, Any],
    *,
    company: str = "",
    contact: str = "",
    linked: bool = False,
    facts: Mapping[str, Any] | None = None,
    **how: Any,
) -> Change:
    """The change of an invoice as the engine plans it, with the ids of what it belongs to."""
    wish = desired(row, **how)
    body = {**wish.body, **({"company": company} if company else {}), **({"contact": contact} if contact else {})}
    operation = Operation.UPDATE if linked else Operation.CREATE
    target_id = wish.claim if linked else None
    return Change(
        key_of(row), operation, wish.claim, target_id, body, wish.create, wish.rule, facts or {}, b"of the body"
    )


@dataclass
class Documents(Visma):
    """A source that has invoices, credit notes, journal batches and dimensions as well."""

    def put(self, *rows: Mapping[str, Any]) -> None:
        for row in rows:
            if "documentType" in row:
                entity = CREDIT_NOTES if row["documentType"] == "CreditNote" else INVOICES
                stored = {**row, "lastModifiedDateTime": self.clock().isoformat()}
                self.rows.setdefault(entity, {})[key_of(row)] = stored
            elif "batchNumber" in row:
                stored = {**row, "lastModifiedDateTime": self.clock().isoformat()}
                self.rows.setdefault(TRANSACTIONS, {})[batch_key(row)] = stored
            elif "segments" in row:
                stored = {**row, "lastModifiedDateTime": self.clock().isoformat()}
                self.rows.setdefault(DIMENSIONS, {})[str(row["id"])] = stored
            else:
                super().put(row)


@dataclass
class DocumentSync(Sync):
    """A whole sync that reads documents, too."""

    visma: Documents = field(default_factory=Documents)

    def read(self, *, whole: bool = False) -> None:
        super().read(whole=whole)
        for name in (INVOICES, CREDIT_NOTES, TRANSACTIONS):
            poll(
                self.visma,
                Entity(name, name),
                self.ledger,
                run_id=self._run(),
                clock=self.visma.clock,
                whole=whole,
                overlap=timedelta(0),
            )
        if DIMENSIONS in self.visma.rows:
            poll(
                self.visma,
                Entity(DIMENSIONS, "Dimensions", secondary=True, windowed=False),
                self.ledger,
                run_id=self._run(),
                clock=self.visma.clock,
                overlap=timedelta(0),
            )
