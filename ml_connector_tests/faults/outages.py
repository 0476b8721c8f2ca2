"""What tests of outages have in common: a site, trouble at one side, and how to see what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from sqlalchemy import update

from ml_connector.cli.simulators import Simulator
from ml_connector.defs.work import to_deliver
from ml_connector.store import reports
from ml_connector.store.tables import intent, record_state
from ml_connector_tests.faults.site import COMPANY, Site, open_site
from ml_connector_tests.loopback import HTTP

CUSTOMERS = 200
COMPARED = 100  # of them are ordinary ones, at least
FEW = 8  # changes that travel in calls of their own, where the target can
SETTLE = timedelta(seconds=60)
BLOCKS: dict[str, dict[str, Any]] = {
    "mailchimp": {"batch_above": 50},
    "hubspot": {"flows": {"companies": {"match": {"domain": "main_contact.email"}}, "suppliers": {}, "contacts": {}}},
    "chargebee": {"retries": {"first_pause": 0.01, "jitter": 0}},
}
LONG_AGO = timedelta(hours=1)


@contextmanager
def open_loaded_site(folder: Path, target: str) -> Iterator[Site]:
    """A site that was synchronised once; three members have said no since, and go on changing at Visma."""
    with open_site(folder, CUSTOMERS, targets=(target,)) as site:
        configure(site)
        assert site.sync() == 0
        if target == "mailchimp":
            left = site.mailchimp.control("unsubscribe-some", {"count": 3})["members"]
            site.said_no |= {one["email_address"].lower() for one in left}
        yield site


def configure(site: Site) -> None:
    """Small pages, short pauses, few changes to a batch, searches, and a settle time that a test can wait for."""
    document = yaml.safe_load(site.home.config_path.read_text())
    company = document["companies"][COMPANY]
    company["visma"] |= {"page_size": 50, "retries": {"first_pause": 0.01, "jitter": 0}}
    settle = {} if site.targets == ("chargebee",) else {"settle": f"{SETTLE.seconds}s"}  # it has no such setting
    company["targets"][site.targets[0]] |= settle | BLOCKS[site.targets[0]]
    site.home.config_path.write_text(yaml.safe_dump(document))


@contextmanager
def trouble(simulator: Simulator, *rules: dict[str, Any]) -> Iterator[None]:
    """Faults that are in force within the block; each of them has to strike."""
    simulator.control("faults", list(rules))
    yield
    struck = simulator.control("faults")["rules"]
    simulator.control("faults", [])
    assert all(rule["fired"] for rule in struck), struck


def stir(site: Site, changes: int = FEW) -> list[str]:
    """Rename ordinary customers and everybody who said no; returns their numbers, so many ordinary ones first."""
    chosen: list[str] = site.dice.sample(site.ordinary(), changes)
    left = [row["number"] for row in site.customers() if email_of(row) in site.said_no]
    renamed = list(dict.fromkeys([*chosen, *left]))
    for number in renamed:
        site.change(number, name=f"Ny {site.dice.randrange(10**9)} Æ")
    return renamed


def email_of(row: dict[str, Any]) -> str:
    return str((row.get("mainContact") or {}).get("email") or "").strip().lower()


def problems(site: Site) -> dict[str, dict[str, Any]]:
    """What `ml-connector problems` lists, by record; addresses that were refused before any fault are left out."""
    with site.home.open() as home, home.database.connect() as connection:
        found = reports.problems(connection, COMPANY, site.targets[0])
    awkward = {number for numbers in site.visma.control("state")["awkward"].values() for number in numbers}
    return {problem["key"]: problem for problem in found if problem["key"] not in awkward}


def failed_windows(site: Site) -> set[str]:
    """The windows that Dagster shows as failed at the target."""
    with site.home.open() as home, dg.DagsterInstance.from_config(str(site.home.dagster_home)) as instance:
        company = home.config.company(COMPANY)
        return set(to_deliver(home, instance, company, company.targets[site.targets[0]], datetime.now(UTC)).failed)


def wait_out(site: Site) -> None:
    """Every settle time and every pause before a further try have passed."""
    passed = datetime.now(UTC) - LONG_AGO
    with site.home.open() as home, home.database.begin() as connection:
        connection.execute(update(record_state).where(record_state.c.due_at.is_not(None)).values(due_at=passed))
        connection.execute(update(intent).values(started_at=passed))


def forget_calls(site: Site) -> None:
    for one in (site.visma, site.account):
        HTTP.delete(f"{one.url}/_simulator/calls").raise_for_status()


def calls(simulator: Simulator, *methods: str) -> list[dict[str, Any]]:
    return [call for call in simulator.control("calls")["log"] if call["method"] in methods]


def all_is_well(site: Site, *, after_a_sync: bool = True) -> None:
    """One more sync repairs what is left, or nothing is left to be repaired; both sides agree."""
    if after_a_sync:
        assert site.sync() == 0
    assert not problems(site)
    assert not failed_windows(site)
    assert site.verify() >= COMPARED
