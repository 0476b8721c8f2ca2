"""`audit export --period`: every amount of a month that came back into the books, and what it adds up to.

The amounts are those that were sent, out of the audit; nothing is computed anew. What a person corrected in the books,
and was found right by a replay, counts as it was found. So the sums per account are what the general ledger holds of
these batches. What is undelivered belongs to no month yet, and is listed with its reason.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ml_connector.cli.arguments import known
from ml_connector.config import Company, Target
from ml_connector.errors import ConfigurationProblem
from ml_connector.home import OpenHome

COLUMNS = (
    *("kind", "company", "target", "period", "document", "schedule", "line", "text", "account", "vat_code", "currency"),
    *("subaccount", "project", "project_task", "debit", "credit", "batch", "reference", "moved_from", "events"),
)
AMOUNT, TOTAL, DEFERRED, UNDELIVERED = "amount", "total", "deferred balance", "undelivered"
STANDS = ("created", "updated")


@dataclass(frozen=True, slots=True)
class Posted:
    """One line of a transaction as it was sent.

    Attributes:
        name: the document's line that it is of.
        project: the line's, or that of the invoice which it is a line of.
        schedule: the month of a document's schedule, or "" for the document itself.
        reference: ours, by which it is found in Visma.
        amount: debit less credit, in the document's currency.
    """

    period: str
    document: str
    schedule: str
    reference: str
    line: Mapping[str, Any]
    currency: str
    amount: Decimal
    facts: Mapping[str, Any]
    name: str | None = None
    project: str | None = None

    @property
    def account(self) -> str:
        return str(self.line.get("accountNumber"))

    @property
    def subaccount(self) -> str | None:
        """The values of its segments, joined as Visma joins them."""
        return "-".join(str(segment.get("segmentValue", "")) for segment in self.line.get("subaccount") or ()) or None

    @property
    def deferred_on(self) -> Collection[str]:
        """Where its document's lines were deferred, whatever is configured by now."""
        return set(self.facts.get("deferred", {}).values())


def rows(home: OpenHome, selection: str | None, period: str) -> Iterator[dict[str, Any]]:
    """The amounts of a month, the sums per account, the balance of deferred revenue at its end, what is undelivered.

    Raises `ConfigurationProblem` where the month is none, or nothing in the selection comes back into the books.
    """
    if not re.fullmatch(r"[12]\d{3}-(0[1-9]|1[0-2])", period):
        raise ConfigurationProblem(f'--period is "{period}".', "Nothing was exported.", "Expected a month: 2026-11.")
    chosen = list(_targets(home, selection))
    if not chosen:
        raise ConfigurationProblem(
            "Nothing comes back into the books of what was named.",
            "There is nothing to export.",
            "Name a company, or a target like nordic/chargebee_to_visma; `ml-connector status` lists them.",
        )
    for company, target in chosen:
        yield from _of(home, company, target, period)


def remarks(home: OpenHome, selection: str | None, period: str) -> Iterator[str]:
    """What keeps the rows of a month from being all that there will be."""
    from ml_connector.store import reports

    now = datetime.now(UTC)
    for company, target in _targets(home, selection):
        with home.database.connect() as connection:
            stands = [
                reports.flow_status(connection, company.name, target.name, flow.name, flow.entity, now)
                for flow in target.flows
            ]
        undelivered = sum(one.problems + one.waiting for one in stands)
        if undelivered:
            yield (
                f"{target.id}: undelivered, or not looked at yet, are {undelivered} records (documents, months, "
                "subscriptions). What may stand in the books of them already is in no sum: `ml-connector problems "
                f"{target.id}`."
            )
        elif any(one.due_at is not None and one.due_at <= now for one in stands):
            yield f"{target.id}: months have ended that no run has posted yet: `ml-connector sync {target.id}`."
        read = [home.ledger(company.name).readings.coverage(flow.entity).until for flow in target.flows]
        until = min((moment for moment in read if moment is not None), default=None)
        if until is None or f"{until:%Y-%m}" <= period:
            when = f"were read until {until:%Y-%m-%d %H:%M} UTC" if until else "were never read"
            yield f"{target.id}: events {when}, so {period} is not complete, and balances are those of now."


def _targets(home: OpenHome, selection: str | None) -> Iterator[tuple[Company, Target]]:
    company, target = known(home.config, selection)
    for one in home.config.companies.values():
        for back in one.targets.values():
            named = target is None or back.name == target
            if company in (None, one.name) and named and back.back is not None:
                yield one, back


def _of(home: OpenHome, company: Company, target: Target, period: str) -> Iterator[dict[str, Any]]:
    ledger = home.ledger(company.name)
    posted = [one for one in _posted(ledger.audit(target.name).entries(with_payload=True)) if one.period <= period]
    month = [one for one in posted if one.period == period]
    events = _events(home, company, target, {one.document for one in month})
    shared = {"company": company.name, "target": target.name, "period": period}
    for one in month:
        yield _row(AMOUNT, shared, one, events.get(one.document, ()))
    for (currency, account), amount in _sums(month).items():
        yield _sum(TOTAL, shared, currency, account, amount)
    deferred = _deferred(company, target) | {account for one in posted for account in one.deferred_on}
    for (currency, account), amount in _sums([one for one in posted if one.account in deferred]).items():
        yield _sum(DEFERRED, shared, currency, account, amount)
    yield from _undelivered(home, company, target)


def _undelivered(home: OpenHome, company: Company, target: Target) -> Iterator[dict[str, Any]]:
    """What is rejected or failed now; of which month it will be is not known before it is posted."""
    from ml_connector.store import reports

    with home.database.connect() as connection:
        found = reports.problems(connection, company.name, target.name)
    for one in found:
        document, month = _parts(one["key"])
        named = {"company": company.name, "target": target.name, "document": document, "schedule": month}
        text = f"{one['outcome']}: {one['reason']}"
        yield {**dict.fromkeys(COLUMNS), "kind": UNDELIVERED, **named, "text": text}


def _parts(key: str) -> tuple[str, str]:
    """The document and the month of its schedule, or "" for the document itself."""
    document, _, last = key.rpartition("/")
    return (document, last) if re.fullmatch(r"\d{4}-\d{2}", last) else (key, "")


def _posted(entries: Iterator[Any]) -> Iterator[Posted]:
    """The lines of everything that stands, as it was told of last; what had its payload erased has none."""
    newest: dict[tuple[str, str], Any] = {}
    for recorded in entries:
        entry = recorded.entry
        if entry.outcome in STANDS and entry.payload is not None and "period" in entry.facts:
            newest[entry.flow, entry.key] = entry
    for entry in newest.values():
        sent = _unwrapped(json.loads(entry.payload, parse_float=Decimal))
        document, month = _parts(entry.key)
        lines = list(_lines(sent))
        names = entry.facts.get("lines", ())  # of an invoice, whose lines in Visma bear none
        for at, (line, amount) in enumerate(lines):
            yield Posted(
                entry.facts["period"],
                document,
                month,
                str(line.get("referenceNumber") or sent.get("externalReference") or ""),
                line,
                str(sent.get("currencyId", "")),
                amount,
                entry.facts,
                line.get("note") or (names[at] if len(names) == len(lines) else None),
                line.get("project") or sent.get("project"),
            )


def _lines(sent: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Decimal]]:
    """The lines of what was sent, each with debit less credit.

    Of invoices and credit notes they are those on revenue: what is receivable and what is VAT Visma posts by itself.
    """
    for line in sent.get("journalTransactionLines", ()):
        debit, credit = (Decimal(line.get(f"{side}AmountInCurrency") or 0) for side in ("debit", "credit"))
        yield line, debit - credit
    for name, sign in (("invoiceLines", -1), ("lines", 1)):
        for line in sent.get(name, ()):
            yield line, sign * Decimal(line["quantity"]) * Decimal(line["unitPriceInCurrency"])


def _unwrapped(value: Any) -> Any:
    """Without the `{"value": x}` that Visma wants around everything."""
    if isinstance(value, list):
        return [_unwrapped(one) for one in value]
    if isinstance(value, Mapping):
        if set(value) == {"value"}:
            return _unwrapped(value["value"])
        return {name: _unwrapped(one) for name, one in value.items()}
    return value


def _events(home: OpenHome, company: Company, target: Target, wanted: set[str]) -> dict[str, list[str]]:
    """The events that carried each document, in the order in which they occurred."""
    from ml_connector.engine.origins import origins  # it loads the store, which no help text needs

    source = next(one for one in company.inward if any(_is_of(one.derivations, flow.entity) for flow in target.flows))
    derivation = next(one for one in source.derivations if one.entity.name.endswith(".documents"))
    found = origins(derivation, home.ledger(company.name), wanted)
    return {document: [event.key for event in events] for document, events in found.items()}


def _is_of(derivations: Sequence[Any], entity: str) -> bool:
    return any(one.entity.name == entity for one in derivations)


def _deferred(company: Company, target: Target) -> set[str]:
    for one in company.targets.values():
        if one.settings is target.settings and one.system.inward is not None:
            return set(one.system.inward.deferred(one.settings))
    return set()


def _sums(posted: Sequence[Posted]) -> dict[tuple[str, str], Decimal]:
    sums: dict[tuple[str, str], Decimal] = {}
    for one in posted:
        key = (one.currency, one.account)
        sums[key] = sums.get(key, Decimal()) + one.amount
    return dict(sorted(sums.items()))


def _row(kind: str, shared: Mapping[str, str], one: Posted, events: Sequence[str]) -> dict[str, Any]:
    return {
        "kind": kind,
        **shared,
        "document": one.document,
        "schedule": one.schedule,
        "line": one.name,
        "text": one.line.get("transactionDescription") or one.line.get("description"),
        "account": one.account,
        "vat_code": one.line.get("vatCodeId"),
        "currency": one.currency,
        "subaccount": one.subaccount,
        "project": one.project,
        "project_task": one.line.get("projectTask") or one.line.get("taskId"),
        **_sides(one.amount),
        "batch": one.facts.get("batch"),
        "reference": one.reference,
        "moved_from": one.facts.get("moved_from"),
        "events": " ".join(events),
    }


def _sum(kind: str, shared: Mapping[str, str], currency: str, account: str, amount: Decimal) -> dict[str, Any]:
    named = {"account": account, "currency": currency, **_sides(amount)}
    return {**dict.fromkeys(COLUMNS), "kind": kind, **shared, **named}


def _sides(amount: Decimal) -> dict[str, str | None]:
    """A positive amount is a debit; as text, digit by digit."""
    return {
        "debit": format(amount, "f") if amount > 0 else None,
        "credit": format(-amount, "f") if amount < 0 else None,
    }
