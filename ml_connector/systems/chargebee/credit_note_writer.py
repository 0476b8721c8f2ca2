"""Delivers credit notes: imports each once under its own id (Chargebee reference, section 4.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import quote

from ml_connector.engine.answered import AnsweredAtOnce, not_done
from ml_connector.engine.checkpoints import reached
from ml_connector.engine.ports import Delivery
from ml_connector.engine.records import Change, Outcome, Result
from ml_connector.engine.unsent import sending
from ml_connector.http import CallProblem, RecordRefused
from ml_connector.systems.chargebee.client import ChargebeeClient
from ml_connector.systems.chargebee.documents import CREDIT_NOTE
from ml_connector.systems.chargebee.errors import DUPLICATE
from ml_connector.systems.chargebee.invoice_writer import UNCHANGEABLE
from ml_connector.systems.chargebee.line_pages import find
from ml_connector.systems.chargebee.results import ids_of, with_posts
from ml_connector.systems.chargebee.standing import Resource, holds, is_same_money, is_voided


class CreditNotesWriter(AnsweredAtOnce[ChargebeeClient]):
    """An engine `Writer`. One after the other: two notes may be for one invoice."""

    def deliver(self, changes: Iterable[Change], delivery: Delivery) -> Iterator[Result]:
        for change in changes:
            yield with_posts(self._client, change, lambda one: self._delivered(one, delivery))

    def _delivered(self, change: Change, delivery: Delivery) -> Result:
        try:
            with sending(delivery, change.key):  # its one write is its last call
                return self._brought(change)
        except CallProblem as problem:
            return not_done(change, problem)

    def _brought(self, change: Change) -> Result:
        if change.target_id is not None:  # also where another prefix gave it another claim since
            return self._followed(change, str(change.facts.get("id") or change.claim))
        if not change.create:
            if change.doubt is not None and self._find(change.claim) is not None:
                return self._followed(change, change.claim)  # an import that nobody answered made it all the same
            return Result(change.key, Outcome.SKIPPED, reason="It was voided before it was ever imported.")
        return self._imported(change)

    def _imported(self, change: Change) -> Result:
        body = change.body
        invoice = self._client.get(f"/invoices/{quote(body['invoice'], safe='')}").data["invoice"]
        kind = "adjustment" if int(invoice.get("amount_due") or 0) >= body["document"]["total"] else "refundable"
        members = {"id": change.claim, "reference_invoice_id": body["invoice"], "type": kind, **body["document"]}
        try:
            answer = self._client.post("/credit_notes/import_credit_note", members, purpose=change.key)
        except RecordRefused as problem:
            if problem.decision.vendor_code != DUPLICATE or (note := self._find(change.claim)) is None:
                raise
            return self._adopted(change, note)
        reached("chargebee: credit note imported")
        return self._done(change, Outcome.CREATED, change.claim)._replace(
            status=answer.status, correlation_id=answer.correlation_id
        )

    def _adopted(self, change: Change, note: Resource) -> Result:
        """An earlier try made it, or somebody else has the id."""
        same_invoice = note.get("reference_invoice_id") == change.body["invoice"]
        if not same_invoice or not is_same_money(note, change.body["document"]):
            if change.doubt is not None and same_invoice:
                return self._refused(change, change.claim)
            reason = f"{change.claim} is another credit note at Chargebee. Choose another `credit_note_prefix`."
            return Result(change.key, Outcome.REJECTED, kind="id is taken", reason=reason)
        return self._done(change, Outcome.CREATED, change.claim)

    def _followed(self, change: Change, note_id: str) -> Result:
        """No credit note can be changed: if it is by now what it should be, that is noted; else it is said."""
        body, facts = change.body, change.facts
        if not body["voided"] and facts.get("money") == body["money"]:
            return self._done(change, Outcome.UPDATED, note_id)
        note = self._find(note_id)
        gone = note is None or is_voided(note)
        if gone if body["voided"] else (note is not None and not gone and holds(note, body["document"])):
            return self._done(change, Outcome.UPDATED, note_id)
        return self._refused(change, note_id)

    def _find(self, note_id: str) -> Resource | None:
        note = find(self._client, CREDIT_NOTE, note_id)
        return None if note is None or note.get("deleted") else note

    def _refused(self, change: Change, note_id: str) -> Result:
        what = "is voided" if change.body["voided"] else "has other lines or amounts"
        return Result(
            change.key,
            Outcome.REJECTED,
            facts=change.facts,
            kind=UNCHANGEABLE,
            reason=f"The credit note {what} in Visma; it stands at Chargebee as {note_id}, where no credit note can be "
            "changed. Correct or delete it there by hand, and replay this record.",
        )

    def _done(self, change: Change, outcome: Outcome, note_id: str) -> Result:
        ids = ids_of(change, note_id)
        facts = {"id": note_id, "ids": ids, "money": change.body["money"]}
        return Result(change.key, outcome, target_id=change.claim, facts=facts, aliases=ids)
