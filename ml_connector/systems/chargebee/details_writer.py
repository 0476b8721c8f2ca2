"""Brings the details of an imported invoice up to date: one call of what differs (Chargebee reference, section 4.2)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from itertools import islice
from typing import Any
from urllib.parse import quote

from ml_connector.engine.answered import not_done
from ml_connector.engine.checkpoints import reached
from ml_connector.engine.records import Change, Result
from ml_connector.http import CallProblem, RecordRefused
from ml_connector.systems.chargebee.client import PAGE, ChargebeeClient
from ml_connector.systems.chargebee.errors import BAD_VALUE
from ml_connector.systems.chargebee.forms import among
from ml_connector.systems.chargebee.invoice_details import (
    BILLING,
    COMMENT,
    differing,
    is_noted,
    text_digest,
    tries,
    vat_of,
)
from ml_connector.systems.chargebee.standing import Resource

FEW = 2
"""From so many customers on a list is one call less."""


class DetailsWriter:
    """Of one delivery: a customer is looked at once."""

    def __init__(self, client: ChargebeeClient) -> None:
        self._client = client
        self._vat: dict[str, dict[str, str]] = {}

    def looked_ahead(
        self, changes: Iterable[Change], dropped: Callable[[Change], None]
    ) -> Generator[Change, None, None]:
        """The same changes, after their customers were looked at, a hundred a call. To be closed: `dropped` is told of
        each that was taken and not given on. Raises `Stopped`."""
        source = iter(changes)
        while group := list(islice(source, PAGE)):
            left = iter(group)
            try:
                self._look_at_customers(group)
                yield from left
            finally:
                for change in left:
                    dropped(change)

    def _look_at_customers(self, changes: Iterable[Change]) -> None:
        """As far as that will be needed. One that the list does not give is looked at alone, when its turn comes."""
        wanted = {str(change.body["customer"]) for change in changes if _is_about_vat(change)} - self._vat.keys()
        if len(wanted) < FEW:
            return
        try:
            for rows in self._client.pages("/customers", {"id[in]": among(sorted(wanted))}):
                self._vat |= {row["customer"]["id"]: vat_of(row["customer"]) for row in rows if "customer" in row}
        except CallProblem:
            return

    def vat_of(self, customer: str) -> dict[str, str]:
        """The VAT number that the customer bears at Chargebee, where it is brought before any invoice is. Raises
        `CallProblem`, `Stopped`."""
        if customer not in self._vat:
            found = self._client.find(f"/customers/{quote(customer, safe='')}")
            self._vat[customer] = vat_of({} if found is None else found.data["customer"])
        return self._vat[customer]

    def follow(self, change: Change, invoice_id: str, invoice: Resource) -> Result | None:
        """Change what differs. Where the address is refused, the rest is changed without it, and the rejection is the
        answer; it is uncertain where something was changed. Raises `CallProblem`, `Stopped`."""
        refused: RecordRefused | None = None
        for members in tries(self._differing(change, invoice_id, invoice), invoice):
            try:
                if members:
                    self._update(change, invoice_id, members)
            except RecordRefused as problem:
                if problem.status != BAD_VALUE or BILLING not in members:
                    raise
                refused = refused or problem
            else:
                return None if refused is None else _refused(change, invoice_id, refused, uncertain=bool(members))
        return None

    def _differing(self, change: Change, invoice_id: str, invoice: Resource) -> dict[str, Any]:
        """The customer is looked at where its VAT number may be another one than last time."""
        facts, details = change.facts, change.body["details"]
        vat = self.vat_of(change.body["customer"]) if _has_other_vat(change) else None
        if facts.get("id") == invoice_id and "text" in facts:
            text_stands = facts["text"] == text_digest(details)
        else:
            text_stands = is_noted(details, invoice)
        return differing(details, vat, invoice, text_stands=text_stands)

    def _update(self, change: Change, invoice_id: str, members: Mapping[str, Any]) -> None:
        """A comment is added, and not set: alone it goes under a key that is the same in every process, so that one
        whose answer was lost is not added twice."""
        purpose = f"{change.key} {times_of(change)}" if members.keys() == {COMMENT} else None
        self._client.post(f"{path_of(invoice_id)}/update_details", members, purpose=purpose)
        reached("chargebee: details changed")


def _is_about_vat(change: Change) -> bool:
    """Whether the customer's VAT number is needed: for an import, or because it may be another one than last time."""
    return change.create if change.target_id is None else _has_other_vat(change)


def _has_other_vat(change: Change) -> bool:
    known = change.body.get("customer_vat")
    return known is not None and change.facts.get("vat") != known


def path_of(invoice_id: str) -> str:
    return f"/invoices/{quote(invoice_id, safe='')}"


def times_of(change: Change) -> int:
    """How often deliveries of the invoice were confirmed."""
    return int(change.facts.get("times", 0))


def _refused(change: Change, invoice_id: str, problem: RecordRefused, *, uncertain: bool) -> Result:
    reason = (
        f"The address or VAT number of {invoice_id} was not changed; the rest was. "
        f"{problem.decision.reason.rstrip('.')}. An address that would change the tax cannot be changed there: take "
        "the change back in Visma, or make a credit note and a new invoice; or put it right at Chargebee by hand, and "
        "replay this record."
    )
    return not_done(change, problem)._replace(kind="address", reason=reason, uncertain=uncertain)


def without(change: Change, invoice_id: str, problem: RecordRefused) -> Result:
    """The rejection of what an import left out."""
    reason = (
        f"{invoice_id} was imported without its address, its VAT number, or both. "
        f"{problem.decision.reason.rstrip('.')}. Correct it in Visma; or put it right at "
        "Chargebee by hand, and replay this record."
    )
    return not_done(change, problem)._replace(kind="address", reason=reason)
