"""`make bench`: what a sync of 100,000 customers costs, and one of 20,000 events, beyond an empty run of the same job.

Every figure comes from a process of its own, the simulators run in others. Single figures of a shared machine are
noisy; the ratios of one run are what counts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml
from rich.console import Console
from rich.table import Table

from benchmarks import webhooks as receiver
from ml_connector.cli.demo_home import furnish, give_credentials, set_up
from ml_connector.cli.processes import Processes, free_ports
from ml_connector.cli.simulators import Simulator, names, start
from ml_connector.home import Home

Figures = dict[str, Any]
CONNECTIONS = 8
LATENCY = 0.05  # seconds; Mailchimp's own are longer
FIRST_NUMBER = 10_001  # of the customers that the simulator makes up
console = Console(width=110)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument(
        "--only", choices=("mailchimp", "hubspot", "chargebee", "inward", "webhooks"), help="leave out everything else"
    )
    parser.add_argument("--puts", type=int, default=4_000, help="customers of the run with single writes")
    parser.add_argument("--events", type=int, default=20_000, help="events of Chargebee that are read and posted")
    parser.add_argument("--without-memory", action="store_true", help="leave out the run with four times as many")
    asked = parser.parse_args()

    if asked.only in (None, "mailchimp"):
        mailchimp(asked.customers, asked.puts, memory=not asked.without_memory)
    if asked.only in (None, "hubspot"):
        hubspot(asked.customers)
    if asked.only in (None, "chargebee"):
        chargebee()
    if asked.only in (None, "inward"):
        inward(asked.events)
    if asked.only in (None, "webhooks"):
        webhooks()


def mailchimp(customers: int, puts: int, *, memory: bool) -> None:
    """What members cost: a first load, and passes in which nothing is to be sent."""
    rows: list[tuple[str, Figures]] = []
    with site(0) as (home, _):
        sync(home)
        empty = sync(home)
        rows.append(("empty run", empty))
    with site(customers) as (home, running):
        floor = child("benchmarks.floor", running["visma"].url)
        rows.append((f"floor: httpx reads {customers:,}", floor))
        first = sync(home)
        rows.append((f"first load of {customers:,}", first))
        unchanged = sync(home, "--full")
        rows.append(("full read, nothing changed", unchanged))
        httpx.post(f"{running['visma'].url}/_simulator/touch", json={"all": True}, timeout=600).raise_for_status()
        touched = sync(home)
        rows.append(("full read, every row stamped anew", touched))
    large: Figures | None = None
    if memory:
        with site(customers * 4) as (home, _):
            large = sync(home)
            rows.append((f"first load of {customers * 4:,}", large))
    show(rows, empty)
    verdicts(first, unchanged, touched, empty, floor, large)
    busy(puts)


def verdicts(
    first: Figures, unchanged: Figures, touched: Figures, empty: Figures, floor: Figures, large: Figures | None
) -> None:
    """The goals, each with its figure; over an empty run where they speak of CPU and memory."""
    cpu, peak = over(first, empty, "cpu"), over(first, empty, "peak_mb")
    goal("unchanged pass: at most 6 CPU seconds", over(unchanged, empty, "cpu"), 6)
    goal("unchanged pass: no write", unchanged["writes"] + touched["writes"], 0)
    goal("first load: at most 15 CPU seconds", cpu, 15)
    goal("first load: at most 80 MB more than an empty run", peak, 80)
    if large is not None:
        goal("four times the customers: at most 1.2 times the memory", over(large, empty, "peak_mb") / peak, 1.2)
    console.print(
        f"Ratios: first load {cpu / floor['cpu']:.1f} times the floor's CPU, "
        f"unchanged pass {over(unchanged, empty, 'cpu') / floor['cpu']:.1f} times."
    )


def busy(customers: int) -> None:
    """Single writes: how much of the delivery the configured connections were at work."""
    with site(customers, "--latency-seconds", str(LATENCY), batch_above=1_000_000) as (home, running):
        figures = sync(home)
        calls = running["mailchimp"].control("calls")
    share = calls["busy_seconds"] / (CONNECTIONS * figures["delivery_seconds"])
    console.print(
        f"{figures['writes']:,} single writes of {LATENCY * 1000:.0f} ms in {figures['delivery_seconds']:.1f} s."
    )
    goal("single writes: connections busy at least 90 %", share, 0.9, at_least=True)


UNLIMITED = ("--burst", "100000000", "--association-burst", "100000000", "--daily", "100000000")
PARTIES = ("--no-awkward", "--contacts-share", "1", "--suppliers", "0", "--invoices", "0", "--journals", "0")
INVOICES = 3_000
BAD = 0.01  # share of the customers


def hubspot(customers: int) -> None:
    """Calls for each changed record: companies, their contact persons, the links between them, and invoices."""
    with site(customers, *UNLIMITED, target="hubspot", visma=PARTIES) as (home, running):
        first = sync(home)
        calls = running["hubspot"].control("calls")["by_route"]
        unchanged = sync(home, "--full")
    show([(f"HubSpot: first load of {customers:,}", first), ("full read, nothing changed", unchanged)], None)
    searches = sum(number for route, number in calls.items() if "search" in route)
    goal(f"{customers:,} companies and contacts: calls a thousand customers", first["to_target"] / customers * 1000, 21)
    goal("without a search", searches, 0)
    goal("nothing changed: calls", unchanged["to_target"], 0)
    refused(customers, first)
    invoices(INVOICES)


def refused(customers: int, clean: Figures) -> None:
    """What bad records cost: values that HubSpot refuses, and no mapping knows of, over the same load without them."""
    with site(customers, *UNLIMITED, target="hubspot", visma=PARTIES) as (home, running):
        config = yaml.safe_load(home.config_path.read_text())
        flows = config["companies"]["nordic"]["targets"]["hubspot"]["flows"]
        flows["companies"] = {"fields": {"numberofemployees": "main_contact.fax"}}
        home.config_path.write_text(yaml.safe_dump(config))
        bad = range(FIRST_NUMBER, FIRST_NUMBER + customers, round(1 / BAD))
        with simulated(running["visma"]) as visma:
            for number in bad:
                visma.patch(f"customers/{number}", json={"mainContact": {"fax": "many"}}).raise_for_status()
        figures = sync(home)
    if figures["rejected"] != len(bad):
        sys.exit(f"{figures['rejected']} records were refused instead of {len(bad)}.")
    more = figures["to_target"] - clean["to_target"]
    goal(f"{len(bad):,} of {customers:,} refused by HubSpot: more calls for each of them", more / len(bad), 15)


def invoices(number: int) -> None:
    """What invoices with their lines cost when they are new, and when each of them has changed."""
    with site(number // 10, *UNLIMITED, target="hubspot", visma=books(number)) as (home, running):
        first = sync(home)
        with simulated(running["visma"]) as visma:
            for row in invoice_rows(visma, number):
                body = {"customerRefNumber": "changed"}
                visma.patch(f"invoices/{row['referenceNumber']}", json=body).raise_for_status()
        changed = sync(home)
    show([(f"HubSpot: {number:,} invoices", first), ("each of them changed", changed)], None)
    for what, figures in (("new", first), ("changed", changed)):
        flow = figures["by_flow"]["invoices"]
        goal(f"{flow['read']:,} {what} invoices: calls for each", flow["calls"] / flow["read"], 0.15)


SITE = ("--calls-per-minute", "100000000", "--write-seconds", "0")
RECORDS = 1_000
LOOK = 1
"""Every change first looks at what stands there: what was done of several calls before one failed is nowhere noted."""
CUSTOMER_CHANGES: Sequence[tuple[str, dict[str, Any], int]] = (
    ("in a phone number", {"mainContact": {"phone1": "+47 22 00 00 00"}}, LOOK + 1),
    ("in an address", {"mainAddress": {"addressLine1": "Storgata 1"}}, LOOK + 1),
    (
        "in both",
        {"mainContact": {"phone1": "+47 22 00 00 01"}, "mainAddress": {"addressLine1": "Storgata 2"}},
        LOOK + 2,
    ),
)
"""What changes in Visma, and how many calls each customer may take."""


def chargebee() -> None:
    """Calls for each changed record: customers, of which each takes two calls to change, and invoices."""
    with site(RECORDS, *SITE, target="chargebee", visma=PARTIES) as (home, running):
        rows = [(f"Chargebee: first load of {RECORDS:,} customers", sync(home))]
        calls_each("new customers", rows[0][1], "customers", 1)
        unchanged = sync(home, "--full")
        goal("nothing changed: calls", unchanged["to_target"], 0)
        rows.append(("full read, nothing changed", unchanged))
        for where, patch, limit in CUSTOMER_CHANGES:
            with simulated(running["visma"]) as visma:
                for number in range(FIRST_NUMBER, FIRST_NUMBER + RECORDS):
                    visma.patch(f"customers/{number}", json=patch).raise_for_status()
            rows.append((f"each of them changed {where}", sync(home)))
            calls_each(f"customers changed {where}", rows[-1][1], "customers", limit)
    show(rows, None)
    billed(INVOICES)


def billed(number: int) -> None:
    """What invoices cost that are new, that another order number was entered for, and that are paid."""
    with site(number // 10, *SITE, target="chargebee", visma=books(number)) as (home, running):
        rows = [(f"Chargebee: {number:,} invoices", sync(home))]
        calls_each("new invoices", rows[0][1], "invoices", 1.02)
        with simulated(running["visma"]) as visma:
            held = invoice_rows(visma, number)
            for row in held:
                body = {"customerRefNumber": "changed"}
                visma.patch(f"invoices/{row['referenceNumber']}", json=body).raise_for_status()
            rows.append(("another order number each", sync(home)))
            calls_each("invoices with another order number", rows[-1][1], "invoices", LOOK + 1)
            for row in held:
                if row["status"] == "Open":
                    visma.post(f"invoices/{row['referenceNumber']}/pay", json={}).raise_for_status()
            rows.append(("every open one paid", sync(home)))
            calls_each("paid invoices", rows[-1][1], "invoices", LOOK + 1)
    show(rows, None)


EVENTS_EACH = 4
"""Of a new subscription of a new customer, in the simulator; one of them is its invoice, which is posted."""
QUARTER = 4
LEAST = {"cpu": 0.1, "peak_mb": 10.0}
"""What is smaller says nothing of how it grows."""


def inward(events: int) -> None:
    """What comes back: events that are read, and their invoices, of which each becomes a transaction."""
    rows: list[tuple[str, Figures]] = []
    with site(0, *SITE, target="chargebee", visma=books(0)) as (home, _):
        sync(home)
        empty = sync(home)
        rows.append(("empty run", empty))
    few = came_back(events // QUARTER, rows)
    many = came_back(events, rows)
    first, unchanged, floor = many
    show(rows, empty)
    posted = first["by_flow"]["journals"]
    goal(f"{posted['sent']:,} invoices posted: calls for each", posted["calls"] / posted["sent"], 1.01)
    goal("nothing changed: writes", unchanged["writes"], 0)
    growth, share = (over(first, empty, name) / max(over(few[0], empty, name), least) for name, least in LEAST.items())
    goal(f"{QUARTER} times the events: at most so many times the CPU", growth, 1.2 * QUARTER)
    goal(f"{events:,} events: at most 80 MB more than an empty run", over(first, empty, "peak_mb"), 80)
    # A quarter of the usual number fills no landing file with what is made of it, so its buffer is not full.
    goal(f"{QUARTER} times the events: at most 1.5 times the memory", share, 1.5)
    console.print(
        f"Ratios: reading and posting {over(first, empty, 'cpu') / floor['cpu']:.1f} times the floor's CPU, "
        f"{over(first, empty, 'wall') / floor['wall']:.1f} times its time, "
        f"unchanged pass {over(unchanged, empty, 'cpu') / floor['cpu']:.1f} times its CPU."
    )


def came_back(events: int, rows: list[tuple[str, Figures]]) -> tuple[Figures, Figures, Figures]:
    """So many events are read and posted; read again; and what plain calls take for the same. Each also as a row."""
    with site(0, *SITE, target="chargebee", visma=books(0)) as (home, running):
        with simulated(running["chargebee"]) as chargebee:
            body = {"events": events, "subscriptions": events // EVENTS_EACH}
            chargebee.post("flood", json=body, timeout=600).raise_for_status()
        first = sync(home)
        sent = first["by_flow"]["journals"]["sent"]
        if sent < events // EVENTS_EACH:
            sys.exit(f"Of {events:,} events came {sent:,} transactions.")
        unchanged = sync(home, "--full")
        floor = child("benchmarks.floor_inward", running["chargebee"].url, running["visma"].url, str(sent))
    rows += [
        (f"{events:,} events read, {sent:,} invoices posted", first),
        ("full read, nothing changed", unchanged),
        ("floor: httpx reads and posts the same", floor),
    ]
    return first, unchanged, floor


def calls_each(what: str, figures: Figures, flow: str, limit: float) -> None:
    """Of what was sent; a run that sent nothing proves nothing."""
    counts = figures["by_flow"][flow]
    if not counts["sent"]:
        sys.exit(f"None of the {what} was sent.")
    goal(f"{counts['sent']:,} {what}: calls for each", counts["calls"] / counts["sent"], limit)


def webhooks() -> None:
    """What the receiver holds: every event is in the inbox, on SQLite, before it is answered."""
    steps = receiver.measure()
    table = Table("webhooks a second", "answered a second", "not 200", "p50 ms", "p99 ms", "held")
    for step in steps:
        times = (f"{delay * 1000:.1f}" for delay in (step.p50, step.p99))
        held = "yes" if step.held else "no"
        table.add_row(str(step.rate), f"{step.answered:.0f}", str(step.refused), *times, held)
    console.print(table)
    at_goal = [step.p99 * 1000 for step in steps if step.rate == receiver.GOAL]
    limit = receiver.WITHIN * 1000
    goal(f"{receiver.GOAL} webhooks a second: p99 in ms", at_goal[0] if at_goal else float("inf"), limit)
    highest = max((step.rate for step in steps if step.held), default=0)
    goal("highest rate held: webhooks a second", highest, receiver.GOAL, at_least=True)


def books(invoices: int) -> Sequence[str]:
    """Options of a Visma with invoices, and with nothing else that needs time."""
    return ("--no-awkward", "--suppliers", "0", "--journals", "0", "--invoices", str(invoices))


def simulated(visma: Simulator) -> httpx.Client:
    """Calls to the control endpoints."""
    return httpx.Client(base_url=f"{visma.url}/_simulator", trust_env=False, timeout=60)


def invoice_rows(visma: httpx.Client, number: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (
        visma.get("books", params={"count": number}).raise_for_status().json()["invoices"]["rows"]
    )
    return rows


def goal(what: str, figure: float, limit: float, *, at_least: bool = False) -> None:
    reached = figure >= limit if at_least else figure <= limit
    console.print(f"{'reached' if reached else 'MISSED '}  {what}: {figure:,.2f}")


def over(figures: Figures, empty: Figures, name: str) -> float:
    return float(figures[name] - empty[name])


def show(rows: list[tuple[str, Figures]], empty: Figures | None) -> None:
    table = Table("", "wall s", "CPU s", "over empty", "peak MB", "over empty", "API calls", "writes")
    for name, figures in rows:
        table.add_row(
            name,
            f"{figures['wall']:.1f}",
            f"{figures['cpu']:.1f}",
            f"{over(figures, empty, 'cpu'):.1f}" if empty else "",
            f"{figures['peak_mb']:.0f}",
            f"{over(figures, empty, 'peak_mb'):.0f}" if empty else "",
            f"{figures['calls']:,}",
            f"{figures['writes']:,}",
        )
    console.print(table)


def sync(home: Home, *options: str) -> Figures:
    figures = child("benchmarks.measure", str(home.path), *options)
    if figures["problems"]:
        sys.exit(f"The run was stopped: {figures['problems']}")
    return figures


def child(module: str, *arguments: str) -> Figures:
    done = subprocess.run([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, check=True, text=True)
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


@contextmanager
def site(
    customers: int, *options: str, target: str = "mailchimp", visma: Sequence[str] = (), batch_above: int | None = None
) -> Iterator[tuple[Home, dict[str, Simulator]]]:
    """Visma and one target in processes of their own, and a home for them; `options` are the target's."""
    with tempfile.TemporaryDirectory() as folder, Processes() as processes:
        chosen = {
            "visma": ["--customers", str(customers), "--rate-limit", "1000000", *visma],
            target: [*options, *(["--batch-seconds", "0.05"] if target == "mailchimp" else ())],
        }
        started = start(processes, free_ports(len(names())), chosen)
        running = {name: started[name] for name in ("visma", target)}
        home = Home.locate({}, Path(folder))
        furnish(home, running)
        if batch_above is not None:
            config = yaml.safe_load(home.config_path.read_text())
            config["companies"]["nordic"]["targets"]["mailchimp"]["batch_above"] = batch_above
            home.config_path.write_text(yaml.safe_dump(config))
        with home.open() as opened:
            give_credentials(opened, running)
            set_up(opened)
        yield home, running


if __name__ == "__main__":
    main()
