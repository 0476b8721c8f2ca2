"""Companies that people made are found and adopted at the first contact with an account that has data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from ml_connector.engine.records import Change, Outcome, Result
from ml_connector.http import Action, Answer, BatchRefused, Decision
from ml_connector.systems.hubspot.matching import normal
from ml_connector_tests.systems.hubspot.conftest import OpenSync, OpenTarget
from ml_connector_tests.systems.hubspot.support import Target, change, counts, customer, desired

BY_DOMAIN = {"match": {"domain": "main_contact.email"}}
IN_ORDER = {
    "match": {
        "erp_number": "number",
        "billing_email": "main_contact.email",
        "domain": "main_contact.email",
        "phone": "main_contact.phone1",
    }
}


def wishes(block: dict[str, Any], *rows: dict[str, Any]) -> list[Change]:
    return [change(desired("companies", row, companies=block), row["number"]) for row in rows]


def send(target: Target, block: dict[str, Any], *rows: dict[str, Any]) -> dict[str, Result]:
    return target.deliver("companies", *wishes(block, *rows))


def add_property(target: Target, name: str, *, unique: bool = False) -> None:
    definition = {"name": name, "label": name, "type": "string", "fieldType": "text", "hasUniqueValue": unique}
    client = target.account.client
    client.post(client.routes.properties("companies"), {**definition, "groupName": "visma_net"})


def searches(target: Target) -> int:
    return len([call for call in target.hubspot.calls() if call.endswith("/search")])


def test_by_default_nothing_is_matched(target: Target) -> None:
    """Who has not asked for it gets no company of other people changed."""
    target.hubspot.make("companies", name="Nordfisk AS", domain="nordfisk.no")
    assert send(target, {}, customer())["10001"].outcome is Outcome.CREATED
    assert searches(target) == 0


def test_a_company_with_the_same_domain_is_adopted(open_target: OpenTarget) -> None:
    """It gets our key and our values; what we have nothing for stays."""
    target = open_target(companies=BY_DOMAIN)
    there = target.hubspot.make("companies", name="Nordfisk", domain="nordfisk.no", address2="Dock 3", industry="F")
    result = send(target, BY_DOMAIN, customer())["10001"]
    assert (result.outcome, result.facts["id"]) == (Outcome.UPDATED, there)
    company = target.hubspot.one("companies", visma_customer_id="nordic:1")
    assert (company["id"], company["name"], company["address2"]) == (there, "Nordfisk AS", "Dock 3")


def test_what_is_adopted_is_merged_as_configured(open_target: OpenTarget) -> None:
    """The lifecycle stage only moves forward."""
    block = {**BY_DOMAIN, "merge": {"name": "never", "phone": "fill_empty"}}
    target = open_target(companies=block)
    target.hubspot.make("companies", name="Nordfisk", domain="nordfisk.no", phone="1", lifecyclestage="evangelist")
    send(target, block, customer())
    company = target.hubspot.one("companies", visma_customer_id="nordic:1")
    assert (company["name"], company["phone"], company["lifecyclestage"]) == ("Nordfisk", "1", "evangelist")


def test_the_configured_order_decides(open_target: OpenTarget) -> None:
    """What the first property finds is not looked for by the next."""
    target = open_target(companies=IN_ORDER | {"match": {**IN_ORDER["match"]}})
    add_property(target, "erp_number")
    add_property(target, "billing_email")
    by_number = target.hubspot.make("companies", name="A", erp_number="10001", billing_email="faktura@stor.no")
    by_email = target.hubspot.make("companies", name="E", billing_email="Faktura@Liten.no")
    target.hubspot.make("companies", name="B", domain="nordfisk.no")
    by_domain = target.hubspot.make("companies", name="C", domain="kunde.no")
    by_phone = target.hubspot.make("companies", name="D", phone="+4798000000")
    rows = [
        customer("10001"),
        customer("10002", "post@kunde.no", mainContact={"email": "post@kunde.no", "phone1": "+47 980 00 000"}),
        customer("10003", None, mainContact={"phone1": "+47 98 00 00 00"}),
        customer("10004", "faktura@liten.no"),
    ]
    results = send(target, IN_ORDER, *rows)
    assert [results[row["number"]].facts["id"] for row in rows] == [by_number, by_domain, by_phone, by_email]


def test_several_companies_are_a_rejection_that_names_them(open_target: OpenTarget) -> None:
    """A wrong one is worse than none; the next property is not asked, either."""
    target = open_target(companies=BY_DOMAIN)
    ids = [target.hubspot.make("companies", name=f"Nordfisk {place}", domain="nordfisk.no") for place in range(7)]
    result = send(target, BY_DOMAIN, customer())["10001"]
    assert (result.outcome, result.kind) == (Outcome.REJECTED, "ambiguous match")
    assert result.reason is not None
    assert result.reason.startswith("7 companies at HubSpot have this customer's domain: ")
    assert sum(id_ in result.reason for id_ in ids) == 5
    assert "and 2 more" in result.reason


@pytest.mark.parametrize("order", [("10001", "9999"), ("9999", "10001")])
def test_one_company_is_adopted_by_one_customer(open_target: OpenTarget, order: tuple[str, str]) -> None:
    """The one with the lowest number, whoever comes first; the other is rejected, and says whose it is."""
    target = open_target(companies=BY_DOMAIN)
    there = target.hubspot.make("companies", name="Nordfisk", domain="nordfisk.no")
    results = send(target, BY_DOMAIN, *(customer(number, internalId=int(number)) for number in order))
    assert (results["9999"].outcome, results["9999"].facts["id"]) == (Outcome.UPDATED, there)
    assert (results["10001"].outcome, results["10001"].kind) == (Outcome.REJECTED, "ambiguous match")
    assert f"{there}, which has the domain of 10001 at HubSpot, is 9999's." in str(results["10001"].reason)


def test_a_company_of_another_customer_keeps_the_next_one_rejected(open_sync: OpenSync) -> None:
    """No second company beside it, however often the customer changes, until people say which one is its own."""
    sync = open_sync(companies=BY_DOMAIN)
    there = sync.hubspot.make("companies", name="Kjede", domain="kjede.no")
    sync.sync(customer("10001", "a@kjede.no"), customer("10002", "b@kjede.no"))
    sync.sync(customer("10002", "b@kjede.no", name="Kjede Sør"))
    state = sync.state("companies", "10002")
    assert (state.outcome, state.kind) == (Outcome.REJECTED, "ambiguous match")
    assert f"{there}, which has the domain of 10002 at HubSpot, is nordic:1's." in str(state.reason)
    assert len(sync.hubspot.records("companies")) == 1
    own = sync.hubspot.make("companies", name="Sør", visma_customer_id="nordic:2")
    sync.sync(customer("10002", "b@kjede.no", name="Kjede Sør AS"))
    assert sync.state("companies", "10002").facts == {"id": own}


def test_a_value_that_we_write_ourselves_keeps_nobody_from_a_company(open_sync: OpenSync) -> None:
    """Two customers may have one switchboard: that the company of one has the number is our own doing."""
    sync = open_sync(companies={"match": {"phone": "main_contact.phone1"}})
    there = sync.hubspot.make("companies", name="Kjede", phone="+4777000000")
    sync.sync(customer("10001"), customer("10002"))
    sync.sync(customer("10003"))
    ids = {key: sync.state("companies", key).facts["id"] for key in ("10001", "10002", "10003")}
    assert ids["10001"] == there
    assert len(set(ids.values())) == 3


def test_what_the_index_does_not_know_yet_is_read(open_target: OpenTarget) -> None:
    """A company that has a key by now is nobody else's, whatever the search says."""
    target = open_target(companies=BY_DOMAIN)
    target.hubspot.configure(search_lag_seconds=3600.0)
    target.hubspot.make("companies", name="Nordfisk", domain="nordfisk.no")
    target.hubspot.control("search-index", {})
    send(target, BY_DOMAIN, customer("10001"))
    again = open_target(companies=BY_DOMAIN)
    assert send(again, BY_DOMAIN, customer("10002"))["10002"].outcome is Outcome.REJECTED
    assert len(target.hubspot.records("companies")) == 1


def test_what_has_our_key_already_is_not_searched_for(open_target: OpenTarget) -> None:
    """A ledger that was lost finds its companies again by their key."""
    target = open_target(companies=BY_DOMAIN)
    target.hubspot.make("companies", name="Nordfisk", visma_customer_id="nordic:1")
    target.hubspot.make("companies", name="Other", domain="nordfisk.no")
    assert send(target, BY_DOMAIN, customer())["10001"].outcome is Outcome.UPDATED
    assert searches(target) == 0
    assert len(target.hubspot.records("companies")) == 2


def test_a_unique_property_is_read_and_not_searched_for(open_target: OpenTarget) -> None:
    """A hundred values a call, and no index that lags."""
    block = {"match": {"erp_number": "number"}}
    target = open_target()
    add_property(target, "erp_number", unique=True)
    there = target.hubspot.make("companies", name="A", erp_number="10001")
    target = open_target(companies=block)
    results = send(target, block, *(customer(str(10_001 + index)) for index in range(100)))
    assert results["10001"].facts["id"] == there
    assert searches(target) == 0


def test_a_unique_property_is_read_as_it_is_written(open_target: OpenTarget) -> None:
    """Capitals and all: reading by it finds nothing else."""
    block = {"match": {"erp_number": "number"}}
    target = open_target()
    add_property(target, "erp_number", unique=True)
    there = target.hubspot.make("companies", name="A", erp_number="K-100")
    target = open_target(companies=block)
    result = send(target, block, customer(" K-100 "))[" K-100 "]
    assert (result.outcome, result.facts["id"]) == (Outcome.UPDATED, there)
    assert len(target.hubspot.records("companies")) == 1


@pytest.mark.parametrize("property_", ["phone", "billing_email", "name"])
def test_a_rejection_tells_nothing_of_the_value(open_sync: OpenSync, tmp_path: Path, property_: str) -> None:
    """Reasons stand in plain text in the ledger: they name the property and the companies."""
    paths = {"phone": "main_contact.phone1", "billing_email": "main_contact.email", "name": "name"}
    values = {"phone": "+4777000000", "billing_email": "kari@nordfisk.no", "name": "Nordfisk AS"}
    if property_ == "billing_email":
        add_property(Target(open_sync().hubspot, open_sync().account), property_)
    sync = open_sync(companies={"match": {property_: paths[property_]}})
    properties = {"name": "Nordfisk AS", property_: values[property_]}
    ids = [sync.hubspot.make("companies", **properties) for _ in range(2)]
    sync.sync(customer())
    reason = sync.state("companies", "10001").reason
    assert reason is not None
    assert all(text in reason for text in (property_, *ids))
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert not [value for value in values.values() if value.encode() in left]


def test_long_values_are_spread_over_searches(open_target: OpenTarget) -> None:
    """A body may have 3,000 characters; nobody is rejected for what others are called."""
    target = open_target(companies=BY_DOMAIN)
    domains = [f"nordfjord-hotell-og-konferanse-{index:03}.no" for index in range(60)]
    there = target.hubspot.make("companies", name="A", domain=domains[59])
    target.hubspot.control("search-index", {})
    rows = [customer(str(20_000 + index), f"post@{domain}") for index, domain in enumerate(domains)]
    results = send(target, BY_DOMAIN, *rows)
    assert results["20059"].facts["id"] == there
    assert [result.outcome for result in results.values()].count(Outcome.CREATED) == 59


def test_a_value_that_no_search_can_hold_rejects_its_record_alone(open_target: OpenTarget) -> None:
    """The others are matched; its reason says what is wrong, without the value."""
    block = {"match": {"erp_text": "name"}}
    target = open_target()
    add_property(target, "erp_text")
    target = open_target(companies=block)
    results = send(target, block, customer("10001", name="x" * 2_700), customer("10002"))
    assert (results["10001"].outcome, results["10001"].kind) == (Outcome.REJECTED, "too long")
    assert "erp_text" in str(results["10001"].reason)
    assert "xxx" not in str(results["10001"].reason)
    assert results["10002"].outcome is Outcome.CREATED


@pytest.mark.parametrize("unique", [True, False])
def test_a_refused_look_fails_the_record_that_spoils_it(
    open_target: OpenTarget, monkeypatch: pytest.MonkeyPatch, unique: bool
) -> None:
    """It is due again, and the others go on: a refusal of a look is no refusal of a customer."""
    block = {"match": {"erp_number": "number"}}
    add_property(open_target(), "erp_number", unique=unique)
    target = open_target(companies=block)
    client, refusal = target.account.client, Decision(Action.BISECT, "validation", "HubSpot refuses this")

    def spoilt(call: Callable[..., Answer]) -> Callable[..., Answer]:
        def refusing(path: str, body: Mapping[str, Any]) -> Answer:
            if path.endswith(("/search", "/batch/read")) and b'"10003"' in orjson.dumps(body):
                raise BatchRefused(refusal, 400)
            return call(path, body)

        return refusing

    monkeypatch.setattr(client, "search", spoilt(client.search))
    monkeypatch.setattr(client, "batch", spoilt(client.batch))
    results = send(target, block, *(customer(str(10_001 + index)) for index in range(5)))
    assert (results["10003"].outcome, results["10003"].kind) == (Outcome.FAILED, "validation")
    assert {result.outcome for key, result in results.items() if key != "10003"} == {Outcome.CREATED}


def test_a_hundred_customers_are_searched_for_together(open_target: OpenTarget) -> None:
    """Two searches, not a hundred; nobody of them is mixed up with another."""
    target = open_target(companies=BY_DOMAIN)
    made = {
        str(20_000 + index): target.hubspot.make("companies", name="K", domain=f"kunde-{index}.no")
        for index in range(0, 100, 3)
    }
    rows = [customer(str(20_000 + index), f"post@kunde-{index}.no") for index in range(100)]
    results = send(target, BY_DOMAIN, *rows)
    assert {key: result.facts["id"] for key, result in results.items() if key in made} == made
    assert searches(target) == 2
    assert len(target.hubspot.records("companies")) == 100


def test_a_search_limit_is_waited_out(open_target: OpenTarget) -> None:
    """By a brake of its own; the other calls go on meanwhile."""
    target = open_target(companies=BY_DOMAIN)
    target.hubspot.faults({"fault": "rate_limit", "path": "/search", "times": 1})
    assert send(target, BY_DOMAIN, customer())["10001"].outcome is Outcome.CREATED


def test_an_outage_of_search_fails_the_records(open_target: OpenTarget) -> None:
    """Creating them would make duplicates."""
    target = open_target(companies=BY_DOMAIN)
    target.hubspot.faults({"fault": "server_error", "path": "/search"})
    result = send(target, BY_DOMAIN, customer())["10001"]
    assert (result.outcome, result.kind) == (Outcome.FAILED, "outage")
    assert target.hubspot.records("companies") == []


def test_an_adopted_company_is_ours_from_then_on(open_sync: OpenSync) -> None:
    """Through the whole path: the second change is an upsert by our key, without any search."""
    sync = open_sync(companies=BY_DOMAIN)
    there = sync.hubspot.make("companies", name="Nordfisk", domain="nordfisk.no")
    assert counts(sync.sync(customer())["companies"]) == {"read": 1, "updated": 1}
    assert sync.state("companies", "10001").facts == {"id": there}
    sync.hubspot.calls()
    assert counts(sync.sync(customer(name="Ny"))["companies"]) == {"read": 1, "updated": 1}
    calls = sync.hubspot.calls()
    assert not [call for call in calls if call.endswith(("/search", "/read"))], calls


@pytest.mark.parametrize(
    ("name", "value", "form"),
    [
        ("domain", "Kari@Nordfisk.NO", "nordfisk.no"),
        ("domain", "https://www.nordfisk.no/om-oss?x=1", "nordfisk.no"),
        ("domain", "nordfisk.no:8080", "nordfisk.no"),
        ("domain", "kari@gmail.com", ""),
        ("domain", "kari@HOTMAIL.no", ""),
        ("domain", "kari@live.dk", ""),
        ("domain", "kari@yahoo.co.uk", ""),
        ("domain", "kari@me.com", ""),
        ("domain", "kari@googlemail.com", ""),
        ("domain", "kari@telia.com", ""),
        ("domain", "kari@outlook.nordfisk.no", "outlook.nordfisk.no"),
        ("domain", "kari@mygmail.com", "mygmail.com"),
        ("domain", "nordfisk", ""),
        ("phone", "+47 77 00 00 00", "+4777000000"),
        ("phone", "(77) 00-00", "770000"),
        ("erp_number", "  A-1 ", "a-1"),
    ],
)
def test_values_are_compared_in_a_normal_form(name: str, value: str, form: str) -> None:
    """An address of a free provider says nothing about a company."""
    assert normal(name, value) == form
