"""Filters: equality, moments with their condition, formats, time zone (Visma reference, sections 4 and 5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ml_connector_tests.simulators.visma_support import CUSTOMERS, ORDINARY, Visma

STAMP = "2026-03-01T12:30:00.5"


def modified(visma: Visma, condition: str, value: str) -> list[str]:
    return visma.numbers(lastModifiedDateTime=value, lastModifiedDateTimeCondition=condition)


@pytest.mark.parametrize("member", ["name", "status", "corporateId", "vatRegistrationId"])
def test_equality_filters(visma: Visma, member: str) -> None:
    """Each filter finds the rows whose member equals it, and only those; the total counts the rows found."""
    wanted = visma.read()[member]
    rows = visma.find(**{member: wanted, "pageSize": 1000})
    assert ORDINARY in [row["number"] for row in rows]
    assert {row[member] for row in rows} == {wanted}
    assert rows[0]["metadata"]["totalCount"] == len(rows)


def test_email_and_phone_are_those_of_the_main_contact(visma: Visma) -> None:
    """The two filters look into mainContact, also where a row has none."""
    contact = visma.read()["mainContact"]
    assert visma.numbers(email=contact["email"]) == [ORDINARY]
    assert visma.numbers(phone=contact["phone1"]) == [ORDINARY]


def test_attributes_are_asked_for_as_json(visma: Visma) -> None:
    """One of several values of an attribute; rows without attributes are not found; other text is refused."""
    rows = visma.find(attributes='{"SEGMENT":"A,B"}', pageSize=1000)
    assert {row["attributes"][0]["value"] for row in rows} == {"A", "B"}
    assert visma.http.get("/v1/customer", params={"attributes": "SEGMENT"}).status_code == 400


@pytest.mark.parametrize("value", ["2026-03-01T12:30:00.5", "2026-03-01 12:30:00.500", "2026-03-01T12:30:00.50"])
def test_the_formats_of_a_moment(visma: Visma, value: str) -> None:
    """A blank or a T, and up to three digits of fraction, name the same moment."""
    visma.patch(modified_at=STAMP)
    assert ORDINARY in modified(visma, ">=", value)
    assert ORDINARY not in modified(visma, "<", value)


@pytest.mark.parametrize(
    ("value", "found"), [("2026-03-01", True), ("2026-03-02", False), ("2026-03-01 12:30:01", False)]
)
def test_dates_and_whole_seconds(visma: Visma, value: str, found: bool) -> None:
    """A date is its midnight."""
    visma.patch(modified_at=STAMP)
    assert (ORDINARY in modified(visma, ">=", value)) is found


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-01T12:30:00Z",
        "2026-03-01T12:30:00+01:00",
        "2026-03-01T12:30",
        "2026-03-01T12:30:00.1234",
        "01.03.2026",
        "2026-02-30",
        "yesterday",
        "",
    ],
)
def test_zones_and_other_formats_are_refused(visma: Visma, value: str) -> None:
    """`Z`, offsets and everything else that is not in the list of formats gets 400 and a message."""
    params = {"lastModifiedDateTime": value, "lastModifiedDateTimeCondition": ">="}
    answer = visma.http.get("/v1/customer", params=params)
    assert (answer.status_code, list(answer.json())) == (400, ["message"])


@pytest.mark.parametrize("params", [{"lastModifiedDateTime": "2026-01-01"}, {"lastModifiedDateTimeCondition": ">="}])
def test_value_and_condition_go_together(visma: Visma, params: dict[str, str]) -> None:
    """One without the other is refused."""
    assert visma.http.get("/v1/customer", params=params).status_code == 400


@pytest.mark.parametrize("condition", ["=", "==", "!=", "ge", ""])
def test_there_are_four_conditions(visma: Visma, condition: str) -> None:
    """Equality and inequality do not exist."""
    params = {"lastModifiedDateTime": "2026-01-01", "lastModifiedDateTimeCondition": condition}
    assert visma.http.get("/v1/customer", params=params).status_code == 400


@pytest.mark.parametrize(
    ("strict", "condition", "found"),
    [
        (True, ">", False),
        (False, ">", True),
        (True, ">=", True),
        (False, ">=", True),
        (True, "<", False),
        (True, "<=", True),
    ],
)
def test_the_meaning_of_greater_can_be_set(visma: Visma, strict: bool, condition: str, found: bool) -> None:
    """failures.md 2: a row with exactly the filter's stamp is after it in one documentation and not in the other."""
    visma.configure(strict_greater=strict)
    visma.patch(modified_at=STAMP)
    assert (ORDINARY in modified(visma, condition, STAMP)) is found


def test_conditions_divide_the_table(visma: Visma) -> None:
    """What is not at or after a moment is before it."""
    middle = "2026-01-01"
    after, before = modified(visma, ">=", middle), modified(visma, "<", middle)
    assert after
    assert before
    assert len(after) + len(before) == CUSTOMERS


def test_filters_are_combined(visma: Visma) -> None:
    """All filters of a call must hold, and the pages are those of what was found."""
    query: dict[str, str | int] = {
        "lastModifiedDateTime": "2000-01-01",
        "lastModifiedDateTimeCondition": ">",
        "createdDateTime": "2000-01-01",
        "createdDateTimeCondition": "<",
        "pageSize": 1000,
    }
    assert [row["createdDateTime"] for row in visma.find(**query)] == ["1999-12-31T23:59:59"]
    assert visma.find(**(query | {"status": "Inactive"})) == []


def test_filter_values_are_the_servers_wall_clock(visma: Visma) -> None:
    """failures.md 7: a moment is given as Oslo's wall clock; taking it for UTC misses an hour or two."""
    visma.patch(modified_at="2026-07-01T10:00:00+00:00")
    assert visma.read()["lastModifiedDateTime"] == "2026-07-01T12:00:00"
    assert ORDINARY in modified(visma, ">=", "2026-07-01 12:00:00")
    assert ORDINARY not in modified(visma, ">=", "2026-07-01 12:00:01")


def test_the_repeated_hour_hides_a_change(visma: Visma) -> None:
    """failures.md 7: in October a change an hour later can lie before the filter's wall clock."""
    visma.patch(modified_at="2025-10-26T01:10:00+00:00")  # 02:10, the second time
    assert visma.read()["lastModifiedDateTime"] == "2025-10-26T02:10:00"
    asked = "2025-10-26 02:30:00"  # meant: 00:30 UTC, 40 minutes before the change
    assert ORDINARY not in modified(visma, ">=", asked)
    assert ORDINARY in modified(visma, ">=", "2025-10-26 00:25:00"), "an overlap of 2 h 5 min finds it"


def test_customers_have_plain_stamps_and_contacts_have_offsets(visma: Visma) -> None:
    """The two models differ, and both change with the time of year."""
    customers = [row["lastModifiedDateTime"] for row in visma.find(pageSize=1000)]
    contacts = [row["lastModifiedDateTime"] for row in visma.rows("/v1/contact")]
    assert all(datetime.fromisoformat(stamp).tzinfo is None for stamp in customers)
    assert {datetime.fromisoformat(stamp).utcoffset() for stamp in contacts} == {timedelta(hours=1), timedelta(hours=2)}


def test_the_time_zone_can_be_set(visma: Visma) -> None:
    """A company whose server is on UTC stamps and compares so."""
    visma.configure(timezone="UTC")
    visma.control("POST", "reset")
    visma.put({"accountReference": {"value": "now"}})
    stamp = datetime.fromisoformat(visma.read()["lastModifiedDateTime"]).replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - stamp) < timedelta(seconds=30)


def test_contact_filters(visma: Visma) -> None:
    """Contacts are found by name, account, e-mail, activity and moment."""
    contact = visma.rows("/v1/contact")[0]
    for name in ("displayName", "firstName", "lastName", "businessAccount", "email"):
        found = visma.rows("/v1/contact", **{name: contact[name]})
        assert contact in found
        assert {row[name] for row in found} == {contact[name]}
    assert visma.rows("/v1/contact", active="false") == []
    stamp = contact["lastModifiedDateTime"][:19]
    pair = {"lastModifiedDateTime": stamp, "lastModifiedDateTimeCondition": "<"}
    before = visma.rows("/v1/contact", **pair)
    assert before
    assert contact not in before
