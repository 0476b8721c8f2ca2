"""The process is killed with SIGKILL when nothing was delivered yet; running again repairs everything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ml_connector_tests.faults.site import KILLED, open_site


@pytest.mark.parametrize("targets", [("mailchimp",), ("hubspot",)], ids=" ".join)
def test_killed_in_the_first_load(tmp_path: Path, targets: tuple[str, ...]) -> None:
    """The very first read and delivery die in turn; nobody is created twice."""
    with open_site(tmp_path, targets=targets) as site:
        for checkpoint in ("poll: landing known", "poll: everything landed", "deliver: intents written"):
            assert site.sync(checkpoint) == KILLED
        assert site.sync("deliver: answered#150") == KILLED
        assert site.sync() == 0
        assert site.verify() > 150


def test_what_a_killed_read_left_behind_is_cleared_away(tmp_path: Path) -> None:
    """A landing file that no record points to goes with the next full read, when it is a day old."""
    with open_site(tmp_path) as site:
        assert site.sync("poll: landing file complete") == KILLED
        (orphan,) = (tmp_path / "landings").rglob("*.parquet")
        os.utime(orphan, times=(0, 0))
        assert site.sync(full=True) == 0
        assert not orphan.exists()
        assert site.verify() > 150
