"""The process is killed with SIGKILL wherever it hurts; running again repairs everything."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_connector.engine.checkpoints import CHECKPOINTS
from ml_connector_tests.faults.site import Site, open_site

KILLED = -9


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that was synchronised once."""
    with open_site(tmp_path_factory.mktemp("site"), latency=0.002) as opened:
        assert opened.sync() == 0
        yield opened


@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_killed_at_a_checkpoint_with_single_writes(site: Site, checkpoint: str) -> None:
    """A few changes, each by a call of its own: die between two steps, run again, and the world is as it should be."""
    site.stir()
    assert site.sync(checkpoint, full=True) == KILLED
    assert site.sync(full=True) == 0
    assert site.verify() > 150


@pytest.mark.parametrize("checkpoint", [name for name in CHECKPOINTS if name.startswith("deliver")])
def test_killed_at_a_checkpoint_with_batches(site: Site, checkpoint: str) -> None:
    """More changes than fit single writes travel in batches, whose outcomes the next process fetches."""
    site.stir(changes=len(site.ordinary()))
    assert site.sync(checkpoint) == KILLED
    assert site.sync() == 0
    assert site.verify() > 150


@pytest.fixture(scope="module")
def hubspot_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that delivers to HubSpot, and was synchronised once."""
    with open_site(tmp_path_factory.mktemp("hubspot"), targets=("hubspot",)) as opened:
        assert opened.sync() == 0
        yield opened


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


def test_killed_thirty_times_at_random(site: Site) -> None:
    """Thirty kills at any moment, some of them of the repairing run itself."""
    for round_ in range(30):
        site.stir(changes=site.dice.choice((1, 10, 10, len(site.ordinary()))))
        process = site.start_sync(full=site.dice.random() < 0.3)
        time.sleep(site.dice.uniform(0.1, 2.5))
        process.kill()
        process.join()
        if round_ % 6 == 5:
            assert site.sync() == 0
            assert site.verify() > 150
