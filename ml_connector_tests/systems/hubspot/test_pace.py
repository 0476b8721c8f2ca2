"""How fast HubSpot is called."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from ml_connector.errors import StoppedProblem
from ml_connector.http import ApiClient, Pace
from ml_connector.http.pace import TooLong
from ml_connector.systems.hubspot.client import HubSpotClient
from ml_connector.systems.hubspot.pace import AssociationPace, RatePace, SearchPace
from ml_connector_tests.systems.hubspot.conftest import OpenTarget
from ml_connector_tests.systems.hubspot.support import HubSpot, Sync, change, counts, customer, desired


def headers(left: int, most: int = 100, interval: int = 10_000, day: int = 1_000) -> dict[str, str]:
    names = {"Max": most, "Remaining": left, "Interval-Milliseconds": interval, "Daily-Remaining": day}
    return {f"x-hubspot-ratelimit-{name.lower()}": str(value) for name, value in names.items()}


def seconds_of(pace: Pace, calls: int, **answered: Any) -> float:
    began = time.monotonic()
    for _ in range(calls):
        with pace.turn():
            if answered:
                pace.heed(headers(**answered))
    return time.monotonic() - began


def test_calls_are_spread_over_the_interval_once_half_of_it_is_used() -> None:
    """failures.md 19: 100 in a second, and 40 left: ten calls take a tenth of it."""
    assert seconds_of(RatePace(1), 10, left=80, interval=1_000) < 0.05
    assert 0.08 < seconds_of(RatePace(1), 10, left=40, interval=1_000) < 0.5


def test_an_interval_that_is_used_up_is_waited_for() -> None:
    """failures.md 19: other programs of the account call, too."""
    pace = RatePace(1)
    seconds_of(pace, 1, left=0, interval=400)
    assert 0.08 < seconds_of(pace, 1) < 0.5


def test_a_day_that_is_used_up_to_the_reserve_stops() -> None:
    """failures.md 19: what is left belongs to other programs."""
    pace = RatePace(1, reserve=500)
    seconds_of(pace, 1, left=90, day=501)
    with pace.turn():
        pace.heed(headers(90, day=500))
    with pytest.raises(TooLong), pace.turn():
        pass


def test_associations_have_a_ceiling_of_their_own() -> None:
    """failures.md 19: 150 of them where all calls together may be 190, and 100 until that is known."""
    others = RatePace(1)
    pace = AssociationPace(others, interval=0.3)
    assert seconds_of(pace, 100, left=190, most=190, interval=300) < 0.25
    assert seconds_of(pace, 50, left=190, most=190, interval=300) < 0.25
    assert seconds_of(pace, 1, left=190, most=190, interval=300) > 0.05
    assert seconds_of(others, 50, left=190, most=190, interval=300) < 0.2
    unknown = AssociationPace(RatePace(1), interval=0.3)
    assert seconds_of(unknown, 101) > 0.2


def test_the_day_of_associations_stops_before_it_is_passed() -> None:
    """failures.md 19: 500,000 of them, whatever the headers say is left; other calls go on."""
    others = RatePace(1)
    pace = AssociationPace(others, daily=3)
    seconds_of(pace, 3, left=190, most=190)
    with pytest.raises(TooLong), pace.turn():
        pass
    assert seconds_of(others, 1) < 0.05


def test_the_day_of_associations_begins_anew() -> None:
    """A run that goes on beyond midnight may call again."""
    pace = AssociationPace(RatePace(1), daily=1)
    seconds_of(pace, 1)
    pace._day -= timedelta(days=1)
    assert seconds_of(pace, 1) < 0.05


def test_associations_keep_to_the_pace_of_all_calls() -> None:
    """What is used up of the ten seconds is so for them as well, and what their answers say counts for the others."""
    others = RatePace(1)
    pace = AssociationPace(others)
    seconds_of(pace, 1, left=0, interval=400)
    assert 0.08 < seconds_of(others, 1) < 0.5
    seconds_of(others, 1, left=0, interval=400)
    assert 0.08 < seconds_of(pace, 1) < 0.5


def test_headers_that_say_nothing_change_nothing() -> None:
    """Search answers have none (HubSpot reference, section 12)."""
    pace = RatePace(1)
    pace.heed({"x-hubspot-ratelimit-remaining": "many"})
    assert seconds_of(pace, 3) < 0.05


def test_searches_come_one_after_the_other() -> None:
    """Never more than four a second."""
    assert seconds_of(SearchPace(gap=0.05), 4) >= 0.15


def test_all_threads_search_at_one_pace(open_target: OpenTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many begin at once: the limit is the account's."""
    made: list[Pace] = []
    make = HubSpotClient._client

    def slowly(self: HubSpotClient, pace: Pace) -> ApiClient:
        time.sleep(0.02)
        made.append(pace)
        return make(self, pace)

    monkeypatch.setattr(HubSpotClient, "_client", slowly)
    client = open_target().account.client
    body = {"filterGroups": [], "sorts": [], "properties": ["name"], "limit": 1, "after": "0"}
    before = client.calls
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: client.search(client.routes.search("companies"), body), range(4)))
    assert len([pace for pace in made if isinstance(pace, SearchPace)]) == 1
    assert client.calls - before == 4


def test_the_day_of_the_account_stops_the_delivery(open_target: OpenTarget, hubspot: HubSpot) -> None:
    """failures.md 19: HubSpot says so with a policy, and nothing more is tried."""
    target = open_target()
    hubspot.control("usage", {"daily_used": 1_000_000})
    with pytest.raises(StoppedProblem, match="calls of the day are used up"):
        list(target.results("companies", change(desired("companies", customer()))))


def test_the_day_of_associations_stops_links_until_it_is_over(sync: Sync, hubspot: HubSpot) -> None:
    """failures.md 19: HubSpot says so, whoever used them up; what is no link was delivered, and links come later."""
    hubspot.configure(association_daily=0)
    reports = sync.sync(customer())
    assert [counts(reports[name]) for name in ("companies", "contacts")] == [{"read": 1, "created": 1}] * 2
    stopped = reports["contact_companies"].stopped
    assert stopped is not None
    assert "calls of the day are used up" in str(stopped)
    hubspot.configure(association_daily=1)
    assert counts(sync.deliver()["contact_companies"]) == {"read": 1, "created": 1}


def test_what_other_programs_need_of_the_day_is_left_to_them(open_target: OpenTarget, hubspot: HubSpot) -> None:
    """failures.md 19: the reserve is respected before HubSpot refuses anything."""
    target = open_target(daily_reserve=10_000)
    hubspot.control("usage", {"daily_used": 995_000})
    with pytest.raises(StoppedProblem, match="quota"):
        list(target.results("companies", change(desired("companies", customer()))))
