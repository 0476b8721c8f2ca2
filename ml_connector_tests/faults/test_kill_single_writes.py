"""The process is killed with SIGKILL while every change is a call of its own; running again repairs everything."""

from __future__ import annotations

import pytest

from ml_connector.engine.checkpoints import CHECKPOINTS
from ml_connector_tests.faults.site import KILLED, Site

GROUPS = [CHECKPOINTS[start : start + 3] for start in range(0, len(CHECKPOINTS), 3)]


@pytest.mark.parametrize("checkpoints", GROUPS, ids=", ".join)
def test_killed_at_checkpoints_with_single_writes(site: Site, checkpoints: tuple[str, ...]) -> None:
    """A few changes, each by a call of its own: die between two steps, in the repairing runs, too, and run again.

    Each time others change, so that what one death loses is not covered up by the next run.
    """
    for checkpoint in checkpoints:
        site.stir()
        assert site.sync(checkpoint, full=True) == KILLED
    assert site.sync(full=True) == 0
    assert site.verify() > 150
