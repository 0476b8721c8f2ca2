"""Invoices and credit notes as accounting looks at them: what of them is posted, and nothing that changes without it.

Amounts are integers in the currency's minor unit, moments are epoch seconds (Chargebee reference, section 1). A line's
amount is net: after its discounts, and without tax.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["invoice", "credit_note", "void", "void_credit_note"]
Amount = Annotated[int, Field(ge=-(10**15), le=10**15)]
"""Minor units. What is larger is no amount, and could not be added up in 64 bits."""
Moment = Annotated[int, Field(ge=0, lt=10**10)]
"""Epoch seconds, ten digits (section 1)."""
VOIDED: Final = "voided"
WRITE_OFF: Final = "write_off"
STORE: Final = "store"
NO_LINES: Final = "no lines"
INVOICE: Final = "invoice"
CREDIT_NOTE: Final = "credit_note"
NEXT_LINES: Final = "line_items_next_offset"
"""The attribute of a document whose lines are not all there (see `line_pages.py`)."""
BASE_CURRENCY: Final = "base_currency_code"
"""What the site's exchange rates lead to. Chargebee says it of subscriptions, `base_currency.py` of documents, too."""
UNREAD: Final = "not all of its lines came with its event, and it is gone or another by now. Post it in Visma by hand"
BESIDE_THE_BASIS: Final = {"base_currency", "voids_of"}
"""Attributes that say where a document belongs, and of which no change changes it."""
OF_LINES_BESIDE: Final = {"lines": {"__all__": {"takes_back"}}}
"""The same, of its lines."""
RATES_END: Final = 10**9


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class Tax(_Model):
    """A line's tax of one name; one of nothing still says under which code the line is reported."""

    name: str
    amount: Amount


class Line(_Model):
    """One line.

    Attributes:
        starts, ends: the time that it is for, `[starts, ends)`; None, or the same, for what is had at once.
        amount: net.
        takes_back: of a credit note's line, the id of the invoice's.
    """

    id: str
    description: str
    starts: Moment | None
    ends: Moment | None
    amount: Amount
    taxes: list[Tax]
    entity_type: str | None
    entity_id: str | None
    subscription_id: str | None
    takes_back: str | None = None

    @property
    def is_ranged(self) -> bool:
        return self.starts is not None and self.ends is not None and self.ends > self.starts


class Document(_Model):
    """An invoice, a credit note, or the voiding of one of them; deleting is voiding, too.

    Attributes:
        date: of the document; of a voiding, when it was voided.
        exchange_rate: to the site's base currency, decimal text; None where the document does not say.
        refers_to: the id of the invoice that a credit note is for.
        credited: of a voided invoice, what credit notes had taken back before.
        voids_of: of a voiding, the date of the document that is void.
        base_currency: what the exchange rate leads to; None where nobody knows. Which it is, changes no document.
        special: why it may not be possible to post it by rule: `write_off`, `store`, `no lines`; None: it can be.
    """

    kind: Kind
    id: str
    customer_id: str
    subscription_id: str | None
    refers_to: str | None
    date: Moment
    currency: str
    exchange_rate: str | None
    total: Amount
    round_off: Amount
    lines: list[Line]
    credited: Amount = 0
    special: str | None = None
    voids_of: Moment | None = None
    base_currency: str | None = None

    @property
    def basis(self) -> dict[str, Any]:
        """What decides whether it has changed."""
        return self.model_dump(mode="json", exclude={**dict.fromkeys(BESIDE_THE_BASIS, True), **OF_LINES_BESIDE})

    @property
    def key(self) -> str:
        """`invoice/INV-1`: what the record is called."""
        return f"{self.kind}/{self.id}"

    @property
    def original(self) -> str | None:
        """What the document that it takes back is called; None: it takes none back, or nobody says which."""
        match self.kind:
            case "void":
                return f"invoice/{self.id}"
            case "void_credit_note":
                return f"credit_note/{self.id}"
            case "credit_note" if self.refers_to is not None:
                return f"invoice/{self.refers_to}"
        return None

    @property
    def originals(self) -> dict[str, str]:
        """Line -> the line of the original that it takes back. A voiding's are the original's own."""
        if self.kind.startswith("void"):
            return {line.id: line.id for line in self.lines}
        return {line.id: line.takes_back for line in self.lines if line.takes_back is not None}

    @property
    def sign(self) -> int:
        """1 for what is owed, -1 for what is taken back."""
        return 1 if self.kind in ("invoice", "void_credit_note") else -1


def several(content: Mapping[str, Any], kind: str) -> list[Any]:
    """The resources of a kind in an event: keys are plural where several may come (section 5.1)."""
    listed = content.get(f"{kind}s")
    found = (content.get(kind), *(listed if isinstance(listed, list) else ()))
    return [one for one in found if isinstance(one, Mapping)]


def document_of(kind: Kind, resource: Mapping[str, Any]) -> Document:
    """From the API's resource. Raises ValueError, KeyError, TypeError for what is none.

    Nothing but the resource itself is looked at, so that it does not matter with what else it came.
    """
    inclusive = resource.get("price_type") == "tax_inclusive"
    taxes = _taxes(resource)
    lines = [_line(line, taxes.get(str(line["id"]), []), inclusive=inclusive) for line in _lines(resource)]
    return Document(
        kind=kind,
        id=resource["id"],
        customer_id=resource["customer_id"],
        subscription_id=resource.get("subscription_id"),
        refers_to=resource.get("reference_invoice_id"),
        date=_date(kind, resource),
        currency=resource["currency_code"],
        exchange_rate=_rate(resource),
        total=resource["total"],
        round_off=resource.get("round_off_amount", 0),
        lines=lines or [_whole(resource)],
        credited=_credited(resource) if kind == "void" else 0,
        special=_special(kind, resource, lines),
        voids_of=resource["date"] if kind.startswith("void") else None,
        base_currency=resource.get(BASE_CURRENCY),
    )


def _special(kind: Kind, resource: Mapping[str, Any], lines: list[Line]) -> str | None:
    reason = str(resource.get("reason_code") or resource.get("create_reason_code") or "")
    if kind.endswith("credit_note"):
        if reason.lower().replace(" ", "_") == WRITE_OFF:
            return WRITE_OFF
        if resource.get("type") == STORE:
            return STORE
    return None if lines else NO_LINES


def _lines(resource: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    lines: list[Mapping[str, Any]] = resource.get("line_items") or []
    return lines


def _date(kind: Kind, resource: Mapping[str, Any]) -> int:
    if not kind.startswith("void"):
        date: int = resource["date"]
        return date
    voided: int = resource.get("voided_at") or resource["updated_at"]
    return voided


def _rate(resource: Mapping[str, Any]) -> str | None:
    """Invoices carry `exchange_rate`; credit notes a list, which is clear where it has one. Raises ValueError."""
    rate = resource.get("exchange_rate")
    if rate is None and len(rates := resource.get("exchange_rates") or []) == 1:
        rate = rates[0]["rate"]
    if rate is None:
        return None
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate < RATES_END:
        raise ValueError(f"the exchange rate {rate} is none")
    return format(Decimal(str(rate)), "f")


def _taxes(resource: Mapping[str, Any]) -> dict[str, list[Tax]]:
    """Each line's taxes, by its id. A line that names an amount and no tax has the document's only one."""
    found: dict[str, list[Tax]] = {}
    for tax in resource.get("line_item_taxes") or ():
        if tax.get("tax_amount") is not None:
            named = Tax(name=tax.get("tax_name") or "", amount=tax["tax_amount"])
            found.setdefault(str(tax.get("line_item_id")), []).append(named)
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
        takes_back=reference if isinstance(reference := line.get("reference_line_item_id"), str) else None,
    )


def _whole(resource: Mapping[str, Any]) -> Line:
    """A document without lines is one: all of it, at once."""
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
    return sum(int(note.get("cn_total") or 0) for note in notes if note.get("cn_status") != VOIDED)
