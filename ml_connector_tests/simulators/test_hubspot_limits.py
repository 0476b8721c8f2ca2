"""Rate limits at the HubSpot simulator."""

from __future__ import annotations

import time

import pytest

from ml_connector_tests.simulators.hubspot_support import V3, Hubspot

pytest_plugins = "ml_connector_tests.simulators.hubspot_fixtures"


def test_the_ten_seconds(hubspot: Hubspot) -> None:
    """429 with a policy's name, and no word about when to come back (failures.md 19)."""
    hubspot.configure(burst=3)
    answers = [hubspot.http.get(f"{V3}/companies") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["X-HubSpot-RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]
    body = answers[3].json()
    assert "retry-after" not in answers[3].headers
    assert (body["status"], body["errorType"], body["policyName"]) == ("error", "RATE_LIMIT", "TEN_SECONDLY_ROLLING")
    assert body["message"] == "You have reached your ten_secondly_rolling limit."
    assert {"correlationId", "requestId"} <= body.keys()


def test_the_ten_seconds_roll(hubspot: Hubspot) -> None:
    """After them, calls are answered again."""
    hubspot.configure(burst=2, burst_seconds=0.3)
    assert [hubspot.http.get(f"{V3}/companies").status_code for _ in range(3)] == [200, 200, 429]
    time.sleep(0.35)
    assert hubspot.http.get(f"{V3}/companies").status_code == 200


def test_every_answer_tells_the_limits(hubspot: Hubspot) -> None:
    """Errors too; search alone does not."""
    answer = hubspot.get("companies", "1")
    found = {name: value for name, value in answer.headers.items() if name.startswith("x-hubspot-ratelimit")}
    assert found == {
        "x-hubspot-ratelimit-daily": "1000000",
        "x-hubspot-ratelimit-daily-remaining": "999999",
        "x-hubspot-ratelimit-interval-milliseconds": "10000",
        "x-hubspot-ratelimit-max": "190",
        "x-hubspot-ratelimit-remaining": "189",
        "x-hubspot-ratelimit-secondly": "19",
        "x-hubspot-ratelimit-secondly-remaining": "18",
    }


@pytest.mark.parametrize(("plan", "burst", "daily"), [("free", "100", "250000"), ("professional", "190", "625000")])
def test_the_plan_gives_the_limits(hubspot: Hubspot, plan: str, burst: str, daily: str) -> None:
    """Per app in ten seconds, per account in a day."""
    hubspot.configure(plan=plan)
    headers = hubspot.http.get(f"{V3}/companies").headers
    assert (headers["X-HubSpot-RateLimit-Max"], headers["X-HubSpot-RateLimit-Daily"]) == (burst, daily)


def test_the_day_is_used_up(hubspot: Hubspot) -> None:
    """429 DAILY for search as well, until midnight in the portal's time zone."""
    hubspot.control("usage", {"daily_used": 0})
    assert hubspot.http.get(f"{V3}/companies").status_code == 200
    hubspot.control("usage", {"daily_used": 1_000_000})
    answers = [hubspot.http.get(f"{V3}/companies"), hubspot.search("companies")]
    assert [(answer.status_code, answer.json()["policyName"]) for answer in answers] == [(429, "DAILY")] * 2
    hubspot.configure(clock_offset_seconds=86_400.0)
    assert hubspot.http.get(f"{V3}/companies").status_code == 200


def test_associations_have_a_ceiling_of_their_own(hubspot: Hubspot) -> None:
    """Beside the common one; the batches may be exempt from both."""
    hubspot.configure(association_burst=2)
    path = "/crm/v4/associations/contacts/companies/batch/read"
    calls = [lambda: hubspot.http.post(path, json={"inputs": []}) for _ in range(3)]
    assert [call().status_code for call in calls] == [200, 200, 429]
    assert hubspot.http.get(f"{V3}/companies").status_code == 200
    hubspot.configure(association_batches="exempt", burst=0)
    assert [call().status_code for call in calls] == [200, 200, 200]


def test_associations_have_a_day_of_their_own(hubspot: Hubspot) -> None:
    """429 DAILY for them alone, until midnight."""
    hubspot.configure(association_daily=1)
    path = "/crm/v4/associations/contacts/companies/batch/read"
    answers = [hubspot.http.post(path, json={"inputs": []}) for _ in range(2)]
    assert answers[0].status_code == 200
    assert (answers[1].status_code, answers[1].json()["policyName"]) == (429, "DAILY")
    assert hubspot.http.get(f"{V3}/companies").status_code == 200
    hubspot.configure(clock_offset_seconds=86_400.0)
    assert hubspot.http.post(path, json={"inputs": []}).status_code == 200


def test_refused_calls_are_not_counted(hubspot: Hubspot) -> None:
    """What was refused for its number uses nothing up; calls are told by class."""
    hubspot.configure(burst=2)
    for _ in range(5):
        hubspot.http.get(f"{V3}/companies")
    summary = hubspot.control("summary")
    assert (summary["daily_used"], summary["calls"]) == (2, {"record_list": 2})
