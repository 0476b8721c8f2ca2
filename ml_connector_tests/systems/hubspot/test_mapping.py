"""From a customer to a company, a contact, and the link between them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ml_connector.engine.records import Desired, Need, Record, Reject, Skip
from ml_connector.systems.hubspot.flows import flows
from ml_connector.systems.hubspot.mapping import contact_key
from ml_connector.systems.hubspot.parties import CONTACTS
from ml_connector.systems.hubspot.parties import CUSTOMER_CLASSES as CLASSES
from ml_connector_tests.systems.hubspot.support import (
    SENT_AT,
    contact,
    customer,
    desired,
    flow_of,
    mapped,
    settings,
)

KARI = "kari@nordfisk.no"


def skipped(*args: Any, **how: Any) -> Skip:
    wish = mapped(*args, **how)
    assert isinstance(wish, Skip), wish
    return wish


def rejected(*args: Any, **how: Any) -> Reject:
    wish = mapped(*args, **how)
    assert isinstance(wish, Reject), wish
    return wish


# --- companies -------------------------------------------------------------------------------------------------------


def test_a_customer_becomes_a_company() -> None:
    """Every field of the default mapping, all of them texts; the key is made of the internal id."""
    wish = desired("companies", customer())
    assert (wish.claim, wish.create) == ("nordic:1", True)
    assert wish.body == {
        "properties": {
            "name": "Nordfisk AS",
            "phone": "+47 77 00 00 00",
            "address": "Sjøgata 1",
            "address2": "",
            "zip": "9008",
            "city": "Tromsø",
            "country": "Norge",
            "visma_customer_number": "10001",
            "visma_customer_class": "B2B",
            "visma_customer_status": "Active",
            "visma_organization_number": "987654325",
            "visma_vat_number": "NO987654325MVA",
            "visma_is_customer": "true",
            "lifecyclestage": "customer",
        }
    }


def test_the_namespace_of_keys_can_be_chosen() -> None:
    """Two installations, or a company that gets another name."""
    assert desired("companies", customer(), namespace="norge").claim == "norge:1"


def test_another_account_is_another_state() -> None:
    """A token of another account sends everybody anew."""
    assert desired("companies", customer(), portal="1").body != desired("companies", customer()).body


def test_without_an_internal_id_nothing_tells_a_customer_apart() -> None:
    """failures.md 8: it is not delivered under a key that can change."""
    assert rejected("companies", customer(internalId=None)).kind == "no internal id"


def test_a_company_without_a_name_is_refused_here() -> None:
    """HubSpot would refuse it, too (HubSpot reference, section 4); a domain would do."""
    assert rejected("companies", customer(name=" ")).kind == "no name"
    domain = {"fields": {"domain": "main_contact.web"}}
    row = customer(name=None)
    assert desired("companies", row | {"mainContact": {"web": "nordfisk.no"}}, companies=domain)


@pytest.mark.parametrize(("row", "vanished", "status"), [
    (customer(status="Inactive"), False, "Inactive"),
    (customer(), True, "Deleted"),
])  # fmt: skip
def test_a_customer_that_is_gone_is_marked_where_it_exists(row: dict[str, Any], vanished: bool, status: str) -> None:
    """Not created, and not made a customer in the sense of the lifecycle."""
    wish = desired("companies", row, vanished=vanished)
    assert (wish.create, wish.rule) == (False, "inactive, and not in HubSpot")
    assert wish.body["properties"]["visma_customer_status"] == status
    assert "lifecyclestage" not in wish.body["properties"]
    assert desired("companies", row, vanished=vanished, companies={"create_inactive": True}).create


def test_customers_can_be_selected() -> None:
    """All conditions must hold; the first that does not is named."""
    where = {"where": {"class": ["B2B"], "currency_id": ["SEK"]}}
    assert skipped("companies", customer(), companies=where).rule == "not selected: currency_id"
    assert desired("companies", customer(currencyId="SEK"), companies=where)


def test_values_can_come_from_anywhere() -> None:
    """Paths, templates, the class with its description, the contact person, switches and amounts."""
    fields = {
        "a": "{main_address.postal_code} {main_address.city}",
        "b": "class.description",
        "c": "contact.first_name",
        "d": "print_invoices",
        "e": "credit_limit",
        "f": "attributes.SEGMENT",
        "g": "{contact.title}, {contact.fax}",
    }
    row = customer(printInvoices=True, creditLimit=1000.5, attributes=[{"id": "SEGMENT", "value": "A"}])
    properties = desired("companies", row, contact(), companies={"fields": fields}).body["properties"]
    assert [properties[name] for name in "abcdefg"] == ["9008 Tromsø", "Companies", "Kari", "true", "1000.5", "A", ""]


def test_what_companies_are_matched_by_travels_with_the_change() -> None:
    """As Visma has it; the writer compares it in a normal form."""
    match = {"match": {"domain": "main_contact.email", "erp_number": "number", "phone": "main_contact.phone2"}}
    body = desired("companies", customer(), companies=match).body
    assert body["match"] == {"domain": KARI, "erp_number": "10001"}


# --- contacts --------------------------------------------------------------------------------------------------------


def test_the_contact_person_becomes_a_contact() -> None:
    """Known by the lower-cased address."""
    wish = desired("contacts", customer(email=" Kari@Nordfisk.NO "), contact(5, "kari@nordfisk.no", position="CEO"))
    assert wish.claim == contact_key(KARI)
    assert wish.body == {
        "properties": {"firstname": "Kari", "lastname": "Nordmann", "phone": "", "jobtitle": "CEO", "email": KARI},
        "person": "5",
    }


def test_an_address_of_nobody_known_takes_no_persons_name() -> None:
    """Post@ is not Kari; what people wrote about the contact is not cleared."""
    wish = desired("contacts", customer(email="post@nordfisk.no"), contact(5))
    assert wish.body == {"properties": {"email": "post@nordfisk.no"}}


def test_the_address_can_be_the_persons_own() -> None:
    """Then the first active contact is the contact person."""
    wish = desired(
        "contacts", customer(), contact(7, active=False), contact(9, "ola@x.no"), contacts={"email": "contact.email"}
    )
    assert (wish.claim, wish.body["person"]) == (contact_key("Ola@x.no"), "9")


def test_contacts_without_a_usable_address_are_skipped_or_refused() -> None:
    """With a reason that does not quote it."""
    assert skipped("contacts", customer(email=None)).rule == "no e-mail address"
    assert rejected("contacts", customer(email="kari")).kind == "malformed address"
    two = rejected("contacts", customer(email="kari@nordfisk.no; ola@nordfisk.no"))
    assert "more than one" in two.reason
    assert "kari" not in two.reason


def test_the_contact_of_an_inactive_customer_is_not_created() -> None:
    """It is kept up where it exists."""
    assert not desired("contacts", customer(status="Inactive")).create


# --- links -----------------------------------------------------------------------------------------------------------


def test_a_link_needs_both_ends() -> None:
    """The ids come from the ledger; the record that brings each is the customer itself."""
    wish = desired("contact_companies", customer(email="Kari@Nordfisk.NO"))
    assert (wish.claim, wish.body) == ("nordic:1", {})
    assert wish.needs == {
        "contact": Need("contacts", contact_key(KARI), "10001"),
        "company": Need("companies", "nordic:1", "10001"),
    }


@pytest.mark.parametrize("row", [customer(email=None), customer(email="?"), customer(internalId=None)])
def test_without_both_ends_there_is_no_link(row: dict[str, Any]) -> None:
    """The other flows say what is wrong; one rejection for one thing is enough."""
    assert skipped("contact_companies", row).rule == "no contact"


# --- any row ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flow", ["companies", "contacts"])
@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"null", b'{"name": "x"}', b'{"number": {}}', b"\xff"])
def test_a_row_that_cannot_be_read_is_rejected_in_plain_words(flow: str, payload: bytes) -> None:
    """failures.md 16: it is not dropped, and its reason does not quote it."""
    wish = flow_of(flow).map(Record("10001", SENT_AT, payload))
    assert isinstance(wish, Reject)
    assert wish.reason.startswith("Visma.net's row cannot be read")


names = st.sampled_from(
    ["number", "internalId", "name", "status", "mainContact", "email", "mainAddress", "city", "country", "id",
     "contactId", "active", "customerClass", "description", "attributes", "value", "creditLimit", "corporateId"]
)  # fmt: skip
anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8)
    | st.sampled_from([KARI, "Inactive", "B2B"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=6),
    max_leaves=12,
)
rows = st.binary(max_size=20) | anything.map(orjson.dumps) | st.dictionaries(names, anything).map(orjson.dumps)
FLOWS = [
    *flows(settings(), "nordic"),
    *flows(
        settings(
            {
                "where": {"credit_limit": ["", "100"], "class.description": ["", "x", "Companies"]},
                "fields": {"a": "{attributes.ID} {class.description}", "b": "credit_limit", "c": "contact.email"},
                "match": {"domain": "main_contact.email", "phone": "contact.phone1"},
                "create_inactive": True,
            },
            {"email": "contact.email", "fields": {"a": "{class.description} {contact.title}"}},
            portal="1",
        ),
        "nordic",
    ),
]


@given(
    key=st.text(max_size=5),
    payload=rows | st.dictionaries(names, anything).map(lambda row: orjson.dumps({**customer(), **row})),
    contacts=st.lists(
        rows | st.dictionaries(names, anything).map(lambda row: orjson.dumps({**contact(), **row})), max_size=3
    ),
    classes=st.lists(rows, max_size=2),
    vanished=st.booleans(),
)
@example("1", b'{"number": "\\ud800"}', [], [], False)
def test_the_mapping_is_total(
    key: str, payload: bytes, contacts: list[bytes], classes: list[bytes], vanished: bool
) -> None:
    """Any bytes end as a desired state, a skip or a rejection; every property is a text."""
    record = Record(key, SENT_AT, payload, {CONTACTS: contacts, CLASSES: classes}, vanished)
    for flow in FLOWS:
        wish = flow.map(record)
        assert isinstance(wish, Desired | Skip | Reject)
        if isinstance(wish, Desired):
            assert orjson.dumps(wish.body)
            assert all(isinstance(value, str) for value in wish.body.get("properties", {}).values())
            assert len(wish.claim) <= 255
