"""Any history of documents, webhooks, faults and months leaves in Visma what Chargebee's documents say, once."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from sqlalchemy import select

from ml_connector.engine.derive import derive
from ml_connector.engine.told import UNKNOWN
from ml_connector.errors import StoppedProblem
from ml_connector.store.landing import Landings
from ml_connector.store.ledger import Ledger
from ml_connector.store.tables import inbox, record_state
from ml_connector.store.vault import Vault, new_key, parse_key
from ml_connector.systems.chargebee import inward
from ml_connector_tests.databases import new_database
from ml_connector_tests.simulators.chargebee_support import KARI, Chargebee
from ml_connector_tests.simulators.visma_support import Visma
from ml_connector_tests.systems.chargebee.expected import (
    Chart,
    Expected,
    Posting,
    by_reference,
    expected,
    standing,
    totals,
)
from ml_connector_tests.systems.chargebee.support import BACK, COMPANY, TARGET, Sync, events_block, open_sync

EXAMPLES = int(os.environ.get("ML_CONNECTOR_TEST_HISTORIES", "60")) // 15
WAYS: dict[str, tuple[int, dict[str, Any]]] = {
    "deferred": (3, {}),
    "immediate": (1, {"policy": "immediate", "release": True}),
    "invoices": (1, {"policy": "immediate", "post": "invoices"}),
}
"""How documents are posted, with how many of the examples."""
WHY_NOT = {"not due yet", "posted at once", "posted by hand", "our own import", "credited before", "nothing to post"}
LONGEST = 500  # days, so that the last month is still among Visma's periods
ITEMS: Sequence[Sequence[dict[str, Any]]] = (
    [{"item_price_id": "lisens", "item_type": "plan", "unit_price": 120_000}],
    [
        {"item_price_id": "lisens", "item_type": "plan", "unit_price": 99_999},
        {"item_price_id": "bruker", "item_type": "addon", "unit_price": 10_001, "quantity": 3},
        {"item_price_id": "oppstart", "item_type": "charge", "unit_price": 5_000},
    ],
    [{"item_price_id": "liten", "item_type": "plan", "unit_price": 7}],
)
FAULTS = ("server_error", "reset", "reset_body", "torn_json", "html_error", "rate_limit", "expired_token")
WRITE_FAULTS = (*FAULTS, "lost_answer", "lost_answer", "false_error", "late_commit", "late_commit")
POSTS, LATE = "^/v2/(journaltransaction|customerinvoice|customerCreditNote)$", 0.3  # seconds

NOTES = ("adjustment", "refundable")

which = st.integers(0, 3)
people = st.one_of(
    st.tuples(
        st.just("subscribe"),
        st.sampled_from((("month", 1), ("month", 3), ("year", 1), ("year", 1))),
        st.sampled_from(ITEMS),
        st.fixed_dictionaries(
            {"tax_rate": st.sampled_from((25, 0)), "price_type": st.sampled_from(("tax_exclusive", "tax_inclusive"))},
            optional={
                "discount_percentage": st.just(12.5),
                "currency_code": st.just("EUR"),
                "start_date": st.sampled_from((-40, -3, 9)),
            },
        ),
    ),
    st.tuples(st.just("charge"), st.sampled_from((1, 4_999)), st.sampled_from((0, 0, 45))),
    st.tuples(
        st.just("subscription"), which, st.sampled_from(("renew", "renew", "pause", "resume", "reactivate", "keep"))
    ),
    st.tuples(st.just("change"), which, st.sampled_from(ITEMS), st.booleans()),
    st.tuples(st.just("cancel"), which, st.sampled_from(("now", "term_end", "not after all")), st.booleans()),
    st.tuples(st.just("credit"), which, st.sampled_from((1, 0.5, 1 / 3)), st.sampled_from(NOTES)),
    st.tuples(st.just("invoice"), which, st.sampled_from(("void", "delete", "write_off"))),
    st.tuples(st.just("pay"), which, st.sampled_from((1, 0.6))),
    st.tuples(st.just("new version"), which, st.sampled_from(("details", "refund", "unpay"))),
    st.tuples(st.just("import"), st.booleans()),
)
told = st.tuples(
    st.just("webhooks"),
    st.lists(st.integers(0, 7), min_size=1, max_size=4),  # which of the newest events, in the order of their coming
    st.sampled_from(("genuine", "genuine", "lies", "forged")),
)
faults = st.tuples(
    st.just("fault"),
    st.one_of(
        st.tuples(st.just("visma"), st.sampled_from(WRITE_FAULTS), st.just(POSTS)),
        st.tuples(st.just("visma"), st.sampled_from(WRITE_FAULTS), st.just(POSTS)),
        st.tuples(st.just("visma"), st.sampled_from(FAULTS), st.just("/v[12]/")),
        st.tuples(st.just("chargebee"), st.sampled_from(FAULTS), st.just("/events|/subscriptions")),
    ),
    st.sampled_from((0, 0, 0, 1)),
    st.integers(1, 3),
)
periods = st.tuples(st.just("period"), st.sampled_from((-1, 0, 0, 1)), st.sampled_from(("close", "open")))
ours = st.one_of(
    st.tuples(st.just("sync")),
    st.tuples(st.just("sync")),
    st.tuples(st.just("take in"), st.booleans()),
    st.tuples(st.just("poll"), st.booleans()),
    st.tuples(st.just("post"), st.sampled_from(("journals", "recognitions"))),
    st.tuples(st.just("derive all")),
    st.tuples(st.just("replay"), which),
)
SPANS = (
    {"minutes": 1},
    {"minutes": 6},
    {"minutes": 6},
    {"hours": 13},
    {"days": 6},
    {"days": 33},
    {"days": 33},
    {"days": 95},
)
spans = st.tuples(st.just("pass"), st.sampled_from(SPANS))
rounds = st.tuples(
    st.lists(people, min_size=1, max_size=3),
    st.lists(told, max_size=1),
    st.lists(periods, max_size=1),
    faults.map(lambda fault: [fault]),
    st.lists(ours, min_size=1, max_size=2),  # the second one without the faults
    spans.map(lambda span: [span]),
)


@dataclass
class History:
    """A company between both simulators, to which anything may happen."""

    sync: Sync
    ledger: Ledger
    days: float = 0.0
    made: int = 0
    forged: set[str] = field(default_factory=set)
    closed: bool = False

    # --- what happens ------------------------------------------------------------------------------------------------

    def play(self, step: tuple[Any, ...]) -> None:
        chargebee = self.sync.chargebee
        match step:
            case ("subscribe", (unit, period), items, terms):
                self._subscribe(unit, period, items, dict(terms))
            case ("charge", amount, days):
                now = chargebee.now()
                charge = {"amount": amount, "description": "Kurs", "date_from": now, "date_to": now + days * 86_400}
                path = "/invoices/create_for_charge_items_and_charges"
                chargebee.post(path, customer_id=KARI, net_term_days=14, charges=[charge])
            case ("subscription", number, act):
                self._on("subscriptions", number, act, {})
            case ("change", number, items, prorate):
                self._on("subscriptions", number, "change", {"items": items, "prorate": prorate})
            case ("cancel", number, "not after all", _):
                self._on("subscriptions", number, "cancel", {"when": "term_end"})
                self._on("subscriptions", number, "keep", {})
            case ("cancel", number, when, credit):
                self._on("subscriptions", number, "cancel", {"when": when, "credit": credit})
            case ("credit", number, share, kind):
                if invoice := self._picked("invoices", number):
                    lines = invoice["line_items"]
                    body = {"line": lines[number % len(lines)]["id"], "type": kind}
                    part = {} if share == 1 else {"amount": max(1, int(invoice["total"] * share))}
                    self._on("invoices", number, "credit", body | part)
            case ("pay", number, share):
                if (invoice := self._picked("invoices", number)) and invoice["amount_due"]:
                    self._on("invoices", number, "pay", {"amount": max(1, int(invoice["amount_due"] * share))})
            case ("invoice", number, act):
                if invoice := self._picked("invoices", number):
                    chargebee.post(f"/invoices/{invoice['id']}/{act}")
            case ("new version", number, how):
                self._new_version(number, how)
            case ("import", credited):
                self.made += 1
                chargebee.invoice(f"VN-{self.made}")
                if credited:
                    self._act(f"invoices/VN-{self.made}/credit", {"amount": 2_500})
            case ("webhooks", numbers, kind):
                self._webhooks(numbers, kind)
            case ("fault", (side, name, path), after, times):
                self._fault(side, {"fault": name, "path": path, "after": after, "times": times})
            case ("pass", span):
                self.later(**span)
            case ("period", months, act):
                day = self.sync.now()
                month = day.year * 12 + day.month - 1 + months
                self.sync.visma.control("POST", f"periods/{month // 12}{month % 12 + 1:02d}/{act}")
                self.closed = True
            case _:
                with suppress(StoppedProblem):  # the outage of a reader; one of a writer is in its report
                    self._work(step)
                self._no_faults()

    def _work(self, step: tuple[Any, ...]) -> None:
        sync = self.sync
        match step:
            case ("take in", post):
                sync.take_in()
                sync.derive()
                sync.post(*(() if post else ("subscriptions",)))
            case ("poll", post):
                sync.poll()
                sync.derive()
                sync.post(*(() if post else ("subscriptions",)))
            case ("post", flow):
                sync.post(flow)
            case ("sync",):
                sync.sync_back()
            case ("derive all",):
                for derivation in inward.derivations(sync.settings, TARGET):
                    derive(derivation, self.ledger, run_id="whole", clock=sync.now, whole=True)
                sync.post()
            case ("replay", number):
                keys = sorted(row.key for row in self.states("journals"))
                if keys:
                    sync.post("journals", only=[keys[number % len(keys)]])

    def _subscribe(self, unit: str, period: int, items: Any, terms: dict[str, Any]) -> None:
        self.made += 1
        if "start_date" in terms:
            terms["start_date"] = self.sync.chargebee.now() + terms["start_date"] * 86_400
        if self.sync.settings.events and self.sync.settings.events.post == "invoices":
            terms.pop("currency_code", None)  # Visma's customer has one of its own
        body = {"id": f"S-{self.made}", "customer_id": KARI, "billing_period": period, "billing_period_unit": unit}
        self._act("subscriptions", {**body, "items": items, **terms})

    def _new_version(self, number: int, how: str) -> None:
        """Of a document of which accounting learns nothing new."""
        invoice, note = self._picked("invoices", number), self._picked("credit_notes", number)
        if how == "refund" and note and note["amount_available"]:
            self._act(f"credit-notes/{note['id']}/refund", {})
        elif invoice and how == "details":
            self.sync.chargebee.post(f"/invoices/{invoice['id']}/update_details", po_number=f"PO-{self.made}")
        elif invoice and how == "unpay" and invoice["linked_payments"]:
            transaction = {"id": invoice["linked_payments"][0]["txn_id"]}
            self.sync.chargebee.post(f"/invoices/{invoice['id']}/remove_payment", transaction=transaction)

    def _on(self, kind: str, number: int, act: str, body: dict[str, Any]) -> None:
        if row := self._picked(kind, number):
            self._act(f"{kind}/{row['id']}/{act}", body)

    def _act(self, path: str, body: dict[str, Any]) -> None:
        """Somebody tries; it may be impossible by now."""
        answer = self.sync.chargebee.anonymous.post(f"/_simulator/{path}", json=body)
        assert answer.status_code in (200, 400), answer.text

    def _picked(self, kind: str, number: int) -> dict[str, Any] | None:
        """One of the newest."""
        rows = [row for row in self.records(kind) if not row["id"].startswith("VN-")]
        return rows[-1 - number % len(rows)] if rows else None

    def _webhooks(self, numbers: Sequence[int], kind: str) -> None:
        """They come in this order, some twice, some never; who knows the password may tell anything."""
        events, inbox = self.events(), self.ledger.inbox(TARGET)
        for number in numbers if events else ():
            event = events[-1 - number % len(events)]
            if kind != "genuine":
                event = orjson.loads(orjson.dumps(event).replace(b'"total":', b'"total":9'))
            if kind == "forged":
                event["id"] += "-forged"
                self.forged.add(event["id"])
            inbox.store(event["id"], orjson.dumps(event), self.sync.now())

    def _fault(self, side: str, rule: dict[str, Any]) -> None:
        if side == "chargebee":
            self.sync.chargebee.control("faults", [rule])
        else:
            writes = {"method": "POST"} if rule["path"] == POSTS else {}
            self.sync.visma.control("POST", "faults", [{**rule, **writes, "seconds": LATE}])

    def _no_faults(self) -> None:
        self.sync.chargebee.control("faults", [])
        self.sync.visma.control("POST", "faults", [])

    def later(self, **span: float) -> None:
        """The clocks move on; what Visma carries out late is done before it would have given up."""
        days = span.get("days", 0) + span.get("hours", 0) / 24
        if self.days + days > LONGEST:
            return
        self.days += days
        while span != {"minutes": 1} and self.sync.visma.control("GET", "faults")["pending"]:
            time.sleep(LATE / 5)
        self.sync.later(**span)

    # --- how it ends -------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """No more faults: what is due is done, day by day."""
        self._no_faults()
        for _ in range(12):
            self.later(hours=25)
            self.sync.sync_back()
            if not any(row.outcome == "failed" for row in self.states()):
                return

    def states(self, *flows: str) -> Sequence[Any]:
        query = select(record_state).where(record_state.c.target == BACK)
        with self.ledger.database.connect() as connection:
            rows = connection.execute(query).all()
        return [row for row in rows if not flows or row.flow in flows]

    def events(self) -> list[dict[str, Any]]:
        """Past the faults of Chargebee's API."""
        rows: list[dict[str, Any]] = self.sync.chargebee.control("state?count=10000")["events"]
        return rows

    def records(self, kind: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.sync.chargebee.control(f"records/{kind}?count=10000")["records"]
        return rows

    def verify(self) -> None:
        events = self.sync.settings.events
        assert events is not None
        chart = Chart(deferring=events.policy == "deferred")
        wanted = expected(self.records("invoices"), self.records("credit_notes"), self.sync.now(), chart)
        if events.post == "invoices":
            self._verify_invoices(wanted)
        else:
            self._verify_ledger(wanted, chart)
        self._verify_states(wanted)
        self._verify_inbox()
        assert self.ledger.audit(BACK).verify().ok

    def _verify_ledger(self, wanted: Expected, chart: Chart) -> None:
        """Each transaction once, in its month, line by line; what is deferred is what months to come will take off."""
        stands = standing(self.sync.visma.books()["journals"]["rows"])
        said = by_reference(wanted.postings, COMPANY, TARGET)
        assert set(stands) == set(said), _named(wanted, set(stands) ^ set(said))
        for reference, posting in said.items():
            there = stands[reference]
            assert (there.currency, there.lines) == (posting.currency, posting.lines), _named(wanted, {reference})
            assert there.month == posting.month or (self.closed and there.month > posting.month)
        assert totals(stands.values()) == totals(wanted.postings.values())
        deferred = sum(amount for (_, account), amount in totals(stands.values()).items() if account == chart.deferred)
        assert deferred == -sum(wanted.later.values())

    def _verify_invoices(self, wanted: Expected) -> None:
        """Each document once; of it are the lines with their accounts, Visma's are receivables and VAT."""
        books = self.sync.visma.books()
        assert standing(books["journals"]["rows"]) == {}
        found: dict[str, tuple[str, Any]] = {}
        for kind, sign in (("invoices", -1), ("credit_notes", 1)):
            for row in books[kind]["rows"]:
                reference = row["externalReference"] or ""
                if reference.startswith("CB"):
                    assert reference not in found, "an invoice twice"
                    rows = row.get("invoiceLines") or row["lines"]
                    lines = [(line["account"]["number"], sign * round(line["amountInCurrency"] * 100)) for line in rows]
                    found[reference] = row["customer"]["number"], sorted(lines)
        said = {
            reference: (KARI.removeprefix("V-"), sorted(line for line in posting.lines if line[0] == "3000"))
            for reference, posting in by_reference(wanted.documents, COMPANY, TARGET).items()
        }
        assert found == said

    def _verify_states(self, wanted: Expected) -> None:
        """Nothing is undelivered without a reason, and nothing for one that is not in its document."""
        rows = self.states("journals", "recognitions")
        posted = {row.key for row in rows if row.outcome in ("created", "updated", "unchanged")}
        assert posted == set(wanted.postings)
        rejected = {row.key: row.reason for row in rows if row.outcome == "rejected"}
        assert set(rejected) == wanted.by_hand, rejected
        assert all("by hand" in reason or "credit it there" in reason for reason in rejected.values())
        skipped = {row.key: row.rule or row.kind for row in rows if row.outcome == "skipped" and row.reason}
        assert len(posted) + len(rejected) + len(skipped) == len(rows), [row for row in rows if row.key not in posted]
        assert set(skipped.values()) <= WHY_NOT
        assert {key for key, rule in skipped.items() if rule == "not due yet"} >= set(wanted.later)
        for row in self.records("subscriptions"):
            (state,) = (state for state in self.states("subscriptions") if state.key == row["id"])
            amount = f", {row['mrr'] // 100}.{row['mrr'] % 100:02d} {row['currency_code']} a month"
            assert (state.rule, state.reason) == ("no money", row["status"] + amount)

    def _verify_inbox(self) -> None:
        """Every event was read at Chargebee; what it does not know was not acted on, and can be seen."""
        query = select(inbox.c.event_id, inbox.c.state, inbox.c.reason)
        with self.ledger.database.connect() as connection:
            rows = connection.execute(query).all()
        genuine = {event["id"] for event in self.events()}
        assert {row.event_id for row in rows if row.state == "taken"} == genuine
        assert {row.event_id for row in rows if row.reason == UNKNOWN} == self.forged
        assert len(rows) == len(genuine) + len(self.forged)


def _named(wanted: Expected, references: set[str]) -> dict[str, Any]:
    """For people: what references stand for."""
    keys: dict[str, Posting] = wanted.postings
    of = {reference: key for key in keys for reference in by_reference({key: keys[key]}, COMPANY, TARGET)}
    return {reference: of.get(reference) for reference in references}


@contextmanager
def fresh(chargebee: Chargebee, visma: Visma, **events: Any) -> Iterator[History]:
    """Both simulators as at the start, and an empty ledger that has met them."""
    chargebee.start_over()
    visma.start_over()
    chargebee.customer(KARI)
    with tempfile.TemporaryDirectory() as folder:
        database = new_database(Path(folder) / "ledger.db")
        vault = Vault.open(database, parse_key(new_key()))
        ledger = Ledger(database, vault, Landings(Path(folder) / "landings", vault.landing_key), COMPANY)
        with open_sync(ledger, chargebee, visma, events=events_block(**events)) as sync:
            sync.poll()  # before clocks are moved: that they agree is looked at once
            yield History(sync, ledger)
        database.close()


@pytest.mark.parametrize("way", WAYS)
def test_any_history_ends_with_what_the_documents_say(chargebee: Chargebee, visma: Visma, way: str) -> None:
    """failures.md 20, 26 and 27: each document and each month that has ended is posted once, to the cent, whatever
    came late, twice, out of order or never, whatever failed, and whoever forged something."""
    share, block = WAYS[way]

    @examples(max_examples=max(1, EXAMPLES * share), deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.integers(0, 31),
        st.sampled_from(("same_time", "end_of_day")),
        st.booleans(),
        st.lists(rounds, min_size=2, max_size=6),
        st.sampled_from((40, 1, 130)),
    )
    def histories(day: int, term_ends: str, note_of_voiding: bool, drawn: Sequence[Any], last: int) -> None:
        with fresh(chargebee, visma, **block) as history:
            chargebee.configure(term_ends=term_ends, void_credit_note=note_of_voiding)
            history.later(days=day)
            history.play(("subscribe", ("year", 1), ITEMS[1], {"tax_rate": 25}))
            for step in chain.from_iterable(chain.from_iterable(drawn)):
                history.play(step)
            history.later(days=last)
            history.settle()
            history.verify()

    histories()
