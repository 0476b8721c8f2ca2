"""The process is killed with SIGKILL while it delivers to HubSpot; running again repairs everything."""

from __future__ import annotations

import pytest

from ml_connector_tests.faults.site import KILLED, Site


@pytest.mark.parametrize(
    "checkpoint",
    [
        "deliver: intents written",
        "deliver: answered#100",
        "deliver: outcomes recorded",
        "deliver: everything taken up#3",
    ],
)
def test_killed_at_a_checkpoint_with_hubspot(hubspot_site: Site, checkpoint: str) -> None:
    """Whichever of its flows it is; the upsert by our key makes nothing twice."""
    hubspot_site.stir(changes=len(hubspot_site.ordinary()))
    assert hubspot_site.sync(checkpoint) == KILLED
    assert hubspot_site.sync() == 0
    assert hubspot_site.verify() > 150
