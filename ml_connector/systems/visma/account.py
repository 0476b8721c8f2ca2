"""An open connection to one company."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

from ml_connector.engine.ports import Page
from ml_connector.http.clock import now
from ml_connector.systems.registry import Finding
from ml_connector.systems.visma.check import check
from ml_connector.systems.visma.client import open_client
from ml_connector.systems.visma.reader import Reader
from ml_connector.systems.visma.settings import VismaCredentials, VismaSettings, zone_of


class VismaAccount:
    """A company as a source."""

    def __init__(self, reader: Reader, company_id: str | None, clock: Callable[[], datetime]) -> None:
        self._reader = reader
        self._company_id = company_id
        self._clock = clock

    @property
    def calls(self) -> int:
        return self._reader.calls

    def read(self, entity: str, since: datetime | None) -> Iterator[Page]:
        """Every row changed at or after `since`; None: every row. Raises `StoppedProblem`."""
        return self._reader.read(entity, since)

    def check(self, entities: Collection[str]) -> Iterator[Finding]:
        return check(self._reader, self._company_id, self._clock, entities)


@contextmanager
def connect(
    settings: VismaSettings,
    credentials: VismaCredentials,
    company_zone: str,
    clock: Callable[[], datetime] = now,
) -> Iterator[VismaAccount]:
    """Open a company for reading. Makes no call yet."""
    with open_client(settings, credentials, clock=clock) as client:
        reader = Reader(client, zone_of(settings, company_zone), settings.page_size, clock)
        yield VismaAccount(reader, settings.company_id, clock)
