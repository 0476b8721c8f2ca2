"""The simulators that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import pytest

from ml_connector_tests.simulators.shelf import ShelfClient, ShelfSettings, serve_shelf
from ml_connector_tests.simulators.visma_support import Visma, serve_visma


@pytest.fixture(scope="session")
def shelf_server() -> Iterator[ShelfClient]:
    """One shelf for all tests of the session; use `shelf`."""
    with serve_shelf() as shelf:
        yield shelf


@pytest.fixture
def shelf(shelf_server: ShelfClient) -> ShelfClient:
    """An empty shelf without faults and calls."""
    shelf_server.control("POST", "settings", asdict(ShelfSettings()))
    shelf_server.control("POST", "reset")
    return shelf_server


@pytest.fixture(scope="session")
def visma_server() -> Iterator[Visma]:
    """One simulator for all tests of the session; use `visma`."""
    with serve_visma() as visma:
        yield visma


@pytest.fixture
def visma(visma_server: Visma) -> Visma:
    """A simulator with 240 customers, the default settings and a token with all scopes."""
    visma_server.start_over()
    return visma_server
