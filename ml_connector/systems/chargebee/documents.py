"""Invoices and credit notes as accounting looks at them: what of them is posted, and nothing that changes without it.

Amounts are integers in the currency's minor unit, moments are epoch seconds (Chargebee reference, section 1). A line's
amount is net: after its discounts, and without tax.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Kind = Literal["invoice", "credit_note", "void"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Tax(_Model):
    """A line's tax of one name."""

    name: str
    amount: int


class Line(_Model):
    """One line.

    Attributes:
        starts, ends: the time that it is for, `[starts, ends)`; None, or the same, for what is had at once.
        amount: net.
    """

    id: str
    description: str
    starts: int | None
    ends: int | None
    amount: int
    taxes: list[Tax]
    entity_type: str | None
    entity_id: str | None
    subscription_id: str | None

    @property
    def is_ranged(self) -> bool:
        return self.starts is not None and self.ends is not None and self.ends > self.starts


class Document(_Model):
    """An invoice, a credit note, or the voiding of an invoice.

    Attributes:
        date: of the document; of a voiding, when it was voided.
        exchange_rate: to the site's base currency, decimal text; None where the document does not say.
        credited: of a voiding, what credit notes had taken back before.
        special: why it cannot be posted by rule ("write_off"); None: it can.
    """

    kind: Kind
    id: str
    customer_id: str
    subscription_id: str | None
    date: int
    currency: str
    exchange_rate: str | None
    total: int
    round_off: int
    lines: list[Line]
    credited: int = 0
    special: str | None = None

    @property
    def key(self) -> str:
        """`invoice/INV-1`: what the record is called."""
        return f"{self.kind}/{self.id}"

    @property
    def sign(self) -> int:
        """1 for what is owed, -1 for what is taken back."""
        return 1 if self.kind == "invoice" else -1


def document_of(kind: Kind, resource: Mapping[str, Any]) -> Document:
    """From the API's resource. Raises ValueError, KeyError, TypeError for what is none.

    Nothing but the resource itself is looked at, so that it does not matter with what else it came.
    """
    inclusive = resource.get("price_type") == "tax_inclusive"
    taxes = _taxes(resource)
    lines = [_line(line, taxes.get(str(line["id"]), []), inclusive=inclusive) for line in _lines(resource)]
    reason = str(resource.get("reason_code") or resource.get("create_reason_code") or "")
    return Document(
        kind=kind,
        id=resource["id"],
        customer_id=resource["customer_id"],
        subscription_id=resource.get("subscription_id"),
        date=_date(kind, resource),
        currency=resource["currency_code"],
        exchange_rate=_rate(resource),
        total=resource["total"],
        round_off=resource.get("round_off_amount", 0),
        lines=lines or [_whole(resource)],
        credited=_credited(resource) if kind == "void" else 0,
        special="write_off" if kind == "credit_note" and reason.lower().replace(" ", "_") == "write_off" else None,
    )


def _lines(resource: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    lines: list[Mapping[str, Any]] = resource.get("line_items") or []
    return lines


def _date(kind: Kind, resource: Mapping[str, Any]) -> int:
    if kind != "void":
        date: int = resource["date"]
        return date
    voided: int = resource.get("voided_at") or resource["updated_at"]
    return voided


def _rate(resource: Mapping[str, Any]) -> str | None:
    """Invoices carry `exchange_rate`; credit notes a list of them, or nothing. Raises ValueError for what is none."""
    rate = resource.get("exchange_rate")
    if rate is None:
        return None
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < float("inf"):
        raise ValueError("the exchange rate is no number above zero")
    return str(rate)


def _taxes(resource: Mapping[str, Any]) -> dict[str, list[Tax]]:
    """Each line's taxes, by its id. A line that names an amount and no tax has the document's only one."""
    found: dict[str, list[Tax]] = {}
    for tax in resource.get("line_item_taxes") or ():
        if tax.get("tax_amount"):
            found.setdefault(str(tax["line_item_id"]), []).append(Tax(name=tax["tax_name"], amount=tax["tax_amount"]))
    names = {str(tax["name"]) for tax in resource.get("taxes") or ()}
    for line in _lines(resource):
        if line.get("tax_amount") and str(line["id"]) not in found:
            name = next(iter(names)) if len(names) == 1 else ""
            found[str(line["id"])] = [Tax(name=name, amount=line["tax_amount"])]
    return found


def _line(line: Mapping[str, Any], taxes: list[Tax], *, inclusive: bool) -> Line:
    tax = sum(one.amount for one in taxes)
    starts, ends = line.get("date_from"), line.get("date_to")
    return Line(
        id=str(line["id"]),
        description=str(line.get("description") or ""),
        starts=starts,
        ends=ends,
        amount=line["amount"] - line.get("discount_amount", 0) - (tax if inclusive else 0),
        taxes=taxes,
        entity_type=line.get("entity_type"),
        entity_id=line.get("entity_id"),
        subscription_id=line.get("subscription_id"),
    )


def _whole(resource: Mapping[str, Any]) -> Line:
    """A credit note without lines is one: what it takes back, at once."""
    return Line(
        id="total",
        description="",
        starts=None,
        ends=None,
        amount=resource["total"] - resource.get("round_off_amount", 0),
        taxes=[],
        entity_type=None,
        entity_id=None,
        subscription_id=resource.get("subscription_id"),
    )


def _credited(resource: Mapping[str, Any]) -> int:
    notes = [*(resource.get("issued_credit_notes") or ()), *(resource.get("adjustment_credit_notes") or ())]
    return sum(int(note.get("cn_total") or 0) for note in notes)
