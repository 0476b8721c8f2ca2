"""A whole installation for tests: simulators, a home, and syncs in processes of their own that may be killed."""

from __future__ import annotations

import multiprocessing
import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import func, select

from ml_connector.cli.demo_home import furnish, give_credentials, set_up
from ml_connector.cli.simulators import Simulator
from ml_connector.engine.checkpoints import arm
from ml_connector.home import Home
from ml_connector.simulators import chargebee, hubspot, mailchimp, visma
from ml_connector.simulators.server import serve
from ml_connector.store.tables import intent, record_state, source_row
from ml_connector_tests.loopback import HTTP
from ml_connector_tests.systems.chargebee.expected import Chart, by_reference, expected, standing

COMPANY = "nordic"
YEARLY = {"billing_period_unit": "year", "tax_rate": 25, "tax_name": "MVA"}
KILLED = -9  # how a sync ends that met its checkpoint
STOPPED = 3  # and one of which a run was stopped by an account
# One process loads everything once, and each sync is forked from it.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["ml_connector_tests.faults.preloaded"])


def sync_here(home: str, die_at: str, full: bool) -> None:
    """The body of a sync process; ends with the exit code of the worst problem, 0 where there is none."""
    from ml_connector.defs.launch import sync

    arm(die_at)
    runs = sync(Home.locate({}, Path(home)), COMPANY, full=full)
    os._exit(max((run["problem"]["exit_code"] for run in runs if run["problem"]), default=0))


@dataclass
class Site:
    """One company whose Visma and targets are simulators.

    Attributes:
        targets: those that it delivers to; the simulators of the others only run.
        subscribed: how many subscriptions were made, each with an invoice that is to be posted.
        synced_at: when the last sync began.
    """

    home: Home
    visma: Simulator
    mailchimp: Simulator
    hubspot: Simulator
    chargebee: Simulator
    targets: tuple[str, ...]
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    said_no: set[str] = field(default_factory=set)
    subscribed: int = 0
    synced_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def account(self) -> Simulator:
        """The simulator of the first target that it delivers to."""
        accounts = {"mailchimp": self.mailchimp, "hubspot": self.hubspot, "chargebee": self.chargebee}
        return accounts[self.targets[0]]

    def start_sync(self, die_at: str = "", *, full: bool = False) -> BaseProcess:
        self.synced_at = datetime.now(UTC)
        process = FORKS.Process(target=sync_here, args=(str(self.home.path), die_at, full))
        process.start()
        return process

    def sync(self, die_at: str = "", *, full: bool = False) -> int:
        """Sync in a process of its own; returns its exit code (`KILLED`: it was killed)."""
        process = self.start_sync(die_at, full=full)
        process.join(120)
        assert process.exitcode is not None, "the sync hangs"
        return process.exitcode

    def customers(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.visma.control("state?count=100000")["customers"]["rows"]
        return found

    def members(self) -> dict[str, dict[str, Any]]:
        return {one["email_address"].lower(): one for one in self.mailchimp.control("members?count=100000")["members"]}

    def change(self, number: str, **fields: Any) -> None:
        url = f"{self.visma.url}/_simulator/customers/{number}"
        HTTP.patch(url, json=fields).raise_for_status()

    def stir(self, changes: int = 10) -> None:
        """Change some customers, and let one member say no."""
        for number in self.dice.sample(self.ordinary(), changes):
            self.change(number, name=f"Ny {self.dice.randrange(1_000_000)} Æ")
        if "mailchimp" in self.targets and self.dice.random() < 0.5:
            left = self.mailchimp.control("unsubscribe-some", {"count": 1})["members"]
            self.said_no |= {one["email_address"].lower() for one in left}

    def subscribe(self, subscription_id: str, **more: Any) -> None:
        """A customer of Chargebee subscribes for a year from today, so that the first month has not ended."""
        customer = self.chargebee.control("records/customers?count=1")["records"][0]["id"]
        self.chargebee.control("subscriptions", {"id": subscription_id, "customer_id": customer, **YEARLY, **more})
        self.subscribed += 1

    def ordinary(self) -> list[str]:
        """Numbers of active customers that are not among the awkward cases: each becomes a member."""
        state = self.visma.control("state?count=100000")
        awkward = {number for numbers in state["awkward"].values() for number in numbers}
        rows = state["customers"]["rows"]
        uses = Counter(map(_email, rows))
        return [
            row["number"]
            for row in rows
            if row["status"] == "Active" and row["number"] not in awkward and uses[_email(row)] == 1 and _email(row)
        ]

    def verify(self) -> int:
        """Nothing lost, nothing twice, nobody subscribed again; returns how many customers were compared."""
        rows = {row["number"]: row for row in self.customers()}
        compared = [rows[number] for number in self.ordinary()]
        if "mailchimp" in self.targets:
            self._verify_members(compared)
        if "hubspot" in self.targets:
            self._verify_companies(compared)
        if "chargebee" in self.targets:
            self._verify_customers(compared)
            self._verify_postings()
        with self.home.open() as opened, opened.database.connect() as connection:
            columns = (record_state.c.flow, record_state.c.key, record_state.c.kind)
            failed = connection.execute(select(*columns).where(record_state.c.outcome == "failed")).all()
            assert {row.kind for row in failed} <= {"sign-up brake"}  # an awkward address
            in_doubt = set(connection.execute(select(intent.c.flow, intent.c.key)).tuples())
            assert in_doubt <= {(row.flow, row.key) for row in failed}, "a doubt of a record that has been delivered"
            read = select(source_row.c.entity, func.count()).group_by(source_row.c.entity)
            known = {row[0]: row[1] for row in connection.execute(read)}
            assert known["visma.customers"] == len(rows)
            delivered = (record_state.c.target, record_state.c.flow)
            counted = connection.execute(select(*delivered, func.count()).group_by(*delivered))
            settled = {(row[0], row[1]): row[2] for row in counted}
            for target in self.targets:
                flows = opened.config.target(f"{COMPANY}/{target}").flows
                assert all(settled[target, flow.name] == known[flow.entity] for flow in flows), settled
                verification = opened.ledger(COMPANY).audit(target).verify()
                assert verification.ok, verification
        return len(compared)

    def _verify_members(self, compared: list[dict[str, Any]]) -> None:
        members = self.members()
        for row in compared:
            member = members.get(_email(row))
            assert member is not None, f"{row['number']} is lost"
            name = row["name"].strip()
            if len(name.encode()) <= 255:
                assert member["merge_fields"]["COMPANY"] == name, row["number"]
        for address, member in members.items():
            created = [one for one in member["history"] if one["created"]]
            assert len(created) <= 1, f"{address} was created {len(created)} times"
        for address in self.said_no & members.keys():
            assert members[address]["status"] == "unsubscribed", address
        assert self.mailchimp.control("summary")["resubscriptions"] == 0

    def _verify_companies(self, compared: list[dict[str, Any]]) -> None:
        """One company and one contact for each, as Visma has them, and linked."""
        companies, contacts = (
            self.hubspot.control(f"records/{kind}?count=100000") for kind in ("companies", "contacts")
        )
        by_key = {_keys(one["properties"])[0]: one for one in companies["records"]}
        by_email = {one["properties"].get("email"): one for one in contacts["records"]}
        assert len({_keys(one["properties"]) for one in companies["records"]}) == companies["total"], "a company twice"
        assert len(by_email) == contacts["total"], "a contact was created twice"
        registered = [one["properties"].get("visma_supplier_id") for one in companies["records"]]
        assert len(set(filter(None, registered))) == len([*filter(None, registered)]), "a supplier twice"
        for row in compared:
            company, contact = by_key.get(f"{COMPANY}:{row['internalId']}"), by_email.get(_email(row))
            assert company is not None, f"{row['number']} is lost"
            assert contact is not None, f"the contact of {row['number']} is lost"
            assert company["properties"]["name"] == row["name"].strip(), row["number"]
            assert company["id"] in contact["associations"].get("companies", ()), (
                f"the contact of {row['number']} is not linked"
            )

    def _verify_customers(self, compared: list[dict[str, Any]]) -> None:
        """Each customer and each invoice of Chargebee as Visma has them; of an invoice no more is paid than it comes
        to."""
        customers, invoices = (self._records(kind) for kind in ("customers", "invoices"))
        by_id = {one["id"]: one for one in customers}
        for row in compared:
            assert by_id[f"V-{row['number']}"]["company"] == row["name"].strip(), row["number"]
        for one in invoices:
            paid = sum(link["txn_amount"] for link in one.get("linked_payments", ()))
            assert paid <= one["total"], f"{one['id']} was paid twice"
        imported = [one for one in invoices if one["id"].startswith("VN-") and one["status"] != "voided"]
        totals = {one["id"].removeprefix("VN-").partition("--")[0]: one["total"] for one in imported}
        assert len(totals) == len(imported), "an invoice stands twice"
        configuration = yaml.safe_load(self.home.config_path.read_text())
        block = configuration["companies"][COMPANY]["targets"]["chargebee"]["flows"]["invoices"]
        assert totals == {
            row["referenceNumber"]: round(row["amountInCurrency"] * 100)
            for row in self.visma.control("books?count=100000")["invoices"]["rows"]
            if row["status"] in ("Open", "Closed")
            and row["documentDate"][:10] >= str(block["from"])
            and f"V-{row['customer']['number']}" in by_id
        }

    def _verify_postings(self) -> None:
        """What came back stands in Visma's general ledger: each document, and each month that had ended when the last
        sync began, once and line by line; nothing else does."""
        stands = standing(self.visma.control("books?count=100000")["journals"]["rows"])
        had_ended, have_ended = (
            expected(self._records("invoices"), self._records("credit_notes"), moment, Chart())
            for moment in (self.synced_at, datetime.now(UTC))
        )
        assert len(had_ended.documents) == self.subscribed
        assert by_reference(had_ended.postings, COMPANY, "chargebee").items() <= stands.items()
        assert stands.items() <= by_reference(have_ended.postings, COMPANY, "chargebee").items()

    def _records(self, kind: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.chargebee.control(f"records/{kind}?count=100000")["records"]
        return rows


def _keys(properties: dict[str, Any]) -> tuple[str | None, str | None]:
    """Our keys of a company: as a customer's, as a supplier's."""
    return properties.get("visma_customer_id"), properties.get("visma_supplier_id")


def _email(row: dict[str, Any]) -> str:
    return ((row.get("mainContact") or {}).get("email") or "").strip().lower()


def _hurry(home: Home) -> None:
    """Few windows, each of which costs Dagster events in every run, and as little waiting as can be.

    A call without an answer has taken effect by the next run, because the simulators do not tarry.
    """
    configuration = yaml.safe_load(home.config_path.read_text())
    company = configuration["companies"][COMPANY]
    company["window"] = "1d"
    for target in company["targets"].values():
        if target["system"] != "chargebee":  # which has no such setting
            target["settle"] = "0s"
    home.config_path.write_text(yaml.safe_dump(configuration, sort_keys=False))


def switch_on(site: Site, **invoices: Any) -> None:
    """Invoices and transactions of this site go to HubSpot from now on."""
    configuration = yaml.safe_load(site.home.config_path.read_text())
    flows = configuration["companies"][COMPANY]["targets"]["hubspot"]["flows"]
    flows |= {"invoices": invoices, "transactions": {}}
    site.home.config_path.write_text(yaml.safe_dump(configuration, sort_keys=False))
    with site.home.open() as opened:
        set_up(opened)


@contextmanager
def open_site(
    folder: Path, customers: int = 240, latency: float = 0.0, targets: tuple[str, ...] = ("mailchimp",)
) -> Iterator[Site]:
    """A site whose targets are empty and whose Visma has this many customers; nothing is synchronised yet."""
    apps = {
        "visma": visma.create_app(visma.VismaSettings(customers=customers, latency_seconds=latency)),
        "mailchimp": mailchimp.create_app(mailchimp.MailchimpSettings(latency_seconds=latency, batch_seconds=0.1)),
        "hubspot": hubspot.create_app(hubspot.HubspotSettings(latency_seconds=latency)),
        "chargebee": chargebee.create_app(chargebee.ChargebeeSettings(plan="custom")),
    }
    with ExitStack() as stack:
        running = {}
        for name, app in apps.items():
            url = stack.enter_context(serve(app)).url
            running[name] = Simulator(name, url, Simulator(name, url, {}).control("settings"))
        chosen = {name: one for name, one in running.items() if name == "visma" or name in targets}
        home = Home.locate({}, folder)
        furnish(home, chosen)
        _hurry(home)
        with home.open() as opened:
            give_credentials(opened, chosen)
            set_up(opened)
        accounts = (running[name] for name in ("visma", "mailchimp", "hubspot", "chargebee"))
        yield Site(home, *accounts, targets)
