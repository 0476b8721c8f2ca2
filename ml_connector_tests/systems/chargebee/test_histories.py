"""Any history of customers, invoices, payments, faults and partial runs ends where Visma says, with nothing twice."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import SecretStr

from ml_connector.engine.bring import Bringer
from ml_connector.engine.deliver import FlowReport, deliver, is_due
from ml_connector.engine.poll import poll
from ml_connector.engine.ports import Entity
from ml_connector.engine.windows import Windows
from ml_connector.store.deliveries import State
from ml_connector.store.landing import Landings
from ml_connector.store.ledger import Ledger
from ml_connector.store.vault import Vault, new_key, parse_key
from ml_connector.systems.chargebee import outward
from ml_connector.systems.chargebee.account import ChargebeeAccount, connect
from ml_connector.systems.chargebee.settings import Credentials, Settings
from ml_connector_tests.databases import new_database
from ml_connector_tests.simulators.chargebee_support import Chargebee
from ml_connector_tests.systems.chargebee.support import QUICK, TARGET, settings
from ml_connector_tests.systems.hubspot.invoice_support import Documents, credit_note, invoice, line, payment
from ml_connector_tests.systems.hubspot.support import START, customer

EXAMPLES = int(os.environ.get("ML_CONNECTOR_TEST_HISTORIES", "60")) // 3
CUSTOMERS, NUMBERS = ("10001", "10002"), ("1", "2")
FLOWS = ("customers", "invoices", "credit_notes")
ENTITIES = ("visma.customers", "visma.customer_invoices", "visma.customer_credit_notes")
WRITES = ("import_invoice", "record_payment", "remove_payment", "update_details", "void", "import_credit_note")


@dataclass
class Outward:
    """A source in memory and a site at the simulator, through the engine; both have one clock."""

    ledger: Ledger
    chargebee: Chargebee
    account: ChargebeeAccount
    settings: Settings
    visma: Documents = field(default_factory=Documents)
    runs: int = 0

    def pass_by(self, **time: float) -> None:
        """Time goes by, at Chargebee too, where keys grow old."""
        self.visma.now += timedelta(**time)
        self.chargebee.control("clock", time)

    def read(self) -> None:
        for name in ENTITIES:
            entity = Entity(name, name)
            poll(self.visma, entity, self.ledger, run_id=self._run(), clock=self.visma.clock, overlap=timedelta(0))

    def deliver(self, *names: str, only: Sequence[str] | None = None) -> dict[str, FlowReport]:
        known = {flow.name: flow for flow in outward.flows(self.settings)}
        windows, run, reports = Windows(START, 60), self._run(), {}
        writer, clock = self.account.writer, self.visma.clock
        for name in names or known:
            bring = Bringer(known, writer, self.ledger, TARGET, "chargebee", windows, run, clock)
            reports[name] = deliver(
                known[name], writer(name), self.ledger, TARGET, "chargebee", windows,
                run_id=run, clock=clock, only=only, bring=bring,
            )  # fmt: skip
            assert all(tally.adds_up for tally in reports[name].windows.values())
            if reports[name].stopped is not None:
                break
        return reports

    def is_due(self) -> bool:
        now = self.visma.clock()
        return any(is_due(flow, self.ledger, TARGET, now) for flow in outward.flows(self.settings))

    def state(self, flow: str, key: str) -> State | None:
        known = next(one for one in outward.flows(self.settings) if one.name == flow)
        return self.ledger.deliveries(TARGET, flow, known.entity, known.secondary).states([key]).get(key)

    def settle(self) -> None:
        """No more faults: what is due is delivered day by day, as by the sensor, until nothing is."""
        self.chargebee.control("faults", [])
        self.read()
        for _ in range(12):
            self.pass_by(days=1, minutes=10)
            if not self.is_due():
                return
            self.deliver()
        assert not self.is_due()

    def _run(self) -> str:
        self.runs += 1
        return f"run-{self.runs}"


drawn_line = st.tuples(st.sampled_from(("1", "3")), st.sampled_from(("10", "33.33")))
paid = st.dictionaries(st.sampled_from(("700001", "700002", "700003")), st.sampled_from(("1", "2.5", "5")), max_size=3)
step = st.one_of(
    st.tuples(
        st.just("invoice"),
        st.sampled_from(NUMBERS),
        st.lists(drawn_line, min_size=1, max_size=2),
        paid,
        st.sampled_from(("PO-1", "PO-2", None)),
        st.sampled_from(("Open", "Open", "Open", "Voided")),
        st.sampled_from(("2026-10-31", "2026-11-30")),
        st.sampled_from(("Oslo", "Bodø", "Bodø", "Kiruna")),
        st.sampled_from(("", "A", "B")),
    ),
    st.tuples(st.just("credit note"), st.sampled_from(NUMBERS)),
    st.tuples(
        st.just("customer"),
        st.sampled_from(CUSTOMERS),
        st.sampled_from(("A", "B")),
        st.sampled_from(("Oslo", "Bodø")),
        st.sampled_from(("NO1", "NO2", "")),
    ),
    st.tuples(st.just("sync"), st.just(FLOWS)),
    st.tuples(st.just("sync"), st.just(FLOWS)),
    st.tuples(st.just("sync"), st.sampled_from((("invoices",), ("customers",), ("credit_notes",)))),
    st.tuples(
        st.just("fault"),
        st.sampled_from(("server_error", "lost_answer", "false_error", "expired_token", "locked", "rate_limit")),
        st.sampled_from((*WRITES, "customers", "update_billing_info", "/invoices/")),
        st.integers(1, 4),
    ),
    st.tuples(st.just("replay"), st.sampled_from(NUMBERS)),
    st.tuples(st.just("wait"), st.sampled_from((1, 5, 60))),
    st.tuples(st.just("prefix"), st.sampled_from(("VN-", "VX-"))),
)


def bill(number: str, lines: Sequence[tuple[str, str]], payments: dict[str, str], order: str | None, status: str,
         due: str, city: str = "Oslo", text: str = "") -> dict[str, Any]:  # fmt: skip
    rows = [line(at, quantity, price) for at, (quantity, price) in enumerate(lines, 1)]
    applied = [payment(amount, reference) for reference, amount in payments.items()]
    place = {"addressLine1": "Kaia 3", "city": city, "country": {"id": "SE" if city == "Kiruna" else "NO"}}
    more = {"status": status, "customerRefNumber": order, "documentDueDate": f"{due}T00:00:00"}
    more |= {"invoiceAddress": place, "invoiceText": text}
    return invoice(number, *rows, customer=CUSTOMERS[int(number) - 1], paid=applied, **more)


def play(sync: Outward, step: tuple[Any, ...]) -> None:
    sync.visma.now += timedelta(seconds=1)
    match step:
        case ("invoice", number, lines, payments, order, status, due, city, text):
            sync.visma.put(bill(number, lines, payments, order, status, due, city, text))
        case ("credit note", number):
            note = credit_note(f"9{number}", line(1, "1", "1"), originatorDocRef=number)
            sync.visma.put({**note, "customer": {"number": CUSTOMERS[int(number) - 1], "name": "x"}})
        case ("customer", number, name, city, vat):
            place = {"city": city, "country": {"id": "NO"}}
            sync.visma.put(customer(number, name=name, vatRegistrationId=vat, mainAddress=place))
        case ("sync", names):
            sync.read()
            sync.deliver(*names)
            sync.chargebee.control("faults", [])
        case ("fault", name, path, times):
            sync.chargebee.control("faults", [{"fault": name, "path": path, "times": times}])
        case ("replay", number):
            sync.deliver("invoices", only=[f"Invoice-{number}"])
        case ("wait", minutes):
            sync.pass_by(minutes=minutes)
        case ("prefix", prefix):
            block = {"customers": {}, "invoices": {"from": "2020-01-01", "prefix": prefix}}
            sync.settings = settings(sync.chargebee.url, flows=block)


def verify(sync: Outward) -> None:
    """What Visma has, Chargebee has: once, with these values; or it is told what a person has to do."""
    standing = [one for one in sync.chargebee.listed("invoices", limit=100) if one["status"] != "voided"]
    for row in sync.visma.rows["visma.customers"].values():
        held = sync.chargebee.read(f"/customers/V-{row['number']}")["customer"]
        assert (held["company"], held["billing_address"]["city"]) == (row["name"], row["mainAddress"]["city"])
    for key, row in sync.visma.rows.get("visma.customer_invoices", {}).items():
        number, state = row["referenceNumber"], sync.state("invoices", key)
        assert state is not None
        mine = [one for one in standing if one["customer_id"] == f"V-{row['customer']['number']}"]
        if state.outcome == "rejected":
            assert state.reason
            assert "by hand" in state.reason or "replay" in state.reason, state.reason
            assert len(mine) <= 1
            continue
        if row["status"] == "Voided":
            assert mine == [], number
            continue
        assert len(mine) == 1, (number, "stands more than once, or not at all")
        _is_the_same(mine[0], row)
        _has_its_details(sync, mine[0], row)
    payments_once(sync)


def _is_the_same(held: dict[str, Any], row: dict[str, Any]) -> None:
    assert held["total"] == round(row["amountInCurrency"] * 100)
    assert sorted(one["amount"] for one in held["line_items"]) == sorted(
        round(one["amountInCurrency"] * 100) for one in row["invoiceLines"]
    )
    assert held.get("po_number") == row["customerRefNumber"]
    amounts = sorted(round(one["amountPaid"] * 100) for one in row["applications"])
    assert held["amount_paid"] == sum(amounts)
    assert sum(link["txn_amount"] for link in held["linked_payments"]) == sum(amounts)


def _has_its_details(sync: Outward, held: dict[str, Any], row: dict[str, Any]) -> None:
    """Its own address, its customer's VAT number, and its text among notes and comments."""
    stands, given = held["billing_address"], row["invoiceAddress"]
    assert (stands["line1"], stands["city"], stands["country"]) == (
        given["addressLine1"],
        given["city"],
        given["country"]["id"],
    )
    buyer = sync.visma.rows["visma.customers"][row["customer"]["number"]]
    assert held.get("vat_number", "") == buyer["vatRegistrationId"]
    rows = sync.chargebee.control("records/comments")["records"]
    texts = [note["note"] for note in held.get("notes", ())]
    texts += [one["notes"] for one in rows if one["entity_id"] == held["id"]]
    assert not row["invoiceText"] or row["invoiceText"] in texts


def payments_once(sync: Outward) -> None:
    """Of what is linked, no number of a payment is worth more than Visma ever said: 5 kroner at most."""
    worth: dict[tuple[str, str], int] = {}
    for one in sync.chargebee.listed("transactions", limit=100):
        for link in one["linked_invoices"]:
            place = (link["invoice_id"], one["reference_number"])
            worth[place] = worth.get(place, 0) + one["amount"]
    assert all(amount <= 500 for amount in worth.values()), worth


@contextmanager
def fresh(chargebee: Chargebee) -> Iterator[Outward]:
    chargebee.start_over()
    chosen = settings(chargebee.url)
    key = Credentials(api_key=SecretStr(chargebee.settings.api_key))
    with tempfile.TemporaryDirectory() as folder, connect(chosen, key, QUICK) as account:
        database = new_database(Path(folder) / "ledger.db")
        vault = Vault.open(database, parse_key(new_key()))
        ledger = Ledger(database, vault, Landings(Path(folder) / "landings", vault.landing_key), "nordic")
        yield Outward(ledger, chargebee, account, chosen)
        database.close()


@pytest.mark.parametrize("stores", ["successes", "refusals"])
def test_any_history_ends_where_visma_says(chargebee: Chargebee, stores: str) -> None:
    """failures.md 20 and 28: no invoice and no payment twice, and nothing that changed is left behind silently.

    Whatever Chargebee keeps under an idempotency key: nobody documents it.
    """

    @examples(max_examples=EXAMPLES // 2, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(step, min_size=1, max_size=14))
    def histories(steps: list[tuple[Any, ...]]) -> None:
        with fresh(chargebee) as sync:
            chargebee.configure(idempotency_stores=stores)
            begin = [("customer", number, "A", "Oslo", "NO1") for number in CUSTOMERS]
            bills = [("invoice", number, [("1", "10"), ("3", "33.33")], {}, "PO-1", "Open", "2026-10-31", "Oslo", "A")
                     for number in NUMBERS]  # fmt: skip
            for one in (*begin, *bills, ("sync", FLOWS), *steps):
                play(sync, one)
            sync.settle()
            verify(sync)
            assert sync.ledger.audit(TARGET).verify().ok

    histories()
