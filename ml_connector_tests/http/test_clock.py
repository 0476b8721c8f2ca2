"""A clock that is far off stops everything before anything is written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from starlette.responses import JSONResponse

from ml_connector.http import Stopped
from ml_connector_tests.http.conftest import Received, Stub


def dated(stub: Stub, off: timedelta) -> None:
    def reply(received: Received) -> JSONResponse:
        return JSONResponse({}, headers={"Date": format_datetime(datetime.now(UTC) + off, usegmt=True)})

    stub.reply = reply


@pytest.mark.parametrize("off", [timedelta(minutes=6), timedelta(hours=-1)])
def test_a_clock_far_off_stops_at_the_first_answer_and_stays_stopped(stub: Stub, off: timedelta) -> None:
    """Bad input: the sentence names both clocks, and a second call does not slip through."""
    dated(stub, off)
    with stub.client() as client:
        for _ in range(2):
            with pytest.raises(Stopped, match="a clock is far off") as caught:
                client.request("GET", "/x")
    assert "Nothing was written" in caught.value.action
    assert caught.value.decision.kind == "clock"


def test_a_few_minutes_are_within_reason(stub: Stub) -> None:
    """Only more than five minutes count, and the drift is known."""
    dated(stub, timedelta(minutes=4))
    with stub.client() as client:
        client.request("GET", "/x")
        assert client.drift.drift is not None
        assert client.drift.drift == pytest.approx(timedelta(minutes=4), abs=timedelta(seconds=5))


@pytest.mark.parametrize("text", [None, "yesterday"])
def test_a_server_that_does_not_say_is_believed(stub: Stub, text: str | None) -> None:
    """No date, no judgement."""
    stub.replies.append(JSONResponse({}, headers={"Date": text} if text else {}))
    with stub.client() as client:
        assert client.request("GET", "/x").date is None
