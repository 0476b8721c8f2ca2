"""Events that cannot be read, or not to their end: the read stops, says so, and the next one misses nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ml_connector.errors import StoppedProblem
from ml_connector.systems.chargebee.account import read
from ml_connector.systems.chargebee.events import Events
from ml_connector.systems.chargebee.settings import Credentials
from ml_connector_tests.http.conftest import Stub, line, stub  # noqa: F401  fixtures
from ml_connector_tests.systems.chargebee.support import TARGET, Sync, counts, settings
from ml_connector_tests.systems.chargebee.test_events import subscribed

EVENTS = "chargebee.events"
MANY = 120
"""Events: two pages."""


def test_every_page_is_read(sync: Sync) -> None:
    """A hundred events stand on one."""
    for number in range(MANY):
        sync.chargebee.customer(f"web-{number}")
    sync.poll()
    told = {event["id"] for event in sync.chargebee.events()}
    assert len(told) >= MANY
    assert set(sync.ledger.readings.known(EVENTS, sorted(told))) == told


@pytest.mark.parametrize(
    "rule",
    [
        {"fault": "torn_json", "after": 1},
        {"fault": "reset_body", "after": 1},
        {"fault": "server_error", "after": 1},
        {"fault": "html_error", "after": 1},
        {"fault": "expired_token"},
    ],
    ids=lambda rule: str(rule["fault"]),
)
def test_a_read_that_breaks_off_covers_nothing_and_the_next_one_reads_all(sync: Sync, rule: dict[str, object]) -> None:
    """On the second page, or at once; what is posted of it in the end is posted once."""
    subscribed(sync)
    for number in range(MANY):
        sync.chargebee.customer(f"web-{number}")
    sync.chargebee.control("faults", [{"path": "/events$", "method": "GET", "times": 99, **rule}])
    with pytest.raises(StoppedProblem):
        sync.poll()
    assert sync.ledger.readings.coverage(EVENTS).until is None
    sync.chargebee.control("faults", [])
    assert counts(sync.sync_back()["journals"]) == {"read": 1, "created": 1}
    told = sorted(event["id"] for event in sync.chargebee.events())
    assert len(sync.ledger.readings.known(EVENTS, told)) == len(told)
    assert sync.sync_back()["journals"].total.read == 0
    assert len(sync.batches()) == 1


def test_a_limit_in_the_middle_of_a_read_is_waited_out(sync: Sync) -> None:
    for number in range(MANY):
        sync.chargebee.customer(f"web-{number}")
    rule = {"fault": "rate_limit", "path": "/events$", "after": 1, "times": 1, "retry_after": 0}
    sync.chargebee.control("faults", [rule])
    sync.poll()
    told = sorted(event["id"] for event in sync.chargebee.events())
    assert len(sync.ledger.readings.known(EVENTS, told)) == len(told) >= MANY


@pytest.fixture
def events(stub: Stub) -> Iterator[Events]:  # noqa: F811
    key = Credentials(api_key=SecretStr("key"))
    with read(settings(stub.url), key, TARGET) as opened:
        yield opened._events


@pytest.mark.parametrize("body", [{}, {"list": None}, {"list": {}}, [], "events", None], ids=repr)
def test_an_answer_without_rows_is_not_the_end_of_the_list(stub: Stub, events: Events, body: object) -> None:  # noqa: F811
    """Nobody can tell what it would have said: the read stops, and does not count as complete."""

    def reply(_: Request) -> Response:
        return JSONResponse(body)

    stub.reply = reply
    with pytest.raises(StoppedProblem):
        list(events.read(None))
