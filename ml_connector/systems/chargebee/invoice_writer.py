"""Delivers invoices: imports each once under its own id, and follows what changes later (Chargebee reference, 4.2).

| change in Visma                  | here                                                          |
| -------------------------------- | ------------------------------------------------------------- |
| order, address, VAT number, text | `update_details`, of what differs (`invoice_details.py`)      |
| a payment                        | `record_payment` with Visma's number                          |
| a payment that is taken back     | rejected: money is not taken from an account by a sync        |
| voided                           | payments are removed, then `void`                             |
| lines, amounts or days, unpaid   | `void`, then an import under a new id (`VN-100234--2`)         |
| lines or amounts, paid           | rejected: nothing there can be changed                        |

Every step looks at what stands there first, so a process may die between any two of them, and what people did there
by hand, as a rejection asked them to, is taken for what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from typing import Any

from ml_connector.engine.answered import AnsweredAtOnce, not_done
from ml_connector.engine.checkpoints import reached
from ml_connector.engine.ports import Delivery
from ml_connector.engine.records import Change, Outcome, Result
from ml_connector.engine.unsent import sending
from ml_connector.http import Answer, CallProblem, RecordRefused, concurrently
from ml_connector.systems.chargebee.client import ChargebeeClient
from ml_connector.systems.chargebee.details_writer import DetailsWriter, path_of, times_of, without
from ml_connector.systems.chargebee.documents import INVOICE
from ml_connector.systems.chargebee.errors import DUPLICATE, MISSING, VALIDATION, is_about
from ml_connector.systems.chargebee.flow_settings import InvoicesSettings
from ml_connector.systems.chargebee.invoice_details import DETAILS, import_tries, text_digest
from ml_connector.systems.chargebee.invoices import again_id
from ml_connector.systems.chargebee.line_pages import find
from ml_connector.systems.chargebee.payments import LINKED, Open, Piece, still_open
from ml_connector.systems.chargebee.results import ids_of, with_posts
from ml_connector.systems.chargebee.standing import Resource, holds, is_same_money, is_voided
from ml_connector.systems.chargebee.turns import Turns

PAID = "paid"
VERSIONS = 20
"""How often an invoice may have been imported anew."""
UNCHANGEABLE = "cannot be changed"


class InvoicesWriter(AnsweredAtOnce[ChargebeeClient]):
    """An engine `Writer`."""

    def __init__(self, client: ChargebeeClient, settings: InvoicesSettings) -> None:
        super().__init__(client)
        self._settings = settings
        self._turns = Turns()
        self._details = DetailsWriter(client)

    def deliver(self, changes: Iterable[Change], delivery: Delivery) -> Iterator[Result]:
        def delivered(change: Change) -> Result:
            return with_posts(self._client, change, lambda one: self._delivered(one, delivery))

        def dropped(change: Change) -> None:
            delivery.not_sent(change.key)

        with closing(self._details.looked_ahead(changes, dropped)) as prepared:
            yield from concurrently(delivered, prepared, self._client.settings.connections, dropped=dropped)

    def _delivered(self, change: Change, delivery: Delivery) -> Result:
        try:
            with self._turns.of(str(change.body["customer"])):
                if change.target_id is not None:  # also where another `prefix` gave it another claim since
                    invoice_id = str(change.facts.get("id") or change.claim)
                    with sending(delivery, change.key):
                        invoice = self._find(invoice_id)
                    return self._followed(change, invoice_id, invoice)
                if not change.create:
                    return self._never_wanted(change)
                return self._imported(change, change.claim, sending(delivery, change.key))
        except CallProblem as problem:
            result = not_done(change, problem)
            # Of several calls some may have been made: what stands there is not what was confirmed any more.
            return result if change.target_id is None else result._replace(uncertain=True)

    def _never_wanted(self, change: Change) -> Result:
        """Voided before it was known to be there; an import that nobody answered may have made it all the same."""
        invoice = self._find(change.claim) if change.doubt is not None else None
        if invoice is None or not self._is_ours(change, invoice):
            return Result(change.key, Outcome.SKIPPED, reason="It was voided before it was ever imported.")
        return self._voided(change, change.claim, invoice)

    # --- importing -----------------------------------------------------------------------------------------------

    def _imported(
        self, change: Change, invoice_id: str, importing: AbstractContextManager[None] | None = None
    ) -> Result:
        """Import it. An id that is taken was taken by an earlier try, if what stands there has the same total.

        `importing`: goes around the import, where that is the first write of the change.
        """
        body = change.body
        total = body["document"]["total"]
        payments = still_open(body["payments"], body["paid"], {}, {})
        paid = sum(amount for _, (amount, _) in payments.record)
        members = {
            "id": invoice_id,
            "customer_id": body["customer"],
            "status": PAID if paid == total else "posted",
            **body["document"],
        }
        if payments.record and paid <= total:
            members["payments"] = [self._payment(number, piece) for number, piece in payments.record]
        try:
            with importing or nullcontext():
                vat = self._details.vat_of(body["customer"])
                members |= {name: value for name, value in vat.items() if value}
                answer, refused = self._import(change, members)
        except RecordRefused as problem:
            if problem.status == MISSING:
                # A person deleted the customer: it is delivered anew. Whether its id is given away again nobody knows,
                # so this does not wait for it.
                reason = (
                    f"{change.body['customer']} was deleted at Chargebee. The customer is sent again: replay this "
                    "record once it is there."
                )
                return not_done(change, problem)._replace(reason=reason, missing=("customer",))
            if problem.decision.vendor_code != DUPLICATE:
                raise
            return self._adopted(change, invoice_id, problem)
        reached("chargebee: invoice imported")
        if paid > total:  # more than an import takes: the rest becomes the customer's excess payment
            self._record(invoice_id, payments)
        done = self._done(change, Outcome.CREATED, invoice_id, payments.with_recorded(), answer)
        return done if refused is None else _partly(done, without(change, invoice_id, refused), details=False)

    def _import(self, change: Change, members: Mapping[str, Any]) -> tuple[Answer, RecordRefused | None]:
        """What an address or a VAT number is refused for must not keep the money away: it is imported without them.
        Returns the answer, and why something was left out. Raises `CallProblem`, `Stopped`."""
        refused: RecordRefused | None = None
        for some in import_tries(members):
            try:
                return self._client.post("/invoices/import_invoice", some, purpose=change.key), refused
            except RecordRefused as problem:
                if problem.decision.kind != VALIDATION or not is_about(problem.decision.reason, DETAILS):
                    raise
                refused = refused or problem
        raise refused or AssertionError("nothing was tried")

    def _adopted(self, change: Change, invoice_id: str, problem: RecordRefused) -> Result:
        invoice = self._find(invoice_id)
        if invoice is None:
            raise problem
        body = change.body
        if change.doubt is not None and self._is_ours(change, invoice) and not holds(invoice, body["document"]):
            return self._imported_anew(change, invoice_id, invoice)  # ours, and Visma's changed before we knew
        if not self._is_ours(change, invoice) or not is_same_money(invoice, body["document"]) or is_voided(invoice):
            return self._taken(change, invoice_id, invoice)
        return self._paid(change, Outcome.CREATED, invoice_id, invoice, {})

    def _taken(self, change: Change, invoice_id: str, invoice: Resource) -> Result:
        document, customer = change.body["document"], change.body["customer"]
        return Result(
            change.key,
            Outcome.REJECTED,
            facts=change.facts,
            kind="id is taken",
            reason=f"{invoice_id} is another invoice at Chargebee (total {invoice.get('total')} "
            f"{invoice.get('currency_code')}, customer {invoice.get('customer_id')}, {invoice.get('status')}; here "
            f"{document['total']} {document['currency_code']}, {customer}). Choose another `prefix`, or delete it "
            "there.",
        )

    def _is_ours(self, change: Change, invoice: Resource) -> bool:
        return bool(invoice.get("customer_id") == change.body["customer"])

    # --- following -----------------------------------------------------------------------------------------------

    def _followed(self, change: Change, invoice_id: str, invoice: Resource | None) -> Result:
        """What changed since it was imported."""
        body, facts = change.body, change.facts
        if invoice is None:
            if body["voided"]:
                return self._done(change, Outcome.UPDATED, invoice_id, {})
            return self._refused(
                change,
                f"{invoice_id} was deleted at Chargebee, where its number stays taken. Void it in Visma, too, and make "
                "a new invoice there.",
            )
        if body["voided"]:
            return self._voided(change, invoice_id, invoice)
        if is_voided(invoice):
            if facts.get("voided") or invoice.get("void_reason_code") == self._settings.reason:
                return self._imported_anew(change, invoice_id, invoice)  # by us: Visma has it again, or other lines
            return self._refused(
                change,
                f"{invoice_id} was voided at Chargebee by hand. Void it in Visma, too, and make a new invoice there.",
            )
        noted = facts.get("money") == body["money"] and (
            facts.get("terms") == body["terms"] or invoice.get("status") == PAID  # when it was due is over
        )
        if not noted and not holds(invoice, body["document"]):
            return self._imported_anew(change, invoice_id, invoice)
        return self._paid(change, Outcome.UPDATED, invoice_id, invoice, facts.get("payments") or {})

    def _imported_anew(self, change: Change, invoice_id: str, invoice: Resource) -> Result:
        """Lines cannot be changed: the invoice is voided, and imported under the next id that is free."""
        wanted = change.body["document"]
        for version in range(2, VERSIONS):
            if not is_voided(invoice):
                if holds(invoice, wanted):
                    return self._paid(change, Outcome.UPDATED, invoice_id, invoice, {})
                if (obstacle := _obstacle(invoice)) is not None:
                    return self._refused(
                        change,
                        f"{invoice_id} has {obstacle} at Chargebee, where neither lines nor amounts nor days can be "
                        "changed. Take the change back in Visma, and make a credit note and a new invoice instead; or "
                        f"take the {obstacle} off it at Chargebee, and replay this record: it is imported anew then.",
                    )
                self._void(invoice_id, invoice)
            invoice_id = again_id(change.claim, version)
            found = self._find(invoice_id)
            if found is None:
                done = self._imported(change, invoice_id)
                return done._replace(outcome=Outcome.UPDATED) if done.outcome is Outcome.CREATED else done
            if not self._is_ours(change, found):
                return self._taken(change, invoice_id, found)
            invoice = found
        return self._refused(change, f"It was imported {VERSIONS} times already.")

    def _voided(self, change: Change, invoice_id: str, invoice: Resource) -> Result:
        if _is_credited(invoice) and not is_voided(invoice):
            return self._refused(
                change,
                f"{invoice_id} is credited at Chargebee, so it cannot be voided there. Delete the credit note there, "
                "and replay this record; or leave it as it is, if the credit note is for all of it.",
            )
        self._void(invoice_id, invoice)
        return self._done(change, Outcome.UPDATED, invoice_id, {})

    def _void(self, invoice_id: str, invoice: Resource) -> None:
        """Keeps the invoice, and its id stays taken; payments are detached first."""
        if is_voided(invoice):
            return
        for link in invoice.get("linked_payments") or ():
            if link.get("txn_status") in LINKED:
                members = {"transaction": {"id": link["txn_id"]}}
                self._client.post(f"{path_of(invoice_id)}/remove_payment", members, purpose=str(link["txn_id"]))
                reached("chargebee: payment taken off")
        self._client.post(f"{path_of(invoice_id)}/void", {"void_reason_code": self._settings.reason}, purpose="void")
        reached("chargebee: invoice voided")

    # --- payments ------------------------------------------------------------------------------------------------

    def _paid(
        self, change: Change, outcome: Outcome, invoice_id: str, invoice: Resource, noted: Mapping[str, Any]
    ) -> Result:
        """Bring what can be changed up to date, and record the payments that are not recorded yet."""
        payments = still_open(change.body["payments"], change.body["paid"], noted, invoice)
        if payments.taken_back:
            return self._refused(
                change,
                f"Visma took back all or a part of the payment {', '.join(payments.taken_back)}, which is recorded for "
                f"{invoice_id}. Take it off at Chargebee (the invoice's payments), and replay this record.",
            )
        if payments.record and invoice.get("status") == PAID:
            numbers = ", ".join(number for number, _ in payments.record)
            return self._refused(
                change,
                f"{invoice_id} is paid at Chargebee otherwise than by Visma's payment {numbers}. Take the other "
                "payment off there, and replay this record.",
            )
        refused = self._details.follow(change, invoice_id, invoice)
        try:
            self._record(invoice_id, payments)
        except CallProblem as problem:
            done = self._done(change, outcome, invoice_id, payments.noted)
            return _partly(done, not_done(change, problem)._replace(uncertain=True), details=refused is None)
        done = self._done(change, outcome, invoice_id, payments.with_recorded())
        if refused is None:
            return done
        uncertain = refused.uncertain or bool(payments.record)
        return _partly(done, refused._replace(uncertain=uncertain), details=False)

    def _record(self, invoice_id: str, payments: Open) -> None:
        for number, piece in payments.record:
            before = sum(amount for amount, _ in payments.noted.get(number, ()))
            members = {"transaction": self._payment(number, piece)}
            self._client.post(f"{path_of(invoice_id)}/record_payment", members, purpose=f"{number} after {before}")
            reached("chargebee: payment recorded")

    def _payment(self, number: str, piece: Piece) -> dict[str, Any]:
        return {
            "amount": piece[0],
            "payment_method": self._settings.payment_method,
            "date": piece[1],
            "reference_number": number,
        }

    # --- results -------------------------------------------------------------------------------------------------

    def _find(self, invoice_id: str) -> Resource | None:
        invoice = find(self._client, INVOICE, invoice_id)
        return None if invoice is None or invoice.get("deleted") else invoice

    def _refused(self, change: Change, reason: str) -> Result:
        return Result(change.key, Outcome.REJECTED, facts=change.facts, kind=UNCHANGEABLE, reason=reason)

    def _done(
        self,
        change: Change,
        outcome: Outcome,
        invoice_id: str,
        noted: Mapping[str, Sequence[Piece]],
        answer: Answer | None = None,
    ) -> Result:
        body, ids = change.body, ids_of(change, invoice_id)
        facts = {
            "id": invoice_id,
            "ids": ids,
            "text": text_digest(body["details"]),
            "times": times_of(change) + 1,
            **({"vat": body["customer_vat"]} if "customer_vat" in body else {}),
            **{name: body[name] for name in ("money", "terms", "voided")},
            "payments": {number: [list(piece) for piece in pieces] for number, pieces in noted.items()},
        }
        return Result(
            change.key,
            outcome,
            target_id=change.claim,
            facts=facts,
            status=answer.status if answer else None,
            correlation_id=answer.correlation_id if answer else None,
            aliases=ids,
        )


def _partly(done: Result, problem: Result, *, details: bool) -> Result:
    """A part of it is there and known to be, lest it is made twice: the invoice and its text, and what payments were
    recorded. Where not all of the `details` are, the VAT number has to be looked at again."""
    facts = {name: value for name, value in done.facts.items() if details or name != "vat"}
    return problem._replace(target_id=done.target_id, facts=facts, facts_hold=True, aliases=done.aliases)


def _is_credited(invoice: Resource) -> bool:
    return bool(invoice.get("amount_adjusted") or invoice.get("credits_applied"))


def _obstacle(invoice: Resource) -> str | None:
    """Why an invoice must not be voided in passing."""
    if _is_credited(invoice):
        return "credit notes"
    paid = invoice.get("amount_paid") or any(
        link.get("txn_status") in LINKED for link in invoice.get("linked_payments") or ()
    )
    return "payments" if paid else None
