"""The accounting of events: balanced, exact to the cent, the same in any order, and never at a loss for words."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.engine.records import Desired, Record, Reject, Skip, SourceRow
from ml_connector.systems.chargebee.derivation import documents, recognitions, subscriptions
from ml_connector.systems.chargebee.event_settings import EventsSettings
from ml_connector.systems.chargebee.journals import Origin, map_document
from ml_connector.systems.chargebee.recognition import map_recognition
from ml_connector.systems.chargebee.schedule import day_of, end_of, last_day, spread
from ml_connector_tests.systems.chargebee.support import events_block

OSLO = ZoneInfo("Europe/Oslo")
ORIGIN = Origin("nordic", "chargebee")
DEFERRED = EventsSettings.model_validate(events_block())
IMMEDIATE = EventsSettings.model_validate(events_block(policy="immediate"))
DAY = 86_400
MOMENTS = st.integers(
    int(datetime(2024, 1, 1, tzinfo=UTC).timestamp()), int(datetime(2032, 1, 1, tzinfo=UTC).timestamp())
)
AMOUNTS = st.integers(0, 10_000_000)


def epoch(year: int, month: int, day: int, hour: int = 0) -> int:
    return int(datetime(year, month, day, hour, tzinfo=OSLO).timestamp())


@st.composite
def lines(draw: st.DrawFn) -> dict[str, Any]:
    starts = draw(MOMENTS)
    ends = starts + draw(st.sampled_from([0, 0, DAY, 30 * DAY, 365 * DAY, 700 * DAY])) + draw(st.integers(0, DAY))
    amount = draw(AMOUNTS)
    discount = draw(st.integers(0, amount))
    return {
        "id": draw(st.uuids()).hex,
        "date_from": starts,
        "date_to": ends if draw(st.booleans()) else starts,
        "amount": amount,
        "discount_amount": discount,
        "tax_amount": draw(st.integers(0, 1_000_000)),
        "entity_type": "plan_item_price",
        "entity_id": "lisens",
        "description": "Lisens",
    }


@st.composite
def invoices(draw: st.DrawFn) -> dict[str, Any]:
    """An invoice that adds up, as Chargebee shows it."""
    chosen = draw(st.lists(lines(), min_size=1, max_size=4))
    inclusive, round_off = draw(st.booleans()), draw(st.integers(-99, 99))
    for line in chosen:
        line["tax_amount"] = (
            min(line["tax_amount"], line["amount"] - line["discount_amount"]) if inclusive else line["tax_amount"]
        )
    net = sum(line["amount"] - line["discount_amount"] for line in chosen)
    tax = 0 if inclusive else sum(line["tax_amount"] for line in chosen)
    return {
        "id": f"INV-{draw(st.integers(1, 10**6))}",
        "customer_id": "V-1",
        "status": "posted",
        "date": draw(MOMENTS),
        "currency_code": "NOK",
        "exchange_rate": 1.0,
        "price_type": "tax_inclusive" if inclusive else "tax_exclusive",
        "total": net + tax + round_off,
        "round_off_amount": round_off,
        "line_items": chosen,
        "line_item_taxes": [
            {"line_item_id": line["id"], "tax_name": "MVA", "tax_amount": line["tax_amount"]} for line in chosen
        ],
        "resource_version": draw(st.integers(1_700_000_000_000, 1_800_000_000_000)),
    }


def event(name: str = "invoice_generated", **content: Any) -> bytes:
    return orjson.dumps({"id": "ev", "event_type": name, "content": content})


def record(row: SourceRow) -> Record:
    return Record(row.key, row.changed_at, row.payload)


def posted(payload: bytes, settings: EventsSettings = DEFERRED) -> list[dict[str, Any]]:
    """The transactions of an event, its months among them."""
    made: list[dict[str, Any]] = []
    for row in documents(payload, settings):
        mapped = map_document(record(row), settings, ORIGIN, ("VN-",))
        assert isinstance(mapped, Desired | Skip), mapped
        made += [dict(mapped.body)] if isinstance(mapped, Desired) else []
    for row in recognitions(payload, settings) if settings.policy == "deferred" else ():
        mapped = map_recognition(record(row), settings, ORIGIN, ("VN-",))
        assert isinstance(mapped, Desired), mapped
        made.append(dict(mapped.body))
    return made


def sums(transactions: list[dict[str, Any]]) -> dict[str, Decimal]:
    """Account -> debit less credit."""
    found: dict[str, Decimal] = {}
    for body in transactions:
        for line in body["members"]["journalTransactionLines"]:
            amount = Decimal(line.get("debitAmountInCurrency", 0)) - Decimal(line.get("creditAmountInCurrency", 0))
            found[line["accountNumber"]] = found.get(line["accountNumber"], Decimal()) + amount
    return {account: amount for account, amount in found.items() if amount}


@given(amount=st.integers(-(10**9), 10**9), starts=MOMENTS, length=st.integers(0, 1500 * DAY), document=MOMENTS)
def test_the_months_of_a_line_add_up_to_it(amount: int, starts: int, length: int, document: int) -> None:
    """To the cent, with one sign, none before the document's own month, and the opposite has opposite months."""
    day = day_of(document, OSLO)
    months = spread(amount, starts, starts + length, day, OSLO)
    assert sum(months.values()) == amount
    assert all((part > 0) == (amount > 0) for part in months.values())
    assert all(month >= f"{day:%Y-%m}" for month in months)
    opposite = spread(-amount, starts, starts + length, day, OSLO)
    assert opposite == {month: -part for month, part in months.items()}


@pytest.mark.parametrize(
    ("starts", "ends", "days", "expected"),
    [
        (epoch(2026, 11, 16), epoch(2027, 11, 16), 365, {"2026-11": 15, "2027-02": 28, "2027-11": 15}),
        (epoch(2027, 11, 16), epoch(2028, 11, 16), 366, {"2028-02": 29}),
        (epoch(2026, 3, 1), epoch(2026, 4, 1), 31, {"2026-03": 31}),  # the night in which an hour is missing
        (epoch(2026, 10, 1), epoch(2026, 11, 1), 31, {"2026-10": 31}),  # and the one that has it twice
        (epoch(2026, 12, 1), epoch(2026, 12, 31, 23) + 3_599, 31, {"2026-12": 31}),  # day-based billing
        (epoch(2026, 11, 30, 23), epoch(2026, 12, 30, 23), 30, {"2026-11": 1, "2026-12": 29}),
        (epoch(2026, 5, 5, 10), epoch(2026, 5, 5, 18), 1, {"2026-05": 1}),
    ],
)
def test_days_are_those_of_the_site(starts: int, ends: int, days: int, expected: dict[str, int]) -> None:
    """Across both changes of the clocks, leap days, and the two ways in which terms end: one krone a day."""
    months = spread(days * 100, starts, ends, date(2020, 1, 1), OSLO)
    assert {month: months[month] / 100 for month in expected} == expected


@given(invoice=invoices(), immediate=st.booleans())
def test_every_transaction_is_balanced(invoice: dict[str, Any], immediate: bool) -> None:
    """Debit equals credit, and every amount has at most two decimals."""
    for body in posted(event(invoice=invoice), IMMEDIATE if immediate else DEFERRED):
        members = body["members"]["journalTransactionLines"]
        sides = [sum(Decimal(line.get(side, 0)) for line in members) for side in SIDES]
        assert sides[0] == sides[1] > 0
        assert all("." in line.get(side, "0.00")[-3:] for line in members for side in SIDES)


SIDES = ("debitAmountInCurrency", "creditAmountInCurrency")


@given(invoice=invoices())
def test_in_the_end_both_policies_have_posted_the_same(invoice: dict[str, Any]) -> None:
    """Nothing stays deferred for ever."""
    payload = event(invoice=invoice)
    assert sums(posted(payload)) == sums(posted(payload, IMMEDIATE))


@given(invoice=invoices(), later=st.integers(0, 500 * DAY))
def test_a_full_credit_returns_every_account_to_zero(invoice: dict[str, Any], later: int) -> None:
    """Whenever it is made; and so does voiding."""
    note = {**invoice, "id": "CN-1", "type": "adjustment", "date": invoice["date"] + later}
    assert sums(posted(event(invoice=invoice)) + posted(event(credit_note=note))) == {}
    voided = {**invoice, "status": "voided", "voided_at": invoice["date"] + later}
    assert sums(posted(event(invoice=voided))) == {}


@given(invoice=invoices(), share=st.integers(1, 99))
def test_credits_of_two_parts_return_everything_too(invoice: dict[str, Any], share: int) -> None:
    """Any partition of the lines' amounts."""

    def part(name: str, number: int) -> dict[str, Any]:
        chosen = []
        for line in invoice["line_items"]:
            first = {key: line[key] * share // 100 for key in ("amount", "discount_amount", "tax_amount")}
            chosen.append(line | (first if number == 1 else {key: line[key] - first[key] for key in first}))
        off = invoice["round_off_amount"] if number == 1 else 0
        inclusive = invoice["price_type"] == "tax_inclusive"
        total = sum(one["amount"] - one["discount_amount"] + (0 if inclusive else one["tax_amount"]) for one in chosen)
        taxes = [{"line_item_id": one["id"], "tax_name": "MVA", "tax_amount": one["tax_amount"]} for one in chosen]
        more = {"line_items": chosen, "line_item_taxes": taxes, "total": total + off, "round_off_amount": off}
        return {**invoice, "id": name, "type": "refundable", **more}

    events = [event(invoice=invoice), event(credit_notes=[part("CN-1", 1), part("CN-2", 2)])]
    assert sums([body for payload in events for body in posted(payload)]) == {}


@given(invoice=invoices(), data=st.data())
def test_any_order_of_events_derives_the_same(invoice: dict[str, Any], data: st.DataObject) -> None:
    """Newer versions of a document, in many events, twice and shuffled: the newest of each key is the same."""
    versions = [
        {**invoice, "resource_version": invoice["resource_version"] + step, "amount_paid": step} for step in range(4)
    ]
    payloads = [event("payment_succeeded", invoice=one) for one in versions] + [event(invoice=versions[0])]
    shuffled = data.draw(st.permutations(payloads * 2))
    assert _newest(payloads) == _newest(shuffled)
    assert len({row.digest for payload in payloads for row in documents(payload, DEFERRED)}) == 1


def _newest(payloads: list[bytes]) -> dict[str, tuple[bytes, datetime]]:
    found: dict[str, tuple[bytes, datetime]] = {}
    for payload in payloads:
        for row in (*documents(payload, DEFERRED), *recognitions(payload, DEFERRED)):
            before = found.get(row.key)
            if before is None or (row.changed_at > before[1] and row.digest != before[0]):
                found[row.key] = (row.digest, row.changed_at)
    return {key: (digest, datetime.min.replace(tzinfo=UTC)) for key, (digest, _) in found.items()}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = ("invoice", "invoices", "credit_note", "credit_notes", "subscription")


@given(content=st.dictionaries(st.sampled_from(NAMES), JSON, max_size=3), invoice=invoices(), data=st.data())
def test_no_content_is_too_strange(content: Any, invoice: dict[str, Any], data: st.DataObject) -> None:
    """Total: any JSON, and an invoice with anything in place of one of its members."""
    broken = {**invoice, data.draw(st.sampled_from(sorted(invoice))): data.draw(JSON)}
    for payload in (b"", b"\xff", b"[]", event(**content), event(invoice=broken)):
        rows = [*documents(payload, DEFERRED), *recognitions(payload, DEFERRED), *subscriptions(payload, DEFERRED)]
        for row in documents(payload, DEFERRED):
            assert isinstance(map_document(record(row), DEFERRED, ORIGIN, ()), Desired | Skip | Reject)
        for row in recognitions(payload, DEFERRED):
            assert isinstance(map_recognition(record(row), DEFERRED, ORIGIN, ()), Desired | Skip | Reject)
        assert all(json.loads(row.payload) is not None for row in rows)


def test_a_month_is_due_when_it_has_ended_where_the_site_is() -> None:
    """And bears its last day."""
    assert end_of("2026-12", OSLO) == datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert (last_day("2028-02"), last_day("2026-11")) == (date(2028, 2, 29), date(2026, 11, 30))
    assert end_of("2026-06", OSLO) - end_of("2026-05", OSLO) == timedelta(days=30)


def test_a_write_off_is_the_accountants_to_post() -> None:
    note = {
        "id": "CN-9",
        "customer_id": "V-1",
        "date": epoch(2026, 11, 1),
        "currency_code": "NOK",
        "total": 100,
        "type": "adjustment",
        "reason_code": "write_off",
        "line_items": [],
    }
    (row,) = documents(event(credit_note=note), DEFERRED)
    mapped = map_document(record(row), DEFERRED, ORIGIN, ())
    assert isinstance(mapped, Reject)
    assert "by hand" in mapped.reason


def test_a_document_that_does_not_add_up_names_both_sums() -> None:
    """failures.md 31."""
    line = {"id": "l", "amount": 100, "date_from": epoch(2026, 11, 1), "date_to": epoch(2026, 11, 1)}
    invoice = {
        "id": "INV-9",
        "customer_id": "V-1",
        "date": epoch(2026, 11, 1),
        "currency_code": "NOK",
        "total": 101,
        "status": "posted",
        "line_items": [line],
    }
    (row,) = documents(event(invoice=invoice), DEFERRED)
    mapped = map_document(record(row), DEFERRED, ORIGIN, ())
    assert isinstance(mapped, Reject)
    assert all(number in mapped.reason for number in ("100", "101"))


def test_references_are_short_and_unlike_each_other() -> None:
    """At most fifteen characters: nobody tells how long Visma's may be."""
    keys = [f"invoice/{number}" for number in range(2000)]
    references = {ORIGIN.reference(key) for key in keys} | {Origin("other", "chargebee").reference(keys[0])}
    assert len(references) == len(keys) + 1
    assert all(one.startswith("CB") and len(one) <= 15 for one in references)


@pytest.mark.parametrize(
    ("zone", "months", "over"),
    [
        ("Europe/Oslo", ["2027-01"], datetime(2027, 1, 31, 23, tzinfo=UTC)),
        ("America/New_York", ["2026-12", "2027-01"], datetime(2027, 1, 1, 5, tzinfo=UTC)),
    ],
)
def test_days_and_months_are_those_of_the_configured_zone(zone: str, months: list[str], over: datetime) -> None:
    """An invoice of half past eleven in the evening by UTC, on the last day of a year, for the thirty days after."""
    moment = int(datetime(2026, 12, 31, 23, 30, tzinfo=UTC).timestamp())
    line = {"id": "l1", "date_from": moment, "date_to": moment + 30 * DAY, "amount": 30_000}
    header = {"id": "INV-1", "customer_id": "V-1", "status": "posted", "date": moment, "currency_code": "NOK"}
    invoice = {**header, "total": 30_000, "line_items": [line], "resource_version": moment * 1000}
    chosen = EventsSettings.model_validate(events_block(timezone=zone))
    (document,) = documents(event(invoice=invoice), chosen)
    wish = map_document(record(document), chosen, ORIGIN, ("VN-",))
    assert isinstance(wish, Desired)
    assert (wish.body["period"], wish.body["date"][:7]) == (months[0], months[0])
    rows = recognitions(event(invoice=invoice), chosen)
    parts = [map_recognition(record(row), chosen, ORIGIN, ("VN-",)) for row in rows]
    assert [part.body["period"] for part in parts if isinstance(part, Desired)] == months
    assert isinstance(parts[0], Desired)
    assert parts[0].not_before == over
