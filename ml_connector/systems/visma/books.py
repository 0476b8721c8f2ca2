"""An open connection to a company's books, for flows of other systems that end in Visma."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

from ml_connector.engine.ports import Writer
from ml_connector.http import CallProblem, Stopped
from ml_connector.systems.registry import Finding, SetupStep
from ml_connector.systems.visma.client import open_client
from ml_connector.systems.visma.journal_writer import JournalWriter
from ml_connector.systems.visma.ledger import Ledger
from ml_connector.systems.visma.reader import Reader
from ml_connector.systems.visma.settings import VismaCredentials, VismaSettings, zone_of

CONTROL = "allowManualEntry"


class Books:
    """A `TargetAccount` (see `systems/registry.py`) that creates transactions of the general ledger.

    Args:
        accounts: the accounts that will be posted to, each with what it is for.
    """

    def __init__(self, ledger: Ledger, accounts: Mapping[str, str]) -> None:
        self._ledger = ledger
        self._accounts = accounts

    @property
    def calls(self) -> int:
        return self._ledger.client.calls

    def writer(self, flow: str) -> Writer:
        return JournalWriter(self._ledger)

    def check(self) -> Iterator[Finding]:
        """Whether transactions could be created: rights, periods, accounts."""
        try:
            period = self._ledger.periods.open_from("")
            rows = self._ledger.client.request("GET", "/v1/account").data
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
        known = {str(row.get("accountCD")): row for row in rows if isinstance(row, dict)}
        for number, purpose in self._accounts.items():
            yield _of_account(number, purpose, known)

    def setup(self) -> Sequence[SetupStep]:
        return []


def _of_account(number: str, purpose: str, known: Mapping[str, Mapping[str, object]]) -> Finding:
    subject, row = f"account {number} ({purpose})", known.get(number)
    meaning = "Transactions that need it are refused."
    if row is None:
        return Finding(subject, False, "Visma does not know it.", meaning, "Correct `accounts`, or create it in Visma.")
    if not row.get("active", True):
        return Finding(subject, False, "It is inactive.", meaning, "Activate it in Visma, or name another one.")
    if row.get(CONTROL) is False:
        what = "It is a control account without manual entries."
        return Finding(subject, False, what, meaning, "Name another one: Visma posts to this one by itself.")
    return Finding(subject, True, str(row.get("description") or "It exists."))


AnyBooks = TypeVar("AnyBooks", bound=Books)


@contextmanager
def connect_books(
    settings: VismaSettings,
    credentials: VismaCredentials,
    company_zone: str,
    accounts: Mapping[str, str],
    kind: type[AnyBooks],
) -> Iterator[AnyBooks]:
    """Open a company for writing. Makes no call yet.

    Args:
        kind: the books as another system's flows want them.
    """
    with open_client(settings, credentials, writing=True) as client:
        reader = Reader(client, zone_of(settings, company_zone), settings.page_size)
        yield kind(Ledger(reader), accounts)
