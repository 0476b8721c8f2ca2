"""`make soak`: kills a syncing process a thousand times at random, repairs, compares both systems, prints the tally."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from rich.progress import track

from ml_connector_tests.faults.site import open_site


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    tally: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, open_site(Path(folder), latency=0.002) as site:
        site.dice.seed(asked.seed)
        for number in track(range(asked.kills), "Killing"):
            site.stir(changes=site.dice.choice((1, 10, 10, len(site.ordinary()))))
            process = site.start_sync(full=site.dice.random() < 0.3)
            time.sleep(site.dice.uniform(0.05, 3.0))
            process.kill()
            process.join()
            tally["killed" if process.exitcode == -9 else "had ended before the kill"] += 1
            if number % 10 == 9 or number == asked.kills - 1:
                assert site.sync() == 0, "the repairing run was stopped"
                tally["customers compared"] += site.verify()
                tally["times repaired and compared"] += 1
        tally["people subscribed again"] = site.mailchimp.control("summary")["resubscriptions"]
    for what, count in tally.items():
        print(f"{count:>9,}  {what}")


if __name__ == "__main__":
    main()
