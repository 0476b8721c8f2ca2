"""Sites for the tests of this folder: one for each file that asks for it, so that the files share the cores."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ml_connector_tests.faults.site import Site, open_site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that delivers to Mailchimp, and was synchronised once."""
    with open_site(tmp_path_factory.mktemp("site"), latency=0.002) as opened:
        assert opened.sync() == 0
        yield opened


@pytest.fixture(scope="module")
def hubspot_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that delivers to HubSpot, and was synchronised once."""
    with open_site(tmp_path_factory.mktemp("hubspot"), targets=("hubspot",)) as opened:
        assert opened.sync() == 0
        yield opened
