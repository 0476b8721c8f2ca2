"""`ml-connector demo`: the whole path on this machine, with simulators in place of the real systems."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ml_connector.cli import check, output, runs, simulators
from ml_connector.cli.demo_home import COMPANY, PLACE, fresh, furnish, give_credentials, set_up
from ml_connector.cli.interruption import Say
from ml_connector.cli.processes import HOST, Processes, free_ports, require_free
from ml_connector.cli.progress import progress
from ml_connector.cli.simulators import Simulator
from ml_connector.errors import Problem
from ml_connector.home import Home

EXAMPLE = "Example: ml-connector demo --up"

LEAVING = 4  # members who unsubscribe between the two rounds
FIRST, SECOND = "1", "2"
MEMBERS = "mailchimp: members"
YEARLY = {"id": "demo", "billing_period_unit": "year", "tax_rate": 25}

Up = Annotated[bool, typer.Option("--up", help="Run the simulators and Dagster's own pages until Ctrl-C instead.")]
Customers = Annotated[int, typer.Option(min=200, help="How many customers the simulated Visma has.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="With --up: the port of Dagster's pages.")]


@dataclass(frozen=True, slots=True)
class Played:
    """What the two rounds did.

    Attributes:
        rounds: the runs of each round, by its name.
        changed: the customers that the simulated Visma changed in between, by what happened to them.
        left: the members who unsubscribed in between, with their status after the second round.
        subscriber: the customer of Chargebee who subscribed in between.
    """

    rounds: Mapping[str, Sequence[runs.Run]]
    changed: Mapping[str, Sequence[str]]
    left: Mapping[str, str]
    subscriber: str

    def count(self, name: str, outcome: str, flow: str) -> int:
        """Records of a round with an outcome; `flow` is `hubspot: companies`."""
        flows = ((run["target"], one) for run in self.rounds[name] for one in run["flows"])
        return sum(one[outcome] for target, one in flows if f"{target}: {one['flow']}" == flow)


def run(up: Up = False, customers: Customers = 2000, port: Port = 3000, as_json: output.AsJson = False) -> None:
    """Bring 2,000 customers of a simulated Visma to Mailchimp, HubSpot and Chargebee, change some, and sync again.

    The three are simulated, too. In between somebody subscribes at Chargebee, which becomes a transaction in Visma.

    Everything happens on this machine and in ./.demo, which is made anew each time.
    """
    began = time.monotonic()
    if up:
        require_free(port)
    with fresh() as home, Processes() as processes:
        with progress(processes.stop) as say:
            say("Starting the simulators")
            running = _start(processes, customers)
            furnish(home, running)
            checked = _prepare(home, running, say)
        if not as_json:
            check.show(checked)
            output.say()
        if code := max(one.exit_code for one in checked):
            raise typer.Exit(code)
        if up:
            _serve(processes, home, running, port)
        with progress(processes.stop) as say:
            played = _play(home, running, say)
    _report(played, customers, time.monotonic() - began, as_json)


def _start(processes: Processes, customers: int) -> dict[str, Simulator]:
    ports = free_ports(len(simulators.names()))
    options = {"visma": ["--customers", str(customers)], "chargebee": ["--plan", "custom"]}
    return simulators.start(processes, ports, options)


def _prepare(home: Home, running: Mapping[str, Simulator], say: Say) -> list[check.Checked]:
    with home.open() as opened:
        give_credentials(opened, running)
        say("Creating what the targets lack")
        set_up(opened)
        say("Checking the systems")
        return check.check(opened, opened.config.accounts(), say)


def _play(home: Home, running: Mapping[str, Simulator], say: Say) -> Played:
    """Both rounds, and what happens at the two systems in between."""
    say("Loading Dagster")
    from ml_connector.defs.launch import sync

    first = _round(sync(home, COMPANY, progress=lambda text: say(f"Round 1: {text}")))
    changed = running["visma"].control("demo-round", {})
    leaving = running["mailchimp"].control("unsubscribe-some", {"count": LEAVING})["members"]
    subscriber = str(running["chargebee"].control("records/customers?count=1")["records"][0]["id"])
    running["chargebee"].control("subscriptions", {"customer_id": subscriber, **YEARLY})
    second = _round(sync(home, COMPANY, progress=lambda text: say(f"Round 2: {text}")))
    left = {
        member["email_address"]: running["mailchimp"].control(f"members/{member['id']}")["status"] for member in leaving
    }
    return Played({FIRST: first, SECOND: second}, changed, left, subscriber)


def _round(done: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The runs of a round. Raises `Problem` where one of them was stopped."""
    for one in done:
        if found := one["problem"]:
            raise Problem(found["what"], found["meaning"], found["action"])
    return done


def _report(played: Played, customers: int, seconds: float, as_json: bool) -> None:
    if as_json:
        output.document(
            {"rounds": played.rounds, "changed": played.changed, "left": played.left, "seconds": round(seconds, 1)}
        )
    else:
        runs.show(played.rounds)
        output.say()
        output.say(_story(played, customers, seconds))
    if back := [member for member, status in played.left.items() if status != "unsubscribed"]:
        raise Problem(
            f"These members unsubscribed and are on the list again: {', '.join(back)}.",
            "A sync must never subscribe anybody again.",
            "This is a bug in ml-connector; please report it.",
        )


def _story(played: Played, customers: int, seconds: float) -> str:
    def first(outcome: str, flow: str = MEMBERS) -> str:
        return f"{played.count(FIRST, outcome, flow):,}"

    def second(outcome: str, flow: str = MEMBERS) -> str:
        return f"{played.count(SECOND, outcome, flow):,}"

    command = _command()
    changes = {name: len(numbers) for name, numbers in played.changed.items()}
    return (
        f"Round 1 read all {customers:,} customers from Visma and created {first('created')} members at Mailchimp; "
        f"{first('skipped')} were skipped by a rule, {first('rejected')} rejected, and {first('failed')} failed, to be "
        "tried again by itself (`problems` says why). At HubSpot it created "
        f"{first('created', 'hubspot: companies')} companies and {first('created', 'hubspot: contacts')} "
        f"contacts, linked to them, {first('created', 'hubspot: invoices')} invoices with their payments, and "
        f"{first('created', 'hubspot: transactions')} transactions of the general ledger; at Chargebee "
        f"{first('created', 'chargebee: customers')} customers and {first('created', 'chargebee: invoices')} invoices; "
        f"{first('skipped', 'chargebee: invoices')} are older than its `from`, or not released. Then "
        f"{changes['changed']} customers changed at Visma, "
        f"{changes['terminated']} were terminated and {changes['email_removed']} lost their e-mail address, "
        f"{len(played.left)} members unsubscribed at Mailchimp, and {played.subscriber} subscribed at Chargebee for a "
        f"year. Round 2 took up what was new, {second('read')} records, and updated {second('updated')} members "
        f"and {second('updated', 'hubspot: companies')} companies. All {len(played.left)} members who unsubscribed "
        f"stayed unsubscribed: a sync sends a status only to take somebody off the list. The subscription became "
        f"{second('created', 'chargebee_to_visma: journals')} transaction of Visma's general ledger, on hold, with its "
        f"revenue deferred over the year. Both rounds were Dagster runs, the same that its schedule and sensors start. "
        f"It took {seconds:.0f} seconds, and everything that was started is stopped again.\n"
        f"\n"
        f"Where to look next:\n"
        f"  export ML_CONNECTOR_HOME={PLACE.absolute()}\n"
        f"  {command} status                how everything stands\n"
        f"  {command} problems              what was rejected, and why\n"
        f"  {command} record {COMPANY} {played.changed['changed'][0]}   one customer's whole history\n"
        f"  {command} record {COMPANY} demo    the subscription's, and what became of it\n"
        f"  {command} audit verify          whether somebody edited the log of what was sent\n"
        f"  {command} demo --up             the same in Dagster's own pages"
    )


def _command() -> str:
    """How the command is called from here: by its path where it is not among the shell's programs."""
    if shutil.which("ml-connector"):
        return "ml-connector"
    path = Path(sys.executable).with_name("ml-connector")
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _serve(processes: Processes, home: Home, running: Mapping[str, Simulator], port: int) -> None:
    """Dagster's own pages on the demo's home, until Ctrl-C."""
    workspace = str(home.path / "workspace.yaml")
    command = [sys.executable, "-m", "dagster", "dev", "-w", workspace, "-h", HOST, "-p", str(port)]
    with progress(processes.stop) as say:
        say("Starting Dagster")
        dagster = processes.start("Dagster", command, home.environment())
        processes.wait_until_serving(dagster, port, seconds=120)
    output.say(f"Dagster     http://{HOST}:{port}")
    for one in running.values():
        output.say(f"{one.name:<11} {one.url}/_simulator/state")
    output.say()
    output.say("The schedule polls Visma every minute, and a sensor for each target delivers. Ctrl-C stops all of it.")
    output.say(f"In another terminal: export ML_CONNECTOR_HOME={home.path}; {_command()} status")
    sys.stdout.flush()
    processes.wait()
