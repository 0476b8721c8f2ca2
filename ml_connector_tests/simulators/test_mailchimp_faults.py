"""Writes whose answer is lost or late at the Mailchimp simulator: the reasons for which a client repeats itself."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import httpx
import pytest

from ml_connector_tests.simulators.mailchimp_support import KARI, OLA, Mailchimp

pytest_plugins = "ml_connector_tests.simulators.mailchimp_fixtures"

Send = Callable[[Mailchimp], httpx.Response]


def put(mailchimp: Mailchimp) -> httpx.Response:
    return mailchimp.put(KARI, merge_fields={"FNAME": "Kåre"})


def patch(mailchimp: Mailchimp) -> httpx.Response:
    return mailchimp.patch(KARI, merge_fields={"FNAME": "Kåre"})


def batch(mailchimp: Mailchimp) -> httpx.Response:
    body = json.dumps({"email_address": KARI, "status_if_new": "subscribed", "merge_fields": {"FNAME": "Kåre"}})
    path = mailchimp.path(KARI).removeprefix("/3.0")
    return mailchimp.http.post(
        "/3.0/batches", json={"operations": [{"method": "PUT", "path": path, "body": body, "operation_id": "1"}]}
    )


def first_name(mailchimp: Mailchimp) -> str:
    name: str = mailchimp.get(KARI).json()["merge_fields"]["FNAME"]
    return name


def wait_for_kare(mailchimp: Mailchimp) -> None:
    """For at most ten seconds."""
    for _ in range(200):
        if first_name(mailchimp) == "Kåre":
            return
        time.sleep(0.05)
    raise AssertionError("the write never took effect")


@pytest.fixture
def kari(mailchimp: Mailchimp) -> Mailchimp:
    """A member named Kari, and a short life for batches."""
    mailchimp.configure(batch_seconds=0.1)
    mailchimp.put(KARI, merge_fields={"FNAME": "Kari"})
    return mailchimp


@pytest.mark.parametrize("send", [put, patch, batch])
@pytest.mark.parametrize("fault", ["lost_answer", "reset_body"])
def test_a_write_without_an_answer_is_done(kari: Mailchimp, send: Send, fault: str) -> None:
    """The connection breaks, and the write stands; the same write again changes nothing."""
    kari.control("faults", [{"fault": fault, "times": 1}])
    with pytest.raises(httpx.TransportError):
        send(kari)
    wait_for_kare(kari)
    changed = kari.get(KARI).json()["last_changed"]
    assert send(kari).status_code == 200
    assert kari.get(KARI).json()["last_changed"] == changed


@pytest.mark.parametrize("send", [put, patch, batch])
def test_a_late_write_is_done_after_the_caller_gave_up(kari: Mailchimp, send: Send) -> None:
    """First nothing is there, then it is."""
    kari.control("faults", [{"fault": "late_commit", "seconds": 0.6, "times": 1}])
    with pytest.raises(httpx.TransportError):
        send(kari)
    assert first_name(kari) == "Kari"
    wait_for_kare(kari)


def test_a_late_write_overtakes_a_newer_one(kari: Mailchimp) -> None:
    """The retry is answered first, and the first attempt lands on top of what came since (failures.md 35)."""
    kari.control("faults", [{"fault": "late_commit", "seconds": 0.5, "times": 1}])
    with pytest.raises(httpx.TransportError):
        put(kari)
    assert kari.put(KARI, merge_fields={"FNAME": "Kåre II"}).status_code == 200
    wait_for_kare(kari)


@pytest.mark.parametrize("send", [put, patch, batch])
def test_a_reset_before_the_call_does_nothing(kari: Mailchimp, send: Send) -> None:
    """Unlike a lost answer: the write never happened."""
    kari.control("faults", [{"fault": "reset", "times": 1}])
    with pytest.raises(httpx.TransportError):
        send(kari)
    time.sleep(0.3)
    assert first_name(kari) == "Kari"


def test_a_torn_answer_is_no_json(kari: Mailchimp) -> None:
    """200 and half a body: the write stands although its answer cannot be read."""
    kari.control("faults", [{"fault": "torn_json", "times": 1}])
    answer = put(kari)
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert first_name(kari) == "Kåre"


def test_a_gateway_answers_in_html(kari: Mailchimp) -> None:
    """A 502 whose body is a page."""
    kari.control("faults", [{"fault": "html_error", "times": 1}])
    answer = put(kari)
    assert (answer.status_code, answer.headers["content-type"][:9]) == (502, "text/html")


def test_rows_move_between_two_pages(mailchimp: Mailchimp) -> None:
    """Paging by offset then misses a row that was there all the time (failures.md 4)."""
    emails = [KARI, OLA, "per@nordfisk.no", "eva@nordfisk.no"]
    for email in emails:
        mailchimp.put(email)
    mailchimp.control("faults", [{"fault": "rows_move", "after": 1, "times": 1}])
    pages = [
        mailchimp.http.get(f"{mailchimp.list}/members", params={"count": 2, "offset": offset}).json()["members"]
        for offset in (0, 2)
    ]
    assert [[member["email_address"] for member in page] for page in pages] == [emails[:2], [emails[3], KARI]]
