"""Faults in Visma's shapes."""

from __future__ import annotations

import time

import httpx
import pytest

from ml_connector_tests.simulators.visma_support import ORDINARY, Visma

CUSTOMER = f"/v1/customer/{ORDINARY}"
NAME = {"name": {"value": "Sent AS"}}


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        ("rate_limit", 429, ["message"]),
        ("server_error", 500, ["message"]),
        ("expired_token", 401, ["message"]),
        ("empty_page", 200, []),
    ],
)
def test_answers_have_the_vendors_shape(visma: Visma, fault: str, status: int, body: list[str]) -> None:
    """The first call is hit, the next is not."""
    visma.fault(fault, times=1)
    answer = visma.http.get("/v1/customer")
    assert (answer.status_code, list(answer.json())) == (status, body)
    assert visma.http.get("/v1/customer").json()


def test_a_rate_limit_tells_when_to_come_back(visma: Visma) -> None:
    """failures.md 19: Retry-After and the four headers agree."""
    visma.fault("rate_limit", retry_after=7)
    headers = visma.http.get("/v1/customer").headers
    assert (headers["retry-after"], headers["x-ratelimit-remaining"], headers["x-ratelimit-reset"]) == ("7", "0", "7")


def test_a_write_that_never_answers_is_written(visma: Visma) -> None:
    """failures.md 20: the connection breaks, the change stands."""
    visma.fault("lost_answer", method="PUT", times=1)
    with pytest.raises(httpx.ReadError):
        visma.put(NAME)
    assert visma.read()["name"] == "Sent AS"


def test_a_write_can_commit_after_its_caller_gave_up(visma: Visma) -> None:
    """failures.md 35: looked up at once, the change is not there; later it is."""
    visma.fault("late_commit", method="PUT", times=1, seconds=0.3)
    with pytest.raises(httpx.ReadError):
        visma.put(NAME)
    assert visma.read()["name"] != "Sent AS"
    assert visma.control("GET", "faults")["pending"] == 1
    deadline = time.monotonic() + 5
    while visma.control("GET", "faults")["pending"] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert visma.read()["name"] == "Sent AS"


def test_a_reset_forgets_late_commits(visma: Visma) -> None:
    """What would have been written later belongs to the state that was thrown away."""
    visma.fault("late_commit", method="PUT", seconds=0.2)
    with pytest.raises(httpx.ReadError):
        visma.put(NAME)
    visma.control("POST", "reset")
    time.sleep(0.3)
    assert visma.read()["name"] != "Sent AS"


def test_token_calls_can_be_hit_too(visma: Visma) -> None:
    """A rule's path may name the token endpoint; a rule on the API leaves it alone."""
    visma.fault("server_error")
    assert visma.ask_token().status_code == 200
    visma.fault("server_error", path="^/connect/token")
    assert visma.ask_token().status_code == 500
