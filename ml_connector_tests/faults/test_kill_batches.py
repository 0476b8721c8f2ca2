"""The process is killed with SIGKILL while changes travel in batches; running again repairs everything."""

from __future__ import annotations

import pytest

from ml_connector.engine.checkpoints import CHECKPOINTS
from ml_connector_tests.faults.site import KILLED, Site


@pytest.mark.parametrize("checkpoint", [name for name in CHECKPOINTS if name.startswith("deliver")])
def test_killed_at_a_checkpoint_with_batches(site: Site, checkpoint: str) -> None:
    """More changes than fit single writes travel in batches, whose outcomes the next process fetches."""
    site.stir(changes=len(site.ordinary()))
    assert site.sync(checkpoint) == KILLED
    assert site.sync() == 0
    assert site.verify() > 150
