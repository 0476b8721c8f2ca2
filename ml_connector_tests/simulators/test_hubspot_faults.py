"""Faults at the HubSpot simulator: writes whose answer is lost or late, and answers in HubSpot's shapes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import httpx
import pytest

from ml_connector_tests.simulators.hubspot_support import KEY, V3, Hubspot, refusal, upsert_input

pytest_plugins = "ml_connector_tests.simulators.hubspot_fixtures"

Send = Callable[[Hubspot], httpx.Response]


def create(hubspot: Hubspot) -> httpx.Response:
    return hubspot.create("companies", name="Nordfisk AS")


def upsert(hubspot: Hubspot) -> httpx.Response:
    return hubspot.batch("companies", "upsert", upsert_input(1, name="Nordfisk AS"))


def companies(hubspot: Hubspot) -> int:
    count: int = hubspot.control("summary")["records"]["companies"]
    return count


@pytest.fixture
def keyed(hubspot: Hubspot) -> Hubspot:
    """Companies have a property with unique values."""
    hubspot.add_key()
    return hubspot


@pytest.mark.parametrize("fault", ["lost_answer", "reset_body"])
@pytest.mark.parametrize(("send", "after"), [(create, 2), (upsert, 1)])
def test_a_write_without_an_answer_is_done(keyed: Hubspot, fault: str, send: Send, after: int) -> None:
    """failures.md 20: a create that is repeated makes a second record; an upsert does not."""
    keyed.control("faults", [{"fault": fault, "times": 1}])
    with pytest.raises(httpx.TransportError):
        send(keyed)
    assert companies(keyed) == 1
    assert send(keyed).status_code in (200, 201)
    assert companies(keyed) == after


def test_a_write_may_be_done_later(keyed: Hubspot) -> None:
    """failures.md 35: a look-up after the timeout finds nothing, then there it is."""
    keyed.control("faults", [{"fault": "late_commit", "seconds": 0.4, "times": 1}])
    with pytest.raises(httpx.TransportError):
        upsert(keyed)
    assert companies(keyed) == 0
    deadline = time.monotonic() + 10
    while not companies(keyed) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert keyed.get("companies", "1", "name", idProperty=KEY).json()["properties"]["name"] == "Nordfisk AS"


def test_a_reset_before_the_call_does_nothing(keyed: Hubspot) -> None:
    """Unlike a lost answer."""
    keyed.control("faults", [{"fault": "reset", "times": 1}])
    with pytest.raises(httpx.TransportError):
        create(keyed)
    assert companies(keyed) == 0


def test_slow_and_torn_answers(keyed: Hubspot) -> None:
    """Both writes stand."""
    keyed.control("faults", [{"fault": "slow", "seconds": 0.2, "times": 1}, {"fault": "torn_json", "times": 1}])
    began = time.monotonic()
    answer = create(keyed)
    assert (answer.status_code, time.monotonic() - began >= 0.2) == (200, True)
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert companies(keyed) == 1


def test_a_limit_never_says_when_to_come_back(keyed: Hubspot) -> None:
    """Unless the rule makes it; search has a shape of its own."""
    keyed.control("faults", [{"fault": "rate_limit", "times": 2}])
    answer = create(keyed)
    assert (answer.status_code, answer.json()["policyName"]) == (429, "TEN_SECONDLY_ROLLING")
    assert "retry-after" not in answer.headers
    assert keyed.search("companies").json()["category"] == "RATE_LIMITS"
    keyed.control("faults", [{"fault": "rate_limit", "retry_after": 3}])
    assert create(keyed).headers["retry-after"] == "3"


@pytest.mark.parametrize(
    ("fault", "status", "category"),
    [
        ("server_error", 500, "INTERNAL_ERROR"),
        ("locked", 423, "LOCKED"),
        ("migrating", 477, "MIGRATION_IN_PROGRESS"),
        ("expired_token", 401, "INVALID_AUTHENTICATION"),
    ],
)
def test_refusals_in_hubspots_shape(keyed: Hubspot, fault: str, status: int, category: str) -> None:
    """And nothing is done."""
    keyed.control("faults", [{"fault": fault, "times": 1}])
    assert refusal(create(keyed)) == (status, category)
    assert companies(keyed) == 0


def test_a_migration_says_when_to_come_back(keyed: Hubspot) -> None:
    """477 is the one answer with `Retry-After`, in seconds."""
    keyed.control("faults", [{"fault": "migrating", "times": 1}, {"fault": "migrating", "retry_after": 7, "after": 1}])
    assert [create(keyed).headers["retry-after"] for _ in range(2)] == ["1", "7"]


def test_a_gateway_answers_in_html(keyed: Hubspot) -> None:
    """502 with a page."""
    keyed.control("faults", [{"fault": "html_error", "times": 1}])
    answer = create(keyed)
    assert (answer.status_code, answer.headers["content-type"][:9]) == (502, "text/html")


def test_empty_pages(keyed: Hubspot) -> None:
    """A list and a search that find nothing although there is something."""
    create(keyed)
    keyed.control("search-index", {})
    keyed.control("faults", [{"fault": "empty_page", "times": 2}])
    assert keyed.http.get(f"{V3}/companies").json() == {"results": []}
    assert keyed.search("companies").json() == {"total": 0, "results": []}
