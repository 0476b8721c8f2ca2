"""The process is killed with SIGKILL while it delivers to HubSpot; running again repairs everything."""

from __future__ import annotations

import pytest

from ml_connector_tests.faults.site import KILLED, Site

CHANGES = 120  # of some 190 customers, so that what one death loses is not covered up by the next change


@pytest.mark.parametrize(
    "checkpoints",
    [
        ("deliver: intents written", "deliver: answered#100"),
        ("deliver: outcomes recorded", "deliver: everything taken up#3"),
    ],
    ids=", ".join,
)
def test_killed_at_checkpoints_with_hubspot(hubspot_site: Site, checkpoints: tuple[str, ...]) -> None:
    """Whichever of its flows it is; the upsert by our key makes nothing twice."""
    for checkpoint in checkpoints:
        hubspot_site.stir(changes=CHANGES)
        assert hubspot_site.sync(checkpoint) == KILLED
    assert hubspot_site.sync() == 0
    assert hubspot_site.verify() > 150
