"""What all writers have in common: HubSpot answers every call at once, and nothing is left to be fetched later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from ml_connector.engine.records import Result
from ml_connector.systems.hubspot.client import HubSpotClient


class AnsweredAtOnce:
    """The parts of a `Writer` that hands nothing over to be answered later."""

    def __init__(self, client: HubSpotClient) -> None:
        self._client = client

    @property
    def calls(self) -> int:
        return self._client.calls

    def resume(self, reference: str, keys: Sequence[str]) -> Iterator[Result]:
        """Nothing is ever handed over under a reference."""
        return iter(())

    def settled(self, since: datetime) -> bool:
        return True
