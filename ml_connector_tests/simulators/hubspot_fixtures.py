"""The fixture `hubspot`; a module gets it by naming this module in its `pytest_plugins`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ml_connector_tests.simulators.hubspot_support import Hubspot, serve_hubspot


@pytest.fixture(scope="session")
def hubspot_server() -> Iterator[Hubspot]:
    """One simulator for all tests of the session; use `hubspot`."""
    with serve_hubspot() as served:
        yield served


@pytest.fixture
def hubspot(hubspot_server: Hubspot) -> Hubspot:
    """A portal without records, with the default settings, an unused quota, without faults and calls."""
    hubspot_server.start_over()
    return hubspot_server
