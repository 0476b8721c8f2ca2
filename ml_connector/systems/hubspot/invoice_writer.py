"""Delivers invoices with all that belongs to them: a hundred a call, some groups at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import chain, islice

from ml_connector.engine.ports import Delivery
from ml_connector.engine.records import Change, Result
from ml_connector.http import concurrently, stop
from ml_connector.systems.hubspot.batches import batched
from ml_connector.systems.hubspot.check import account
from ml_connector.systems.hubspot.client import BATCH, HubSpotClient
from ml_connector.systems.hubspot.deals import DEALS, Deals
from ml_connector.systems.hubspot.errors import NAME
from ml_connector.systems.hubspot.group import Halted
from ml_connector.systems.hubspot.invoice_group import InvoiceGroup, Ways
from ml_connector.systems.hubspot.invoice_settings import InvoicesSettings
from ml_connector.systems.hubspot.properties import INVOICES, LINE_ITEMS, OPTIONAL, PAYMENTS, present, require_documents


class InvoicesWriter:
    """A `Writer` of invoices and of credit notes.

    Groups are written at the same time, and no two of them hold the same invoice: the engine sees to that.
    """

    def __init__(self, client: HubSpotClient, settings: InvoicesSettings) -> None:
        self._client = client
        self._settings = settings
        self._ways: Ways | None = None

    @property
    def calls(self) -> int:
        return self._client.calls

    def deliver(self, changes: Iterable[Change], delivery: Delivery) -> Iterator[Result]:
        """Results of a group come together, when all of it is known."""
        source = iter(changes)
        first = list(islice(source, 1))
        if not first:
            return
        ways = self._ready()

        def work(group: Sequence[Change]) -> list[Result]:
            return InvoiceGroup.of(self._client, ways, group).run()

        groups = batched(chain(first, source), BATCH)
        try:
            for results in concurrently(work, groups, self._client.settings.connections):
                yield from results
        except Halted as halted:
            yield from halted.results
            raise halted.problem from None

    def resume(self, reference: str, keys: Sequence[str]) -> Iterator[Result]:
        """Nothing is ever handed over under a reference."""
        return iter(())

    def settled(self, since: datetime) -> bool:
        return True

    def _ready(self) -> Ways:
        """Before anything is sent: the right account, and every property as it has to be. Raises Stopped."""
        if self._ways is None:
            settings = self._settings
            if self._client.settings.portal is not None:
                account(self._client)
            there = require_documents(self._client, INVOICES)
            if settings.line_key is not None:
                require_documents(self._client, LINE_ITEMS)
            records = settings.payments == "records"
            if records:
                require_documents(self._client, PAYMENTS)
            writable = {name for name in OPTIONAL[INVOICES] if name in there and not there[name].read_only}
            payment_key = settings.payment_key if records else None
            self._ways = Ways(settings.invoice_key, settings.line_key, payment_key, writable, self._deals())
        return self._ways

    def _deals(self) -> Deals | None:
        rule = self._settings.deals
        if rule is None:
            return None
        if rule.property is None:
            return Deals(self._client, rule)
        found = present(self._client, DEALS).get(rule.property)
        if found is None:
            reason = f"the property {rule.property} of deals does not exist"
            raise stop(NAME, "setup", reason, "Correct `deals` in connections.yaml.")
        return Deals(self._client, rule, found.unique)
