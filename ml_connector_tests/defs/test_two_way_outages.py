"""Chargebee is down, or refuses the key, through Dagster: what fails, with which words, and what running again does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import update

from ml_connector.defs.build import build_definitions, configured
from ml_connector.defs.names import deliver_job, poll_job, range_tags
from ml_connector.defs.work import to_read
from ml_connector.home import Home
from ml_connector.store.tables import intent, record_state
from ml_connector_tests.defs.place import materializations
from ml_connector_tests.defs.two_way import DERIVED, EVENTS, JOURNALS, TwoWay
from ml_connector_tests.systems.chargebee.support import LINES

FAILED, DONE = "FAILED", "MATERIALIZED"
HOURS = (5, 3, 1)  # ago, when two records each change: three windows
MANY = 120  # events, of which a page has a hundred
CALLS = {"customers": 2, "invoices": 1, "payments": 2}
"""That a record takes; of two the first one looks at what stands there."""
AHEAD = {"invoices": 1}
"""That all records of a run take together, before the first: their customers are looked at."""
REVOKED = {"fault": "expired_token"}
DOWN = {"fault": "server_error"}
WITHOUT_ANSWER = {"fault": "lost_answer"}
JOURNAL = "/v2/journaltransaction"
FLOW = {"customers": "customers", "invoices": "invoices", "payments": "invoices"}


def job_at(home: str, name: str) -> dg.JobDefinition:
    """A job as another process finds it."""
    where = Home.locate({}, Path(home))
    return build_definitions(configured(where), where).resolve_job_def(name)


def run_again(
    place: TwoWay, own: dg.DagsterInstance, failed: dg.ExecuteInProcessResult, span: tuple[str, str]
) -> dg.ExecutionResult:
    """Dagster's own re-execution, of everything that the run was to do."""
    options = dg.ReexecutionOptions(parent_run_id=failed.run_id)
    job = dg.build_reconstructable_job(__name__, "job_at", (str(place.home.path), failed.job_def.name))
    return dg.execute_job(job, own, tags=dict(range_tags(*span)), reexecution_options=options)


@contextmanager
def trouble(place: TwoWay, rule: Mapping[str, Any]) -> Iterator[None]:
    """A fault of Chargebee, which has to strike."""
    place.chargebee.control("faults", [rule])
    yield
    (struck,) = place.chargebee.control("faults")["rules"]
    place.chargebee.control("faults", [])
    assert struck["fired"], struck


def wait_out(place: TwoWay) -> None:
    """Every pause before another try has passed, and no call can take effect any more."""
    passed = datetime.now(UTC) - timedelta(hours=1)
    with place.home.open() as home, home.database.begin() as connection:
        connection.execute(update(record_state).where(record_state.c.due_at.is_not(None)).values(due_at=passed))
        connection.execute(update(intent).values(started_at=passed))


def problem(failed: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """The parts of what failed a run; whatever failed in it says the same."""
    found = [event.step_failure_data.user_failure_data for event in failed.all_events if event.is_step_failure]
    parts = [{name: value.value for name, value in one.metadata.items()} for one in found if one is not None]
    assert len(parts) == len(found) > 0
    assert all(part == parts[0] for part in parts)
    return parts[0]


# --- to Chargebee ----------------------------------------------------------------------------------------------------


class Outward:
    """Six customers of a company, delivered, one of whose kinds of record then changes in three windows."""

    def __init__(self, place: TwoWay, own: dg.DagsterInstance, kind: str) -> None:
        self.place, self.own, self.kind = place, own, kind
        books = place.books
        books.configure(customers=6, awkward=False, contacts_share=0, suppliers=0, invoices=0, journals=0)
        books.control("POST", "reset")
        rows = books.control("GET", "state?count=100")["customers"]["rows"]
        self.numbers = [row["number"] for row in rows]
        flows = {"customers": {}, "invoices": {"from": "2020-01-01"}}
        settings = {"flows": flows, "connections": 1, "retries": {"attempts": 1, "outages": 1}}
        place.configure_both(overlap="12h", target=settings)
        self.bills = [] if kind != "payments" else [self._order(number, 6) for number in self.numbers]
        assert self.read().success
        assert self.deliver().success
        self.changed = {
            place.windows(hours)[0]: [self._change(at, hours) for at in (2 * place_of, 2 * place_of + 1)]
            for place_of, hours in enumerate(HOURS)
        }
        assert self.read().success
        self.calls()

    @property
    def asset(self) -> dg.AssetKey:
        return dg.AssetKey(["nordic", "chargebee", FLOW[self.kind]])

    @property
    def span(self) -> tuple[str, str]:
        return min(self.changed), max(self.changed)

    @property
    def windows(self) -> list[str]:
        return list(self.changed)

    def read(self) -> dg.ExecuteInProcessResult:
        return self.place.run(self.own, poll_job(self.place.company.source))

    def deliver(self, span: tuple[str, str] | None = None) -> dg.ExecuteInProcessResult:
        return self.place.run(self.own, deliver_job(self.place.config.target("nordic/chargebee")), span)

    def statuses(self) -> list[str | None]:
        return self.place.statuses(self.own, self.windows, self.asset)

    def calls(self) -> Counter[tuple[str, int | None]]:
        """The writes since the last look, by what they were about and their status; None: cut without an answer."""
        log = self.place.chargebee.control("calls")["log"]
        self.place.chargebee.anonymous.delete("/_simulator/calls")
        writes = [call for call in log if call["method"] == "POST"]
        return Counter((call["path"].removeprefix("/api/v2/"), call["status"]) for call in writes)

    def _change(self, at: int, hours: int) -> str:
        """One record changes, some hours ago; the path of the write that brings it over."""
        number, modified = self.numbers[at], {"modified_at": (datetime.now(UTC) - timedelta(hours=hours)).isoformat()}
        if self.kind == "customers":
            self.place.books.patch(number, mainContact={"phone1": f"+47 22 00 00 0{at}"}, **modified)
            return f"customers/V-{number}"
        if self.kind == "invoices":
            self._order(number, hours)
            return "invoices/import_invoice"
        bill = self.bills[at]
        self.place.books.pay(bill, 10)
        self.place.books.control("PATCH", f"invoices/{bill}", modified)
        return f"invoices/VN-{bill}/record_payment"

    def _order(self, number: str, hours: int) -> str:
        made: str = self.place.books.order(customer=number)["referenceNumber"]
        moment = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
        self.place.books.control("PATCH", f"invoices/{made}", {"modified_at": moment})
        return made

    def verify(self) -> None:
        """What Visma has stands at Chargebee, each once."""
        site, rows = self.place.chargebee, self.place.books.books()["invoices"]["rows"]
        for row in self.place.books.control("GET", "state?count=100")["customers"]["rows"]:
            held = site.read(f"/customers/V-{row['number']}")["customer"]
            assert held["phone"] == row["mainContact"]["phone1"]
        made = {one["id"]: one for one in site.listed("invoices", limit=100)}
        ours = {name: one for name, one in made.items() if name.startswith("VN-")}
        assert set(ours) == {f"VN-{row['referenceNumber']}" for row in rows}
        paid = 1_000 if self.kind == "payments" else 0
        assert {one["amount_paid"] for one in ours.values()} <= {paid}
        assert {len(one["linked_payments"]) for one in ours.values()} <= {1 if paid else 0}


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("customers", REVOKED),
        ("customers", DOWN),
        ("invoices", REVOKED),
        ("invoices", DOWN),
        ("invoices", WITHOUT_ANSWER),
        ("payments", WITHOUT_ANSWER),
    ],
    ids=lambda value: value if isinstance(value, str) else value["fault"],
)
def test_dagsters_own_reexecution_sends_only_what_is_missing(
    two_way: TwoWay, own: dg.DagsterInstance, kind: str, fault: Mapping[str, Any]
) -> None:
    """The windows that were not finished are red; run again they are green, and nothing was written twice.

    From the fourth record on the key is refused, or its write meets an outage, or takes effect and its answer is lost.
    """
    out = Outward(two_way, own, kind)
    before = AHEAD.get(kind, 0) + 3 * CALLS[kind] + (0 if fault == REVOKED else CALLS[kind] - 1)
    with trouble(two_way, {**fault, "path": "/api/v2/", "after": before}):
        failed = out.deliver(out.span)
    assert (failed.success, problem(failed)["exit_code"]) == (False, 3)
    assert (out.statuses()[0], out.statuses()[-1]) == (DONE, FAILED)
    first = out.calls()
    sent, unanswered = written(first, 200), written(first, None)
    assert (sent.total(), unanswered.total()) == (3, 1 if fault == WITHOUT_ANSWER else 0)
    wait_out(two_way)
    assert run_again(two_way, own, failed, out.span).success
    assert out.statuses() == [DONE] * len(HOURS)
    sent += written(out.calls(), 200)
    wanted = Counter(path for paths in out.changed.values() for path in paths)
    assert (sent if kind == "invoices" else sent + unanswered) == wanted  # a repeated import is answered as the first
    out.verify()
    assert out.deliver(out.span).success
    assert not out.calls()


def written(calls: Counter[tuple[str, int | None]], status: int | None) -> Counter[str]:
    """What was written with such an answer, and how often."""
    return Counter({path: number for (path, answered), number in calls.items() if answered == status})


# --- from Chargebee --------------------------------------------------------------------------------------------------


def covered(place: TwoWay) -> tuple[datetime | None, str | None]:
    """Up to when events are read, and why the last read did not end."""
    with place.home.open() as home:
        coverage = home.ledger("nordic").readings.coverage("chargebee.events")
        return coverage.until, coverage.stopped


def landed(place: TwoWay) -> set[str]:
    """The events that are known here."""
    told = sorted(event["id"] for event in place.chargebee.events())
    with place.home.open() as home:
        return set(home.ledger("nordic").readings.known("chargebee.events", told))


def first_window(place: TwoWay) -> str:
    """Where the next poll begins."""
    with place.home.open() as home:
        (source,) = place.company.inward
        return to_read(home, place.company, source, place.now()).first


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({**DOWN, "after": 1}, "error of its own"),
        ({"fault": "reset", "after": 1}, "connection was cut"),
        (REVOKED, "API key was refused"),
    ],
    ids=["down on the second page", "cut off on the second page", "revoked"],
)
def test_a_read_of_events_that_fails_is_done_by_the_next_one(
    two_way: TwoWay, own: dg.DagsterInstance, rule: Mapping[str, Any], words: str
) -> None:
    """It says why, none of its windows counts as read, nothing is made of a part, and in the end nothing is lost."""
    for number in range(MANY):
        two_way.chargebee.customer(f"web-{number}")
    window = two_way.windows(0)[0]
    begins = first_window(two_way)
    with trouble(two_way, {**rule, "path": "/events$", "method": "GET"}):
        failed = two_way.read_events(own)
    parts = problem(failed)
    assert (failed.success, parts["exit_code"], words in parts["what"]) == (False, 3, True), parts
    assert all(parts[name] for name in ("what", "meaning", "action"))
    assert two_way.statuses(own, [window], EVENTS) == [FAILED]
    assert not any(two_way.statuses(own, [window], key) == [DONE] for key in DERIVED)
    until, stopped = covered(two_way)
    assert (until, stopped) == (None, parts["what"])
    assert first_window(two_way) == begins
    assert two_way.read_events(own).success
    assert all(two_way.statuses(own, [window], key) == [DONE] for key in (EVENTS, *DERIVED))
    told = {event["id"] for event in two_way.chargebee.events()}
    assert len(told) > MANY
    assert (landed(two_way), covered(two_way)[1]) == (told, None)
    assert two_way.post(own).success
    assert len(two_way.batches()) == 1


@pytest.mark.parametrize("rule", [DOWN, REVOKED], ids=lambda rule: str(rule["fault"]))
def test_what_happens_while_chargebee_cannot_be_read_is_found_by_dagsters_own_reexecution(
    two_way: TwoWay, own: dg.DagsterInstance, rule: Mapping[str, Any]
) -> None:
    """Coverage stays at the last read that ended; what webhooks told of waits, and is posted once."""
    assert two_way.read_events(own).success
    assert two_way.post(own).success
    before, _ = covered(two_way)
    item = {"item_price_id": "lisens", "item_type": "plan", "unit_price": 60_000}
    year = {"billing_period": 1, "billing_period_unit": "year", "tax_rate": 25, "tax_name": "MVA"}
    two_way.chargebee.subscribe("S-2", items=[item], **year)
    newest = two_way.chargebee.events()[-1]["id"]
    two_way.tell(newest)
    window = two_way.windows(0)[0]
    with trouble(two_way, {**rule, "path": "/events"}):
        failed = two_way.read_events(own)
    assert not failed.success
    assert two_way.inbox()["received"] == 1
    assert (covered(two_way)[0], two_way.statuses(own, [window], EVENTS)) == (before, [FAILED])
    assert run_again(two_way, own, failed, (window, window)).success
    assert all(two_way.statuses(own, [window], key) == [DONE] for key in (EVENTS, *DERIVED))
    assert set(two_way.inbox()) == {"taken"}
    until, stopped = covered(two_way)
    assert before is not None
    assert until is not None
    assert (until > before, stopped) == (True, None)
    for _ in range(2):
        assert two_way.post(own).success
    assert len(two_way.batches()) == 2


# --- into Visma ------------------------------------------------------------------------------------------------------


def test_dagsters_own_reexecution_posts_what_a_visma_that_is_down_did_not_take(
    two_way: TwoWay, own: dg.DagsterInstance
) -> None:
    """Two invoices of two windows: both windows are red, and nothing is posted; run again, each is posted once."""
    two_way.configure_both(outages=1)
    site = two_way.chargebee
    site.start_over()
    site.configure(clock_offset_seconds=-3 * 3600)
    site.subscribe("S-1")
    site.control("clock", {"hours": 3})
    site.subscribe("S-2")
    told = [datetime.fromtimestamp(event["occurred_at"], UTC) for event in site.events("invoice_generated")]
    first, last = span = [two_way.company.windows.key(moment, two_way.now()) for moment in told]
    assert two_way.read_events(own).success
    two_way.books.fault("server_error", path=f"{JOURNAL}$", method="POST")
    failed = two_way.run(own, deliver_job(two_way.back), (first, last))
    assert (failed.success, problem(failed)["exit_code"]) == (False, 3)
    assert two_way.statuses(own, span, JOURNALS) == [FAILED, FAILED]
    assert two_way.batches() == []
    two_way.books.control("POST", "faults", [])
    wait_out(two_way)
    assert run_again(two_way, own, failed, (first, last)).success
    assert two_way.statuses(own, span, JOURNALS) == [DONE, DONE]
    figures = materializations(own, JOURNALS)
    assert [figures[window]["created"] for window in span] == [1, 1]
    numbers = [batch[LINES][0]["referenceNumber"] for batch in two_way.batches()]
    assert (len(numbers), len(set(numbers))) == (2, 2)
    assert two_way.run(own, deliver_job(two_way.back), (first, last)).success
    assert len(two_way.batches()) == 2
