"""`make soak`: kills a syncing process a thousand times at random, repairs, compares all systems, prints the tally.

Every target is served meanwhile, and events come back from one; `--target` leaves the others out.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from rich.progress import track

from ml_connector.cli.demo_home import TARGETS
from ml_connector_tests.faults.outages import wait_out
from ml_connector_tests.faults.site import Site, open_site

CUSTOMERS = 100
A_SYNC = 3.0  # seconds that one takes, about


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", action="append", choices=TARGETS, help="only this one; may be repeated")
    asked = parser.parse_args()
    targets = tuple(asked.target or TARGETS)
    tally: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, open_site(Path(folder), CUSTOMERS, 0.002, targets) as site:
        assert site.sync() == 0
        site.dice.seed(asked.seed)
        for number in track(range(asked.kills), "Killing"):
            kill(site, tally)
            if number % 10 == 9 or number == asked.kills - 1:
                repair(site)
                tally["customers compared"] += site.verify()
                tally["times repaired and compared"] += 1
        if "mailchimp" in targets:
            tally["people subscribed again"] = site.mailchimp.control("summary")["resubscriptions"]
        if "chargebee" in targets:
            tally["invoices posted, each once"] = site.subscribed
    for what, count in tally.items():
        print(f"{count:>9,}  {what}")


def kill(site: Site, tally: Counter[str]) -> None:
    """Change something everywhere, and kill the sync that brings it over."""
    site.stir(changes=site.dice.choice((1, 10, 10, len(site.ordinary()))))
    if "chargebee" in site.targets:
        site.subscribe(f"S-{site.subscribed}")
    process = site.start_sync(full=site.dice.random() < 0.3)
    time.sleep(site.dice.uniform(0.05, A_SYNC))
    process.kill()
    process.join()
    tally["killed" if process.exitcode == -9 else "had ended before the kill"] += 1


def repair(site: Site) -> None:
    """Twice: what was posted without an answer is waited for, looked up, and then its months have their turn."""
    for _ in range(2):
        wait_out(site)
        assert site.sync() == 0, "the repairing run was stopped"


if __name__ == "__main__":
    main()
