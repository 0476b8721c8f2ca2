"""Delivering companies and contacts to the simulator, a hundred a call."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ml_connector.engine.records import Outcome, Result
from ml_connector.errors import StoppedProblem
from ml_connector.http import Retries
from ml_connector.systems.hubspot import drafts
from ml_connector.systems.hubspot.mapping import contact_key
from ml_connector_tests.systems.hubspot.conftest import OpenTarget
from ml_connector_tests.systems.hubspot.support import (
    HubSpot,
    Target,
    change,
    companies,
    contact,
    customer,
    desired,
    supplier,
)

KARI, OLA = "kari@nordfisk.no", "ola@nordfisk.no"
UPSERT, UPDATE = "/companies/batch/upsert", "/companies/batch/update"


def outcomes(results: dict[str, Result]) -> dict[str, int]:
    found = [result.outcome.value for result in results.values()]
    return {outcome: found.count(outcome) for outcome in dict.fromkeys(found)}


def sent(target: Target, part: str) -> int:
    return len([call for call in target.hubspot.calls() if part in call])


def test_a_new_company_is_created_and_a_second_time_updated(target: Target) -> None:
    """By our key; the facts that the ledger keeps hold HubSpot's id and nothing personal."""
    first = target.send("companies", desired("companies", customer()))
    company = target.hubspot.one("companies", visma_customer_id="nordic:1")
    assert (first.outcome, first.target_id, first.facts) == (Outcome.CREATED, "nordic:1", {"id": company["id"]})
    assert first.payload is not None
    assert b"Nordfisk AS" in first.payload
    second = target.send("companies", desired("companies", customer()), linked_to="nordic:1", facts=first.facts)
    assert (second.outcome, second.facts) == (Outcome.UPDATED, first.facts)


def test_the_domain_and_the_name_make_no_duplicate(target: Target) -> None:
    """failures.md 8: whatever the index has seen by then, the same customer is the same company, twice at once too."""
    target.hubspot.configure(search_lag_seconds=3600.0)
    for _ in range(3):
        target.deliver("companies", *companies(120))
    assert len(target.hubspot.records("companies")) == 120
    assert sent(target, "search") == 0


def test_results_in_any_order_reach_their_records(target: Target) -> None:
    """By trace id and key; HubSpot keeps no order (HubSpot reference, section 5)."""
    results = target.deliver("companies", *companies(100))
    for key, result in results.items():
        company = target.hubspot.control(f"records/companies/{result.facts['id']}")
        assert company["properties"]["visma_customer_number"] == key


def test_one_bad_record_does_not_refuse_the_others(target: Target) -> None:
    """failures.md 9: one call; the bad one is told from the others by its trace id."""
    good = companies(99)
    bad = change(desired("companies", customer("30000"), companies={"fields": {"numberofemployees": "name"}}), "30000")
    results = target.deliver("companies", *good[:50], bad, *good[50:])
    assert outcomes(results) == {"created": 99, "rejected": 1}
    assert results["30000"].kind == "validation"
    assert results["30000"].reason is not None
    assert sent(target, UPSERT) == 1


def test_a_batch_that_is_refused_as_a_whole_is_halved(target: Target) -> None:
    """failures.md 9: where trace ids do not help, at most 14 further calls find the one that spoils it."""
    twin = companies(1, first=7)[0]
    target.hubspot.make("companies", visma_customer_id="x", visma_customer_number="1")
    changes = [*companies(99), change(desired("companies", customer(twin.key)), "twin")]
    results = target.deliver("companies", *changes)
    assert outcomes(results) == {"created": 99, "updated": 1}
    assert 2 < sent(target, UPSERT) <= 15


def test_only_what_we_own_is_written(target: Target) -> None:
    """What people or HubSpot itself wrote stays."""
    first = target.send("companies", desired("companies", customer()))
    target.hubspot.edit("companies", first.facts["id"], industry="FISHERY", description="A good one")
    target.send("companies", desired("companies", customer(name="X")), linked_to="nordic:1", facts=first.facts)
    company = target.hubspot.one("companies", name="X")
    assert (company["industry"], company["description"]) == ("FISHERY", "A good one")


def test_a_value_that_was_taken_away_is_cleared(target: Target) -> None:
    """It does not stay at HubSpot for ever."""
    first = target.send("companies", desired("companies", customer()))
    target.send("companies", desired("companies", customer(corporateId=None)), linked_to="nordic:1", facts=first.facts)
    company = target.hubspot.one("companies", visma_customer_id="nordic:1")
    assert not company.get("visma_organization_number")


def test_a_value_that_was_taken_away_after_a_run_that_died_is_cleared(open_target: OpenTarget) -> None:
    """The ledger does not know that they were made; HubSpot does, by their keys."""
    target = open_target(suppliers={})
    before = {"companies": customer(), "suppliers": supplier()}
    person = desired("contacts", customer(), contact(1, phone1="99 88 77 66"))
    target.send("contacts", person)
    assert target.hubspot.one("contacts", email=KARI)["phone"] == "99 88 77 66"
    for flow in ("companies", "suppliers"):
        target.send(flow, desired(flow, before[flow], suppliers={}))
    for flow, key in (("companies", "visma_customer_id"), ("suppliers", "visma_supplier_id")):
        row = before[flow]
        claim = desired(flow, row, suppliers={}).claim
        assert target.hubspot.one("companies", **{key: claim})["visma_organization_number"]
        row["corporateId"] = None
        result = target.send(flow, desired(flow, row, suppliers={}))
        assert result.outcome is Outcome.UPDATED
        company = target.hubspot.one("companies", **{key: claim})
        assert not company.get("visma_organization_number")
    target.send("contacts", desired("contacts", customer(), contact(1, phone1=None)))
    assert not target.hubspot.one("contacts", email=KARI).get("phone")


def test_new_records_are_read_first_only_until_the_ledger_has_proved_right(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many new customers are not read a hundred at a time, all of them."""
    monkeypatch.setattr(drafts, "TRIED", 2)
    target.deliver("companies", *companies(500))
    calls = target.hubspot.calls()
    assert len([call for call in calls if "/companies/batch/read" in call]) == 2
    assert len([call for call in calls if UPSERT in call]) == 5


@pytest.mark.parametrize("tried", [0, 20])
def test_what_the_ledger_does_not_know_is_cleared_read_or_not(
    target: Target, monkeypatch: pytest.MonkeyPatch, tried: int
) -> None:
    monkeypatch.setattr(drafts, "TRIED", tried)
    target.send("companies", desired("companies", customer()))
    target.send("companies", desired("companies", customer(corporateId=None)))
    assert not target.hubspot.one("companies", visma_customer_id="nordic:1").get("visma_organization_number")


@pytest.mark.parametrize("backward", ["ignore", "refuse"])
def test_a_new_ledger_leaves_the_lifecycle_stage(target: Target, backward: str) -> None:
    """A company with our key is read before anything is written to it."""
    target.hubspot.configure(backward_lifecycle=backward)
    target.hubspot.make("companies", name="X", visma_customer_id="nordic:1", lifecyclestage="evangelist")
    result = target.send("companies", desired("companies", customer()))
    assert (result.outcome, b"lifecyclestage" in (result.payload or b"")) == (Outcome.UPDATED, False)
    assert target.hubspot.one("companies", visma_customer_id="nordic:1")["lifecyclestage"] == "evangelist"


@pytest.mark.parametrize("backward", ["ignore", "refuse"])
def test_the_lifecycle_stage_of_ours_is_never_sent_again(target: Target, backward: str) -> None:
    """Sales moved it on; a change at Visma does not move it back."""
    target.hubspot.configure(backward_lifecycle=backward)
    first = target.send("companies", desired("companies", customer()))
    target.hubspot.edit("companies", first.facts["id"], lifecyclestage="evangelist")
    wish = desired("companies", customer(name="X"))
    assert target.send("companies", wish, linked_to="nordic:1", facts=first.facts).outcome is Outcome.UPDATED
    assert target.hubspot.one("companies", name="X")["lifecyclestage"] == "evangelist"


def test_an_inactive_customer_is_updated_or_skipped(target: Target) -> None:
    """Nothing is created to be marked."""
    first = target.send("companies", desired("companies", customer()))
    gone = desired("companies", customer(status="Inactive"))
    marked = target.send("companies", gone, linked_to="nordic:1", facts=first.facts)
    assert (marked.outcome, marked.facts) == (Outcome.UPDATED, first.facts)
    nobody = desired("companies", customer("10002", status="Inactive"))
    skipped = target.deliver("companies", change(nobody, "10002"))["10002"]
    assert (skipped.outcome, skipped.kind) == (Outcome.SKIPPED, "inactive, and not in HubSpot")
    assert len(target.hubspot.records("companies")) == 1


def test_inactive_customers_travel_together(target: Target) -> None:
    """They are written by another call, which must not come on top of every hundred."""
    changes = companies(300)
    changes[::30] = [
        change(desired("companies", customer(one.key, status="Inactive")), one.key) for one in changes[::30]
    ]
    assert outcomes(target.deliver("companies", *changes)) == {"created": 290, "skipped": 10}
    assert sorted(call for call in target.hubspot.calls() if "batch" in call) == [
        *["POST /crm/objects/2026-03/companies/batch/read"] * 3,
        "POST /crm/objects/2026-03/companies/batch/update",
        *["POST /crm/objects/2026-03/companies/batch/upsert"] * 3,
    ]


# --- limits, outages -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "least"),
    [({"fault": "locked"}, 1.9), ({"fault": "migrating", "retry_after": 1}, 0.9)],
)
def test_a_lock_and_a_migration_are_waited_out(target: Target, fault: dict[str, Any], least: float) -> None:
    """423: two seconds; 477: as long as it says. Nothing was written by then (HubSpot reference, section 13)."""
    target.hubspot.faults({**fault, "path": UPSERT, "times": 1})
    began = time.monotonic()
    assert outcomes(target.deliver("companies", *companies(3))) == {"created": 3}
    assert least < time.monotonic() - began < 8


def test_a_migration_that_takes_long_is_named(target: Target) -> None:
    """It stops the delivery at once, and is not taken for a quota."""
    target.hubspot.faults({"fault": "migrating", "retry_after": 1800, "path": UPSERT, "times": 1})
    with pytest.raises(
        StoppedProblem, match=r"moving the account \(status 477\), and asks to wait about 30 minutes"
    ) as caught:
        target.deliver("companies", *companies(3))
    assert "quota" not in str(caught.value)


def test_a_limit_without_retry_after_is_waited_out(open_target: OpenTarget) -> None:
    """failures.md 19: ten seconds for the ten-secondly limit, by its policy alone."""
    target = open_target()
    pace = target.account.client._api.pace
    target.hubspot.faults({"fault": "rate_limit", "path": UPSERT, "times": 1})
    began = time.monotonic()
    brake, pace.brake = pace.brake, lambda headers, started, wait=None: waits.append(wait)  # type: ignore[method-assign]
    waits: list[float | None] = []
    assert outcomes(target.deliver("companies", *companies(3))) == {"created": 3}
    assert (waits, brake is not None) == ([10.0], True)
    assert time.monotonic() - began < 5


def test_a_write_that_is_never_answered_is_in_doubt(open_target: OpenTarget) -> None:
    """It may have happened; sending it again makes no second one."""
    target = open_target(retries=Retries(attempts=1, outages=100))
    target.hubspot.faults({"fault": "lost_answer", "path": UPSERT, "times": 1})
    lost = target.send("companies", desired("companies", customer()))
    assert (lost.outcome, lost.uncertain) == (Outcome.FAILED, True)
    again = target.send("companies", desired("companies", customer()))
    assert again.outcome is Outcome.UPDATED
    assert len(target.hubspot.records("companies")) == 1


def test_a_write_that_was_repeated_stays_in_doubt(target: Target) -> None:
    """The first try may still take effect, so a newer version has to wait."""
    target.hubspot.faults({"fault": "lost_answer", "path": UPSERT, "times": 1})
    result = target.send("companies", desired("companies", customer()))
    assert (result.outcome, result.uncertain) == (Outcome.UPDATED, True)


@pytest.mark.parametrize("fault", ["server_error", "html_error", "reset"])
def test_an_outage_fails_the_records(target: Target, fault: str) -> None:
    """All tries used up; they are due again."""
    target.hubspot.faults({"fault": fault, "path": UPSERT})
    results = target.deliver("companies", *companies(3))
    assert outcomes(results) == {"failed": 3}
    assert {result.kind for result in results.values()} == {"outage"}


def test_a_token_that_is_refused_stops_with_what_is_known(open_target: OpenTarget) -> None:
    """Groups that were answered are recorded; the others are still due."""
    target = open_target(connections=1)
    target.hubspot.faults({"fault": "expired_token", "path": UPSERT, "after": 2})
    known: list[Result] = []
    with pytest.raises(StoppedProblem, match="access token was refused"):
        known.extend(target.results("companies", *companies(500)))
    assert len(known) == 200


# --- before anything is sent -----------------------------------------------------------------------------------------


def test_nothing_is_sent_before_the_properties_are_there(open_account: Any, hubspot: HubSpot) -> None:
    """One call; it says what to run."""
    target = Target(hubspot, open_account())
    with pytest.raises(StoppedProblem, match="visma_customer_id of companies does not exist") as caught:
        list(target.results("companies", *companies(1)))
    assert "setup" in caught.value.action
    assert hubspot.records("companies") == []


def test_another_accounts_token_is_not_used(open_target: OpenTarget, hubspot: HubSpot) -> None:
    """A test account's token in the real installation, or the other way round."""
    target = open_target(portal="99")
    with pytest.raises(StoppedProblem, match=f"belongs to account {hubspot.settings.portal_id}"):
        list(target.results("companies", *companies(1)))


def test_without_changes_nothing_is_called(target: Target) -> None:
    """Not even for the properties."""
    assert target.deliver("companies") == target.deliver("contacts") == target.deliver("contact_companies") == {}
    assert target.hubspot.calls() == []


# --- contacts --------------------------------------------------------------------------------------------------------


def test_a_contact_that_people_made_is_adopted(target: Target) -> None:
    """By the address, which is unique: HubSpot names the one in the way. What people wrote stays."""
    there = target.hubspot.make("contacts", email=KARI, phone="123", jobtitle="Skipper")
    result = target.send("contacts", desired("contacts", customer(), contact()))
    assert (result.outcome, result.facts["id"]) == (Outcome.UPDATED, there)
    adopted = target.hubspot.one("contacts", email=KARI)
    assert (adopted["visma_contact_key"], adopted["firstname"]) == (contact_key(KARI), "Kari")
    assert (adopted["phone"], adopted["jobtitle"]) == ("123", "Skipper"), "we have nothing to put there"


def test_many_contacts_that_people_made_are_adopted_in_batches(target: Target) -> None:
    """One upsert, one read, one update for a hundred; no search."""
    for index in range(40):
        target.hubspot.make("contacts", email=f"post@kunde-{index}.no")
    changes = [
        change(desired("contacts", customer(str(20_000 + index), f"post@kunde-{index}.no")), str(20_000 + index))
        for index in range(60)
    ]
    target.hubspot.calls()
    assert outcomes(target.deliver("contacts", *changes)) == {"updated": 40, "created": 20}
    assert len(target.hubspot.calls()) == 4, "the properties, too"
    assert len(target.hubspot.records("contacts")) == 60


def test_a_second_address_of_a_contact_of_ours_is_no_second_contact(target: Target) -> None:
    """Both customers keep it up, and neither takes it from the other."""
    first = target.send("contacts", desired("contacts", customer(), contact()))
    other = target.hubspot.make("contacts", email=OLA)
    target.hubspot.control("merge/contacts", {"primary": first.facts["id"], "merged": other})
    wish = desired("contacts", customer(email=OLA), contact(6, OLA, firstName="Ola"))
    second = target.send("contacts", wish)
    assert (second.outcome, second.target_id, second.facts["shared"]) == (Outcome.UPDATED, contact_key(OLA), True)
    person = target.hubspot.one("contacts", email=KARI)
    assert (person["visma_contact_key"], person["firstname"]) == (contact_key(KARI), "Ola")
    third = target.send("contacts", wish, linked_to=contact_key(OLA), facts=second.facts)
    assert third.facts == second.facts
    target.hubspot.delete("contacts", first.facts["id"])
    fourth = target.send("contacts", wish, linked_to=contact_key(OLA), facts=second.facts)
    assert (fourth.outcome, fourth.facts.get("shared")) == (Outcome.CREATED, None)


def test_a_renamed_person_whose_new_address_is_taken_goes_there(target: Target) -> None:
    """The contact of the new address is adopted; the old one stays."""
    first = target.send("contacts", desired("contacts", customer(), contact()))
    there = target.hubspot.make("contacts", email=OLA)
    wish = desired("contacts", customer(email=OLA), contact(1, OLA))
    moved = target.send("contacts", wish, linked_to=contact_key(KARI), facts=first.facts)
    assert (moved.outcome, moved.target_id, moved.facts["id"]) == (Outcome.UPDATED, contact_key(OLA), there)
    assert len(target.hubspot.records("contacts")) == 2


# --- merge behaviour -------------------------------------------------------------------------------------------------


def test_merge_behaviour_holds_for_what_is_there(open_target: OpenTarget) -> None:
    """A phone that sales corrected stays; an empty one is filled in; a new company gets everything."""
    block = {"merge": {"phone": "fill_empty", "city": "never"}}
    target = open_target(companies=block)
    target.hubspot.make("companies", visma_customer_id="nordic:1", phone="1", city="Bodø", lifecyclestage="evangelist")
    target.hubspot.make("companies", visma_customer_id="nordic:2", city="")
    changes = [
        change(desired("companies", customer(number), companies=block), number)
        for number in ("10001", "10002", "10003")
    ]
    assert outcomes(target.deliver("companies", *changes)) == {"updated": 2, "created": 1}
    found = [target.hubspot.one("companies", visma_customer_id=f"nordic:{number}") for number in (1, 2, 3)]
    assert [one["phone"] for one in found] == ["1", "+47 77 00 00 00", "+47 77 00 00 00"]
    assert [one.get("city") or "" for one in found] == ["Bodø", "", "Tromsø"]
    assert [one["lifecyclestage"] for one in found] == ["evangelist", "customer", "customer"]
