"""One brake for all threads, as the server says."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from starlette.responses import JSONResponse, Response

from ml_connector.http import Pace, Stopped
from ml_connector.http.pace import TooLong, retry_after
from ml_connector_tests.http.conftest import Received, Stub


class Window:
    """A fixed window of calls, with the headers of Visma reference, section 9."""

    def __init__(self, stub: Stub, limit: int, seconds: float) -> None:
        self.limit, self.seconds = limit, seconds
        self.ends, self.used, self.turned_away = 0.0, 0, 0
        stub.reply = self

    def __call__(self, received: Received) -> Response:
        now = time.monotonic()
        if now >= self.ends:
            self.ends, self.used = now + self.seconds, 0
        left = self.ends - now
        headers = {"X-RateLimit-Limit": str(self.limit), "X-RateLimit-Reset": f"{left:.3f}"}
        if self.used >= self.limit:
            self.turned_away += 1
            return JSONResponse({}, 429, {**headers, "X-RateLimit-Remaining": "0", "Retry-After": f"{left:.3f}"})
        self.used += 1
        return JSONResponse({}, 200, {**headers, "X-RateLimit-Remaining": str(self.limit - self.used)})


def test_no_call_is_made_that_the_window_does_not_hold(stub: Stub) -> None:
    """failures.md 19: with four threads and a window of five calls none is turned away once the limit is known."""
    window = Window(stub, limit=5, seconds=0.3)
    with stub.client(pace=Pace(4)) as client, ThreadPoolExecutor(4) as pool:
        client.request("GET", "/x")
        list(pool.map(lambda _: client.request("GET", "/x"), range(13)))
    assert window.turned_away == 0
    assert client.calls == 14


def test_everybody_waits_as_long_as_the_server_says(stub: Stub) -> None:
    """failures.md 19: Retry-After of one answer holds every thread."""
    stub.faults({"fault": "rate_limit", "times": 1, "retry_after": 1})
    with stub.client(pace=Pace(4)) as client, ThreadPoolExecutor(4) as pool:
        started = time.monotonic()
        first = pool.submit(client.request, "GET", "/x")
        while not client.pace._open_at:
            time.sleep(0.01)
        others = [pool.submit(client.request, "GET", "/x") for _ in range(3)]
        for future in [first, *others]:
            future.result()
        assert time.monotonic() - started >= 1
    assert client.calls == 5


def test_a_quota_that_is_gone_for_long_stops_instead_of_waiting(stub: Stub) -> None:
    """failures.md 19: nobody holds a run for an hour; the sentence says when calls are welcome again."""
    stub.faults({"fault": "rate_limit", "retry_after": 1800})
    with stub.client(pace=Pace(2, patience=5)) as client, pytest.raises(Stopped, match="about 30 minutes") as caught:
        client.request("GET", "/x")
    assert client.calls == 1
    assert caught.value.decision.kind == "quota"


def test_a_window_without_calls_left_stops_before_the_next_call(stub: Stub) -> None:
    """The header of an answer is enough; no 429 is needed to know."""
    headers = {"X-RateLimit-Limit": "500", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1200"}
    stub.replies.append(JSONResponse({}, 200, headers))
    with stub.client() as client:
        client.request("GET", "/x")
        with pytest.raises(Stopped, match="about 20 minutes"):
            client.request("GET", "/x")
    assert len(stub.received) == 1


def test_pauses_double_when_the_server_names_no_time() -> None:
    """Mailchimp sends a bare 429: each new limit doubles the pause, and a call that gets through ends it."""
    pace = Pace(patience=0.0, first_pause=100, longest_pause=350)

    def pause() -> float:
        pace.brake({}, time.monotonic())
        with pytest.raises(TooLong) as caught, pace.turn():
            pass
        return caught.value.seconds

    first, second, third = pause(), pause(), pause()
    assert 74 < first <= 100 < second <= 200 < third <= 350
    pace.got_through()
    pace.brake({}, time.monotonic())
    assert pace._pauses == 1


def test_pauses_differ_by_chance() -> None:
    """Processes that met the limit together do not come back together: up to a quarter of each pause is left out."""
    pauses = []
    for _ in range(20):
        pace = Pace(first_pause=40)
        pace.brake({}, time.monotonic())
        pauses.append(round(pace._open_at - pace._braked_at, 6))
    assert 30 <= min(pauses) < max(pauses) <= 40


def test_calls_that_were_turned_away_together_count_once() -> None:
    """Ten connections that meet the limit at the same time do not double the pause ten times."""
    pace = Pace(first_pause=100)
    together = time.monotonic()
    for _ in range(10):
        pace.brake({}, together)
    assert pace._pauses == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, None), ("7", 7.0), ("0", 0.0), ("-3", None), ("soon", None), ("inf", None), ("nan", None)],
)
def test_retry_after_is_read_with_care(text: str | None, seconds: float | None) -> None:
    """A header that makes no sense counts as none."""
    assert retry_after({} if text is None else {"retry-after": text}) == seconds


def test_retry_after_may_be_a_date() -> None:
    """RFC 9110 allows both forms."""
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert retry_after({"retry-after": later}) == pytest.approx(90, abs=2)


def test_never_more_calls_at_once_than_connections(stub: Stub) -> None:
    """Mailchimp counts connections; eight threads share two."""
    pace = Pace(2)
    stub.faults({"fault": "slow", "seconds": 0.02})
    most = 0

    def watch(received: Received) -> Response:
        nonlocal most
        most = max(most, pace._in_flight)
        return JSONResponse({})

    stub.reply = watch
    with stub.client(pace=pace) as client, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: client.request("GET", "/x"), range(12)))
    assert most == 2


def test_a_vendor_that_names_no_time_is_waited_for_as_its_table_says() -> None:
    """failures.md 19: no doubling where the vendor's documents give the time; the server's own word goes before it."""
    pace = Pace(1)
    pace.brake({}, time.monotonic(), wait=30.0)
    assert 29 < pace._open_at - time.monotonic() <= 30
    assert pace._pauses == 0
    pace.brake({"retry-after": "60"}, time.monotonic(), wait=30.0)
    assert 59 < pace._open_at - time.monotonic() <= 60
