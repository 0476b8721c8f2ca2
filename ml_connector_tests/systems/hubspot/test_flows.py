"""The whole path through the engine: companies, contacts, and the links between them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ml_connector.engine.deliver import is_due
from ml_connector.errors import StoppedProblem
from ml_connector.systems.hubspot.mapping import contact_key
from ml_connector_tests.systems.hubspot.conftest import OpenSync
from ml_connector_tests.systems.hubspot.support import TARGET, Sync, contact, counts, customer

KARI, OLA = "kari@nordfisk.no", "ola@nordfisk.no"
ALL_CREATED = {name: {"read": 1, "created": 1} for name in ("companies", "contacts", "contact_companies")}


def all_counts(reports: Any) -> dict[str, dict[str, int]]:
    return {name: counts(report) for name, report in reports.items()}


def test_a_customer_becomes_a_company_with_its_contact(sync: Sync) -> None:
    """Three flows, one after the other; a second sync makes no call."""
    assert all_counts(sync.sync(customer(), contact())) == ALL_CREATED
    company = sync.hubspot.one("companies", visma_customer_id="nordic:1")
    person = sync.hubspot.one("contacts", email=KARI, firstname="Kari")
    assert sync.hubspot.linked(person["id"], company["id"])
    sync.hubspot.calls()
    assert all(counts(report) == {} for report in sync.sync().values())
    assert sync.hubspot.calls() == []


def test_a_thousand_new_customers_need_the_calls_that_were_promised(sync: Sync) -> None:
    """A hundred a call, 2,000 links a call, no search; the properties are looked at once a flow.

    Companies that the ledger does not know are read before they are written, up to 2,000 of them.
    """
    rows = [customer(str(20_000 + index), f"post@kunde-{index}.no") for index in range(1_000)]
    people = [contact(index, f"post@kunde-{index}.no", businessAccount=str(20_000 + index)) for index in range(1_000)]
    reports = sync.sync(*rows, *people)
    assert {name: report.calls for name, report in reports.items()} == {
        "companies": 21,
        "contacts": 11,
        "contact_companies": 1,
    }
    assert all(counts(report) == {"read": 1_000, "created": 1_000} for report in reports.values())
    assert not [call for call in sync.hubspot.calls() if "search" in call]


def test_two_customers_with_one_address_share_a_contact(sync: Sync) -> None:
    """failures.md 10: one contact, linked to both companies; the first customer's values stand there."""
    reports = sync.sync(customer("10001"), customer("10002", name="Nordfisk Eksport AS"), contact())
    assert counts(reports["companies"]) == {"read": 2, "created": 2}
    assert counts(reports["contacts"]) == {"read": 2, "created": 1, "skipped": 1}
    assert counts(reports["contact_companies"]) == {"read": 2, "created": 2}
    person = sync.hubspot.one("contacts", email=KARI)
    for key in ("nordic:1", "nordic:2"):
        assert sync.hubspot.linked(person["id"], sync.hubspot.one("companies", visma_customer_id=key)["id"])


@pytest.mark.parametrize("merged_read", ["survivor", "missing"])
def test_a_shared_contact_that_was_merged_is_followed(sync: Sync, merged_read: str) -> None:
    """HubSpot does not answer an update of the id that was merged away."""
    sync.hubspot.configure(merged_read=merged_read)
    made = [sync.hubspot.make("contacts", email=email) for email in ("a@x.no", "b@x.no")]
    sync.hubspot.control("merge/contacts", {"primary": int(made[0]), "merged": int(made[1])})
    sync.sync(customer("10001", "a@x.no"), customer("10002", "b@x.no"))
    shared = next(key for key in ("10001", "10002") if sync.state("contacts", key).facts.get("shared"))
    survivor = sync.hubspot.make("contacts", email="new@x.no")
    sync.hubspot.control("merge/contacts", {"primary": int(survivor), "merged": int(made[0])})
    person = contact(1, "a@x.no" if shared == "10001" else "b@x.no", businessAccount=shared, lastName="Z")
    assert counts(sync.sync(person)["contacts"]) == {"read": 1, "updated": 1}
    (there,) = sync.hubspot.records("contacts")
    assert (there["id"], there["lastname"]) == (survivor, "Z")


def test_two_addresses_of_one_contact_do_not_take_it_from_each_other(sync: Sync) -> None:
    """In one batch: the first one's key stands there, the other shares the contact."""
    made = [sync.hubspot.make("contacts", email=email) for email in ("a@x.no", "b@x.no")]
    sync.hubspot.control("merge/contacts", {"primary": int(made[0]), "merged": int(made[1])})
    sync.sync(customer("10001", "a@x.no"), customer("10002", "b@x.no"))
    states = [sync.state("contacts", key) for key in ("10001", "10002")]
    assert [state.facts.get("shared", False) for state in states] == [False, True]
    (there,) = sync.hubspot.records("contacts")
    assert there["visma_contact_key"] == states[0].target_id


def test_a_changed_customer_is_updated_and_linked_no_more(sync: Sync) -> None:
    """One upsert; the contact and the link stay as they are."""
    sync.sync(customer(), contact())
    sync.hubspot.calls()
    reports = sync.sync(customer(name="Nordfisk Eksport AS"))
    assert all_counts(reports) == {
        "companies": {"read": 1, "updated": 1},
        "contacts": {"read": 1, "unchanged": 1},
        "contact_companies": {"read": 1, "unchanged": 1},
    }
    assert sync.hubspot.one("companies", visma_customer_id="nordic:1")["name"] == "Nordfisk Eksport AS"


def test_a_renumbered_customer_keeps_its_company(sync: Sync) -> None:
    """failures.md 32: the key is made of the internal id, which nobody can change; the number is a value."""
    sync.sync(customer("10001"))
    before = sync.hubspot.one("companies", visma_customer_id="nordic:1")
    del sync.visma.rows["visma.customers"]["10001"]
    sync.visma.put(customer("20001", internalId=1), *(customer(str(10_100 + index)) for index in range(30)))
    sync.read(whole=True)
    sync.deliver()
    after = sync.hubspot.one("companies", visma_customer_id="nordic:1")
    assert (after["id"], after["visma_customer_number"]) == (before["id"], "20001")
    assert after["visma_customer_status"] == "Active"


def test_the_same_person_with_another_address_is_renamed(sync: Sync) -> None:
    """No second contact of one person: what people wrote about the contact stays."""
    sync.sync(customer(), contact(5))
    before = sync.hubspot.one("contacts", email=KARI)
    sync.hubspot.edit("contacts", before["id"], hs_lead_status="OPEN")
    reports = sync.sync(customer(email=OLA), contact(5, OLA))
    assert counts(reports["contacts"]) == {"read": 1, "updated": 1}
    after = sync.hubspot.one("contacts", email=OLA)
    assert (after["id"], after["visma_contact_key"]) == (before["id"], contact_key(OLA))


def test_another_person_becomes_another_contact(sync: Sync) -> None:
    """The one before stays as it is: people may have written about them."""
    sync.sync(customer(), contact(5))
    sync.sync(customer(email=OLA), contact(6, OLA, firstName="Ola"))
    kari, ola = sync.hubspot.one("contacts", email=KARI), sync.hubspot.one("contacts", email=OLA)
    assert (kari["firstname"], ola["firstname"]) == ("Kari", "Ola")
    assert sync.hubspot.linked(ola["id"], sync.hubspot.one("companies", visma_customer_id="nordic:1")["id"])


def test_a_contact_whose_company_is_refused_waits_and_is_linked_with_it(sync: Sync) -> None:
    """The link is failed, class dependency, says for whom it waits, and goes as soon as the company is there."""
    sync.hubspot.make("companies", visma_customer_id="somebody else's", visma_customer_number="10001")
    sync.hubspot.faults({"fault": "server_error", "path": "/companies/batch/upsert", "times": 3})
    reports = sync.sync(customer(), contact())
    assert counts(reports["companies"]) == {"read": 1, "failed": 1}
    assert counts(reports["contact_companies"]) == {"read": 1, "failed": 1}
    waiting = sync.state("contact_companies", "10001")
    assert waiting.kind == "dependency"
    assert waiting.reason is not None
    assert waiting.reason.startswith("Waits for 10001 of companies, which is not delivered (failed: ")
    sync.visma.now += timedelta(minutes=10)
    links = sync.flows["contact_companies"]
    assert not is_due(links, sync.ledger, TARGET, sync.visma.clock()), "it does not come before the company"
    assert counts(sync.deliver("companies")["companies"]) == {"read": 1, "created": 1}
    assert is_due(links, sync.ledger, TARGET, sync.visma.clock())
    assert counts(sync.deliver("contact_companies")["contact_companies"]) == {"read": 1, "created": 1}


def test_what_a_record_needs_is_brought_over_first(sync: Sync) -> None:
    """A run of the links alone brings the company and the contact over through their own flows."""
    sync.visma.put(customer(), contact(), customer("10002", "other@fjord.no"))
    sync.read()
    assert all_counts(sync.deliver("contact_companies", only=["10001"])) == {
        "contact_companies": {"read": 1, "created": 1}
    }
    person = sync.hubspot.one("contacts", email=KARI)
    assert sync.hubspot.linked(person["id"], sync.hubspot.one("companies", visma_customer_id="nordic:1")["id"])
    assert len(sync.hubspot.records("companies")) == 1, "and nobody else's"
    reports = sync.deliver()
    assert counts(reports["companies"]) == {"read": 1, "created": 1}, "the other one is what is left"


def test_a_stop_while_something_is_brought_over_stops_the_run(sync: Sync) -> None:
    """What was not attempted is still due."""
    sync.visma.put(customer(), contact())
    sync.read()
    sync.hubspot.faults({"fault": "expired_token", "path": "/crm/"})
    report = sync.deliver("contact_companies")["contact_companies"]
    assert isinstance(report.stopped, StoppedProblem)
    sync.hubspot.faults()
    assert all_counts(sync.deliver()) == ALL_CREATED


def test_a_customer_that_vanished_is_marked(sync: Sync) -> None:
    """Nothing is ever deleted at HubSpot."""
    rows = [customer(str(10_001 + index), f"post@kunde-{index}.no") for index in range(30)]
    sync.sync(*rows)
    del sync.visma.rows["visma.customers"]["10003"]
    sync.read(whole=True)
    assert counts(sync.deliver()["companies"]) == {"read": 1, "updated": 1}
    assert sync.hubspot.one("companies", visma_customer_id="nordic:3")["visma_customer_status"] == "Deleted"
    assert len(sync.hubspot.records("companies")) == 30


def test_an_inactive_customer_does_not_become_a_company(sync: Sync) -> None:
    """Nor a contact, nor a link; unless the configuration says so."""
    reports = sync.sync(customer(status="Inactive"), contact())
    assert all(counts(report) == {"read": 1, "skipped": 1} for report in reports.values())
    assert sync.hubspot.records("companies") == sync.hubspot.records("contacts") == []


def test_unselected_customers_stay_away_from_all_flows(open_sync: OpenSync) -> None:
    """`where` holds for the contacts of the customers, too."""
    sync = open_sync(companies={"where": {"class": ["B2C"]}})
    reports = sync.sync(customer(), contact())
    assert all(counts(report) == {"read": 1, "skipped": 1} for report in reports.values())


@pytest.mark.parametrize("version", ["v3", "2026-03", "2026-09"])
def test_both_families_of_routes_serve(open_sync: OpenSync, version: str) -> None:
    """The version is one setting."""
    sync = open_sync(api_version=version)
    assert all_counts(sync.sync(customer(), contact())) == ALL_CREATED


def test_a_company_that_was_deleted_at_hubspot_comes_back_with_all_its_values(sync: Sync) -> None:
    """Also those that are only written to new ones; the link follows with the next change of the customer."""
    sync.sync(customer(), contact())
    gone = sync.hubspot.one("companies", visma_customer_id="nordic:1")
    sync.hubspot.delete("companies", gone["id"])
    reports = sync.sync(customer(name="Nordfisk Eksport AS"))
    assert counts(reports["companies"]) == {"read": 1, "created": 1}
    back = sync.hubspot.one("companies", visma_customer_id="nordic:1")
    assert (back["name"], back["lifecyclestage"]) == ("Nordfisk Eksport AS", "customer")
    assert counts(reports["contact_companies"]) == {"read": 1, "updated": 1}
    assert sync.hubspot.linked(sync.hubspot.one("contacts", email=KARI)["id"], back["id"])
