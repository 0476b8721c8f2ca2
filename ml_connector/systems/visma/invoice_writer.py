"""Creates customer invoices and credit notes, each once (Visma reference, section 7).

Every document carries our reference in `externalReference`, and one that is in doubt is looked up by it.

VAT is Visma's to compute. What it comes to is read, and compared with what is expected, before a document is released.

The body of a change: `kind` ("invoice" or "credit_note"), `reference`, `period` (`2026-11`), `release`, `total`
(decimal text, in the document's currency, VAT included), `base_currency`, to which its rate leads (None where that is
not known), and `members`, the plain members of the update model; its lines are in `lines`, numbers are decimal text.
With `names`, what the lines are called at their source, it is told where they stand (`places.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple
from urllib.parse import quote

from ml_connector.engine.checkpoints import reached
from ml_connector.engine.ports import Delivery
from ml_connector.engine.records import Change, Outcome, Result
from ml_connector.http import CallProblem, TornAnswer, to_json
from ml_connector.http.actions import Action, Decision
from ml_connector.systems.visma.document_writer import CHANGED, MISFIT, DocumentWriter, no_period
from ml_connector.systems.visma.ledger import GONE
from ml_connector.systems.visma.places import BOOKS, BRANCH, PROJECT, SUBACCOUNT, TASK, place_of, places_of
from ml_connector.systems.visma.writer import wrap

TASK_HERE, BRANCH_HERE = "taskId", "branchNumber"
"""What the update model of these documents calls the task of a line, and the branch. The project is the whole
document's (appendix)."""
NUMBERS = ("quantity", "unitPriceInCurrency", "exchangeRate")
FOUND_AT_MOST = 100
"""Documents asked for at once by a reference that one of them has at most; a filter that is ignored gives any."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Where documents of a kind are: created on v2, read and released on v1."""

    title: str
    name: str
    lines: str

    def one(self, number: str) -> str:
        return f"/v1/{self.name}/{quote(number, safe='')}"


KINDS: Mapping[str, Kind] = {
    "invoice": Kind("Invoice", "customerinvoice", "invoiceLines"),
    "credit_note": Kind("Credit note", "customerCreditNote", "lines"),
}


class _Standing(NamedTuple):
    """A document that stands in Visma.

    Attributes:
        members: what was sent for it.
        also: further documents with the same reference.
        period: the one that was asked for.
    """

    number: str
    members: Mapping[str, Any]
    also: Sequence[str] = ()
    correlation_id: str | None = None
    period: str | None = None


class InvoiceWriter(DocumentWriter[_Standing]):
    """Delivers invoices and credit notes; an engine `Writer`."""

    def _created(self, change: Change, delivery: Delivery) -> Result | _Standing:
        body, kind = change.body, KINDS[change.body["kind"]]
        period = self._ledger.periods.open_for_customers(body["period"])
        if period is None:
            return no_period(change, "for customers in Visma")
        if change.doubt is not None and (found := self._find(kind, body["reference"])):
            return _Standing(found[0], _members(body, kind, period.code), also=found[1:])
        if (misfit := self._ledger.misfit(body)) is not None:
            return Result(change.key, Outcome.REJECTED, kind=MISFIT, reason=misfit)
        delivery.remember([change.key], body["reference"])
        members = _members(body, kind, period.code)
        written = self._create(f"/v2/{kind.name}", members)
        reached("visma: document created")
        return _Standing(written.key, members, correlation_id=written.correlation_id, period=period.name)

    def _stands(self, change: Change, standing: _Standing) -> Result:
        """Released only if it comes to what it should."""
        body, kind = change.body, KINDS[change.body["kind"]]
        number, members, also, period = standing.number, standing.members, standing.also, standing.period
        name, notes = f"{kind.title} {number}", []
        try:
            row = self._read(kind, number)
            found = standing.period is None
            members = _as_it_stands(members, kind, row)
            members = _at_its_places(members, kind, row) if found else members
            total, wanted = _amount(row.get("amountInCurrency")), Decimal(body["total"])
            period = _period(row) or period or body["period"]
            if total != wanted:
                notes.append(
                    f"Visma makes it {total}, and it should be {wanted}: compare its VAT codes. It was not released."
                )
            elif body["release"] and row.get("status") == "Balanced":
                refusal = self._release(kind, number)
                notes += [f"It was not released: {refusal} Release it there."] if refusal else []
        except CallProblem as problem:
            notes.append(f"It could not be compared and was not released: {problem.decision.reason}. Look at it there.")
        stands_in = period or body["period"]
        moved = {"moved_from": body["period"]} if stands_in != body["period"] else {}
        if moved:
            notes.append(f"Dated into {stands_in}, because {body['period']} is closed.")
        if also:
            notes.append(f"Visma holds it more than once: also as {', '.join(also)}. Void these there.")
        return Result(
            change.key,
            Outcome.CREATED,
            target_id=change.claim,
            facts={
                "batch": name,
                "kind": body["kind"],
                "period": stands_in,
                "policy": body["policy"],
                **moved,
                **({"places": _places(members, kind, body["names"])} if "names" in body else {}),
                **_named(members[kind.lines], body),
                BOOKS: {BRANCH: members[BRANCH_HERE]} if members.get(BRANCH_HERE) else {},
            },
            reason=" ".join([f"It stands in Visma as {name}.", *notes]) if notes else None,
            payload=to_json(wrap(members)),
            correlation_id=standing.correlation_id,
        )

    def _changed(self, change: Change) -> Result:
        name, kind = str(change.facts.get("batch", "")), KINDS[change.body["kind"]]
        if name.startswith(f"{kind.title} "):
            row = self._read(kind, name.removeprefix(f"{kind.title} "))
            if _amount(row.get("amountInCurrency")) == Decimal(change.body["total"]):
                period = str(change.facts.get("period", "")).replace("-", "")
                members = _as_it_stands(_members(change.body, kind, period), kind, row)
                payload = to_json(wrap(_at_its_places(members, kind, row)))
                return Result(change.key, Outcome.UPDATED, target_id=change.claim, facts=change.facts, payload=payload)
        return Result(
            change.key,
            Outcome.REJECTED,
            facts=change.facts,
            kind=CHANGED,
            reason=f"It stands in Visma as {name or 'a document'} with another amount, because its source changed "
            "afterwards. Correct it there, then replay the record.",
        )

    def found(self, change: Change) -> Result | None:
        """The invoice or credit note that an unanswered call made of a document which would be a transaction by now;
        None: there is none. It is told as Visma shows it. Raises `CallProblem`, `Stopped`."""
        body = change.body
        for name, kind in KINDS.items():
            if numbers := self._find(kind, body["reference"]):
                row = self._read(kind, numbers[0])
                shown = row.get(kind.lines) or row.get("invoiceLines") or ()
                told = [line for line in map(_told, shown) if line is not None]
                members = {"currencyId": row.get("currencyId"), "externalReference": body["reference"]}
                members = dict(_at_its_places({**members, kind.lines: told}, kind, row))
                standing = _Standing(numbers[0], members, numbers[1:])
                whole = {**body, "kind": name, "release": False, "policy": "immediate"}
                whole["total"] = str(_amount(row.get("amountInCurrency")))
                stands = self._stands(change._replace(body=whole), standing)
                return stands._replace(reason=stands.reason or f"It stands in Visma as {kind.title} {numbers[0]}.")
        return None

    def _find(self, kind: Kind, reference: str) -> Sequence[str]:
        """The numbers of the documents that carry our reference and are not voided.

        A filter that Visma does not know is ignored (section 4), so each row is looked at.
        """
        params: dict[str, str | int] = {"externalReference": reference, "pageNumber": 1, "pageSize": FOUND_AT_MOST}
        answer = self._client.request("GET", f"/v1/{kind.name}", params=params)
        if not isinstance(answer.data, list) or not all(isinstance(row, Mapping) for row in answer.data):
            raise TornAnswer(
                Decision(Action.RETRY, "malformed answer", "no list of documents was given"), answer.status
            )
        if any(row.get("externalReference") != reference for row in answer.data):
            reason = f"the list of {kind.name} does not take the filter externalReference"
            raise TornAnswer(Decision(Action.RETRY, "filter ignored", reason), answer.status)
        return [str(row.get("referenceNumber")) for row in answer.data if row.get("status") != GONE]

    def _read(self, kind: Kind, number: str) -> Mapping[str, Any]:
        answer = self._client.request("GET", kind.one(number))
        if not isinstance(answer.data, Mapping):
            raise TornAnswer(Decision(Action.RETRY, "malformed answer", f"{number} is no document"), answer.status)
        return answer.data

    def _release(self, kind: Kind, number: str) -> str | None:
        """Answers with why it was refused, or None. A 200 may say `Failed` (section 7)."""
        try:
            answer = self._client.request("POST", f"{kind.one(number)}/action/release", json={})
        except CallProblem as problem:
            return f"{problem.decision.reason}."
        said = answer.data if isinstance(answer.data, Mapping) else {}
        return str(said.get("errorInfo") or "no reason was given.") if said.get("actionResult") == "Failed" else None


def _members(body: Mapping[str, Any], kind: Kind, period: str) -> dict[str, Any]:
    """The update model's members: numbers exact, our reference, the period that is open."""
    members = _exact(body["members"])
    lines = [{"operation": "Insert", **_exact(line)} for line in members.pop("lines")]
    return {
        **members,
        "externalReference": body["reference"],
        "financialPeriod": period,
        "hold": not body["release"],
        kind.lines: lines,
    }


def _as_it_stands(members: Mapping[str, Any], kind: Kind, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was sent for a document: its lines are others if the mapping changed since, or somebody corrected them."""
    shown = row.get(kind.lines) or row.get("invoiceLines")
    lines = [_told(line) for line in shown] if isinstance(shown, list) else []
    told = [line for line in lines if line is not None]
    if not told or len(told) < len(lines) or _per_account(told) == _per_account(members[kind.lines]):
        return members
    return {**members, kind.lines: told}


def _at_its_places(members: Mapping[str, Any], kind: Kind, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """With the project, tasks and subaccounts that Visma shows, where it does: the settings may have changed since."""
    sent, shown = members[kind.lines], row.get(kind.lines) or row.get("invoiceLines") or ()
    if PROJECT in row:
        members = {**members, PROJECT: place_of(row).get(PROJECT)}
    if BRANCH_HERE in row:
        members = {**members, BRANCH_HERE: _branch(row)}
    if len(shown) != len(sent):
        return members
    lines = []
    for line, there in zip(sent, shown, strict=True):
        place = place_of(there)
        task = {TASK_HERE: place.get(TASK)} if TASK in there else {}
        segments = {SUBACCOUNT: place.get(SUBACCOUNT)} if SUBACCOUNT in there else {}
        branch = {BRANCH_HERE: _branch(there)} if BRANCH_HERE in there else {}
        lines.append({**line, **task, **segments, **branch})
    return {**members, kind.lines: lines}


def _branch(shown: Mapping[str, Any]) -> str | None:
    branch = shown.get(BRANCH_HERE)
    return str(branch["number"]) if isinstance(branch, Mapping) and branch.get("number") else None


def _named(lines: Sequence[Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """What its lines are called, in their order, as long as they are those that were sent."""
    names = body.get("names", ())
    return {"lines": names} if names and len(names) == len(lines) else {}


def _places(members: Mapping[str, Any], kind: Kind, names: Sequence[str]) -> Mapping[str, Any]:
    """Line -> where it stands. A document whose lines are others by now tells its project alone."""
    project, lines = members.get(PROJECT), members[kind.lines]
    named = zip(names, lines, strict=True) if len(names) == len(lines) else ()
    return places_of(
        [
            *(
                {"note": name, SUBACCOUNT: line.get(SUBACCOUNT), PROJECT: project, TASK: line.get(TASK_HERE)}
                for name, line in named
            ),
            {PROJECT: project},
        ]
    )


def _told(line: Any) -> dict[str, Any] | None:
    """A line as Visma shows it, in the names of the update model; what a rebate took off is in its price.

    None for one that does not tell its amount and account.
    """
    account = line.get("account") if isinstance(line, Mapping) else None
    amount = _amount(line.get("amountInCurrency")) if isinstance(account, Mapping) else None
    if amount is None or not amount.is_finite() or not isinstance(account, Mapping) or not account.get("number"):
        return None
    code = line.get("vatCode")
    return {
        "description": line.get("description"),
        "quantity": Decimal(1),
        "unitPriceInCurrency": amount,
        "accountNumber": str(account["number"]),
        "vatCodeId": code.get("id") if isinstance(code, Mapping) else None,
        "note": line.get("note"),
    }


def _per_account(lines: Iterable[Mapping[str, Any]]) -> dict[Any, Decimal]:
    """What lines come to; accounts with nothing left out."""
    sums: dict[Any, Decimal] = {}
    for line in lines:
        account = line.get("accountNumber")
        sums[account] = sums.get(account, Decimal()) + line["quantity"] * line["unitPriceInCurrency"]
    return {account: amount for account, amount in sums.items() if amount}


def _exact(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: Decimal(value) if name in NUMBERS else value for name, value in members.items()}


def _amount(value: Any) -> Decimal | None:
    """A JSON number; a float's shortest text is the number that was meant."""
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def _period(row: Mapping[str, Any]) -> str | None:
    code = str(row.get("financialPeriod") or "")
    return f"{code[:4]}-{code[4:]}" if len(code) == 6 and code.isdigit() else None
