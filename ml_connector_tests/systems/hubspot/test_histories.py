"""Any history of changes, faults, people's work and partial runs ends where Visma says, with nothing twice."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from ml_connector.store.landing import Landings
from ml_connector.store.ledger import Ledger
from ml_connector.store.vault import Vault, new_key, parse_key
from ml_connector.systems.hubspot.account import connect
from ml_connector_tests.databases import new_database
from ml_connector_tests.systems.hubspot.support import (
    QUICK,
    TARGET,
    HubSpot,
    Sync,
    contact,
    customer,
    serve_hubspot,
    settings,
    supplier,
)

EXAMPLES = int(os.environ.get("ML_CONNECTOR_TEST_HISTORIES", "60")) // 4
NUMBERS = ("10001", "10002", "10003")
EMAILS = ("a@x.no", "b@x.no", "c@x.no", None)
SUPPLIERS = ("50001", "50002")
REGISTRATIONS = (None, "111111", "222222")
FLOWS = ("companies", "suppliers", "contacts", "contact_companies")
PATHS = ("companies/batch", "companies/batch/update", "contacts/batch", "associate", "properties")

change = st.tuples(
    st.just("change"),
    st.sampled_from(NUMBERS),
    st.fixed_dictionaries(
        {"email": st.sampled_from(EMAILS)},
        optional={
            "name": st.sampled_from(("A", "B", "")),
            "status": st.sampled_from(("Active", "Inactive")),
            "corporateId": st.sampled_from(REGISTRATIONS),
        },
    ),
)
supply = st.tuples(
    st.just("supplier"),
    st.sampled_from(SUPPLIERS),
    st.fixed_dictionaries(
        {"corporateId": st.sampled_from(REGISTRATIONS)},
        optional={"name": st.sampled_from(("S", "T", "")), "status": st.sampled_from(("Active", "Inactive"))},
    ),
)
fault = st.fixed_dictionaries(
    {
        "fault": st.sampled_from(("server_error", "lost_answer", "expired_token", "torn_json", "reset")),
        "path": st.sampled_from(
            ("companies/batch", "companies/batch/update", "contacts/batch", "associate", "properties")
        ),
        "times": st.sampled_from((1, 2, 4, 4)),  # three tries are made of a call
    }
)
step = st.one_of(
    change,
    change,
    supply,
    st.tuples(st.just("person"), st.sampled_from(NUMBERS), st.integers(1, 3), st.sampled_from(EMAILS)),
    st.tuples(st.just("sync"), st.just(FLOWS), fault),
    st.tuples(st.just("sync"), st.lists(st.sampled_from(FLOWS), unique=True), st.none() | fault),
    st.tuples(st.just("delete"), st.sampled_from(("companies", "contacts"))),
    st.tuples(st.just("make"), st.sampled_from(EMAILS[:3])),
    st.tuples(st.just("replay"), st.sampled_from((*NUMBERS, *SUPPLIERS))),
    st.tuples(st.just("wait"), st.sampled_from((1, 30, 600))),
)


def play(sync: Sync, step: tuple[Any, ...]) -> None:
    sync.visma.now += timedelta(seconds=1)
    match step:
        case ("change", number, fields):
            sync.visma.put(customer(number, **fields))
        case ("supplier", number, fields):
            sync.visma.put(supplier(number, **fields))
        case ("person", number, id_, email):
            sync.visma.put(contact(id_, email, businessAccount=number, firstName=f"P{id_}"))
        case ("sync", names, fault):
            sync.hubspot.faults(*[fault] if fault else [])
            sync.read()
            sync.deliver(*sorted(names, key=FLOWS.index))
            sync.hubspot.faults()
        case ("delete", kind):
            for row in sync.hubspot.records(kind)[:1]:
                sync.hubspot.delete(kind, row["id"])
        case ("make", email):
            if not [one for one in sync.hubspot.records("contacts") if one.get("email") == email]:
                sync.hubspot.make("contacts", email=email)
        case ("replay", number):
            sync.deliver(only=[number])
        case ("wait", minutes):
            sync.visma.now += timedelta(minutes=minutes)


def settle(sync: Sync) -> None:
    """No more faults: what is due is delivered when its time has come, by itself."""
    sync.hubspot.faults()
    sync.read()
    sync.settle()


def replay(sync: Sync) -> None:
    """What people deleted is told by no read: everything is sent once more."""
    sync.read(whole=True)
    sync.deliver(only=[*sync.visma.rows["visma.customers"], *sync.visma.rows["visma.suppliers"]])
    settle(sync)


def verify(sync: Sync) -> None:
    """What Visma has, HubSpot has: once, with these values, linked."""
    companies, contacts = sync.hubspot.records("companies"), sync.hubspot.records("contacts")
    unique = {"visma_customer_id": companies, "visma_supplier_id": companies}
    unique |= {"visma_contact_key": contacts, "email": contacts}
    for key, rows in unique.items():
        keys = [row[key] for row in rows if row.get(key)]
        assert len(keys) == len(set(keys)), key
    by_key = {row.get("visma_customer_id"): row for row in companies}
    by_email = {row.get("email"): row for row in contacts}
    for row in sync.visma.rows["visma.customers"].values():
        if row["status"] == "Inactive" or not row["name"]:
            continue
        company = by_key[f"nordic:{row['internalId']}"]
        assert company["name"] == row["name"]
        assert (company.get("visma_organization_number") or None) == row["corporateId"]
        if email := row["mainContact"]["email"]:
            assert sync.hubspot.linked(by_email[email]["id"], company["id"])
    verify_suppliers(sync, {row.get("visma_supplier_id"): row for row in companies})


def verify_suppliers(sync: Sync, by_key: dict[str | None, dict[str, Any]]) -> None:
    """Each has a company, whose name is the supplier's unless it is a customer's, too."""
    for row in sync.visma.rows["visma.suppliers"].values():
        if row["status"] == "Inactive" or not row["name"]:
            continue
        company = by_key[f"nordic:{row['internalId']}"]
        assert (company["visma_supplier_number"], company["visma_is_supplier"]) == (row["number"], "true")
        if company.get("visma_customer_id"):
            assert company["visma_is_customer"] == "true"
        else:
            assert company["name"] == row["name"]
            assert (company.get("visma_organization_number") or None) == row["corporateId"]


@contextmanager
def fresh(hubspot: HubSpot) -> Iterator[Sync]:
    hubspot.start_over()
    with (
        tempfile.TemporaryDirectory() as folder,
        connect(settings(url=hubspot.url, suppliers={}), hubspot.credentials, QUICK) as account,
        closing(new_database(Path(folder) / "ledger.db")) as database,
    ):
        for step in account.setup():
            step.apply()
        vault = Vault.open(database, parse_key(new_key()))
        landings = Landings(Path(folder) / "landings", vault.landing_key)
        yield Sync(Ledger(database, vault, landings, "nordic"), hubspot, account)


def test_any_history_ends_where_visma_says() -> None:
    """The closing equation holds after every delivery; the end is the same as if nothing had ever gone wrong.

    Nothing is sent twice to find that out: only where people deleted something a replay has to come before.
    """
    with serve_hubspot() as hubspot:

        @examples(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(step, min_size=1, max_size=15), st.booleans())
        def histories(steps: list[tuple[Any, ...]], people: bool) -> None:
            if not people:
                steps = [one for one in steps if one[0] != "delete"]
            with fresh(hubspot) as sync:
                for one in steps:
                    play(sync, one)
                settle(sync)
                if not people:
                    verify(sync)
                replay(sync)
                verify(sync)
                assert sync.ledger.audit(TARGET).verify().ok

        histories()
