"""An open connection to a company's books, for flows of other systems that end in Visma."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from ml_connector.engine.ports import Writer
from ml_connector.http import CallProblem, Stopped
from ml_connector.systems.registry import Finding, SetupStep
from ml_connector.systems.visma.client import open_client
from ml_connector.systems.visma.journal_writer import JournalWriter
from ml_connector.systems.visma.ledger import Ledger
from ml_connector.systems.visma.named import Named, check_named
from ml_connector.systems.visma.periods import Period
from ml_connector.systems.visma.reader import Reader
from ml_connector.systems.visma.settings import VismaCredentials, VismaSettings, zone_of


class Books:
    """A `TargetAccount` (see `systems/registry.py`) that creates transactions of the general ledger.

    Args:
        named: what will be posted to, for `check`.
    """

    def __init__(self, reader: Reader, named: Named) -> None:
        self._reader = reader
        self._ledger = Ledger(reader)
        self._named = named

    @property
    def calls(self) -> int:
        return self._ledger.client.calls

    def writer(self, flow: str) -> Writer:
        return JournalWriter(self._ledger)

    def first_open_period(self) -> Period | None:
        """The first that takes what is created here. Raises `CallProblem`, `Stopped`."""
        return self._ledger.periods.open_from("")

    def check(self) -> Iterator[Finding]:
        """Whether it could be created: rights, periods, currency, and what is posted to."""
        try:
            period, currency = self.first_open_period(), self._ledger.base_currency
        except (CallProblem, Stopped) as problem:
            yield Finding(
                "general ledger",
                False,
                problem.decision.reason,
                "Nothing can be posted.",
                problem.decision.advice or "Try again later.",
                refused=True,
            )
            return
        if period is None:
            yield Finding("financial periods", False, "None is open.", "Nothing can be posted.", "Open one in Visma.")
        else:
            yield Finding("financial periods", True, f"The first that is open is {period.name}.")
        yield Finding("base currency", True, f"The books are kept in {currency}." if currency else "Visma names none.")
        yield from check_named(self._reader, self._named)

    def setup(self) -> Sequence[SetupStep]:
        return []


AnyBooks = TypeVar("AnyBooks", bound=Books)


@contextmanager
def connect_books(
    settings: VismaSettings,
    credentials: VismaCredentials,
    company_zone: str,
    named: Named,
    kind: type[AnyBooks],
) -> Iterator[AnyBooks]:
    """Open a company for writing. Makes no call yet.

    Args:
        kind: the books as another system's flows want them.
    """
    with open_client(settings, credentials, writing=True) as client:
        yield kind(Reader(client, zone_of(settings, company_zone), settings.page_size), named)
