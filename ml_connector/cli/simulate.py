"""`ml-connector simulate`: stand-in servers of the outside systems on loopback."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from ml_connector.cli import output, simulators
from ml_connector.cli.processes import Processes

EXAMPLE = "Example: ml-connector simulate --customers 500 --fault mailchimp/rate_limit:every=20"

Customers = Annotated[int, typer.Option(min=0, help="How many customers Visma has.")]
Seed = Annotated[int, typer.Option(help="The same seed makes the same customers.")]
PortBase = Annotated[int, typer.Option(min=1, max=65000, help="The first port; each simulator takes the next one.")]
Fault = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="A fault for all of them, or SYSTEM/NAME for one; may be given several times."),
]


def run(
    customers: Customers = 2000,
    seed: Seed = 1,
    port_base: PortBase = 8610,
    fault: Fault = None,
    as_json: output.AsJson = False,
) -> None:
    """Run the simulators until Ctrl-C, and show how to reach them."""
    names = simulators.names()
    ports = range(port_base, port_base + len(names))
    options = {"visma": ["--customers", str(customers), "--seed", str(seed)]}
    with Processes() as processes:
        running = simulators.start(processes, ports, options, fault or ())
        if as_json:
            rows = [(one.name, one.url, one.credentials) for one in running.values()]
            output.document([dict(zip(("system", "base_url", "credentials"), row, strict=True)) for row in rows])
        else:
            for one in running.values():
                output.say(f"{one.name:<12} {one.url}")
                output.say(f"{'':<12} credentials: {json.dumps(one.credentials)}")
            output.say("These credentials open nothing but the simulators. Ctrl-C stops them.")
        sys.stdout.flush()  # before waiting: what reads a pipe wants to see the addresses
        processes.wait()
