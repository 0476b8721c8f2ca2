"""To which currency a site's exchange rates lead: its base currency, which stands in its subscriptions alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ml_connector.systems.chargebee.client import ChargebeeClient
from ml_connector.systems.chargebee.documents import BASE_CURRENCY, CREDIT_NOTE, INVOICE, several

ANY_SUBSCRIPTION: Final = {"limit": 1, "include_deleted": "true"}


class BaseCurrency:
    """Of one site, which never changes; unknown where no event and no subscription tells."""

    def __init__(self, client: ChargebeeClient) -> None:
        self._client = client
        self._known: str | None = None
        self._asked = False

    def put_into(self, event: dict[str, Any]) -> None:
        """Say it in the documents of an event. Raises `CallProblem`, `Stopped`."""
        content = event.get("content")
        if not isinstance(content, dict):
            return
        for kind in (INVOICE, CREDIT_NOTE):
            for document in several(content, kind):
                if (currency := self._of(content)) is not None:
                    document.setdefault(BASE_CURRENCY, currency)

    def _of(self, content: Mapping[str, Any]) -> str | None:
        self._known = self._known or _named(content)
        return self.ask()

    def ask(self) -> str | None:
        """What any subscription says; asked for once. Raises `CallProblem`, `Stopped`."""
        if self._known is None and not self._asked:
            self._asked = True
            rows = self._client.get("/subscriptions", ANY_SUBSCRIPTION).data.get("list") or [{}]
            self._known = _named(rows[0])
        return self._known


def _named(holder: Mapping[str, Any]) -> str | None:
    subscription = holder.get("subscription")
    currency = subscription.get(BASE_CURRENCY) if isinstance(subscription, Mapping) else None
    return currency if isinstance(currency, str) and currency else None
