"""Customer invoices and credit notes as their read model (Visma reference, appendix, CustomerInvoiceDto).

The reference shows no read model of credit notes: theirs is taken to be the invoice's, with positive amounts. `amount`
is lines less discount plus VAT; what has no `InCurrency` behind it is in the company's currency (section 6).
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from ml_connector.simulators.visma import masters
from ml_connector.simulators.visma.amounts import ZERO, Amount, SaleLine, decimal, totals_of
from ml_connector.simulators.visma.chart import BANK, BRANCHES, RECEIVABLES, account_ref, subaccount_ref
from ml_connector.simulators.visma.projects import project_ref, task_ref
from ml_connector.simulators.visma.vat import VAT

Members = dict[str, Any]

INVOICE, CREDIT_NOTE = "Invoice", "CreditNote"
EXPANDS = {
    "expandApplications": "applications",
    "expandTaxDetails": "taxDetails",
    "expandInvoiceAddress": "invoiceAddress",
    "expandAttachments": "attachments",
}
"""The blocks that the lists show only when they are asked to, by parameter (section 4)."""
UNRELEASED = ("Hold", "Balanced")
_TERMS = {row["termsId"]: row for row in masters.CREDIT_TERMS}
_BRANCHES = {row["number"]: {"number": row["number"], "name": row["name"]} for row in BRANCHES}


@dataclass(frozen=True, slots=True)
class Sale:
    """What a document is made of.

    Attributes:
        kind: INVOICE or CREDIT_NOTE.
        customer: the customer's read model.
        rate: the company's currency for one of the document's.
        discount: off the whole document, in its currency.
        stamp: the moment of its creation, as models show it.
        hold: not ready for release.
    """

    kind: str
    number: str
    customer: Members
    lines: Sequence[SaleLine]
    currency: str
    rate: Decimal
    day: date
    stamp: str
    discount: Decimal = ZERO
    branch: str = "1"
    hold: bool = False
    text: str = ""
    project: str | None = None


def document_row(sale: Sale) -> Members:
    """The read model of a document that is not released; nothing has been paid of it."""
    customer, rate = sale.customer, sale.rate
    totals = totals_of(sale.lines, rate, sale.discount)
    terms = (customer.get("creditTerms") or {}).get("id") or "30"
    contact = customer.get("invoiceContact") or {}
    place = customer.get("invoiceAddress")
    return {
        "customer": {"number": customer["number"], "name": customer["name"]},
        "documentType": sale.kind,
        "referenceNumber": sale.number,
        "postPeriod": f"{sale.day:%Y%m}",
        "financialPeriod": f"{sale.day:%Y%m}",
        "closedFinancialPeriod": None,
        "documentDate": day_text(sale.day),
        "origInvoiceDate": None,
        "documentDueDate": day_text(due_day(sale.day, terms)) if sale.kind == INVOICE else None,
        "creditTerms": {"id": terms, "description": _TERMS[terms]["description"]},
        "status": "Hold" if sale.hold else "Balanced",
        "hold": sale.hold,
        "currencyId": sale.currency,
        "exchangeRate": float(rate),
        **totals.amount.members("amount"),
        **totals.amount.members("balance"),
        **totals.detail.members("detailTotal"),
        **totals.discount.members("discountTotal"),
        **totals.taxable(exempt=False).members("vatTaxableTotal"),
        **totals.taxable(exempt=True).members("vatExemptTotal"),
        **totals.vat.members("vatTotal"),
        **Amount().members("cashDiscount"),
        "roundingDiff": 0.0,
        "paymentReference": payment_reference(customer["number"], sale.number) if sale.kind == INVOICE else "",
        "customerRefNumber": "",
        "externalReference": "",
        "invoiceText": sale.text,
        "note": None,
        "isRotRutDeductible": False,
        "dunningLetterLevel": 0,
        "sendToAutoInvoice": False,
        "dontPrint": False,
        "dontEmail": not contact.get("email"),
        "revoked": False,
        "excludeDebtCollection": False,
        "customerVatZone": _described(customer.get("vatZone")),
        "paymentMethod": {"id": "1", "description": masters.PAYMENT_METHODS["1"]},
        "location": customer.get("location"),
        "branchNumber": _BRANCHES[sale.branch],
        "project": project_ref(sale.project),
        "cashAccount": BANK,
        "account": account_ref(RECEIVABLES),
        "invoiceLines": [_line(at, line, sale) for at, line in enumerate(sale.lines, 1)],
        "invoiceContact": {
            "contactId": contact.get("contactId"),
            "businessName": contact.get("name"),
            "attention": contact.get("attention"),
            "email": contact.get("email"),
            "phone1": contact.get("phone1"),
            "overrideContact": False,
        },
        "invoiceAddress": place and _address(place),
        "attachments": [],
        "taxDetails": [
            {
                "taxId": code,
                "recordId": at,
                "vatId": {"number": code, "description": VAT[code].description},
                "vatRate": float(VAT[code].rate),
                "taxableAmount": float(of.base),
                "vatAmount": float(vat.base),
            }
            for at, (code, (of, vat)) in enumerate(totals.taxes.items(), 1)
        ],
        "applications": [],
        "createdDateTime": sale.stamp,
        "lastModifiedDateTime": sale.stamp,
        "timeStamp": "",
    }


def _line(at: int, line: SaleLine, sale: Sale) -> Members:
    code = VAT[line.vat]
    return {
        "lineNumber": at,
        "inventoryNumber": None,
        "description": line.description,
        "quantity": float(line.quantity),
        "uom": "STK",
        **Amount.of(line.price, sale.rate).members("unitPrice"),
        **Amount().members("manualAmount"),
        **line.amount(sale.rate).members("amount"),
        "discountPercent": float(line.discount),
        **line.rebate(sale.rate).members("discountAmount"),
        "manualDiscount": bool(line.discount),
        "account": account_ref(line.account or code.sales),
        "subaccount": subaccount_ref(line.subaccount),
        "vatCode": {"id": code.id, "description": code.description},
        "branchNumber": _BRANCHES[sale.branch],
        "isRotRutDeductible": False,
        "projectTask": task_ref(sale.project, line.task),
        "note": None,
    }


def lines_of(row: Members) -> list[SaleLine]:
    """The lines that a document was made of."""
    return [
        SaleLine(
            line["description"],
            decimal(line["quantity"]),
            decimal(line["unitPriceInCurrency"]),
            line["vatCode"]["id"],
            line["subaccount"]["subaccountNumber"],
            decimal(line["discountPercent"]),
            line["account"]["number"],
            (line.get("projectTask") or {}).get("id"),
        )
        for line in row["invoiceLines"]
    ]


def application(kind: str, number: str, customer: str, amount: Amount, day: date, reference: str) -> Members:
    """What a payment or another document took off a document (ArAdjustDto); in the company's currency (section 6)."""
    return {
        "docType": kind,
        "customerCD": customer,
        "refNbr": number,
        "amountPaid": float(amount.base),
        "cashDiscountTaken": 0.0,
        "balance": 0.0,
        "pendingPPD": False,
        "released": True,
        "hold": False,
        "voided": False,
        "paymentRef": reference,
        "status": "Closed",
        "applicationDate": day_text(day),
        "applicationPeriod": f"{day:%Y%m}",
        "invoiceText": "",
    }


def due_day(day: date, terms: str) -> date:
    """When it is due: so many days later, or at the end of the month (section 7, creditTerm)."""
    term = _TERMS[terms]
    if term["dueDateType"] == "E":
        return day.replace(day=calendar.monthrange(day.year, day.month)[1])
    return day + timedelta(days=term["dueDay1"])


def day_text(day: date) -> str:
    """A date in a date-time's clothing (section 5)."""
    return f"{day.isoformat()}T00:00:00"


def payment_reference(customer: str, number: str) -> str:
    """The number that a payer quotes (KID): customer, document, and a check digit (modulus 10)."""
    digits = "".join(sign for sign in f"{customer}{number}" if sign.isdigit())
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(reversed(digits))]
    return f"{digits}{-sum(value // 10 + value % 10 for value in doubled) % 10}"


def _described(block: Members | None) -> Members | None:
    return block and {"id": block["id"], "description": block["description"]}


def _address(place: Members) -> Members:
    country = place.get("country")
    return {
        **{name: place.get(name) for name in ("addressId", "addressLine1", "addressLine2", "addressLine3")},
        "postalCode": place.get("postalCode"),
        "city": place.get("city"),
        "country": country and {"id": country["id"], "name": country["name"]},
        "county": None,
        "overrideAddress": False,
    }
