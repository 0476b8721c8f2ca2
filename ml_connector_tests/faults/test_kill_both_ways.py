"""The process is killed with SIGKILL at any moment while all targets are served, and events come back from one."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from ml_connector_tests.faults.outages import wait_out
from ml_connector_tests.faults.site import Site, open_site

A_SYNC = 4.0  # seconds that one takes, about


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that delivers to all targets, and was synchronised once."""
    targets = ("mailchimp", "hubspot", "chargebee")
    with open_site(tmp_path_factory.mktemp("site"), customers=100, targets=targets) as opened:
        assert opened.sync() == 0
        yield opened


def test_killed_thirty_times_at_random_while_all_targets_are_served(site: Site) -> None:
    """Nothing is lost and nothing stands twice: no company or contact, no customer or invoice, no posting in Visma."""
    for round_ in range(30):
        site.stir(changes=site.dice.choice((1, 10, len(site.ordinary()))))
        site.subscribe(f"S-{round_}")
        process = site.start_sync(full=site.dice.random() < 0.2)
        time.sleep(site.dice.uniform(0.05, A_SYNC))
        process.kill()
        process.join()
    for _ in range(2):
        wait_out(site)  # a posting that may still be made in Visma is waited for
        assert site.sync() == 0
    assert site.verify() > 30
