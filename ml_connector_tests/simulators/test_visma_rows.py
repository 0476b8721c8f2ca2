"""The customers that are made up, and the awkward ones among them."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from ml_connector.simulators.visma import VismaSettings, awkward
from ml_connector.simulators.visma.store import Store
from ml_connector.simulators.visma.tables import Selection
from ml_connector_tests.simulators.visma_support import Visma

BASE = datetime.fromisoformat("2026-06-15T12:00:00+00:00")


def rows(store: Store) -> list[dict[str, Any]]:
    return [row.read() for row in store.customers.select(Selection())]


def email(row: dict[str, Any]) -> str:
    return (row["mainContact"]["email"] or "").strip().lower()


@pytest.mark.parametrize("customers", [0, 1, 2, 47, 60])
def test_tiny_sets_can_be_made(customers: int) -> None:
    """Below 200 customers the cases come close together, and as many as there is room for."""
    store = Store(VismaSettings(customers=customers, started_at=BASE))
    assert len(rows(store)) == customers
    assert len(store.awkward) == min(customers, len(awkward.CASES))


def test_a_seed_makes_the_same_company_again() -> None:
    """The same seed and moment give the same bytes, another seed other customers."""
    settings = VismaSettings(customers=60, started_at=BASE)
    first, again, other = Store(settings), Store(replace(settings)), Store(replace(settings, seed=2))
    assert first.state(0, 99) == again.state(0, 99)
    assert {row["name"] for row in rows(first)} != {row["name"] for row in rows(other)}


@pytest.mark.parametrize("customers", [200, 240, 2000, 4100])
def test_every_case_is_in_every_set(customers: int) -> None:
    """From 200 customers on each case is there, and beyond 2,000 at most 3% of the rows are awkward."""
    found = Counter(case[0] for index in range(customers) if (case := awkward.case_at(index, customers)))
    assert found.keys() == awkward.CASES.keys()
    assert set(found.values()) == {-(-customers // awkward.BLOCK)} or customers == 4100
    if customers >= awkward.BLOCK:
        assert found.total() <= 0.03 * customers


def test_the_row_before_a_case_is_ordinary() -> None:
    """No two cases are neighbours, so that a case can share something with an ordinary customer."""
    places = [index for index in range(4100) if awkward.case_at(index, 4100)]
    assert all(later - earlier > 1 for earlier, later in pairwise(places))


def test_the_table_names_the_cases() -> None:
    """The module's docstring has a line for every case."""
    table = set(re.findall(r"^\| `(\w+)`", awkward.__doc__ or "", re.MULTILINE))
    assert table == {
        name for name in awkward.CASES if not name.startswith("stamp_") or name == "stamp_repeated_hour"
    } | {"stamp_0"}


def test_ordinary_customers_are_plain() -> None:
    """Without awkward cases: active, each with an e-mail of its own, no flagged contact."""
    store = Store(VismaSettings(customers=3000, awkward=False, started_at=BASE))
    customers = rows(store)
    assert store.awkward == {}
    assert {row["status"] for row in customers} == {"Active"}
    assert len({email(row) for row in customers}) == 3000
    assert all(re.fullmatch(r"[a-z.]+@[a-z0-9-]+\.(no|se|dk|fi)", email(row)) for row in customers)
    contacts = [row.read() for row in store.contacts.select(Selection())]
    assert not any(row["noMassMail"] or row["noMarketing"] or row["doNotEmail"] for row in contacts)
    share = len({row["businessAccount"] for row in contacts}) / 3000
    assert share == pytest.approx(0.4, abs=0.05)


def test_optional_members_are_absent_null_or_empty() -> None:
    """The same member comes in three ways of being nothing."""
    customers = rows(Store(VismaSettings(customers=60, awkward=False, started_at=BASE)))
    ways = {repr(row.get("attributes", "absent")) for row in customers}
    assert {"'absent'", "None", "[]"} < ways


def test_stamps_lie_before_the_start() -> None:
    """Every first stamp is at least a day old, and no customer was modified before it was created."""
    for row in rows(Store(VismaSettings(customers=300, awkward=False, started_at=BASE))):
        modified, created = (datetime.fromisoformat(row[name]) for name in ("lastModifiedDateTime", "createdDateTime"))
        assert created <= modified + timedelta(hours=1)  # wall clocks of summer and winter
        assert modified < datetime.fromisoformat("2026-06-14T14:00:01")


def test_shared_emails(visma: Visma) -> None:
    """Two and three customers have one e-mail, also when one writes it in capitals between blanks."""
    counts = Counter(
        email(row) for row in visma.find(pageSize=1000) if row["mainContact"] and row["mainContact"].get("email")
    )
    shared = [visma.awkward(name) for name in ("shared_email", "shared_email_case", "short_number")]
    assert [counts[email(row)] for row in shared] == [2, 2, 2]
    assert counts[email(visma.awkward("shared_email_three"))] == 3
    assert email(visma.awkward("shared_email_three_too")) == email(visma.awkward("shared_email_three"))
    capitals = shared[1]["mainContact"]["email"]
    assert capitals == f"  {capitals.strip().upper()} "


def test_a_short_number_is_less_as_a_number_only(visma: Visma) -> None:
    """9999 is before 10xxx by value and behind it by letters, and shares its e-mail."""
    row = visma.awkward("short_number")
    (other,) = (
        candidate["number"]
        for candidate in visma.find(email=row["mainContact"]["email"], pageSize=1000)
        if candidate["number"] != row["number"]
    )
    assert row["number"] == "9999"
    assert int(row["number"]) < int(other)
    assert row["number"] > other


def test_missing_and_odd_emails(visma: Visma) -> None:
    """No e-mail in three ways, and those that a target refuses."""
    nothing = [visma.awkward(f"email_{way}")["mainContact"] for way in ("empty", "null", "absent")]
    assert [contact.get("email", "absent") for contact in nothing] == ["", None, "absent"]
    odd = {name: visma.awkward(f"email_{name}")["mainContact"]["email"] for name in ("malformed", "two", "capitals")}
    assert "@" not in odd["malformed"]
    assert odd["two"].count("@") == 2
    assert odd["capitals"] == odd["capitals"].upper()
    assert odd["capitals"].endswith(" ")
    domains = [visma.awkward(f"email_{name}")["mainContact"]["email"].split("@")[1] for name in ("fake", "example")]
    assert domains == ["looks-fake.no", "example.com"]
    assert visma.awkward("email_forgotten")["mainContact"]["email"].endswith("@glemt.no")
    assert visma.awkward("email_busy")["mainContact"]["email"].endswith("@mange-lister.no")


@pytest.mark.parametrize(
    ("case", "flag"),
    [
        ("contact_no_mass_mail", "noMassMail"),
        ("contact_no_marketing", "noMarketing"),
        ("contact_do_not_email", "doNotEmail"),
    ],
)
def test_flagged_contacts(visma: Visma, case: str, flag: str) -> None:
    """The person contact that is flagged has the customer's own e-mail."""
    row = visma.awkward(case)
    (contact,) = visma.rows(f"/v1/customer/{row['number']}/contact")
    assert contact[flag] is True
    assert contact["email"] == row["mainContact"]["email"]


def test_statuses(visma: Visma) -> None:
    """All statuses occur."""
    statuses = {row["status"] for row in visma.find(pageSize=1000)}
    assert statuses == {"Active", "OnHold", "CreditHold", "Inactive", "OneTime"}


def test_addresses_and_references_that_lack_something(visma: Visma) -> None:
    """Addresses without a part or altogether missing, no main contact, no class."""
    assert not visma.awkward("address_no_city")["mainAddress"]["city"]
    assert visma.awkward("address_no_postal_code")["mainAddress"]["postalCode"] is None
    assert visma.awkward("address_no_country")["mainAddress"]["country"] is None
    assert visma.awkward("address_null")["mainAddress"] is None
    assert len(visma.awkward("address_long")["mainAddress"]["addressLine1"]) == 300
    assert "\n" in visma.awkward("address_line_break")["mainAddress"]["addressLine1"]
    assert visma.awkward("contact_null")["mainContact"] is None
    assert visma.awkward("class_null")["customerClass"] is None
    assert "customerClass" not in visma.awkward("class_absent")
    assert visma.awkward("corporate_id_blanks")["corporateId"].count(" ") == 4


@pytest.mark.parametrize("case", ["name_long", "name_long_emoji"])
def test_long_names_end_within_a_letter(visma: Visma, case: str) -> None:
    """Cutting the name after 255 bytes would cut a letter in two."""
    with pytest.raises(UnicodeDecodeError):
        visma.awkward(case)["name"].encode()[:255].decode()


def test_names_with_something_in_them(visma: Visma) -> None:
    """Emoji, outer blanks, markup."""
    assert "\N{ZERO WIDTH JOINER}" in visma.awkward("name_emoji")["name"]
    blanks = visma.awkward("name_blanks")["name"]
    assert blanks != blanks.strip()
    assert {"<", "{", "%", "*|", '"', "'", "&", "\\"} <= set(
        re.findall(r"\*\||[<{%\"'&\\]", visma.awkward("name_markup")["name"])
    )


def test_fractions_of_all_lengths(visma: Visma) -> None:
    """failures.md 7: stamps come with 0 to 7 digits of fraction."""
    stamps = [visma.awkward(f"stamp_{digits}")["lastModifiedDateTime"] for digits in range(8)]
    assert [len(stamp.partition(".")[2]) for stamp in stamps] == list(range(8))


def test_old_and_repeated_moments(visma: Visma) -> None:
    """One customer is from the last century, one was modified in the hour that Oslo has twice."""
    assert visma.awkward("created_long_ago")["createdDateTime"] == "1999-12-31T23:59:59"
    stamp = datetime.fromisoformat(visma.awkward("stamp_repeated_hour")["lastModifiedDateTime"])
    assert (stamp.month, stamp.weekday(), stamp.hour) == (10, 6, 2)
    assert stamp.day > 24
