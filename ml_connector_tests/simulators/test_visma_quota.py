"""The quota: a fixed window, four headers, bursts (Visma reference, section 9)."""

from __future__ import annotations

import time

from ml_connector_tests.simulators.visma_support import ORDINARY, Visma

CUSTOMER = f"/v1/customer/{ORDINARY}"


def test_every_answer_tells_the_quota(visma: Visma) -> None:
    """Limit, what is left, seconds to the next window, and the policy's name; also on errors."""
    first, second = visma.http.get(CUSTOMER).headers, visma.http.get("/v1/customer/nobody").headers
    assert (first["x-ratelimit-limit"], first["x-ratelimit-policy"]) == ("15000", "4-fixed-window")
    assert int(first["x-ratelimit-remaining"]) - int(second["x-ratelimit-remaining"]) == 1
    assert 3590 <= int(first["x-ratelimit-reset"]) <= 3600


def test_a_used_up_window_refuses_until_the_next(visma: Visma) -> None:
    """failures.md 19: 429 with Retry-After; the next window starts anew."""
    visma.configure(rate_limit=3, rate_limit_window_seconds=1)
    visma.control("POST", "reset")
    answers = [visma.http.get(CUSTOMER) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert answers[-1].headers["retry-after"] == "1"
    time.sleep(1.05)
    assert visma.http.get(CUSTOMER).status_code == 200


def test_refused_tokens_cost_nothing(visma: Visma) -> None:
    """A call without a good token is not counted, and neither is the token call."""
    before = visma.http.get(CUSTOMER).headers["x-ratelimit-remaining"]
    visma.anonymous.get(CUSTOMER)
    visma.token()
    assert int(visma.http.get(CUSTOMER).headers["x-ratelimit-remaining"]) == int(before) - 1


def test_quick_calls_can_be_throttled(visma: Visma) -> None:
    """With a burst limit, calls within one second beyond it are refused for a second."""
    visma.configure(burst=5)
    visma.control("POST", "reset")
    answers = [visma.http.get(CUSTOMER) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1].headers["retry-after"] == "1"
    time.sleep(1.05)
    assert visma.http.get(CUSTOMER).status_code == 200
