"""The process is killed with SIGKILL while every change is a call of its own; running again repairs everything."""

from __future__ import annotations

import pytest

from ml_connector.engine.checkpoints import CHECKPOINTS
from ml_connector_tests.faults.site import KILLED, Site


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_killed_at_a_checkpoint_with_single_writes(site: Site, checkpoint: str) -> None:
    """A few changes, each by a call of its own: die between two steps, run again, and the world is as it should be."""
    site.stir()
    assert site.sync(checkpoint, full=True) == KILLED
    assert site.sync(full=True) == 0
    assert site.verify() > 150
