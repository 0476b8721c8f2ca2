"""Journal transactions: batches of the general ledger with all their lines (Visma reference, appendix)."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from ml_connector.systems.visma.models.common import Day, Described, Listed, Model, Money, SubaccountRef


class JournalLine(Model):
    """One line: a debit or a credit, or the same with a negative amount. `description` is the account's."""

    line_number: int | None = None
    account_number: str | None = None
    description: str | None = None
    subaccount: SubaccountRef | None = None
    reference_number: str | None = None
    debit_amount: Money = None
    debit_amount_in_currency: Money = None
    credit_amount: Money = None
    credit_amount_in_currency: Money = None
    transaction_description: str | None = None
    vat_code: Described | None = None
    branch: str | None = None
    customer_supplier: str | None = None
    transaction_type: str | None = None
    note: str | None = None


class JournalTransaction(Model):
    """One batch. Numbers are counted within a module, so only both together are unique (section 7).

    `post_period` is not here: its order of month and year is not certain (section 6).
    """

    module: str
    batch_number: str
    status: str | None = None
    hold: bool | None = None
    transaction_date: Day = None
    financial_period: str | None = None
    ledger: str | None = None
    ledger_description: str | None = None
    currency_id: str | None = None
    exchange_rate: Decimal | None = None
    description: str | None = None
    auto_reversing: bool | None = None
    reversing_entry: bool | None = None
    original_batch_number: str | None = None
    debit_total: Money = None
    debit_total_in_currency: Money = None
    credit_total: Money = None
    credit_total_in_currency: Money = None
    transaction_code: str | None = None
    branch: str | None = None
    journal_transaction_lines: Listed[JournalLine] = Field(default_factory=list)
    last_modified_date_time: str | None = None

    @property
    def key(self) -> str:
        """`GL-000123`: what the record is called."""
        return f"{self.module.removeprefix('Module')}-{self.batch_number}"

    @property
    def debit(self) -> Decimal:
        """What the lines add up to."""
        return sum((line.debit_amount or Decimal() for line in self.journal_transaction_lines), Decimal())

    @property
    def credit(self) -> Decimal:
        """What the lines add up to."""
        return sum((line.credit_amount or Decimal() for line in self.journal_transaction_lines), Decimal())

    @property
    def is_balanced(self) -> bool:
        """Whether debit equals credit, and both are what the header says; where not, the batch is not to be used."""
        said = [total for total in (self.debit_total, self.credit_total) if total is not None]
        return self.debit == self.credit and all(total == self.debit for total in said)
