"""Posts what comes back to Visma's books: documents, as transactions or as invoices, and the months of deferred lines.

How each is created, once, is the business of Visma's writers. Here is where its lines stand, and what became of what
was sent the other way, before `post` was changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ml_connector.engine.ports import Delivery
from ml_connector.engine.records import Change, Outcome, Result
from ml_connector.systems.chargebee.recognition import from_where_it_was_deferred, has_accounts
from ml_connector.systems.chargebee.rules import NO_DEFERRED
from ml_connector.systems.chargebee.taking_back import (
    SEVERAL,
    invoiced_where_the_original_stands,
    where_the_original_stands,
)
from ml_connector.systems.visma.document_writer import CHANGED
from ml_connector.systems.visma.invoice_writer import InvoiceWriter
from ml_connector.systems.visma.journal_writer import JournalWriter

SENT_OTHERWISE = "It was sent before `post` was changed: look whether it is right there, and release it."
NOWHERE = "nowhere"
"""In a body: its lines have no place on one document."""
AT_ONCE = "immediate"


class TransactionsWriter(JournalWriter):
    """Creates the transactions of documents."""

    def deliver(self, changes: Iterable[Change], delivery: Delivery) -> Iterator[Result]:
        placed = (change._replace(body=where_the_original_stands(change.body)) for change in changes)
        yield from super().deliver(placed, delivery)

    def _created(self, change: Change, delivery: Delivery) -> Any:
        """One that an unanswered call may have made an invoice of, before `post` was changed, is looked for there."""
        if change.doubt is not None and change.doubt.reference == change.body["reference"]:
            found = InvoiceWriter(self._ledger).found(change)
            if found is not None:
                return found._replace(reason=f"{found.reason} {SENT_OTHERWISE}")
        return super()._created(change, delivery)

    def _changed(self, change: Change) -> Result:
        return super()._changed(change) if _is_transaction(change) else _made_otherwise(change)


class DocumentsWriter(InvoiceWriter):
    """Creates Visma's invoices and credit notes of documents."""

    def deliver(self, changes: Iterable[Change], delivery: Delivery) -> Iterator[Result]:
        placed = (
            change._replace(body=invoiced_where_the_original_stands(change.body) or {**change.body, NOWHERE: True})
            for change in changes
        )
        yield from super().deliver(placed, delivery)

    def _created(self, change: Change, delivery: Delivery) -> Any:
        """One that an unanswered call may have made a transaction of, before `post` was changed, is looked for."""
        if change.doubt is not None and change.doubt.reference != change.body["reference"]:
            found = JournalWriter(self._ledger).found(change)
            if found is not None:
                return found
        if NOWHERE in change.body:
            return Result(change.key, Outcome.REJECTED, kind="several projects", reason=SEVERAL)
        return super()._created(change, delivery)

    def _changed(self, change: Change) -> Result:
        return _made_otherwise(change) if _is_transaction(change) else super()._changed(change)


class RecognitionWriter(JournalWriter):
    """Creates the transactions of months; what was posted at once has none."""

    def deliver(self, changes: Iterable[Change], delivery: Delivery) -> Iterator[Result]:
        for change in changes:
            if change.body.get("policy") == AT_ONCE:
                reason = "Its document was posted at once: nothing is left to be recognised."
                yield Result(change.key, Outcome.SKIPPED, kind="posted at once", reason=reason)
                continue
            body = from_where_it_was_deferred(change.body)
            if not has_accounts(body):
                yield Result(change.key, Outcome.REJECTED, kind="configuration", reason=NO_DEFERRED)
            else:
                yield from super().deliver([change._replace(body=body)], delivery)


def _is_transaction(change: Change) -> bool:
    return str(change.facts.get("batch", "")).startswith("GL ")


def _made_otherwise(change: Change) -> Result:
    """The two ways do not have the same lines to compare."""
    reason = (
        f"It stands in Visma as {change.facts.get('batch')}, made when `post` was another, and its source changed "
        "afterwards. Look whether its amounts are right there and correct them if not, then say that it is handled: "
        "`ml-connector handled`."
    )
    return Result(change.key, Outcome.REJECTED, facts=change.facts, kind=CHANGED, reason=reason)
