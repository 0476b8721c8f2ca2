"""The process is killed with SIGKILL while changes travel in batches; running again repairs everything."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from ml_connector.engine.checkpoints import CHECKPOINTS
from ml_connector_tests.faults.outages import calls, forget_calls
from ml_connector_tests.faults.site import COMPANY, KILLED, Site, open_site

CHANGES = 90  # of some 190 customers, so that what one death loses is not covered up by the next change
BATCH_ABOVE = 50
DELIVERY = [name for name in CHECKPOINTS if name.startswith("deliver")]
GROUPS = [DELIVERY[:3], DELIVERY[3:5], DELIVERY[5:]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that was synchronised once, and sends in batches what is more than a few changes."""
    with open_site(tmp_path_factory.mktemp("site"), latency=0.002) as opened:
        configuration = yaml.safe_load(opened.home.config_path.read_text())
        configuration["companies"][COMPANY]["targets"]["mailchimp"]["batch_above"] = BATCH_ABOVE
        opened.home.config_path.write_text(yaml.safe_dump(configuration, sort_keys=False))
        assert opened.sync() == 0
        yield opened


@pytest.mark.parametrize("checkpoints", GROUPS, ids=", ".join)
def test_killed_at_checkpoints_with_batches(site: Site, checkpoints: list[str]) -> None:
    """The outcomes of a batch are fetched by the next process, which may be killed as well."""
    forget_calls(site)
    for checkpoint in checkpoints:
        site.stir(changes=CHANGES)
        assert site.sync(checkpoint) == KILLED
    assert site.sync() == 0
    assert site.verify() > 150
    assert [call for call in calls(site.mailchimp, "POST") if call["path"].endswith("/batches")]
