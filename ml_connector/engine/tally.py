"""Counts per window: `read` is counted where a record is taken up, the outcomes where they are recorded."""

from __future__ import annotations

from dataclasses import dataclass

from ml_connector.engine.records import Outcome


@dataclass(slots=True)
class Tally:
    """What happened to the records of one window; `read` is the sum of the six others."""

    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    rejected: int = 0
    failed: int = 0

    def count(self, outcome: Outcome, by: int = 1) -> None:
        setattr(self, outcome.value, getattr(self, outcome.value) + by)

    def add(self, other: Tally) -> None:
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def adds_up(self) -> bool:
        return bool(self.read == sum(getattr(self, outcome.value) for outcome in Outcome))


class Tallies:
    """The tallies of one delivery, by window.

    A record that is taken up twice in one delivery (another record took its address over, say) was read once; its last
    outcome replaces the one before. What a record counted as is found in the ledger, not held here, so that memory does
    not grow with the number of records.
    """

    def __init__(self) -> None:
        self.by_window: dict[str, Tally] = {}

    def window(self, window: str) -> Tally:
        return self.by_window.setdefault(window, Tally())

    def take_up(self, window: str) -> None:
        self.window(window).read += 1

    def settle(self, window: str, outcome: Outcome, instead_of: Outcome | None = None) -> None:
        tally = self.window(window)
        if instead_of is not None:
            tally.count(instead_of, -1)
        tally.count(outcome)
