"""The fixtures `chargebee` and `receiver`; a module gets them by naming this module in its `pytest_plugins`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ml_connector_tests.simulators.chargebee_support import Chargebee, Receiver, serve_chargebee, serve_receiver


@pytest.fixture(scope="session")
def chargebee_server() -> Iterator[Chargebee]:
    """One simulator for all tests of the session; use `chargebee`."""
    with serve_chargebee() as served:
        yield served


@pytest.fixture
def chargebee(chargebee_server: Chargebee) -> Chargebee:
    """A site without customers, with the default settings, an unused quota, without faults and calls."""
    chargebee_server.start_over()
    return chargebee_server


@pytest.fixture
def receiver(chargebee: Chargebee) -> Iterator[Receiver]:
    """Somebody who takes the site's webhooks; retries come within milliseconds."""
    with serve_receiver() as receiver:
        chargebee.configure(webhook_retry_scale=0.0001)
        chargebee.control("webhooks", {"url": receiver.url, "username": "cb", "password": "hemmelig"})
        yield receiver
        chargebee.anonymous.delete("/_simulator/webhooks")
