"""Writing single records: the value wrapper, versions, conflicts, and what is never repeated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ml_connector.http import RecordFailed, RecordRefused, Uncertain
from ml_connector.systems.visma.writer import CONFLICTS, Writer, wrap
from ml_connector_tests.systems.visma.conftest import Visma

PATH = "/v1/customer/10001"


def renamed(name: str) -> Any:
    def update(customer: Mapping[str, Any]) -> Mapping[str, Any]:
        return {} if customer["name"] == name else {"name": name}

    return update


def puts(visma: Visma) -> list[int | None]:
    return [call["status"] for call in visma.log(PATH) if call["method"] == "PUT"]


def test_scalars_and_objects_are_wrapped_and_the_exceptions_are_not() -> None:
    """Visma reference, section 7: arrays, operations, segments and overrideWithClassValues are bare."""
    assert wrap(
        {
            "name": "X",
            "overrideWithClassValues": True,
            "creditLimit": None,
            "accountReference": "",
            "mainAddress": {"city": "Oslo", "countryId": "NO", "county": None},
            "attributeLines": [{"attributeId": "SEGMENT", "attributeValue": "A"}],
            "invoiceLines": [
                {
                    "operation": "Insert",
                    "quantity": 2,
                    "subaccount": [{"segmentId": 1, "segmentValue": "00"}],
                }
            ],
        }
    ) == {
        "name": {"value": "X"},
        "overrideWithClassValues": True,
        "accountReference": {"value": ""},
        "mainAddress": {"value": {"city": {"value": "Oslo"}, "countryId": {"value": "NO"}}},
        "attributeLines": [{"attributeId": {"value": "SEGMENT"}, "attributeValue": {"value": "A"}}],
        "invoiceLines": [
            {
                "operation": "Insert",
                "quantity": {"value": 2},
                "subaccount": [{"segmentId": 1, "segmentValue": "00"}],
            }
        ],
    }


def test_a_change_is_sent_on_the_version_that_was_read(visma: Visma) -> None:
    """GET, then PUT with If-Match; absent members stay; the new version comes back."""
    before = visma.control("GET", "customers/10001")
    written = Writer(visma.client()).change(PATH, renamed("Ny AS"))
    after = visma.control("GET", "customers/10001")
    assert (after["name"], after["mainAddress"]) == ("Ny AS", before["mainAddress"])
    assert (written.key, written.etag, written.changed) == ("10001", after["timeStamp"], True)


def test_a_record_that_is_as_it_should_be_is_not_sent(visma: Visma) -> None:
    """Sending it again changes nothing, so it is not sent."""
    writer = Writer(visma.client())
    writer.change(PATH, renamed("Ny AS"))
    assert not writer.change(PATH, renamed("Ny AS")).changed
    assert puts(visma) == [204]


@pytest.mark.parametrize("status", [412, 409])
def test_somebody_elses_change_is_kept(visma: Visma, status: int) -> None:
    """412, and 409 as the same: read again, decide again on what stands there now."""
    visma.configure(conflict_status=status)
    meddled = False

    def update(customer: Mapping[str, Any]) -> Mapping[str, Any]:
        nonlocal meddled
        if not meddled:
            meddled = True
            visma.patch("10001", corporateId="999999999")
        return {"name": f"Ny {customer['corporateId']}"}

    Writer(visma.client()).change(PATH, update)
    after = visma.control("GET", "customers/10001")
    assert (after["corporateId"], after["name"]) == ("999999999", "Ny 999999999")
    assert puts(visma) == [status, 204]


def test_conflicts_without_end_fail_the_record(visma: Visma) -> None:
    """The rounds are bounded; it is due again later, and other records go on."""

    def update(customer: Mapping[str, Any]) -> Mapping[str, Any]:
        visma.patch("10001", corporateId="1")
        return {"name": "Ny AS"}

    with pytest.raises(RecordFailed, match="somebody else changed the record") as caught:
        Writer(visma.client()).change(PATH, update)
    assert caught.value.decision.kind == "conflict"
    assert puts(visma) == [412] * CONFLICTS


def test_a_change_whose_answer_was_lost_is_recognised(visma: Visma) -> None:
    """The repeated PUT meets our own version: read again, nothing is left to do, and nothing is sent twice over."""
    visma.faults({"fault": "lost_answer", "method": "PUT", "times": 1})
    written = Writer(visma.client()).change(PATH, renamed("Ny AS"))
    assert not written.changed
    assert visma.control("GET", "customers/10001")["name"] == "Ny AS"
    assert puts(visma) == [None, 412]


def test_a_change_that_never_gets_an_answer_is_in_doubt(visma: Visma) -> None:
    """It may have happened, and says so."""
    visma.faults({"fault": "lost_answer", "method": "PUT"})
    with pytest.raises(Uncertain):
        Writer(visma.client()).change(PATH, renamed("Ny AS"))


def test_a_refusal_says_why(visma: Visma) -> None:
    """A 400 of one record rejects that record, in Visma's words."""
    with pytest.raises(RecordRefused, match="cannot be found in the system") as caught:
        Writer(visma.client()).change(PATH, lambda _: {"creditTermsId": "XX"})
    assert (caught.value.status, caught.value.decision.kind) == (400, "validation")
    with pytest.raises(RecordRefused, match="does not know it"):
        Writer(visma.client()).change("/v1/customer/404404", renamed("x"))


def test_a_new_record_has_the_key_of_its_location(visma: Visma) -> None:
    """`Location` may name another host; only its last part counts (section 1)."""
    written = Writer(visma.client()).create("/v1/customer", {"name": "Helt ny AS", "customerClassId": "B2B"})
    created = visma.control("GET", f"customers/{written.key}")
    assert (created["name"], created["timeStamp"]) == ("Helt ny AS", written.etag)


@pytest.mark.parametrize("fault", ["lost_answer", "reset_body", "server_error", "html_error", "late_commit"])
def test_a_creation_without_an_answer_is_never_repeated(visma: Visma, fault: str) -> None:
    """failures.md 20: there is no idempotency key, and a 500 may be a failed creation or not."""
    visma.faults({"fault": fault, "method": "POST", "path": "/v1/customer", "seconds": 0})
    with pytest.raises(Uncertain):
        Writer(visma.client()).create("/v1/customer", {"name": "Kanskje AS"})
    assert len([call for call in visma.log("/v1/customer") if call["method"] == "POST"]) == 1


def test_a_creation_that_was_turned_away_is_repeated(visma: Visma) -> None:
    """A 429 and a 401 refuse before anything happens: one customer stands."""
    visma.faults(
        {"fault": "rate_limit", "method": "POST", "path": "/v1/customer", "times": 1, "retry_after": 0},
        {"fault": "expired_token", "method": "POST", "path": "/v1/customer", "times": 1, "after": 1},
    )
    Writer(visma.client()).create("/v1/customer", {"name": "En gang AS"})
    rows = visma.control("GET", "state")["customers"]["rows"]
    assert [row["name"] for row in rows].count("En gang AS") == 1
