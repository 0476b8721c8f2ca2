"""Delivers invoices: imports each once under its own id, and follows what changes later (Chargebee reference, 4.2).

| change in Visma           | here                                                                           |
| ------------------------- | ------------------------------------------------------------------------------ |
| purchase order number     | `update_details`                                                               |
| a payment                 | `record_payment` with Visma's number                                           |
| voided                    | payments are removed, then `void`                                              |
| lines or amounts, unpaid  | `void`, then an import under a new id (`VN-100234-2`)                           |
| lines or amounts, paid    | rejected: nothing there can be changed                                         |

Every step looks at what stands there first, so a process may die between any two of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from ml_connector.engine.ports import Delivery
from ml_connector.engine.records import Change, Operation, Outcome, Result
from ml_connector.http import CallProblem, RecordRefused, concurrently
from ml_connector.systems.chargebee.client import ChargebeeClient
from ml_connector.systems.chargebee.errors import DUPLICATE
from ml_connector.systems.chargebee.flow_settings import InvoicesSettings
from ml_connector.systems.chargebee.results import not_done

VOID = "voided"
PAID = "paid"
VERSIONS = 20
"""How often an invoice may have been imported anew."""
UNCHANGEABLE = "cannot be changed"

Resource = Mapping[str, Any]


class InvoicesWriter:
    """An engine `Writer`."""

    def __init__(self, client: ChargebeeClient, settings: InvoicesSettings) -> None:
        self._client = client
        self._settings = settings

    @property
    def calls(self) -> int:
        return self._client.calls

    def deliver(self, changes: Iterable[Change], delivery: Delivery) -> Iterator[Result]:
        return concurrently(self._delivered, changes, self._client.settings.connections)

    def resume(self, reference: str, keys: Sequence[str]) -> Iterator[Result]:
        return iter(())

    def settled(self, since: datetime) -> bool:
        return True

    def _delivered(self, change: Change) -> Result:
        try:
            if change.operation is Operation.UPDATE:
                return self._followed(change)
            return self._skipped(change) if not change.create else self._imported(change, change.claim)
        except CallProblem as problem:
            return not_done(change, problem)

    def _skipped(self, change: Change) -> Result:
        return Result(change.key, Outcome.SKIPPED, reason="It was voided before it was ever imported.")

    def _imported(self, change: Change, invoice_id: str) -> Result:
        """Import it. An id that is taken was taken by an earlier try, if what stands there has the same total."""
        body = change.body
        paid = sum(payment["amount"] for payment in body["payments"].values())
        total = body["document"]["total"]
        members = {
            "id": invoice_id,
            "customer_id": body["customer"],
            "status": PAID if paid == total else "posted",
            **body["document"],
        }
        if paid <= total and body["payments"]:
            members["payments"] = [self._payment(reference, one) for reference, one in body["payments"].items()]
        try:
            answer = self._client.post("/invoices/import_invoice", members, purpose=change.key)
        except RecordRefused as problem:
            if problem.decision.vendor_code != DUPLICATE:
                raise
            return self._adopted(change, invoice_id)
        recorded = body["payments"] if paid <= total else {}
        return self._done(change, Outcome.CREATED, invoice_id, recorded, answer.status, answer.correlation_id)

    def _adopted(self, change: Change, invoice_id: str) -> Result:
        invoice = self._invoice(invoice_id)
        mine = (change.body["document"]["total"], change.body["document"]["currency_code"], change.body["customer"])
        theirs = (invoice.get("total"), invoice.get("currency_code"), invoice.get("customer_id"))
        if mine != theirs:
            return Result(
                change.key,
                Outcome.REJECTED,
                kind="id is taken",
                reason=f"{invoice_id} is another invoice at Chargebee (total {theirs[0]} {theirs[1]}, customer "
                f"{theirs[2]}; here {mine[0]} {mine[1]}, {mine[2]}). Choose another `prefix`, or delete it there.",
            )
        self._record_payments(invoice_id, invoice, change.body["payments"], {})
        return self._done(change, Outcome.CREATED, invoice_id, change.body["payments"])

    def _followed(self, change: Change) -> Result:
        """What changed since it was imported."""
        body, facts = change.body, change.facts
        invoice_id = str(facts.get("id") or change.claim)
        invoice = self._invoice(invoice_id)
        if body["voided"]:
            self._void(invoice_id, invoice)
            return self._done(change, Outcome.UPDATED, invoice_id, {})
        if facts.get("money") != body["money"]:
            return self._imported_anew(change, invoice_id, invoice)
        if facts.get("details") != body["details"]:
            path = f"/invoices/{quote(invoice_id, safe='')}/update_details"
            self._client.post(path, body["details"], purpose=change.key)
        self._record_payments(invoice_id, invoice, body["payments"], facts.get("payments") or {})
        return self._done(change, Outcome.UPDATED, invoice_id, body["payments"])

    def _imported_anew(self, change: Change, invoice_id: str, invoice: Resource) -> Result:
        """Lines cannot be changed: the invoice is voided, and imported under the next id that is free."""
        if invoice.get("amount_paid") or invoice.get("status") == PAID:
            return Result(
                change.key,
                Outcome.REJECTED,
                facts=change.facts,
                kind=UNCHANGEABLE,
                reason=f"{invoice_id} has payments at Chargebee, where neither lines nor amounts can be changed. Make "
                "a credit note and a new invoice in Visma instead.",
            )
        self._void(invoice_id, invoice)
        for version in range(2, VERSIONS):
            following = f"{change.claim}-{version}"
            found = self._client.find(f"/invoices/{quote(following, safe='')}")
            if found is None or found.data["invoice"].get("status") != VOID:
                done = self._imported(change, following)
                return done._replace(outcome=Outcome.UPDATED) if done.outcome is Outcome.CREATED else done
        return Result(
            change.key,
            Outcome.REJECTED,
            facts=change.facts,
            kind=UNCHANGEABLE,
            reason=f"It was imported {VERSIONS} times already.",
        )

    def _void(self, invoice_id: str, invoice: Resource) -> None:
        """Keeps the invoice, and its id stays taken; payments are detached first."""
        if invoice.get("status") == VOID:
            return
        path = f"/invoices/{quote(invoice_id, safe='')}"
        for link in invoice.get("linked_payments") or ():
            if link.get("applied_amount"):
                members = {"transaction": {"id": link["txn_id"]}}
                self._client.post(f"{path}/remove_payment", members, purpose=f"{invoice_id} {link['txn_id']}")
        self._client.post(f"{path}/void", {"void_reason_code": self._settings.reason}, purpose=invoice_id)

    def _record_payments(
        self,
        invoice_id: str,
        invoice: Resource,
        payments: Mapping[str, Mapping[str, int]],
        recorded: Mapping[str, Mapping[str, int]],
    ) -> None:
        """Record what is not recorded yet, each once.

        What was paid there beyond what is known to have been recorded was recorded by a process that then died.
        """
        known = sum(one["amount"] for one in recorded.values())
        unseen = max(int(invoice.get("amount_paid") or 0) - known, 0)
        path = f"/invoices/{quote(invoice_id, safe='')}/record_payment"
        for reference, payment in payments.items():
            missing = payment["amount"] - recorded.get(reference, {"amount": 0})["amount"]
            if missing <= 0:
                continue
            if unseen >= missing:
                unseen -= missing
                continue
            members = {"transaction": self._payment(reference, {**payment, "amount": missing})}
            self._client.post(path, members, purpose=f"{invoice_id} {reference}")

    def _payment(self, reference: str, payment: Mapping[str, int]) -> dict[str, Any]:
        return {
            "amount": payment["amount"],
            "payment_method": self._settings.payment_method,
            "date": payment["date"],
            "reference_number": reference,
        }

    def _invoice(self, invoice_id: str) -> Resource:
        """Raises `RecordRefused` where it is gone."""
        invoice: Resource = self._client.get(f"/invoices/{quote(invoice_id, safe='')}").data["invoice"]
        return invoice

    def _done(
        self,
        change: Change,
        outcome: Outcome,
        invoice_id: str,
        payments: Mapping[str, Any],
        status: int | None = None,
        correlation_id: str | None = None,
    ) -> Result:
        body = change.body
        facts = {"id": invoice_id, "money": body["money"], "details": body["details"], "payments": dict(payments)}
        return Result(
            change.key,
            outcome,
            target_id=change.claim,
            facts=facts,
            status=status,
            correlation_id=correlation_id,
        )
