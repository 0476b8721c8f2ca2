"""Which payments of an invoice are still to be recorded at Chargebee, each once: pure.

Chargebee shows of a linked payment its amount and its day, and not Visma's number. So what was recorded is noted by
number, in pieces of amount and day, and compared with what is linked there: a piece that is linked and not noted was
recorded by a process that then died, or by a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

LINKED = ("success", "in_progress")
"""States of a payment that counts (Chargebee reference, section 4.2, void)."""
LONGEST = 100
"""Of a reference number (section 4.1, payments)."""

Piece = tuple[int, int]
"""Amount in minor units, and day in epoch seconds."""
Noted = Mapping[str, Sequence[Sequence[int]]]
"""Visma's number of a payment -> the pieces of it that were recorded."""


class Open(NamedTuple):
    """What is to be done about an invoice's payments.

    Attributes:
        record: number, amount and day of what is not recorded.
        noted: what is recorded already.
        taken_back: numbers of payments that are linked there, and that Visma has no more, or not of that amount.
    """

    record: Sequence[tuple[str, Piece]]
    noted: dict[str, list[Piece]]
    taken_back: Sequence[str]

    def with_recorded(self) -> dict[str, list[Piece]]:
        """What is noted once everything is recorded."""
        noted = {number: list(pieces) for number, pieces in self.noted.items()}
        for number, piece in self.record:
            noted.setdefault(number, []).append(piece)
        return noted


def still_open(
    wanted: Mapping[str, Mapping[str, Any]], paid: int | None, noted: Noted, invoice: Mapping[str, Any]
) -> Open:
    """What is missing.

    Args:
        wanted: Visma's number of a payment -> its amount and day; an amount of None where only their sum is known.
        paid: that sum.
        noted: what was recorded, as far as is known.
        invoice: as it stands at Chargebee; empty where it does not yet.
    """
    known = {number: [(piece[0], piece[1]) for piece in pieces] for number, pieces in noted.items()}
    linked = [(link["txn_amount"], link["txn_date"]) for link in _linked(invoice)]
    standing = _matched(linked, [(number, piece) for number, pieces in known.items() for piece in pieces])
    amounts = _amounts(wanted, paid, known)
    missing: list[tuple[str, Piece]] = []
    taken_back: list[str] = []
    for number in sorted(amounts.keys() | known.keys()):
        amount, day = amounts.get(number, (0, 0))
        stands = [piece for name, piece in standing if name == number]
        if amount < _sum(known.get(number, ())):
            if amount < _sum(stands):
                taken_back.append(number)
                continue
            known[number] = stands  # somebody took it off there, too
        if (rest := amount - _sum(known.get(number, ()))) > 0:
            missing.append((number, (rest, day)))
    for number, piece in _matched(linked, missing):
        known.setdefault(number, []).append(piece)
        missing.remove((number, piece))
    return Open(missing, {number: pieces for number, pieces in known.items() if pieces}, taken_back)


def _amounts(
    wanted: Mapping[str, Mapping[str, Any]], paid: int | None, known: Mapping[str, Sequence[Piece]]
) -> dict[str, Piece]:
    """Number -> amount and day. Where only a sum is known, what is new of it belongs to the new numbers together."""
    if paid is None:
        return {number: (one["amount"], one["date"]) for number, one in wanted.items()}
    amounts = {number: (_sum(pieces), pieces[-1][1]) for number, pieces in known.items() if pieces}
    covered = {one for numbers in known for one in numbers.split("+")}
    fresh = [number for number in wanted if number not in covered]
    rest = paid - sum(amount for amount, _ in amounts.values())
    if fresh and rest > 0:
        amounts["+".join(fresh)[:LONGEST]] = (rest, max(wanted[number]["date"] for number in fresh))
    elif rest:  # a known one has another amount now: it is the newest that moved
        name = max(amounts, key=lambda number: amounts[number][1], default="+".join(wanted)[:LONGEST])
        amount, day = amounts.get(name, (0, 0))
        amounts[name] = (max(amount + rest, 0), day)
    return amounts


def _linked(invoice: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    return (link for link in invoice.get("linked_payments") or () if link.get("txn_status") in LINKED)


def _matched(linked: list[Piece], pieces: Iterable[tuple[str, Piece]]) -> list[tuple[str, Piece]]:
    """Those of the pieces that are linked; each takes its own out of what is linked.

    By amount and day first, and then by the amount alone: nobody documents that Chargebee keeps the day as it was sent.
    """
    found: list[tuple[str, Piece]] = []
    left = list(pieces)
    for exactly in (True, False):
        for number, piece in list(left):
            link = next((one for one in linked if one == piece or (not exactly and one[0] == piece[0])), None)
            if link is not None:
                linked.remove(link)
                left.remove((number, piece))
                found.append((number, piece))
    return found


def _sum(pieces: Iterable[Piece]) -> int:
    return sum(amount for amount, _ in pieces)
