"""Outages of both sides through the whole path: what happens meanwhile, and that the next sync repairs it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import httpx
import pytest
import yaml
from sqlalchemy import update

from ml_connector.cli.simulators import Simulator
from ml_connector.defs.work import to_deliver
from ml_connector.store import reports
from ml_connector.store.tables import intent, record_state
from ml_connector_tests.faults.site import COMPANY, Site, open_site

CUSTOMERS = 200
COMPARED = 100  # of them are ordinary ones, at least
FEW, MANY = 8, 60  # changes that travel in calls of their own, and in a batch
BATCH_ABOVE = 50
SETTLE = timedelta(seconds=60)
LATE = 20.0  # seconds after which an unanswered call is carried out: longer than two syncs take
STOPPED = 1
CONTACTS, PAGE = "/v1/contact$", "/v1/customer$"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that was synchronised once; three members have said no since, and go on changing at Visma."""
    with open_site(tmp_path_factory.mktemp("site"), CUSTOMERS) as opened:
        configure(opened)
        assert opened.sync() == 0
        left = opened.mailchimp.control("unsubscribe-some", {"count": 3})["members"]
        opened.said_no |= {one["email_address"].lower() for one in left}
        yield opened


def configure(site: Site) -> None:
    """Small pages, short pauses, few changes to a batch, and a settle time that a test can wait for."""
    document = yaml.safe_load(site.home.config_path.read_text())
    company = document["companies"][COMPANY]
    company["visma"] |= {"page_size": 50, "retries": {"first_pause": 0.01, "jitter": 0}}
    company["targets"]["mailchimp"] |= {"settle": f"{SETTLE.seconds}s", "batch_above": BATCH_ABOVE}
    site.home.config_path.write_text(yaml.safe_dump(document))


@contextmanager
def trouble(simulator: Simulator, *rules: dict[str, Any]) -> Iterator[None]:
    """Faults that are in force within the block; each of them has to strike."""
    simulator.control("faults", list(rules))
    yield
    struck = simulator.control("faults")["rules"]
    simulator.control("faults", [])
    assert all(rule["fired"] for rule in struck), struck


def stir(site: Site, changes: int = FEW) -> list[str]:
    """Rename ordinary customers and everybody who said no; returns their numbers, so many ordinary ones first."""
    chosen: list[str] = site.dice.sample(site.ordinary(), changes)
    left = [row["number"] for row in site.customers() if email_of(row) in site.said_no]
    renamed = list(dict.fromkeys([*chosen, *left]))
    for number in renamed:
        site.change(number, name=f"Ny {site.dice.randrange(10**9)} Æ")
    return renamed


def email_of(row: dict[str, Any]) -> str:
    return str((row.get("mainContact") or {}).get("email") or "").strip().lower()


def problems(site: Site) -> dict[str, dict[str, Any]]:
    """What `ml-connector problems` lists, by record; addresses that were refused before any fault are left out."""
    with site.home.open() as home, home.database.connect() as connection:
        found = reports.problems(connection, COMPANY, "mailchimp")
    awkward = {number for numbers in site.visma.control("state")["awkward"].values() for number in numbers}
    return {problem["key"]: problem for problem in found if problem["key"] not in awkward}


def failed_windows(site: Site) -> set[str]:
    """The windows that Dagster shows as failed at the target."""
    with site.home.open() as home, dg.DagsterInstance.from_config(str(site.home.dagster_home)) as instance:
        company = home.config.company(COMPANY)
        return set(to_deliver(home, instance, company, company.targets["mailchimp"], datetime.now(UTC)).failed)


def wait_out(site: Site) -> None:
    """The settle time and every pause before a further try have passed."""
    passed = datetime.now(UTC) - SETTLE
    with site.home.open() as home, home.database.begin() as connection:
        connection.execute(update(record_state).where(record_state.c.due_at.is_not(None)).values(due_at=passed))
        connection.execute(update(intent).values(started_at=passed))


def forget_calls(site: Site) -> None:
    for one in (site.visma, site.mailchimp):
        httpx.delete(f"{one.url}/_simulator/calls", trust_env=False).raise_for_status()


def calls(simulator: Simulator, *methods: str) -> list[dict[str, Any]]:
    return [call for call in simulator.control("calls")["log"] if call["method"] in methods]


def all_is_well(site: Site, *, after_a_sync: bool = True) -> None:
    """One more sync repairs what is left, or nothing is left to be repaired; both sides agree."""
    if after_a_sync:
        assert site.sync() == 0
    assert not problems(site)
    assert not failed_windows(site)
    assert site.verify() >= COMPARED


# --- Mailchimp is down -----------------------------------------------------------------------------------------------


def test_mailchimp_goes_down_in_the_middle_of_a_delivery(site: Site) -> None:
    """failures.md 16: its windows are red and records are named; later only what is missing is sent, nothing twice."""
    changed = stir(site, 30)
    forget_calls(site)
    with trouble(site.mailchimp, {"fault": "server_error", "path": "/members/", "after": 10}):
        assert site.sync() == STOPPED
    assert failed_windows(site)
    named = problems(site)
    assert named
    assert set(named) <= {row["number"] for row in site.customers()}
    assert {(problem["outcome"], problem["class"]) for problem in named.values()} == {("failed", "outage")}
    assert all("status 500" in problem["reason"] for problem in named.values())

    wait_out(site)
    all_is_well(site)
    succeeded = Counter(call["path"] for call in calls(site.mailchimp, "PUT") if call["status"] == 200)
    assert len(succeeded) >= len(changed)
    assert set(succeeded.values()) == {1}


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


def test_a_lost_answer_of_a_single_write_leaves_the_newest_version(site: Site) -> None:
    """failures.md 35, for states: the write happened and nobody said so; the customer changes, and changes again."""
    changed = stir(site)
    with trouble(site.mailchimp, {"fault": "lost_answer", "method": "PUT", "times": 3}):
        assert site.sync() == 0
    for number in changed:
        site.change(number, name=f"Nyere {number}")
    assert site.sync() == 0
    wait_out(site)
    all_is_well(site)


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
