"""Paths and templates, the byte cut, and whole addresses."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.systems.mailchimp.fields import Subject, as_text, cut, parse_source, whole_address
from ml_connector.systems.visma.models import Address, Contact, Customer, CustomerClass
from ml_connector_tests.systems.mailchimp.support import contact, customer

ATTRIBUTES = [{"id": "SEGMENT", "value": "Gold"}, {"id": "EMPTY", "value": None}]


def subject(**members: Any) -> Subject:
    return Subject(
        Customer.model_validate(customer(attributes=ATTRIBUTES, **members)),
        Contact.model_validate(contact()),
        CustomerClass(id="B2B", description="Companies"),
    )


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("name", "Nordfisk AS"),
        ("class", "B2B"),
        ("class.id", "B2B"),
        ("class.description", "Companies"),
        ("customer_class.id", "B2B"),
        ("main_address.country", "NO"),
        ("contact.first_name", "Kari"),
        ("contact.active", "yes"),
        ("attributes.SEGMENT", "Gold"),
        ("attributes.EMPTY", ""),
        ("attributes.UNKNOWN", ""),
        ("internal_id", "7"),
        ("parent_record.name", ""),
        ("{main_address.postal_code} {main_address.city}", "9008 Tromsø"),
        ("{main_address.city}, {parent_record.name}", "Tromsø"),
        ("{parent_record.name}, {main_address.city}", "Tromsø"),
        ("Customer {number} of {class.description}", "Customer 10001 of Companies"),
        ("Parent {parent_record.name}", ""),
    ],
)
def test_a_source_gives_what_stands_there(source: str, value: str) -> None:
    """What is missing is an empty text, and a template without any value is empty altogether."""
    assert parse_source(source).value(subject()) == value


def test_without_a_contact_person_its_fields_are_empty() -> None:
    """An empty text clears the field, so a name that was taken away at Visma does not stay at Mailchimp."""
    alone = Subject(subject().party, None, None)
    assert parse_source("contact.first_name").value(alone) == ""
    assert parse_source("class.description").value(alone) == ""


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (True, "yes"), (False, "no"), (Decimal("1E+3"), "1000"), (7, "7"), (" a ", "a")]
)
def test_values_are_written_as_people_read_them(value: object, text: str) -> None:
    """Amounts without an exponent, flags in words, texts without blanks around them."""
    assert as_text(value) == text


@given(st.text(st.characters(codec="utf-8")))
def test_text_is_cut_to_255_bytes_between_characters(text: str) -> None:
    """Mailchimp would cut within a character; here the whole character goes, and nothing but the end."""
    short = cut(text)
    assert text.startswith(short)
    assert len(short.encode()) <= 255
    rest = text[len(short) :]
    assert not rest or len((short + rest[0]).encode()) > 255


@pytest.mark.parametrize(
    ("text", "length"), [("ø" * 127, 254), ("ø" * 128, 254), ("a" + "ø" * 127, 255), ("🐟" * 64, 252)]
)
def test_letters_of_several_bytes_are_not_halved(text: str, length: int) -> None:
    """255 bytes are 127 Norwegian letters."""
    assert len(cut(text).encode()) == length


def test_a_half_character_from_a_broken_source_does_not_stop_the_record() -> None:
    """A lone surrogate has no UTF-8 form; it becomes a question mark."""
    assert cut("Åse \ud800") == "Åse ?"


WHOLE: dict[str, Any] = {
    "addressLine1": "Sjøgata 1",
    "postalCode": "9008",
    "city": "Tromsø",
    "country": {"id": "NO"},
    "county": None,
}


def address(**members: Any) -> dict[str, str] | None:
    return whole_address(Address.model_validate(WHOLE | members))


def test_a_nordic_address_has_its_city_for_a_state() -> None:
    """failures.md 13: Mailchimp demands a state that Nordic addresses do not have."""
    assert address() == {"addr1": "Sjøgata 1", "city": "Tromsø", "state": "Tromsø", "zip": "9008", "country": "NO"}


def test_a_county_goes_before_the_city() -> None:
    """It is what comes nearest to a state."""
    whole = address(county={"id": "55", "name": "Troms"})
    assert whole is not None
    assert whole["state"] == "Troms"


def test_further_lines_share_the_second_one() -> None:
    """Mailchimp has two lines, Visma three; an empty one leaves no gap."""
    whole = address(addressLine1="", addressLine2="c/o Hansen", addressLine3="Sjøgata 1")
    assert whole is not None
    assert (whole["addr1"], whole["addr2"]) == ("c/o Hansen", "Sjøgata 1")


@given(
    missing=st.sets(st.sampled_from(["addressLine1", "postalCode", "city", "country"]), min_size=1),
    empty=st.sampled_from([None, "", " "]),
)
def test_an_address_is_sent_whole_or_not_at_all(missing: set[str], empty: str | None) -> None:
    """failures.md 13: an incomplete one would make later, unrelated updates fail."""
    blanks = {name: ({"id": empty} if name == "country" else empty) for name in missing}
    assert address(**blanks) is None


@given(
    st.fixed_dictionaries(
        {},
        optional={
            name: st.none() | st.text(st.characters(codec="utf-8"), max_size=400)
            for name in ("addressLine1", "addressLine2", "addressLine3", "postalCode", "city")
        },
    )
)
def test_every_part_of_a_whole_address_holds_something(parts: dict[str, str | None]) -> None:
    """failures.md 13: whatever stands at Visma, no empty part is sent, and none of more than 255 bytes."""
    whole = address(**parts)
    if whole is not None:
        assert all(1 <= len(part.encode()) <= 255 for part in whole.values())
        assert {"addr1", "city", "state", "zip", "country"} <= whole.keys()
