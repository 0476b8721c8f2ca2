"""The fixture `mailchimp`; a module gets it by naming this module in its `pytest_plugins`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ml_connector_tests.simulators.mailchimp_support import Mailchimp, serve_mailchimp


@pytest.fixture(scope="session")
def mailchimp_server() -> Iterator[Mailchimp]:
    """One simulator for all tests of the session; use `mailchimp`."""
    with serve_mailchimp() as served:
        yield served


@pytest.fixture
def mailchimp(mailchimp_server: Mailchimp) -> Mailchimp:
    """A simulator without members, with the default settings, without faults and calls."""
    mailchimp_server.start_over()
    return mailchimp_server
