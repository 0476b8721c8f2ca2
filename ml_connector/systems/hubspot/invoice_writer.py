"""Delivers invoices with all that belongs to them: a hundred a call, some groups at once."""

from __future__ import annotations

from collections.abc import Sequence

from ml_connector.engine.records import Change, Result
from ml_connector.http import stop
from ml_connector.systems.hubspot.client import HubSpotClient
from ml_connector.systems.hubspot.deals import DEALS, Deals
from ml_connector.systems.hubspot.errors import NAME
from ml_connector.systems.hubspot.in_groups import InGroups
from ml_connector.systems.hubspot.invoice_group import InvoiceGroup, Ways
from ml_connector.systems.hubspot.invoice_settings import InvoicesSettings
from ml_connector.systems.hubspot.properties import INVOICES, LINE_ITEMS, OPTIONAL, PAYMENTS, present, require_documents


class InvoicesWriter(InGroups[Ways]):
    """A `Writer` of invoices and of credit notes."""

    def __init__(self, client: HubSpotClient, settings: InvoicesSettings) -> None:
        super().__init__(client)
        self._settings = settings

    def _prepare(self) -> Ways:
        """Every property as it has to be."""
        settings = self._settings
        there = require_documents(self._client, INVOICES)
        if settings.line_key is not None:
            require_documents(self._client, LINE_ITEMS)
        records = settings.payments == "records"
        if records:
            require_documents(self._client, PAYMENTS)
        writable = {name for name in OPTIONAL[INVOICES] if name in there and not there[name].read_only}
        payment_key = settings.payment_key if records else None
        return Ways(settings.invoice_key, settings.line_key, payment_key, writable, self._deals())

    def _write(self, group: Sequence[Change], ready: Ways) -> list[Result]:
        return InvoiceGroup.of(self._client, ready, group).run()

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
