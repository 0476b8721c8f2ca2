"""Suppliers become companies, and a business that is customer and supplier becomes one company with both marks."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.engine.records import Desired, Need, Record, Reject, Skip
from ml_connector.simulators.people import company
from ml_connector.systems.hubspot.parties import SUPPLIER_CLASSES, registration
from ml_connector.systems.hubspot.parties import read_supplier as read
from ml_connector.systems.hubspot.registrations import normalized
from ml_connector_tests.systems.hubspot.conftest import OpenSync
from ml_connector_tests.systems.hubspot.support import (
    SENT_AT,
    Sync,
    counts,
    customer,
    flow_of,
    mapped,
    record,
    settings,
    supplier,
)
from ml_connector_tests.systems.hubspot.test_mapping import anything, names, rows

CUSTOMER, SUPPLIER = "nordic:1", "nordic:101"


@pytest.fixture
def sync(open_sync: OpenSync) -> Sync:
    return open_sync(suppliers={})


def wish(row: dict[str, Any], **how: Any) -> Desired:
    found = mapped("suppliers", row, suppliers=how.pop("suppliers", {}), **how)
    assert isinstance(found, Desired), found
    return found


# --- the mapping -----------------------------------------------------------------------------------------------------


def test_a_supplier_becomes_a_company() -> None:
    """What customers' companies have as well stands apart; no lifecycle stage makes a customer of it."""
    found = wish(supplier())
    assert (found.claim, found.create, found.aliases) == (SUPPLIER, True, ["NO 987654325"])
    assert found.body == {
        "properties": {
            "visma_supplier_number": "50001",
            "visma_supplier_class": "VARER",
            "visma_supplier_status": "Active",
            "visma_is_supplier": "true",
        },
        "common": {
            "name": "Nordfisk AS (leverandør)",
            "phone": "+47 77 00 00 01",
            "address": "Kaien 2",
            "address2": "",
            "zip": "",
            "city": "Tromsø",
            "country": "Norge",
            "visma_organization_number": "987 654 325",
            "visma_vat_number": "NO987654325MVA",
        },
    }
    assert found.needs == {
        "twin": Need("companies", "NO 987654325", alias=True, optional=True, unless="joined"),
        "counterpart": Need("companies", "NO 987654325", alias=True, optional=True),
    }


def test_customers_look_for_their_supplier_only_where_suppliers_are_delivered() -> None:
    """Otherwise nothing of it costs anything."""
    alone = mapped("companies", customer())
    assert isinstance(alone, Desired)
    assert (dict(alone.needs), alone.aliases) == ({}, None)
    both = mapped("companies", customer(), suppliers={})
    assert isinstance(both, Desired)
    assert both.needs["twin"].flow == "suppliers"
    assert both.aliases == ["NO 987654325"]


@pytest.mark.parametrize(
    ("members", "name"),
    [
        ({"corporateId": "987654325"}, "NO 987654325"),
        ({"corporateId": "98 76-54.325"}, "NO 987654325"),
        ({"corporateId": "no987654325mva"}, "NO 987654325"),
        ({"corporateId": "987654321"}, None),
        ({"corporateId": "000000000"}, None),
        ({"corporateId": "000 000 000"}, None),
        ({"corporateId": "987654325", "location": {"countryId": "DE"}}, "DE 987654325"),
        ({"corporateId": "987654325", "location": {"countryId": "SE"}}, None),
        ({"corporateId": "112112112", "location": {"countryId": "DE"}}, None),
        ({"corporateId": "987654325", "mainAddress": None}, None),
        ({"corporateId": "556703-7485", "location": {"countryId": "SE"}}, "SE 5567037485"),
        ({"corporateId": "SE556703748501", "location": {"countryId": "SE"}}, "SE 5567037485"),
        ({"corporateId": "556703-7486", "location": {"countryId": "SE"}}, None),
        ({"corporateId": "24256790", "location": {"countryId": "DK"}}, "DK 24256790"),
        ({"corporateId": "24256791", "location": {"countryId": "DK"}}, None),
        ({"corporateId": "0112038-9", "location": {"countryId": "FI"}}, "FI 01120389"),
        ({"corporateId": "0112038-1", "location": {"countryId": "FI"}}, None),
        ({"corporateId": ""}, None),
        ({"corporateId": None}, None),
        ({"corporateId": "- 0 -"}, None),
    ],
)
def test_a_business_is_known_by_its_registration_number_and_country(members: dict[str, Any], name: str | None) -> None:
    """People write the number as they like; what stands there for want of one joins nobody."""
    subject = read(record(supplier(**members)))
    assert not isinstance(subject, Reject)
    assert registration(subject) == name


def test_the_simulators_businesses_have_numbers_that_count() -> None:
    """Otherwise nothing that is tried there would ever join."""
    for firm in (company(1, index) for index in range(300)):
        assert normalized(firm.corporate_id, firm.country.code) == firm.corporate_id


def test_suppliers_can_be_selected_by_their_own_paths() -> None:
    """Their class, and what only suppliers have."""
    where = {"where": {"class": ["VARER"], "payment_by": ["DueDate"]}}
    assert wish(supplier(paymentBy="DueDate"), suppliers=where)
    skipped = mapped("suppliers", supplier(), suppliers=where)
    assert isinstance(skipped, Skip)
    assert skipped.rule == "not selected: payment_by"


def test_an_inactive_supplier_is_not_created() -> None:
    """As a customer."""
    assert not wish(supplier(status="Inactive")).create
    assert wish(supplier(status="HoldPayments")).create
    assert wish(supplier(), vanished=True).body["properties"]["visma_supplier_status"] == "Deleted"


FLOWS = [
    flow_of("suppliers", settings(suppliers={})),
    flow_of("suppliers", settings(suppliers={"fields": {"a": "class.description"}, "where": {"name": ["x", ""]}})),
    flow_of("companies", settings(suppliers={})),
]


@given(
    payload=rows | st.dictionaries(names, anything).map(lambda row: orjson.dumps({**supplier(), **row})),
    classes=st.lists(rows, max_size=2),
    vanished=st.booleans(),
)
def test_the_mapping_is_total(payload: bytes, classes: list[bytes], vanished: bool) -> None:
    """Any bytes end as a desired state, a skip or a rejection."""
    for flow in FLOWS:
        found = flow.map(Record("1", SENT_AT, payload, {SUPPLIER_CLASSES: classes}, vanished))
        assert isinstance(found, Desired | Skip | Reject)
        if isinstance(found, Desired):
            assert orjson.dumps(found.body)
            assert all(len(name) <= 255 for name in found.aliases or ())


# --- the whole path --------------------------------------------------------------------------------------------------


def both_marks(sync: Sync) -> dict[str, Any]:
    company = sync.hubspot.one("companies", visma_customer_id=CUSTOMER)
    assert (company["visma_supplier_id"], company["visma_is_supplier"]) == (SUPPLIER, "true")
    assert company["visma_is_customer"] == "true"
    return company


def test_a_business_that_is_both_is_one_company_with_both_marks(sync: Sync) -> None:
    """In one sync; the customer's name and address stay, the second sync makes no call."""
    reports = sync.sync(customer(), supplier())
    assert counts(reports["suppliers"]) == {"read": 1, "updated": 1}
    company = both_marks(sync)
    assert (company["name"], company["address"]) == ("Nordfisk AS", "Sjøgata 1")
    assert company["visma_supplier_class"] == "VARER"
    assert len(sync.hubspot.records("companies")) == 1
    sync.hubspot.calls()
    sync.sync()
    assert sync.hubspot.calls() == []


def test_a_customer_that_comes_later_joins_its_suppliers_company(sync: Sync) -> None:
    """Its name and address go before the supplier's from then on."""
    sync.sync(supplier())
    before = sync.hubspot.one("companies", visma_supplier_id=SUPPLIER)
    assert (before["name"], before.get("lifecyclestage")) == ("Nordfisk AS (leverandør)", None)
    reports = sync.sync(customer())
    assert counts(reports["companies"]) == {"read": 1, "updated": 1}
    company = both_marks(sync)
    assert (company["id"], company["name"], company["lifecyclestage"]) == (before["id"], "Nordfisk AS", "customer")


def test_a_supplier_that_came_first_leaves_the_customers_values(sync: Sync) -> None:
    """Also when its registration number changes after that, and when the company comes back."""
    sync.sync(supplier())
    sync.sync(customer())
    sync.sync(supplier(name="Anything", status="HoldPayments"))
    company = both_marks(sync)
    assert (company["name"], company["visma_supplier_status"]) == ("Nordfisk AS", "HoldPayments")
    sync.sync(supplier(name="Anything", corporateId="111222333"))
    assert both_marks(sync)["name"] == "Nordfisk AS"
    sync.sync(supplier(name="Anything"))
    sync.hubspot.delete("companies", company["id"])
    sync.sync(customer(name="X"), supplier(supplierClass={"id": "FRAKT"}))
    assert both_marks(sync)["name"] == "X"
    assert len(sync.hubspot.records("companies")) == 1


def test_two_companies_of_a_business_that_people_merged_keep_the_customers_values(sync: Sync) -> None:
    """As the documentation asks people to do."""
    sync.sync(customer(corporateId=""), supplier())
    sync.sync(customer())
    ids = [sync.state(flow, key).facts["id"] for flow, key in (("companies", "10001"), ("suppliers", "50001"))]
    assert len(set(ids)) == 2
    sync.hubspot.control("merge/companies", {"primary": int(ids[0]), "merged": int(ids[1])})
    sync.sync(supplier(name="Anything", status="HoldPayments"))
    company = both_marks(sync)
    assert (company["name"], company["visma_supplier_status"]) == ("Nordfisk AS", "HoldPayments")


@pytest.mark.parametrize("merged_read", ["survivor", "missing"])
def test_a_company_of_both_that_was_merged_is_followed(sync: Sync, merged_read: str) -> None:
    """HubSpot does not answer an update of the id that was merged away."""
    sync.hubspot.configure(merged_read=merged_read)
    sync.sync(customer(), supplier())
    mine, other = both_marks(sync)["id"], sync.hubspot.make("companies", name="Gammel")
    sync.hubspot.control("merge/companies", {"primary": int(other), "merged": int(mine)})
    assert counts(sync.sync(supplier(status="HoldPayments"))["suppliers"]) == {"read": 1, "updated": 1}
    company = both_marks(sync)
    assert (company["id"], company["visma_supplier_status"]) == (other, "HoldPayments")
    assert sync.state("suppliers", "50001").facts["id"] == other


def test_a_supplier_that_joins_a_company_that_was_merged_finds_the_other(sync: Sync) -> None:
    """The ledger knows the customer's company by the id that was merged away."""
    sync.sync(customer())
    mine, other = sync.hubspot.records("companies")[0]["id"], sync.hubspot.make("companies", name="Gammel")
    sync.hubspot.control("merge/companies", {"primary": int(other), "merged": int(mine)})
    assert counts(sync.sync(supplier())["suppliers"]) == {"read": 1, "updated": 1}
    assert both_marks(sync)["id"] == other
    assert [one["id"] for one in sync.hubspot.records("companies")] == [other]


def test_both_sides_of_a_business_go_on_by_themselves(sync: Sync) -> None:
    """Each writes its own properties; a touched one that is the same is not sent."""
    sync.sync(customer(), supplier())
    sync.sync(supplier(supplierClass={"id": "FRAKT"}, name="Anything"))
    sync.sync(customer(name="Nordfisk Eksport AS"))
    company = both_marks(sync)
    assert (company["visma_supplier_class"], company["name"]) == ("FRAKT", "Nordfisk Eksport AS")
    reports = sync.sync(customer(name="Nordfisk Eksport AS"), supplier(supplierClass={"id": "FRAKT"}, name="Anything"))
    assert counts(reports["companies"]) == counts(reports["suppliers"]) == {"read": 1, "unchanged": 1}


def test_a_changed_registration_number_tears_nothing_apart(sync: Sync) -> None:
    """The supplier stays where it is, and still does not overwrite the customer's name."""
    sync.sync(customer(), supplier())
    assert counts(sync.sync(supplier(corporateId="111222333"))["suppliers"]) == {"read": 1, "updated": 1}
    assert both_marks(sync)["name"] == "Nordfisk AS"
    assert len(sync.hubspot.records("companies")) == 1


def test_two_suppliers_with_one_registration_number_do_not_fight(sync: Sync) -> None:
    """The first one joins the customer's company, the second gets one of its own; in any later round, too."""
    sync.sync(customer(), supplier("50001"), supplier("50002"))
    assert both_marks(sync)["visma_supplier_number"] == "50001"
    assert sync.hubspot.one("companies", visma_supplier_id="nordic:102")["visma_supplier_number"] == "50002"
    sync.sync(supplier("50002", name="X"), supplier("50003"), supplier("50001", name="Y"))
    assert both_marks(sync)["visma_supplier_number"] == "50001"
    assert len(sync.hubspot.records("companies")) == 3


def test_strangers_without_a_number_stay_two(sync: Sync) -> None:
    """What is typed where a number has to be typed is no number."""
    sync.sync(customer(corporateId="000000000"), supplier(name="Somebody else", corporateId="000 000 000"))
    assert len(sync.hubspot.records("companies")) == 2


def test_switching_suppliers_on_later_finds_the_customers_that_are_there(open_sync: OpenSync) -> None:
    """They are mapped again, nothing of them is sent, and their registration numbers are known from then on."""
    sync = open_sync()
    sync.sync(customer(), supplier())
    later = open_sync(suppliers={})
    later.visma, later.runs = sync.visma, sync.runs
    later.hubspot.calls()
    reports = later.deliver()
    assert counts(reports["companies"]) == {"read": 1, "unchanged": 1}
    assert counts(reports["suppliers"]) == {"read": 1, "updated": 1}
    both_marks(later)


def test_a_company_of_both_that_was_deleted_comes_back_as_one(sync: Sync) -> None:
    """With the next change of both."""
    sync.sync(customer(), supplier())
    sync.hubspot.delete("companies", both_marks(sync)["id"])
    sync.sync(customer(name="X"), supplier(supplierClass={"id": "FRAKT"}))
    assert both_marks(sync)["visma_supplier_class"] == "FRAKT"
    assert len(sync.hubspot.records("companies")) == 1


def test_a_supplier_whose_company_was_deleted_gets_one(sync: Sync) -> None:
    """Also where the customer has not changed since."""
    sync.sync(customer(), supplier())
    sync.hubspot.delete("companies", both_marks(sync)["id"])
    assert counts(sync.sync(supplier(supplierClass={"id": "FRAKT"}))["suppliers"]) == {"read": 1, "created": 1}
    assert sync.hubspot.one("companies", visma_supplier_id=SUPPLIER)["name"] == "Nordfisk AS (leverandør)"


def test_suppliers_and_customers_with_one_internal_id_are_two(sync: Sync) -> None:
    """Each has a key of its own."""
    sync.sync(customer(internalId=7), supplier(internalId=7, corporateId="111222333"))
    assert len(sync.hubspot.records("companies")) == 2


def registered(first: int, index: int) -> str:
    """A number of a Norwegian business, another one for every index."""
    begin = first + index * 20
    return next(str(one) for one in range(begin, begin + 20) if normalized(str(one), "NO"))


def test_a_hundred_suppliers_that_join_need_few_calls(sync: Sync) -> None:
    """One read and one update more, however they are spread."""
    many = [
        customer(str(20_000 + index), f"post@k{index}.no", corporateId=registered(910_000_000, index))
        for index in range(100)
    ]
    sync.sync(*many)
    both = [supplier(str(60_000 + index), corporateId=registered(910_000_000, index)) for index in range(0, 100, 10)]
    alone = [supplier(str(61_000 + index), corporateId=registered(920_000_000, index)) for index in range(190)]
    sync.hubspot.calls()
    assert counts(sync.sync(*both, *alone)["suppliers"]) == {"read": 200, "created": 190, "updated": 10}
    assert len(sync.hubspot.calls()) == 5, "the properties, a read, an update, two upserts"
