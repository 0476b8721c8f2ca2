"""The flow of journal transactions in a HubSpot target's settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from ml_connector.systems.hubspot.segments import SegmentNumber
from ml_connector.systems.hubspot.setting_types import Block, Property, property_name

_OBJECT = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,49}")
_ACCOUNTS = re.compile(r"(?P<low>\d{1,10})-(?P<high>\d{1,10})|(?P<prefix>\w{0,10})\*|(?P<one>\w{1,10})")

Module = Literal["GL", "AP", "AR", "CA", "CM", "IN", "SO", "PO", "DR", "FA", "EP", "PM", "TX", "CR"]
"""Modules of the ledger (Visma reference, appendix, without `Module`)."""

OBJECT_TYPES: Mapping[str, str] = {
    "batch": "string",
    "description": "string",
    "module": "string",
    "status": "string",
    "transaction_date": "date",
    "financial_period": "string",
    "currency": "string",
    "total": "number",
    "sales_amount": "number",
    "customers": "string",
    "documents": "string",
    "lines": "string",
}
"""The properties of the custom object besides our key."""
INVOICE_TYPES: Mapping[str, str] = {
    "visma_transaction": "string",
    "visma_transaction_date": "date",
    "visma_transaction_period": "string",
    "visma_transaction_sales": "number",
}
"""The properties of invoices where there is no custom object, besides those of segments."""


def on_invoices(segment: str) -> str:
    """The property of invoices that holds what this property of the custom object would: invoices have segments, too.

    Raises ValueError for a name that is too long with what stands before it.
    """
    return property_name(f"visma_transaction_{segment}")


def _object(name: str) -> str:
    if not _OBJECT.fullmatch(name):
        raise ValueError("expected a letter, then letters, digits and underscores, at most 50 (never changed later)")
    return name


def _accounts(pattern: str) -> str:
    if not _ACCOUNTS.fullmatch(pattern):
        raise ValueError('expected an account, a range or a beginning, in quotes: "3000", "3000-3999", "3*"')
    return pattern


class TransactionsSettings(Block):
    """The flow `transactions`: which batches of the general ledger come over, and where they are kept."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    modules: list[Module] = Field(["AR"], description="only batches of these modules")
    accounts: list[Annotated[str, AfterValidator(_accounts)]] = Field(
        ["3000-3999"], description="only batches with a line on these accounts; [] for any"
    )
    from_: date | None = Field(None, alias="from", description="older batches are left alone")
    store: Literal["auto", "object", "invoices"] = Field(
        "auto", description="where they go: a custom object, else properties of their invoices"
    )
    object: Annotated[str, AfterValidator(_object)] = Field(
        "visma_transaction", description="the name of the custom object; `setup` creates it"
    )
    transaction_key: Property = Field(
        "visma_transaction_key", description="the unique property of the custom object that holds our key"
    )
    segments: dict[Property, SegmentNumber] = Field(
        {},
        description="property of the custom object (on invoices: visma_transaction_ and its name) -> segment of the "
        "subaccounts of the lines that count",
    )
    document_types: dict[str, str] = Field(
        {"INV": "Invoice", "CRM": "CreditNote"},
        description="a line's transaction type -> the type of the document that it refers to",
    )

    @model_validator(mode="after")
    def _segments_are_no_others(self) -> Self:
        if taken := self.segments.keys() & {self.transaction_key, *OBJECT_TYPES}:
            raise ValueError(f"segments: {', '.join(sorted(taken))} is written by the flow itself")
        if taken := {name for name in self.segments if on_invoices(name) in INVOICE_TYPES}:
            raise ValueError(f"segments: {', '.join(sorted(taken))} would be {on_invoices(min(taken))} on invoices")
        return self

    @cached_property
    def invoice_types(self) -> Mapping[str, str]:
        """The properties of invoices where there is no custom object, and the types that `setup` gives them."""
        return {**INVOICE_TYPES, **{on_invoices(name): "string" for name in self.segments}}

    @cached_property
    def is_sales(self) -> Callable[[str], bool]:
        """Whether an account is one of those that count."""
        tests = [_test(pattern) for pattern in self.accounts]
        return lambda account: any(test(account) for test in tests)


def _test(pattern: str) -> Callable[[str], bool]:
    found = _ACCOUNTS.fullmatch(pattern)
    assert found is not None  # noqa: S101  validated before
    if found["low"] is not None:
        low, high = int(found["low"]), int(found["high"])
        return lambda account: account.isascii() and account.isdigit() and low <= int(account) <= high
    if found["prefix"] is not None:
        prefix: str = found["prefix"]
        return lambda account: account.startswith(prefix)
    return lambda account: account == pattern
