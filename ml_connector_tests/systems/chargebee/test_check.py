"""What `check` says of a Chargebee site, of its events, and of the books that they end in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from pydantic import SecretStr

from ml_connector.systems.chargebee.account import connect
from ml_connector.systems.chargebee.settings import Credentials
from ml_connector.systems.registry import Finding
from ml_connector_tests.simulators.visma_support import Visma
from ml_connector_tests.systems.chargebee.conftest import OpenSync
from ml_connector_tests.systems.chargebee.support import ACCOUNTS, Sync, events_block, settings
from ml_connector_tests.systems.chargebee.test_events import subscribed

OUT, BACK, BOOKS = "account", "events", "books"


def findings(found: Iterable[Finding]) -> dict[str, Finding]:
    """By subject; what is not as needed says what follows and what to do."""
    by_subject = {finding.subject: finding for finding in found}
    assert all(one.what and (one.ok or (one.meaning and one.action)) for one in by_subject.values())
    return by_subject


def of_books(sync: Sync) -> dict[str, Finding]:
    return findings(sync.books.check())


def test_a_site_that_is_set_up_rightly_is_all_green(open_one: OpenSync) -> None:
    """Out, events and books; every account, VAT code, branch and subaccount is named with what it is for."""
    rule = {"entity_type": "addon", "revenue": "3100", "deferred": "2970", "vat_code": "3"}
    rule |= {"project": "P-INT", "project_task": "LISENS"}
    places: dict[str, Any] = {"branch": "1", "ledger": "1", "subaccount": {1: "10", 2: "0100"}, "project": "P-ABO"}
    sync = open_one(events=events_block(vat_codes={"MVA": "3"}, rules=[rule], **places))
    found = {
        **findings(sync.account.check()),
        **findings(sync.events.check(())),
        **of_books(sync),
    }
    assert [one.subject for one in found.values() if not one.ok] == []
    assert {"customers", "invoices", "credit notes", "events", "financial periods"} < set(found)
    for subject in ("account 1530 (receivable)", "VAT code 3 (rule 1)", "branch 1 (every line)"):
        assert found[subject].ok
    assert found["subaccount 10-0100 (every line)"].ok
    assert (found["project P-ABO (every line)"].what, found["project P-INT (rule 1)"].ok) == ("Abonnement", True)
    task = found["task LISENS of project P-INT (rule 1)"]
    assert (task.ok, "no list tells" in task.what, "under problems" in task.meaning) == (True, True, True)
    assert "polls find every event" in found["webhooks"].what  # no credentials for them are stored here


@pytest.mark.parametrize("path", ["branch", "subaccount", "project"])
def test_what_is_not_needed_is_not_asked_for(sync: Sync, path: str) -> None:
    """Where no branch, no subaccount and no project is named, their lists may be closed to the client."""
    sync.visma.fault("forbidden_empty", path=f"/v1/{path}", method="GET")
    assert all(one.ok for one in of_books(sync).values())


@pytest.mark.parametrize(
    ("changes", "subject", "words"),
    [
        ({"accounts": {**ACCOUNTS, "revenue": "3998"}}, "account 3998 (revenue)", "does not know it"),
        ({"accounts": {**ACCOUNTS, "rounding": "3999"}}, "account 3999 (rounding)", "inactive"),
        ({"accounts": {**ACCOUNTS, "receivable": "1500"}}, "account 1500 (receivable)", "control account"),
        ({"vat_codes": {"MVA": "99"}}, "VAT code 99 (tax MVA)", "does not know it"),
        ({"rules": [{"entity_id": "x", "vat_code": "98"}]}, "VAT code 98 (rule 1)", "does not know it"),
        ({"branch": "9"}, "branch 9 (every line)", "does not know it"),
        ({"ledger": "9"}, "ledger 9 (every transaction)", "does not know it"),
        ({"project": "P-NIX"}, "project P-NIX (every line)", "does not know it"),
        ({"rules": [{"entity_id": "x", "project": "P-NIX"}]}, "project P-NIX (rule 1)", "does not know it"),
        ({"branch": "3"}, "branch 3 (every line)", "inactive"),
        ({"subaccount": {1: "10"}}, "subaccount 10 (every line)", "does not know it"),
        ({"rules": [{"entity_id": "x", "subaccount": {1: "10", 2: "9"}}]}, "subaccount 10-9 (rule 1)", "does not know"),
    ],
)
def test_what_visma_would_refuse_is_named(
    open_one: OpenSync, changes: dict[str, Any], subject: str, words: str
) -> None:
    """Before the first document, rather than with it; everything else is looked at all the same."""
    found = of_books(open_one(events=events_block(**changes)))
    assert [one.subject for one in found.values() if not one.ok] == [subject]
    assert words in found[subject].what


@pytest.mark.parametrize(
    ("path", "subject"), [("vat", "vat codes"), ("subaccount", "subaccounts"), ("project", "projects")]
)
def test_a_list_that_may_not_be_read_is_named(open_one: OpenSync, path: str, subject: str) -> None:
    """The others are looked at all the same."""
    named = {"vat_codes": {"MVA": "3"}, "branch": "1", "subaccount": {1: "10", 2: "0100"}, "project": "P-ABO"}
    sync = open_one(events=events_block(**named))
    sync.visma.fault("forbidden_empty", path=f"/v1/{path}$", method="GET")
    found = of_books(sync)
    assert [one.subject for one in found.values() if not one.ok] == [subject]
    assert found["branch 1 (every line)"].ok


@pytest.mark.parametrize("key", ["projectID", "number", "project.id"])
def test_projects_are_found_whatever_their_list_calls_the_id(open_one: OpenSync, key: str) -> None:
    """Nobody documents its rows."""
    sync = open_one(events=events_block(project="P-ABO", rules=[{"entity_id": "x", "project": "P-NIX"}]))
    sync.visma.configure(project_key=key)
    found = of_books(sync)
    assert (found["project P-ABO (every line)"].ok, found["project P-NIX (rule 1)"].ok) == (True, False)


def test_where_no_period_is_open_nothing_can_be_posted(sync: Sync) -> None:
    for period in sync.visma.http.get("/v1/financialPeriod").json():
        sync.visma.control("POST", f"periods/{period['year']}{period['period']}/close")
    assert not of_books(sync)["financial periods"].ok


def test_books_that_cannot_be_read_end_it(sync: Sync) -> None:
    """One sentence, and nothing else is asked."""
    sync.visma.fault("forbidden_empty", path="/v1/financialPeriod", method="GET")
    found = of_books(sync)
    assert (list(found), found["general ledger"].refused) == (["general ledger"], True)


@pytest.mark.parametrize("name", ["customers", "invoices", "credit notes", "events"])
def test_a_key_that_is_refused_is_said_once(sync: Sync, name: str) -> None:
    """Whatever is asked for first."""
    path = f"/{name.replace(' ', '_')}"
    sync.chargebee.control("faults", [{"fault": "expired_token", "path": path, "times": 9}])
    found = findings(sync.events.check(()) if name == "events" else sync.account.check())
    assert found[name].refused
    assert list(found)[-1] == name


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:9", "visma"])
def test_an_address_that_is_not_chargebee_s_is_said_once(open_one: OpenSync, visma: Visma, base_url: str) -> None:
    """Nobody answers there, or somebody else; both with what to correct."""
    sync = open_one()
    address = visma.url if base_url == "visma" else base_url
    elsewhere = settings(address, retries={"attempts": 1})
    with connect(elsewhere, Credentials(api_key=SecretStr("test_key"))) as account:
        (found,) = account.check()
    assert found.refused
    assert (address in found.action, "`base_url`" in found.action) == (True, True)
    assert all(one.ok for one in sync.account.check())


def test_the_currencies_of_both_sides_are_told(sync: Sync) -> None:
    """Chargebee says it of subscriptions alone; somebody who sees two different ones knows what will be rejected."""
    assert "No subscription" in findings(sync.events.check(()))["base currency"].what
    subscribed(sync)
    assert "NOK" in findings(sync.events.check(()))["base currency"].what
    assert "NOK" in of_books(sync)["base currency"].what


def test_events_that_can_be_read_are_told_although_subscriptions_cannot(sync: Sync) -> None:
    """Each list is named by its own name."""
    sync.chargebee.control("faults", [{"fault": "expired_token", "path": "/subscriptions", "times": 9}])
    found = findings(sync.events.check(()))
    assert (found["events"].ok, found["subscriptions"].ok) == (True, False)
