"""Customer invoices and credit notes (Visma reference, appendix, CustomerInvoiceDto).

Amounts without a suffix are in the company's currency, those `in_currency` in the document's (section 6).
"""

from __future__ import annotations

from decimal import Decimal

from pydantic import AliasChoices, Field

from ml_connector.systems.visma.models.common import (
    AccountRef,
    Address,
    Day,
    Described,
    Listed,
    Location,
    Model,
    Money,
    Numbered,
    SubaccountRef,
)


class DocumentContact(Model):
    """Whom the document is sent to."""

    business_name: str | None = None
    attention: str | None = None
    email: str | None = None
    phone1: str | None = None


class DocumentLine(Model):
    """One line. `amount` is after the line's discount and before VAT; negative where something is taken back."""

    line_number: int | None = None
    inventory_number: str | None = None
    description: str | None = None
    quantity: Decimal | None = None
    uom: str | None = None
    unit_price: Money = None
    unit_price_in_currency: Money = None
    amount: Money = None
    amount_in_currency: Money = None
    discount_percent: Decimal | None = None
    discount_amount: Money = None
    discount_amount_in_currency: Money = None
    account: AccountRef | None = None
    subaccount: SubaccountRef | None = None
    vat_code: Described | None = None
    branch_number: Numbered | None = None
    note: str | None = None


class VatRef(Model):
    """A VAT code, as tax details refer to it: NumDesc."""

    number: str | None = None
    description: str | None = None


class TaxDetail(Model):
    """The VAT of one code over the whole document."""

    tax_id: str | None = None
    vat_id: VatRef | None = None
    vat_rate: Decimal | None = None
    taxable_amount: Money = None
    vat_amount: Money = None


class Application(Model):
    """What a payment or another document took off this one; `doc_type` and `ref_nbr` name it (ArAdjustDto)."""

    doc_type: str | None = None
    ref_nbr: str | None = None
    amount_paid: Money = None
    cash_discount_taken: Money = None
    payment_ref: str | None = None
    status: str | None = None
    voided: bool | None = None
    application_date: Day = None


class CustomerDocument(Model):
    """An invoice or a credit note; only type and number together are unique.

    A credit note's amounts are taken to be positive: the reference does not show one.
    """

    document_type: str
    reference_number: str
    status: str | None = None
    hold: bool | None = None
    customer: Numbered | None = None
    document_date: Day = None
    document_due_date: Day = None
    cash_discount_date: Day = None
    financial_period: str | None = None
    currency_id: str | None = None
    exchange_rate: Decimal | None = None
    amount: Money = None
    amount_in_currency: Money = None
    balance: Money = None
    balance_in_currency: Money = None
    detail_total: Money = None
    detail_total_in_currency: Money = None
    discount_total: Money = None
    discount_total_in_currency: Money = None
    vat_taxable_total: Money = None
    vat_taxable_total_in_currency: Money = None
    vat_exempt_total: Money = None
    vat_exempt_total_in_currency: Money = None
    vat_total: Money = None
    vat_total_in_currency: Money = None
    rounding_diff: Money = None
    credit_terms: Described | None = None
    payment_method: Described | None = None
    payment_reference: str | None = None
    customer_ref_number: str | None = None
    external_reference: str | None = None
    originator_doc_ref: str | None = None
    invoice_text: str | None = None
    note: str | None = None
    location: Location | None = None
    branch_number: Numbered | None = None
    account: AccountRef | None = None
    customer_vat_zone: Described | None = None
    dunning_letter_level: int | None = None
    invoice_contact: DocumentContact | None = None
    invoice_address: Address | None = None
    # Credit notes are written with `lines` (section 7); how they are read is not shown.
    lines: Listed[DocumentLine] = Field(default_factory=list, validation_alias=AliasChoices("invoiceLines", "lines"))
    tax_details: Listed[TaxDetail] = Field(default_factory=list)
    applications: Listed[Application] = Field(default_factory=list)
    created_date_time: str | None = None
    last_modified_date_time: str | None = None

    @property
    def key(self) -> str:
        """`Invoice-100045`: what the record is called."""
        return f"{self.document_type}-{self.reference_number}"
