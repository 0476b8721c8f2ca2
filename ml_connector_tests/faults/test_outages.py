"""Outages of Visma and Mailchimp through the whole path: what happens meanwhile, and that the next sync repairs it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from ml_connector_tests.faults.outages import (
    FEW,
    all_is_well,
    calls,
    email_of,
    failed_windows,
    forget_calls,
    open_loaded_site,
    problems,
    stir,
    trouble,
    wait_out,
)
from ml_connector_tests.faults.site import STOPPED, Site

MANY = 60  # changes that travel in a batch
LATE = 20.0  # seconds after which an unanswered call is carried out: longer than two syncs take
CONTACTS, PAGE = "/v1/contact$", "/v1/customer$"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that was synchronised once; three members have said no since, and go on changing at Visma."""
    with open_loaded_site(tmp_path_factory.mktemp("site"), "mailchimp") as opened:
        yield opened


# --- Mailchimp does not answer ---------------------------------------------------------------------------------------


def test_a_batch_whose_results_cannot_be_fetched_is_not_handed_over_again(site: Site) -> None:
    """Mailchimp goes down while a batch is at work there: the next sync reads what became of it."""
    stir(site, MANY)
    forget_calls(site)
    with trouble(site.mailchimp, {"fault": "html_error", "path": "/batches/", "method": "GET"}):
        assert site.sync() == STOPPED
    assert failed_windows(site)
    all_is_well(site)
    assert len(calls(site.mailchimp, "POST")) == 1
    assert not calls(site.mailchimp, "PUT", "PATCH")


def test_limits_without_a_body_reject_nobody(site: Site) -> None:
    """failures.md 14: a bare 403 and a bodiless 429 mean to call less, and no record hears of it."""
    changed = stir(site)
    forget_calls(site)
    limits = [
        {"fault": "forbidden_empty", "path": "/members/", "times": 2},
        {"fault": "rate_limit_empty", "path": "/members/", "after": 3, "times": 2},
    ]
    with trouble(site.mailchimp, *limits):
        assert site.sync() == 0
    assert not problems(site)
    statuses = Counter(call["status"] for call in calls(site.mailchimp, "PUT"))
    assert statuses == {403: 2, 429: 2, 200: len(changed)}
    all_is_well(site, after_a_sync=False)


# --- Visma's answers are torn ----------------------------------------------------------------------------------------


def test_a_page_is_asked_for_again_after_every_kind_of_broken_answer(site: Site) -> None:
    """Torn JSON, a gateway's page, a reset within the body and a cut connection, one after the other: all is read."""
    stir(site)
    broken = ("torn_json", "html_error", "reset_body", "reset")
    with trouble(site.visma, *({"fault": name, "path": PAGE, "after": n, "times": 1} for n, name in enumerate(broken))):
        assert site.sync() == 0
    all_is_well(site, after_a_sync=False)


def test_changes_wait_while_the_contacts_cannot_be_read(site: Site) -> None:
    """failures.md 40: the read of the contacts stops; the customers are read, and delivered once the contacts are."""
    always: list[dict[str, Any]] = [
        {"fault": "reset_body", "every": 3},
        {"fault": "torn_json", "every": 2},
        {"fault": "html_error"},
    ]
    changed = stir(site)
    rows = {row["number"]: row for row in site.customers()}
    with trouble(site.visma, *({**rule, "path": CONTACTS} for rule in always)):
        assert site.sync() == STOPPED
    members = site.members()
    for number in changed:
        assert members[email_of(rows[number])]["merge_fields"]["COMPANY"] != rows[number]["name"]
    all_is_well(site)


def test_a_scan_that_breaks_off_loses_nothing(site: Site) -> None:
    """failures.md 1: after two pages every further one is torn; the next read begins from the same moment."""
    changed = stir(site, MANY)
    with trouble(site.visma, {"fault": "torn_json", "path": PAGE, "after": 1}):
        assert site.sync(full=True) == STOPPED
    delivered = site.members()
    rows = {row["number"]: row for row in site.customers()}
    behind = [
        number
        for number in changed
        if delivered[email_of(rows[number])]["merge_fields"]["COMPANY"] != rows[number]["name"]
    ]
    assert behind, "the scan broke off before it met everybody"
    all_is_well(site)


def test_a_token_that_expires_during_a_scan_is_renewed(site: Site) -> None:
    """failures.md 15: one refusal costs one more token, and no row."""
    stir(site)
    forget_calls(site)
    with trouble(site.visma, {"fault": "expired_token", "path": PAGE, "after": 1, "times": 1}):
        assert site.sync(full=True) == 0
    by_status = Counter(call["status"] for call in calls(site.visma, "GET"))
    assert by_status[401] == 1
    all_is_well(site, after_a_sync=False)


def test_a_token_that_is_refused_for_good_stops_the_read_and_not_the_delivery(site: Site) -> None:
    """What landed before is delivered, and once tokens work again the rest follows."""
    stir(site)
    with trouble(site.visma, {"fault": "expired_token", "path": "/v1/"}):
        assert site.sync() == STOPPED
    all_is_well(site)


def test_retry_after_is_obeyed(site: Site) -> None:
    """failures.md 19: after a 429 with Retry-After nobody calls that side until then."""
    stir(site)
    forget_calls(site)
    rule = {"fault": "rate_limit", "times": 1, "retry_after": 2}
    with trouble(site.visma, {**rule, "path": PAGE}), trouble(site.mailchimp, {**rule, "path": "/members/"}):
        assert site.sync() == 0
    for simulator in (site.visma, site.mailchimp):
        log = calls(simulator, "GET", "PUT")
        moments = [datetime.fromisoformat(call["at"]) for call in log]
        refused = next(moment for moment, call in zip(moments, log, strict=True) if call["status"] == 429)
        after = [moment - refused for moment in moments if moment > refused]
        assert after[-1] > timedelta(seconds=1.8)
        in_flight = timedelta(seconds=0.5)  # these calls had left before the answer was there
        assert not [moment for moment in after if in_flight < moment < timedelta(seconds=1.8)], after
    all_is_well(site, after_a_sync=False)


# --- answers that never came -----------------------------------------------------------------------------------------


def test_a_write_that_commits_late_never_ends_on_top_of_a_newer_one(site: Site) -> None:
    """failures.md 35, for states: the repetition was answered, twice even; the first try still is to be waited for."""
    changed = stir(site)
    late = {"fault": "late_commit", "method": "PUT", "times": 3, "seconds": LATE}
    with trouble(site.mailchimp, late):
        assert site.sync() == 0
        assert site.sync() == 0
        for number in changed:
            site.change(number, name=f"Nyere {number}")
        assert site.sync() == 0
        waiting = problems(site)
        assert {problem["class"] for problem in waiting.values()} == {"in doubt"}
        assert 1 <= len(waiting) <= 3  # a repetition may have been struck as well
        assert "never answered" in next(iter(waiting.values()))["reason"]
        until_committed(site)
    wait_out(site)
    all_is_well(site)


@pytest.mark.parametrize("fault", ["lost_answer", "late_commit"])
def test_a_batch_without_an_answer_leaves_the_newest_version(site: Site, fault: str) -> None:
    """failures.md 35, for states: whether it was taken is unknown, so newer versions wait until it would be done."""
    changed = stir(site, MANY)
    forget_calls(site)
    with trouble(site.mailchimp, {"fault": fault, "path": "/batches$", "method": "POST", "times": 1, "seconds": LATE}):
        assert site.sync() == 0
        assert set(changed[:MANY]) <= set(problems(site))
        newer = changed[:FEW]
        for number in newer:
            site.change(number, name=f"Nyere {number}")
        assert site.sync() == 0
        assert {problems(site)[number]["class"] for number in newer} == {"in doubt"}
        until_committed(site)
    wait_out(site)
    all_is_well(site)


def until_committed(site: Site) -> None:
    """Wait for the calls that are still to be carried out, and for the batches among them."""
    for _ in range(600):
        batches = [one["status"] for one in site.mailchimp.control("state?count=1000")["batches"]]
        if not site.mailchimp.control("faults")["pending"] and set(batches) <= {"finished"}:
            return
        time.sleep(0.1)
    raise AssertionError("a late call was never carried out")


# --- people and addresses --------------------------------------------------------------------------------------------


def test_an_address_that_is_refused_is_named_in_plain_words(site: Site) -> None:
    """The record is rejected with the reason, without the address; with its old address back it is delivered again."""
    refused = {
        "kari@glemt.no": ("forgotten address", "deleted for good"),
        "kari@looks-fake.no": ("fake address", "fake"),
        "kari.at.nowhere": ("malformed address", "no e-mail address"),
    }
    before = {row["number"]: email_of(row) for row in site.customers()}
    numbers = dict(zip(refused, stir(site, len(refused))[: len(refused)], strict=True))
    for address, number in numbers.items():
        site.change(number, mainContact={"email": address})
    assert site.sync() == 0
    found = problems(site)
    assert found.keys() == set(numbers.values())
    for address, (kind, words) in refused.items():
        problem = found[numbers[address]]
        assert (problem["outcome"], problem["class"]) == ("rejected", kind)
        assert words in problem["reason"]
        assert address not in problem["reason"]
        assert address not in site.members()

    for number in numbers.values():
        site.change(number, mainContact={"email": before[number]})
    all_is_well(site)


def test_who_bounced_or_left_is_updated_and_stays_off_the_list(site: Site) -> None:
    """failures.md 12: in a compliance state the fields still follow Visma, and the status stays Mailchimp's."""
    rows = {row["number"]: row for row in site.customers()}
    bounced = next(number for number in site.ordinary() if email_of(rows[number]) not in site.said_no)
    address = email_of(rows[bounced])
    site.mailchimp.control(f"members/{address}/clean", {})
    stir(site)
    site.change(bounced, name="Sprettert AS")
    with trouble(site.mailchimp, {"fault": "lost_answer", "method": "PUT", "times": 1}):
        assert site.sync() == 0
    wait_out(site)
    all_is_well(site)
    member = site.members()[address]
    assert (member["status"], member["merge_fields"]["COMPANY"]) == ("cleaned", "Sprettert AS")
    assert {site.members()[left]["status"] for left in site.said_no} == {"unsubscribed"}
