"""What tests and the demo can do to the Visma simulator behind the API's back."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from ml_connector_tests.simulators.visma_support import CUSTOMERS, ORDINARY, Visma


def raw(visma: Visma, method: str, path: str, body: object = None) -> httpx.Response:
    return visma.anonymous.request(method, f"/_simulator/{path}", json=body)


def test_a_customer_appears(visma: Visma) -> None:
    """A made-up customer with the members that were given; without a number the next one."""
    row = visma.control("POST", "customers", {"name": "Ny AS", "mainContact": {"email": "post@ny.no"}})
    assert visma.read(row["number"]) == row
    assert (row["name"], row["mainContact"]["email"]) == ("Ny AS", "post@ny.no")
    assert row["mainAddress"]["city"]
    following = str(int(row["number"]) + 1)
    assert visma.control("POST", "customers", {"number": following})["number"] == following
    assert visma.control("POST", "customers", {})["number"] not in (row["number"], following)
    assert visma.control("POST", "customers", {"number": "N-1"})["number"] == "N-1"
    assert raw(visma, "POST", "customers", {"number": "N-1"}).status_code == 400
    assert visma.find()[0]["metadata"]["totalCount"] == CUSTOMERS + 4


def test_a_customer_is_changed_deeply(visma: Visma) -> None:
    """Members are merged, the stamp moves, the answer is the row."""
    before = visma.read()
    after = visma.patch(mainAddress={"city": "Vardø"}, customerClass=None)
    assert after == visma.read() == visma.control("GET", f"customers/{ORDINARY}")
    assert after["mainAddress"] == before["mainAddress"] | {"city": "Vardø"}
    assert after["customerClass"] is None
    assert after["lastModifiedDateTime"] > before["lastModifiedDateTime"]


def test_a_change_can_be_silent(visma: Visma) -> None:
    """A silent change is not seen by polling: the stamp stays, the content and the version do not."""
    before = visma.read()
    after = visma.patch(name="Stille AS", silent=True)
    assert after["lastModifiedDateTime"] == before["lastModifiedDateTime"]
    assert after["timeStamp"] != before["timeStamp"]
    assert "silent" not in after


@pytest.mark.parametrize(
    ("moment", "stamp"),
    [
        ("2026-01-01T10:00:00Z", "2026-01-01T11:00:00"),
        ("2026-07-01T10:00:00.25+00:00", "2026-07-01T12:00:00.25"),
        ("2026-01-01T10:00:00.1234567", "2026-01-01T10:00:00.1234567"),
    ],
)
def test_a_change_can_have_its_moment(visma: Visma, moment: str, stamp: str) -> None:
    """failures.md 1: a row can be given a stamp of the past, as one that was committed late."""
    assert visma.patch(name="Sen AS", modified_at=moment)["lastModifiedDateTime"] == stamp


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", f"customers/{ORDINARY}", {"modified_at": "yesterday"}),
        ("PATCH", f"customers/{ORDINARY}", {"modified_at": "2026-01-01"}),
        ("PATCH", f"customers/{ORDINARY}", {"silent": True, "lastModifiedDateTime": "yesterday"}),
        ("PATCH", f"customers/{ORDINARY}", {"createdDateTime": 7}),
        ("PATCH", f"customers/{ORDINARY}", {"number": "10002"}),
        ("PATCH", f"customers/{ORDINARY}", []),
        ("POST", "contacts", {"firstName": "Kari"}),
        ("POST", "touch", {}),
    ],
)
def test_what_makes_no_sense_is_refused(visma: Visma, method: str, path: str, body: object) -> None:
    """400 with a sentence, and nothing changed."""
    before = visma.read()
    answer = raw(visma, method, path, body)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert visma.read() == before


def test_unknown_rows_are_404(visma: Visma) -> None:
    """Control calls about rows that do not exist."""
    calls = [("GET", "customers/x"), ("PATCH", "customers/x"), ("DELETE", "customers/x"), ("PATCH", "contacts/1")]
    assert [raw(visma, method, path, {}).status_code for method, path in calls] == [404] * 4


def test_a_customer_is_renumbered(visma: Visma) -> None:
    """failures.md 32: the number changes, the internal id does not, and its contacts follow."""
    contact = visma.rows("/v1/contact")[0]
    before = visma.read(contact["businessAccount"])
    after = visma.patch(before["number"], number="NY-1")
    assert after["internalId"] == before["internalId"]
    assert visma.rows("/v1/customer/NY-1/contact")
    assert raw(visma, "GET", f"customers/{before['number']}").status_code == 404


def test_a_customer_vanishes(visma: Visma) -> None:
    """A deleted customer is simply no longer there, and neither are its contacts."""
    number = visma.rows("/v1/contact")[0]["businessAccount"]
    visma.control("DELETE", f"customers/{number}")
    assert visma.http.get(f"/v1/customer/{number}").status_code == 404
    assert number not in visma.numbers()
    assert visma.rows("/v1/contact", businessAccount=number) == []


def test_contacts_appear_and_change(visma: Visma) -> None:
    """Person contacts are made and changed like customers; the customer's own stamp stays."""
    before = visma.read()
    new = {"businessAccount": ORDINARY, "firstName": "Åse", "lastName": "Bø", "email": "aase@bo.no"}
    contact = visma.control("POST", "contacts", new)
    assert contact["displayName"] == "Bø, Åse"
    changed = visma.control("PATCH", f"contacts/{contact['contactId']}", {"noMassMail": True})
    assert visma.rows(f"/v1/customer/{ORDINARY}/contact")[-1] == changed
    assert changed["noMassMail"] is True
    assert changed["lastModifiedDateTime"] >= contact["lastModifiedDateTime"]
    assert visma.read() == before


def test_a_migration_touches_everything(visma: Visma) -> None:
    """failures.md 3: every row is stamped as modified, and nothing else in it changes."""

    def content(row: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in row.items() if name not in ("lastModifiedDateTime", "timeStamp")}

    before = visma.find(pageSize=1000)
    newest = max(row["lastModifiedDateTime"] for row in before)
    assert visma.control("POST", "touch", {"all": True}) == {"touched": CUSTOMERS}
    after = visma.find(pageSize=1000)
    assert [content(row) for row in after] == [content(row) for row in before]
    assert min(row["lastModifiedDateTime"] for row in after) > newest


def test_some_can_be_touched(visma: Visma) -> None:
    """Or only those that are named."""
    before = visma.read("10002")
    assert visma.control("POST", "touch", {"numbers": [ORDINARY]}) == {"touched": 1}
    assert visma.read("10002") == before


def test_the_demo_round(visma: Visma) -> None:
    """25 customers get another name or address, 3 are terminated, 2 lose their e-mail; all of them ordinary before."""
    before = {row["number"]: row for row in visma.find(pageSize=1000)}
    awkward = {number for numbers in visma.control("GET", "state")["awkward"].values() for number in numbers}
    round_one = visma.control("POST", "demo-round")
    after = {row["number"]: row for row in visma.find(pageSize=1000)}
    assert {kind: len(numbers) for kind, numbers in round_one.items()} == {
        "changed": 25,
        "terminated": 3,
        "email_removed": 2,
    }
    chosen = {number for numbers in round_one.values() for number in numbers}
    assert len(chosen) == 30
    assert not chosen & awkward
    assert {before[number]["status"] for number in chosen} == {"Active"}
    assert {number for number in before if before[number] != after[number]} == chosen
    for number in round_one["changed"]:
        assert any(before[number][part] != after[number][part] for part in ("name", "mainAddress"))
    assert {after[number]["status"] for number in round_one["terminated"]} == {"Inactive"}
    assert {after[number]["mainContact"]["email"] for number in round_one["email_removed"]} == {""}


def test_the_demo_round_is_the_same_again(visma: Visma) -> None:
    """The first round after a reset chooses the same customers, the second one others."""
    first, second = visma.control("POST", "demo-round"), visma.control("POST", "demo-round")
    assert first != second
    visma.control("POST", "reset")
    assert visma.control("POST", "demo-round") == first


def test_a_demo_round_needs_customers(visma: Visma) -> None:
    """A company that is too small for a round says so."""
    visma.configure(customers=20)
    visma.control("POST", "reset")
    answer = raw(visma, "POST", "demo-round")
    assert answer.status_code == 400
    assert "30 ordinary customers" in answer.json()["error"]


def test_the_state_shows_everything(visma: Visma) -> None:
    """All rows in slices, with totals, masters and the awkward cases."""
    state = visma.control("GET", "state?offset=10&count=5")
    assert state["customers"]["total"] == CUSTOMERS
    assert [row["internalId"] for row in state["customers"]["rows"]] == [1011, 1012, 1013, 1014, 1015]
    assert len(state["contacts"]["rows"]) == 5
    assert state["customer_classes"][0]["id"] == "B2B"
    assert "shared_email" in state["awkward"]


def test_a_reset_brings_everything_back(visma: Visma) -> None:
    """Rows as at the start, and an untouched quota."""
    before = {row["number"]: row["name"] for row in visma.find(pageSize=1000)}
    visma.patch(name="Annet AS")
    visma.control("DELETE", "customers/10002")
    visma.control("POST", "reset")
    assert {row["number"]: row["name"] for row in visma.find(pageSize=1000)} == before
    assert visma.http.get("/v1/customer/10002").headers["x-ratelimit-remaining"] == "14998"


def test_the_servers_clock_can_be_off(visma: Visma) -> None:
    """The `Date` header and the stamps follow the same clock."""
    visma.configure(clock_offset_seconds=-7200.0)
    visma.put({"accountReference": {"value": "x"}})
    on_time = visma.read()["lastModifiedDateTime"]
    visma.configure(clock_offset_seconds=0.0)
    visma.put({"accountReference": {"value": "y"}})
    assert visma.read()["lastModifiedDateTime"][:13] > on_time[:13]
