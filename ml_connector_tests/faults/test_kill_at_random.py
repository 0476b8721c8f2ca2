"""The process is killed with SIGKILL at any moment; running again repairs everything."""

from __future__ import annotations

import time

from ml_connector_tests.faults.site import Site

A_SYNC = 1.6  # seconds that one takes, about


def test_killed_thirty_times_at_random(site: Site) -> None:
    """Thirty kills at any moment, some of them of the repairing run itself."""
    for round_ in range(30):
        site.stir(changes=site.dice.choice((1, 10, 10, len(site.ordinary()))))
        process = site.start_sync(full=site.dice.random() < 0.3)
        time.sleep(site.dice.uniform(0.05, A_SYNC))
        process.kill()
        process.join()
        if round_ % 6 == 5:
            assert site.sync() == 0
            assert site.verify() > 150
