"""Master data that documents and batches refer to (Visma reference, section 7 and appendix)."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from pydantic import Field

from ml_connector.systems.visma.models.common import Day, Listed, Model, Segment


class CreditTerm(Model):
    """When an invoice is due. `due_date_type`: N in `due_day1` days, D on that day of the next month, E at the end of
    the month, M at the end of the next, T on that day of the month, P in days from the next month, C custom."""

    terms_id: str
    description: str | None = None
    visible_to: str | None = None
    due_date_type: str | None = None
    due_day1: int | None = None
    discount_day: int | None = None
    discount_percent: Decimal | None = None


class Account(Model):
    """An account of the general ledger; `account_cd` is its number."""

    account_cd: str = Field(alias="accountCD")
    account_id: int | None = Field(None, alias="accountID")
    account_class: str | None = None
    type: str | None = None
    active: bool | None = None
    description: str | None = None
    cash_account: bool | None = None
    public_code1: str | None = None
    control_account_module: str | None = None


class Subaccount(Model):
    """A combination of the segments' values; its number is them joined."""

    subaccount_number: str
    subaccount_id: int | None = None
    description: str | None = None
    active: bool | None = None
    segments: Listed[Segment] = Field(default_factory=list)


class SegmentValue(Model):
    """A value that a segment can have."""

    value_id: str | None = None
    description: str | None = None
    active: bool | None = None


class DimensionSegment(Model):
    """One part of a dimension's numbers, with its values."""

    segment_id: int | None = None
    description: str | None = None
    length: int | None = None
    segment_values: Listed[SegmentValue] = Field(default_factory=list)


class Dimension(Model):
    """How the numbers of something are made: those of subaccounts (`SUBACCOUNT`) of a department and a region, say."""

    id: str
    description: str | None = None
    length: int | None = None
    segments: Listed[DimensionSegment] = Field(default_factory=list)


class Branch(Model):
    number: str
    branch_id: int | None = None
    name: str | None = None
    is_main_branch: bool | None = None
    is_active: bool | None = None
    corporate_id: str | None = None
    vat_registration_id: str | None = None


class VatSchedule(Model):
    """A rate and the day from which it holds."""

    start_date: Day = None
    vat_rate: Decimal | None = None
    group_type: str | None = None


class VatCode(Model):
    vat_id: str
    vat_category_id: str | None = None
    description: str | None = None
    type: str | None = None
    includein_vat_exempt_total: bool | None = None
    includein_vat_total: bool | None = None
    schedules: Listed[VatSchedule] = Field(default_factory=list)

    def rate(self, day: date) -> Decimal | None:
        """The percent that holds on a day; None where the code does not say."""
        begun = [one for one in self.schedules if one.start_date is None or one.start_date <= day]
        newest = max(begun, key=lambda one: one.start_date or date.min, default=None)
        return None if newest is None else newest.vat_rate


class GeneralLedger(Model):
    number: str
    description: str | None = None
    balance_type: str | None = None
    currency_id: str | None = None


class Currency(Model):
    id: str
    description: str | None = None
    symbol: str | None = None
    is_base_currency: bool | None = None
    decimal_precision: int | None = None
    is_used_for_accounting: bool | None = None
