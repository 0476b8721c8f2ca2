"""Documents of a site whose base currency is not that of Visma's books."""

from __future__ import annotations

from typing import Any

import pytest

from ml_connector_tests.systems.chargebee.conftest import OpenSync
from ml_connector_tests.systems.chargebee.support import Sync, counts, events_block
from ml_connector_tests.systems.chargebee.test_events import subscribed

IN_EUROS = {"base_currency": "EUR", "currencies": {"NOK": 0.087, "USD": 0.92}}
AS_INVOICES = {"post": "invoices", "policy": "immediate"}


@pytest.fixture(params=[{}, AS_INVOICES], ids=["journals", "invoices"])
def sync(open_one: OpenSync, request: pytest.FixtureRequest) -> Sync:
    return open_one(events=events_block(**request.param))


def reason(sync: Sync) -> str:
    (invoice,) = sync.chargebee.listed("invoices")
    return sync.state_back("journals", f"invoice/{invoice['id']}").reason or ""


@pytest.mark.parametrize("currency", ["EUR", "NOK", "USD"])
def test_rates_to_another_base_currency_are_never_posted(sync: Sync, currency: str) -> None:
    """Whatever the document's own currency is; also where its event tells of no subscription."""
    sync.chargebee.configure(**IN_EUROS)
    subscribed(sync, currency_code=currency)
    assert set(counts(sync.sync_back()["journals"])) == {"read", "rejected"}
    assert ("EUR" in reason(sync), "NOK" in reason(sync), "by hand" in reason(sync)) == (True, True, True)
    assert (sync.batches(), _invoices(sync)) == ([], [])


def test_events_without_a_subscription_are_told_apart_all_the_same(open_one: OpenSync) -> None:
    """The site's subscriptions are asked, once for all events of a read."""
    sync = open_one(events=events_block(types=["invoice_generated"]))
    sync.chargebee.configure(**IN_EUROS)
    subscribed(sync, currency_code="USD")
    sync.chargebee.anonymous.delete("/_simulator/calls")
    sync.take_in()
    sync.poll()
    asked = [call for call in sync.chargebee.control("calls")["log"] if call["path"].endswith("/subscriptions")]
    assert len(asked) <= 1
    sync.derive()
    assert set(counts(sync.post()["journals"])) == {"read", "rejected"}
    assert "EUR" in reason(sync)


def test_a_foreign_currency_of_a_site_with_the_same_base_is_posted(open_one: OpenSync) -> None:
    """With its rate, which its months bear as well."""
    sync = open_one()
    subscribed(sync, currency_code="EUR")
    assert counts(sync.sync_back()["journals"]) == {"read": 1, "created": 1}
    sync.wait(days=70)
    assert sync.sync_back()["recognitions"].total.created > 1
    assert {(batch["currencyId"], batch["exchangeRate"]) for batch in sync.batches()} == {("EUR", 11.5)}


def test_an_invoice_in_a_foreign_currency_bears_its_rate(open_one: OpenSync) -> None:
    sync = open_one(events=events_block(**AS_INVOICES))
    sync.chargebee.control("customers", {"id": "V-10001", "auto_collection": "off"})
    subscribed(sync, customer_id="V-10001", currency_code="EUR")
    assert counts(sync.sync_back()["journals"]) == {"read": 1, "created": 1}
    (row,) = _invoices(sync)
    assert (row["currencyId"], row["exchangeRate"]) == ("EUR", 11.5)


def _invoices(sync: Sync) -> list[dict[str, Any]]:
    return [row for row in sync.visma.books()["invoices"]["rows"] if (row["externalReference"] or "").startswith("CB")]
