"""Delivers credit notes: imports each once under its own id (Chargebee reference, section 4.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from urllib.parse import quote

from ml_connector.engine.ports import Delivery
from ml_connector.engine.records import Change, Operation, Outcome, Result
from ml_connector.http import CallProblem, RecordRefused
from ml_connector.systems.chargebee.client import ChargebeeClient
from ml_connector.systems.chargebee.errors import DUPLICATE
from ml_connector.systems.chargebee.invoice_writer import UNCHANGEABLE
from ml_connector.systems.chargebee.results import not_done


class CreditNotesWriter:
    """An engine `Writer`. One after the other: two notes may be for one invoice."""

    def __init__(self, client: ChargebeeClient) -> None:
        self._client = client

    @property
    def calls(self) -> int:
        return self._client.calls

    def deliver(self, changes: Iterable[Change], delivery: Delivery) -> Iterator[Result]:
        for change in changes:
            try:
                yield self._delivered(change)
            except CallProblem as problem:
                yield not_done(change, problem)

    def resume(self, reference: str, keys: Sequence[str]) -> Iterator[Result]:
        return iter(())

    def settled(self, since: datetime) -> bool:
        return True

    def _delivered(self, change: Change) -> Result:
        if change.operation is Operation.UPDATE:
            return Result(
                change.key,
                Outcome.REJECTED,
                facts=change.facts,
                kind=UNCHANGEABLE,
                reason=f"{change.claim} stands at Chargebee, where no credit note can be changed. Do it there by hand.",
            )
        if not change.create:
            return Result(change.key, Outcome.SKIPPED, reason="It was voided before it was ever imported.")
        body = change.body
        invoice = self._client.get(f"/invoices/{quote(body['invoice'], safe='')}").data["invoice"]
        total = body["document"]["total"]
        kind = "adjustment" if int(invoice.get("amount_due") or 0) >= total else "refundable"
        members = {"id": change.claim, "reference_invoice_id": body["invoice"], "type": kind, **body["document"]}
        try:
            answer = self._client.post("/credit_notes/import_credit_note", members, purpose=change.key)
        except RecordRefused as problem:
            if problem.decision.vendor_code != DUPLICATE:
                raise
            note = self._client.get(f"/credit_notes/{quote(change.claim, safe='')}").data["credit_note"]
            if (note.get("total"), note.get("reference_invoice_id")) != (total, body["invoice"]):
                reason = f"{change.claim} is another credit note at Chargebee. Choose another `credit_note_prefix`."
                return Result(change.key, Outcome.REJECTED, kind="id is taken", reason=reason)
            return Result(change.key, Outcome.CREATED, target_id=change.claim, facts={"id": change.claim})
        return Result(
            change.key,
            Outcome.CREATED,
            target_id=change.claim,
            facts={"id": change.claim, "type": kind},
            status=answer.status,
            correlation_id=answer.correlation_id,
        )
