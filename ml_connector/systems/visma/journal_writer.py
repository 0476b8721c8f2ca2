"""Creates transactions of the general ledger, each once (Visma reference, sections 7 and 9).

Every line of a transaction carries our reference, and one that is in doubt is looked up in the periods where it may
stand.

The body of a change: `reference`, `period` (`2026-11`), `release`, `base_currency`, to which its rate leads (None where
that is not known), `members`, the plain members of the update model with amounts as decimal text, and, where it
defers revenue, `policy` and `deferred`: line -> account, by the lines' notes. With `keeps_places` it is told where the
lines stand, and in which books (`places.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from ml_connector.engine.checkpoints import reached
from ml_connector.engine.ports import Delivery
from ml_connector.engine.records import NOTHING, Change, Doubt, Outcome, Result
from ml_connector.http import to_json
from ml_connector.systems.visma.document_writer import CHANGED, MISFIT, SETTLE, DocumentWriter, no_period
from ml_connector.systems.visma.journals import LINES
from ml_connector.systems.visma.ledger import Batch, is_same
from ml_connector.systems.visma.periods import Period
from ml_connector.systems.visma.places import BOOKS, as_it_stands, books_of, in_books, place_of, places_of
from ml_connector.systems.visma.writer import wrap

PATH = "/v2/journaltransaction"
AMOUNTS = ("debitAmountInCurrency", "creditAmountInCurrency")
OF_A_LINE = ("accountNumber", *AMOUNTS, "transactionDescription", "note", "referenceNumber")


class _Standing(NamedTuple):
    """A batch that stands in Visma.

    Attributes:
        payload: what was sent for it.
        also: further batches with the same reference.
        policy: by which an earlier process made it; None: by that of today.
        deferred: line -> the account on which it is deferred revenue.
        places, books: see `places.py`.
    """

    batch: Batch
    payload: bytes
    also: Sequence[Batch] = ()
    correlation_id: str | None = None
    policy: str | None = None
    deferred: Mapping[str, str] = NOTHING
    places: Mapping[str, Any] = NOTHING
    books: Mapping[str, Any] | None = None


class JournalWriter(DocumentWriter[_Standing]):
    """Delivers transactions; an engine `Writer`."""

    def _created(self, change: Change, delivery: Delivery) -> Result | _Standing:
        body = change.body
        period = self._ledger.periods.open_from(body["period"])
        if period is None:
            return no_period(change, "in Visma's general ledger")
        if change.doubt is not None:
            found, policy = self._find(body, change.doubt, period.name)
            if found:
                sent = _members(body, self._ledger.periods.of(found[0].period) or period)
                stands = self._as_it_stands(found[0], sent)
                told = _told(stands, body)
                return _Standing(found[0], to_json(wrap(stands)), found[1:], policy=policy, **told)
        if (misfit := self._ledger.misfit(body)) is not None:
            return Result(change.key, Outcome.REJECTED, kind=MISFIT, reason=misfit)
        delivery.remember([change.key], f"{period.name} {body.get('policy', '')}".rstrip())
        members = _members(body, period)
        written = self._create(PATH, members)
        reached("visma: document created")
        batch = Batch(written.key, period.name, "Hold" if members["hold"] else "Balanced")
        told = _told(members, body)
        return _Standing(batch, to_json(wrap(members)), correlation_id=written.correlation_id, **told)

    def found(self, change: Change) -> Result | None:
        """The transaction that an unanswered call made of a document which would be an invoice by now; None: there is
        none. It is told as Visma shows it. Raises `CallProblem`, `Stopped`."""
        body = change.body
        if change.doubt is None:
            return None
        open_one = self._ledger.periods.open_from(body["period"])
        batches, policy = self._find(body, change.doubt, open_one.name if open_one else body["period"])
        if not batches:
            return None
        row = self._ledger.whole(batches[0].number)
        members = {"currencyId": row.get("currencyId"), **books_of(row), LINES: _shown(row.get(LINES) or ())}
        told = _told(members, {**body, "keeps_places": True})
        standing = _Standing(batches[0], to_json(wrap(members)), batches[1:], policy=policy, **told)
        return self._stands(change, standing)

    def _find(self, body: Mapping[str, Any], doubt: Doubt, period: str) -> tuple[Sequence[Batch], str | None]:
        """The batches that an unanswered call may have made, and the policy by which it did.

        Args:
            period: the one in which it would be made now.
        """
        there, _, policy = (doubt.reference or period).partition(" ")
        found = self._ledger.find(body["reference"], {body["period"], period, there}, doubt.since + SETTLE)
        return found, policy or None

    def _as_it_stands(self, batch: Batch, members: Mapping[str, Any]) -> Mapping[str, Any]:
        """What was sent for a batch: its lines are others than those of today if the mapping changed in between."""
        row = self._ledger.whole(batch.number)
        lines = row.get(LINES) or ()
        members = in_books(members, books_of(row))
        if is_same(lines, members[LINES]):
            return _at_its_places(members, lines)
        return {**members, LINES: _shown(lines)}

    def _stands(self, change: Change, standing: _Standing) -> Result:
        batch, also = standing.batch, standing.also
        notes = [f"GL {batch.number}."]
        if change.body["release"] and batch.status == "Balanced":
            refusal = self._ledger.release(batch)
            if refusal is not None:
                notes.append(f"It stands in Visma and was not released: {refusal} Release it there.")
        if batch.period != change.body["period"]:
            notes.append(f"Posted in {batch.period}, because {change.body['period']} is closed in the general ledger.")
        if also:
            numbers = ", ".join(f"GL {one.number}" for one in also)
            notes.append(f"Visma holds it more than once: also as {numbers}. Void these there.")
        facts = {
            "batch": f"GL {batch.number}",
            "period": batch.period,
            **({"moved_from": change.body["period"]} if batch.period != change.body["period"] else {}),
            **({"policy": policy} if (policy := standing.policy or change.body.get("policy")) else {}),
            **({"deferred": standing.deferred} if standing.deferred else {}),
            **({"places": standing.places} if standing.places else {}),
            **({BOOKS: standing.books} if standing.books is not None else {}),
        }
        return Result(
            change.key,
            Outcome.CREATED,
            target_id=change.claim,
            facts=facts,
            reason=" ".join(notes),
            payload=standing.payload,
            correlation_id=standing.correlation_id,
        )

    def _changed(self, change: Change) -> Result:
        number = str(change.facts.get("batch", ""))
        lines = self._ledger.lines(number.removeprefix("GL ")) if number else ()
        if number and is_same(lines, change.body["members"][LINES]):
            period = self._ledger.periods.of(str(change.facts.get("period")))
            members = _at_its_places(_members(change.body, period), lines) if period is not None else None
            payload = to_json(wrap(members)) if members is not None else None
            return Result(change.key, Outcome.UPDATED, target_id=change.claim, facts=change.facts, payload=payload)
        return Result(
            change.key,
            Outcome.REJECTED,
            facts=change.facts,
            kind=CHANGED,
            reason=f"It stands in Visma as {number or 'a batch'} with other amounts, because its source changed "
            "afterwards. Correct the batch there, then replay the record.",
        )


def _at_its_places(members: Mapping[str, Any], standing: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """With the subaccounts and projects that Visma shows, line by line, where it shows the same lines."""
    pairs = list(zip(members[LINES], standing, strict=False))
    if len(standing) != len(members[LINES]) or any(a["accountNumber"] != b.get("accountNumber") for a, b in pairs):
        return members
    return {**members, LINES: [as_it_stands(line, there) for line, there in pairs]}


def _told(members: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """What stands of a document, for those that follow it."""
    if not body.get("keeps_places"):
        return {"deferred": _deferred(members, body)}
    return {"deferred": _deferred(members, body), "places": places_of(members[LINES]), "books": books_of(members)}


def _shown(lines: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Lines as Visma shows them, in the names of the update model."""
    return [{name: line[name] for name in OF_A_LINE if line.get(name)} | place_of(line) for line in lines]


def _deferred(members: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, str]:
    """Of the lines that are deferred, the accounts. A line's VAT bears its name, too, and stands behind it."""
    found: dict[str, str] = {}
    for line in members[LINES]:
        if line.get("note") in body.get("deferred", ()):
            found.setdefault(line["note"], line["accountNumber"])
    return found


def _members(body: Mapping[str, Any], period: Period) -> dict[str, Any]:
    """The update model's members: amounts as exact numbers, the reference on every line, the period that is open."""
    members = dict(body["members"])
    moved = period.name != body["period"]
    if moved:
        members["description"] = f"{members.get('description', '')} (moved from {body['period']}, closed)".strip()
    lines = [
        {
            "operation": "Insert",
            **{name: Decimal(value) if name in AMOUNTS else value for name, value in line.items()},
            "referenceNumber": body["reference"],
        }
        for line in members[LINES]
    ]
    return {**members, "financialPeriod": period.code, "hold": not body["release"], LINES: lines}
