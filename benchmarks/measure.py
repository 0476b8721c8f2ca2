"""One measured process: `python -m benchmarks.measure HOME [--full]` syncs once and prints what it took, as JSON.

CPU and memory are this process's own; the simulators run elsewhere.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path


def main(home: str, full: bool) -> None:
    began = time.perf_counter()
    from ml_connector.defs.launch import sync
    from ml_connector.home import Home

    runs = sync(Home.locate({}, Path(home)), "nordic", full=full)
    wall = time.perf_counter() - began
    usage = resource.getrusage(resource.RUSAGE_SELF)
    flows = [flow for run in runs for flow in run["flows"]]
    print(
        json.dumps(
            {
                "wall": wall,
                "cpu": usage.ru_utime + usage.ru_stime,
                "peak_mb": usage.ru_maxrss / 1024,
                "calls": sum(flow["calls"] for flow in flows)
                + sum(read["calls"] for run in runs for read in run.get("reads", ())),
                "rejected": sum(flow["rejected"] for flow in flows),
                "by_flow": {
                    flow["flow"]: {
                        "calls": flow["calls"],
                        "read": flow["read"],
                        "sent": flow["created"] + flow["updated"],
                    }
                    for flow in flows
                },
                "to_target": sum(flow["calls"] for flow in flows),
                "writes": sum(flow["created"] + flow["updated"] for flow in flows),
                "delivery_seconds": sum(flow["seconds"] for flow in flows),
                "problems": [run["problem"] for run in runs if run["problem"]],
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], "--full" in sys.argv)
