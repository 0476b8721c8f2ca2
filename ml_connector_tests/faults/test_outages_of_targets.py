"""Outages that every target knows, and those of HubSpot, through the whole path."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from ml_connector_tests.faults.outages import (
    all_is_well,
    calls,
    failed_windows,
    forget_calls,
    open_loaded_site,
    problems,
    stir,
    trouble,
    wait_out,
)
from ml_connector_tests.faults.site import STOPPED, Site
from ml_connector_tests.loopback import HTTP

WRITE = {"mailchimp": "/members/", "hubspot": "/batch/upsert", "chargebee": "/customers"}
METHOD = {"mailchimp": "PUT", "hubspot": "POST", "chargebee": "POST"}
WORDS = {"mailchimp": "status 500", "hubspot": "status 500", "chargebee": "an error of its own"}
DAY = 1_000  # calls
LATE = 5.0  # seconds

at_hubspot = pytest.mark.parametrize("site", ["hubspot"], indirect=True)


@pytest.fixture(scope="module", params=["mailchimp", "hubspot", "chargebee"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that was synchronised once."""
    with open_loaded_site(tmp_path_factory.mktemp("site"), request.param) as opened:
        yield opened


def stir_all(site: Site, changes: int) -> list[str]:
    """Rename customers; where suppliers are delivered, too, all those as well, which makes a batch of their own."""
    renamed = stir(site, changes)
    if site.targets == ("hubspot",):
        for row in site.visma.control("state?count=100000")["suppliers"]["rows"]:
            url = f"{site.visma.url}/_simulator/suppliers/{row['number']}"
            name = f"Ny leverandør {site.dice.randrange(10**9)}"
            HTTP.patch(url, json={"name": name}).raise_for_status()
    return renamed


def new_customer(site: Site, **members: Any) -> str:
    """The number of a customer that nobody knows yet."""
    url = f"{site.visma.url}/_simulator/customers"
    return str(HTTP.post(url, json=members).raise_for_status().json()["number"])


def written(site: Site) -> list[str]:
    """The paths of the writes that the target accepted."""
    made = calls(site.account, METHOD[site.targets[0]])
    return [one["path"] for one in made if one["status"] in (200, 207) and written_to(site, one)]


def written_to(site: Site, call: Mapping[str, Any]) -> bool:
    return WRITE[site.targets[0]] in call["path"]


def test_a_target_goes_down_in_the_middle_of_a_delivery(site: Site) -> None:
    """failures.md 16: records are named, windows red where some were not tried; later only what is missing is sent."""
    changed = stir_all(site, 30)
    forget_calls(site)
    after = {"mailchimp": 10, "hubspot": 1, "chargebee": 10}[site.targets[0]]
    with trouble(site.account, {"fault": "server_error", "path": WRITE[site.targets[0]], "after": after}):
        ended = site.sync()
    one_by_one = site.targets != ("hubspot",)
    if one_by_one:  # so many calls in a row that it counts as down
        assert ended == STOPPED
        assert failed_windows(site)
    named = problems(site)
    assert named
    state = site.visma.control("state?count=100000")
    assert set(named) <= {row["number"] for kind in ("customers", "suppliers") for row in state[kind]["rows"]}
    assert {(problem["outcome"], problem["class"]) for problem in named.values()} == {("failed", "outage")}
    assert all(WORDS[site.targets[0]] in problem["reason"] for problem in named.values())

    wait_out(site)
    all_is_well(site)
    if one_by_one:
        succeeded = Counter(written(site))
        assert len(succeeded) >= len(changed)
        twice = 1 if site.targets == ("chargebee",) else 0  # a customer of two calls, of which one was made, goes whole
        assert set(succeeded.values()) <= {1, 1 + twice}
    else:
        assert len(written(site)) == 2, "one batch of customers before the outage, one of suppliers after it"


def test_a_lost_answer_of_a_write_leaves_the_newest_version(site: Site) -> None:
    """failures.md 35, for states: the write happened and nobody said so; what is new is not made twice."""
    changed = [new_customer(site), *stir(site)]
    lost = {"fault": "lost_answer", "path": WRITE[site.targets[0]], "method": METHOD[site.targets[0]], "times": 3}
    with trouble(site.account, lost):
        assert site.sync() == 0
    for number in changed:
        site.change(number, name=f"Nyere {number}")
    assert site.sync() == 0
    wait_out(site)
    all_is_well(site)


@at_hubspot
def test_a_write_that_commits_late_never_ends_on_top_of_a_newer_one(site: Site) -> None:
    """failures.md 35, for states: the repetition was answered; the first try still is to be waited for."""
    changed = stir(site)
    with trouble(site.hubspot, {"fault": "late_commit", "path": WRITE["hubspot"], "times": 1, "seconds": LATE}):
        assert site.sync() == 0
        for number in changed:
            site.change(number, name=f"Nyere {number}")
        assert site.sync() == 0
        waiting = problems(site)
        assert {problem["class"] for problem in waiting.values()} == {"in doubt"}
        assert set(waiting) == set(changed)
        while site.hubspot.control("faults")["pending"]:
            time.sleep(0.1)
    wait_out(site)
    all_is_well(site)
    names = {one["properties"].get("name") for one in site.hubspot.control("records/companies?count=10000")["records"]}
    assert {f"Nyere {number}" for number in changed} <= names


@contextmanager
def calls_left(site: Site, number: int) -> Iterator[None]:
    """HubSpot takes so many more calls on this day, and as many as ever on the next one."""
    site.hubspot.control("settings", {"daily": DAY})
    site.hubspot.control("usage", {"daily_used": DAY - number})
    try:
        yield
    finally:
        site.hubspot.control("settings", {"daily": None})
        site.hubspot.control("usage", {"daily_used": 0})


@at_hubspot
def test_a_day_whose_calls_are_used_up_stops_the_target(site: Site) -> None:
    """failures.md 19: windows are red, run after run; on the next day only what is missing is sent."""
    stir_all(site, 30)
    forget_calls(site)
    for left in (3, 2, 0):
        with calls_left(site, left):
            assert site.sync() == STOPPED
        assert failed_windows(site)
        assert len(written(site)) == 1
    wait_out(site)
    all_is_well(site)
    assert len(written(site)) == 2


@at_hubspot
def test_a_token_that_expires_in_the_middle_of_a_delivery(site: Site) -> None:
    """failures.md 15: the target is stopped, its windows are red; with a token that works the rest is sent."""
    stir_all(site, 30)
    forget_calls(site)
    with trouble(site.hubspot, {"fault": "expired_token", "path": WRITE["hubspot"], "after": 1}):
        assert site.sync() == STOPPED
    assert failed_windows(site)
    assert len(written(site)) == 1
    wait_out(site)
    all_is_well(site)
    assert len(written(site)) == 2


@at_hubspot
def test_a_limit_of_searches_is_waited_out(site: Site) -> None:
    """failures.md 14: the company of a new customer is found after it, and nobody is rejected."""
    made = site.hubspot.control("records/companies", {"name": "Adoptert AS", "domain": "adoptert.no"})
    site.hubspot.control("search-index", {})
    number = new_customer(site, mainContact={"email": "post@adoptert.no"})
    forget_calls(site)
    with trouble(site.hubspot, {"fault": "rate_limit", "path": "/search$", "times": 2}):
        assert site.sync() == 0
    assert not problems(site)
    searches = Counter(one["status"] for one in calls(site.hubspot, "POST") if one["path"].endswith("/search"))
    assert searches == {429: 2, 200: 1}
    found = site.hubspot.control(f"records/companies/{made['id']}")["properties"]
    assert found["visma_customer_number"] == number
    all_is_well(site, after_a_sync=False)
