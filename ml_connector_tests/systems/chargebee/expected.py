"""What should stand in Visma's general ledger of a site: worked out day by day, from its documents as they are at last.

Of what the product computes nothing is used but the names of references.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ml_connector.systems.chargebee.journals import Origin

OSLO = ZoneInfo("Europe/Oslo")
DAY = timedelta(days=1)
LINES = "journalTransactionLines"
Rows = Iterable[Mapping[str, Any]]


@dataclass(frozen=True)
class Posting:
    """A transaction: its month, its currency, and its lines, each an account and what is debited, in minor units."""

    month: str
    currency: str
    lines: tuple[tuple[str, int], ...]

    @property
    def balance(self) -> int:
        return sum(amount for _, amount in self.lines)


@dataclass(frozen=True)
class Chart:
    """How a company posts.

    Attributes:
        imported: how the ids of documents begin that came from Visma.
    """

    deferring: bool = True
    receivable: str = "1530"
    revenue: str = "3000"
    deferred: str = "2970"
    vat: str = "2700"
    zone: ZoneInfo = OSLO
    imported: str = "VN-"


@dataclass
class Expected:
    """By the key of the record.

    Attributes:
        documents: the transactions of documents.
        months: of months that have ended.
        later: the months that have not, each with what it will take off deferred revenue.
        by_hand: documents that people have to post.
    """

    documents: dict[str, Posting] = field(default_factory=dict)
    months: dict[str, Posting] = field(default_factory=dict)
    later: dict[str, int] = field(default_factory=dict)
    by_hand: set[str] = field(default_factory=set)

    @property
    def postings(self) -> dict[str, Posting]:
        return self.documents | self.months


def expected(invoices: Rows, notes: Rows, until: datetime, chart: Chart) -> Expected:
    """Everything that these documents come to, when months that have ended by that moment are recognised."""
    whole = Expected()
    for invoice in invoices:
        if not invoice["id"].startswith(chart.imported):
            _add(whole, f"invoice/{invoice['id']}", invoice, invoice["date"], 1, until, chart)
            _voided(whole, invoice, until, chart)
    for note in notes:
        key = f"credit_note/{note['id']}"
        if _is_for_people(note, chart):
            whole.by_hand.add(key)
        else:
            _add(whole, key, note, note["date"], -1, until, chart)
    return whole


def _voided(whole: Expected, invoice: Mapping[str, Any], until: datetime, chart: Chart) -> None:
    """All of it is taken back, unless credit notes did so before; a part is not guessed at."""
    if not (invoice["status"] == "voided" or invoice["deleted"]):
        return
    notes = (*invoice["issued_credit_notes"], *invoice["adjustment_credit_notes"])
    credited = sum(note["cn_total"] for note in notes if note["cn_status"] != "voided")
    key = f"void/{invoice['id']}"
    if not credited:
        _add(whole, key, invoice, invoice.get("voided_at") or invoice["updated_at"], -1, until, chart)
    elif credited < invoice["total"]:
        whole.by_hand.add(key)


def _is_for_people(note: Mapping[str, Any], chart: Chart) -> bool:
    return (
        note.get("reason_code") == "write_off"
        or not note["line_items"]
        or note["reference_invoice_id"].startswith(chart.imported)
    )


def _add(whole: Expected, key: str, document: Mapping[str, Any], dated: int, sign: int, until: datetime,
         chart: Chart) -> None:  # fmt: skip
    own = _day(dated, chart)
    lines: list[tuple[str, int]] = [(chart.receivable, sign * document["total"])]
    months: dict[str, list[int]] = {}
    for line in document["line_items"]:
        within = line["tax_amount"] if document["price_type"] == "tax_inclusive" else 0
        net = line["amount"] - line["discount_amount"] - within
        deferred = chart.deferring and line["date_to"] > line["date_from"]
        lines.append((chart.deferred if deferred else chart.revenue, -sign * net))
        lines.append((chart.vat, -sign * line["tax_amount"]))
        parts = Counter[str]()
        for day, part in _days(net, line, chart) if deferred else ():
            parts[max(f"{day:%Y-%m}", f"{own:%Y-%m}")] += part
        assert not deferred or sum(parts.values()) == net
        for month, part in parts.items():
            if part:
                months.setdefault(month, []).append(sign * part)
    if posting := _posting(f"{own:%Y-%m}", document, lines):
        whole.documents[key] = posting
    for month, amounts in months.items():
        both = [(account, amount * side) for amount in amounts for account, side in ((chart.deferred, 1),
                                                                                     (chart.revenue, -1))]  # fmt: skip
        if _end(month, chart) <= until:
            whole.months[f"{key}/{month}"] = Posting(month, document["currency_code"], tuple(sorted(both)))
        else:
            whole.later[f"{key}/{month}"] = sum(amounts)


def _posting(month: str, document: Mapping[str, Any], lines: Iterable[tuple[str, int]]) -> Posting | None:
    posting = Posting(month, document["currency_code"], tuple(sorted(line for line in lines if line[1])))
    assert posting.balance == 0, document
    return posting if posting.lines else None


def _days(net: int, line: Mapping[str, Any], chart: Chart) -> Iterator[tuple[date, int]]:
    """Every day of a line's time with what it earns: after so many days they have earned their share, cut to cents."""
    first, end = _day(line["date_from"], chart), datetime.fromtimestamp(line["date_to"], chart.zone)
    last = end.date() + DAY if (end.hour, end.minute, end.second) == (23, 59, 59) else end.date()
    count = max((last - first).days, 1)
    earned = 0
    for number in range(1, count + 1):
        so_far = net * number // count
        yield first + (number - 1) * DAY, so_far - earned
        earned = so_far


def _day(moment: int, chart: Chart) -> date:
    return datetime.fromtimestamp(moment, chart.zone).date()


def _end(month: str, chart: Chart) -> datetime:
    year, number = map(int, month.split("-"))
    following = date(year + number // 12, number % 12 + 1, 1)
    return datetime.combine(following, time(), chart.zone).astimezone(UTC)


def by_reference(postings: Mapping[str, Posting], company: str, target: str) -> dict[str, Posting]:
    """Under the references that they have in Visma, each of which is another."""
    named = {Origin(company, target).reference(key): posting for key, posting in postings.items()}
    assert len(named) == len(postings)
    return named


def standing(rows: Rows) -> dict[str, Posting]:
    """Reference -> the transaction of ours that stands in the general ledger; fails where one stands twice."""
    found: dict[str, Posting] = {}
    for row in rows:
        references = {line["referenceNumber"] for line in row[LINES]}
        if row["status"] == "Voided" or not any(str(reference).startswith("CB") for reference in references):
            continue
        (reference,) = references
        assert reference not in found, f"{reference} stands more than once"
        lines = ((line["accountNumber"], _cents(line)) for line in row[LINES])
        month = f"{row['financialPeriod'][:4]}-{row['financialPeriod'][4:]}"
        found[reference] = Posting(month, row["currencyId"], tuple(sorted(lines)))
        assert found[reference].balance == 0, f"{reference} is not balanced"
    return found


def _cents(line: Mapping[str, Any]) -> int:
    cents: int = round((line["debitAmountInCurrency"] - line["creditAmountInCurrency"]) * 100)
    return cents


def totals(postings: Iterable[Posting]) -> dict[tuple[str, str], int]:
    """Currency and account -> debit less credit."""
    sums = Counter[tuple[str, str]]()
    for posting in postings:
        for account, amount in posting.lines:
            sums[posting.currency, account] += amount
    return {place: amount for place, amount in sums.items() if amount}
