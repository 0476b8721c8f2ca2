"""What is posted adds up, to the cent: whatever documents say, in whatever order events tell of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pydantic import ValidationError

from ml_connector.engine.records import Desired, Mapped, Record, Reject, Skip, SourceRow
from ml_connector.systems.chargebee import inward
from ml_connector.systems.chargebee.event_settings import EventsSettings
from ml_connector.systems.chargebee.schedule import day_of, end_of, spread
from ml_connector_tests.systems.chargebee.support import ACCOUNTS, LINES, events_block, settings


def calm(max_examples: int = 60) -> Any:
    """Examples that may take as long as a busy machine needs."""
    return examples(max_examples=max_examples, deadline=None, suppress_health_check=[HealthCheck.too_slow])


OSLO = ZoneInfo("Europe/Oslo")
DAY = 86_400
TARGET = "chargebee"
ZONES = ["Europe/Oslo", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "America/Santiago", "UTC"]
moments = st.integers(1_577_836_800 + 2 * DAY, 1_893_456_000)
amounts = st.integers(-(10**9), 10**9)


def at(text: str, zone: ZoneInfo = OSLO) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp())


# --- the schedule ----------------------------------------------------------------------------------------------------


@calm()
@given(amounts, moments, st.integers(1, 1_500 * DAY), moments, st.sampled_from(ZONES))
def test_the_months_of_an_amount_are_the_amount(amount: int, starts: int, lasts: int, dated: int, zone: str) -> None:
    """To the cent, of one sign, and none before the document's own month."""
    own = day_of(dated, ZoneInfo(zone))
    months = spread(amount, starts, starts + lasts, own, ZoneInfo(zone))
    assert sum(months.values()) == amount
    assert all(part * amount > 0 for part in months.values())
    assert all(month >= f"{own:%Y-%m}" for month in months)
    opposite = spread(-amount, starts, starts + lasts, own, ZoneInfo(zone))
    assert opposite == {month: -part for month, part in months.items()}


@pytest.mark.parametrize(
    ("starts", "ends", "days"),
    [
        ("2027-01-01T00:00:00", "2027-12-31T23:59:59", [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]),
        ("2028-01-01T00:00:00", "2029-01-01T00:00:00", [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]),
        ("2027-03-15T10:00:00", "2027-04-15T10:00:00", [17, 14]),
        ("2027-10-31T00:00:00", "2027-10-31T23:59:59", [1]),
        ("2027-12-31T12:00:00", "2028-01-01T12:00:00", [1]),
    ],
)
def test_every_day_weighs_the_same(starts: str, ends: str, days: list[int]) -> None:
    """Leap days and both changes of the clock included; a day-based term counts its last day."""
    amount = 100 * sum(days)
    months = spread(amount, at(starts), at(ends), date.fromisoformat(starts[:10]), OSLO)
    assert list(months.values()) == [100 * count for count in days]


def test_a_month_ends_where_the_site_is() -> None:
    """In winter and in summer."""
    assert end_of("2027-01", OSLO) == datetime(2027, 1, 31, 23, tzinfo=UTC)
    assert end_of("2027-12", OSLO) == datetime(2027, 12, 31, 23, tzinfo=UTC)
    assert end_of("2027-03", OSLO) == datetime(2027, 3, 31, 22, tzinfo=UTC)


# --- documents and events --------------------------------------------------------------------------------------------


def line(number: int, amount: int, starts: int, ends: int, **more: Any) -> dict[str, Any]:
    """A line without discount or tax."""
    row = {"id": f"li_{number}", "date_from": starts, "date_to": ends, "amount": amount, "description": "Lisens"}
    return {**row, "entity_type": "plan_item_price", "entity_id": "lisens", **more}


def document(lines: Sequence[dict[str, Any]], dated: int, **more: Any) -> dict[str, Any]:
    """An invoice or credit note of these lines, with a tax of 25 % that each line's `tax_amount` says."""
    inclusive = more.get("price_type") == "tax_inclusive"
    net = sum(one["amount"] - one.get("discount_amount", 0) for one in lines)
    tax = sum(one.get("tax_amount", 0) for one in lines)
    return {
        "id": "INV-1",
        "customer_id": "C-1",
        "date": dated,
        "currency_code": "NOK",
        "status": "posted",
        "total": net + (0 if inclusive else tax) + more.get("round_off_amount", 0),
        "resource_version": dated * 1000,
        "line_items": list(lines),
        "line_item_taxes": [
            {"tax_name": "MVA", "tax_amount": one["tax_amount"], "line_item_id": one["id"]}
            for one in lines
            if "tax_amount" in one
        ],
        **more,
    }


@st.composite
def invoices(draw: st.DrawFn) -> dict[str, Any]:
    """With ranged and one-time lines, discounts and taxes, tax within or on top, rounded or not."""
    dated = draw(moments)
    lines = []
    for number in range(draw(st.integers(1, 3))):
        amount = draw(st.integers(0, 10**7))
        starts = dated + draw(st.integers(-400, 400)) * DAY
        ends = starts + draw(st.sampled_from([0, 0, 30 * DAY, 365 * DAY, 730 * DAY + 12_345]))
        more = {"discount_amount": draw(st.integers(0, amount)), "tax_amount": draw(st.integers(0, amount // 4))}
        lines.append(line(number, amount, starts, ends, **more))
    price_type = draw(st.sampled_from(["tax_exclusive", "tax_inclusive"]))
    return document(lines, dated, price_type=price_type, round_off_amount=draw(st.integers(-99, 99)))


@st.composite
def credited(draw: st.DrawFn) -> list[dict[str, Any]]:
    """An invoice, and credit notes that together take all of it back, line by line, at any time."""
    invoice = draw(invoices())
    count = draw(st.integers(1, 3))
    notes: list[list[dict[str, Any]]] = [[] for _ in range(count)]
    for one in invoice["line_items"]:
        left = {name: one[name] for name in ("amount", "discount_amount", "tax_amount")}
        for place in range(count):
            taken = left if place == count - 1 else {name: draw(st.integers(0, left[name])) for name in left}
            notes[place].append({**one, **taken, "id": f"{one['id']}_{place}", "reference_line_item_id": one["id"]})
            left = {name: left[name] - taken[name] for name in left}
    made = [invoice]
    for place, lines in enumerate(notes):
        dated = invoice["date"] + draw(st.integers(0, 500)) * DAY
        shared = {"price_type": invoice["price_type"], "status": "adjusted", "type": "adjustment"}
        off = invoice["round_off_amount"] if place == count - 1 else 0
        made.append(document(lines, dated, id=f"CN-{place}", round_off_amount=off, **shared))
    return made


def event(number: int, content: dict[str, Any], kind: str = "invoice_generated") -> bytes:
    return orjson.dumps({"id": f"ev_{number}", "event_type": kind, "api_version": "v2", "content": content})


def events_of(documents: Sequence[dict[str, Any]]) -> list[bytes]:
    """The invoice first, each credit note in a list and alone."""
    invoice, *notes = documents
    events = [event(0, {"invoice": invoice}), event(1, {"invoice": invoice, "transaction": {}}, "payment_failed")]
    for number, note in enumerate(notes, 2):
        events.append(event(number, {"credit_note": note}, "credit_note_created"))
        events.append(event(number + 10, {"credit_notes": [note], "invoice": invoice}, "subscription_changed"))
    return events


def landed(events: Iterable[bytes], **changes: Any) -> dict[str, dict[str, SourceRow]]:
    """Entity -> key -> the newest row, as the engine keeps them: an older version takes no newer one's place."""
    chosen = settings(events=events_block(**changes))
    kept: dict[str, dict[str, SourceRow]] = {}
    for payload in events:
        for derivation in inward.derivations(chosen, TARGET):
            rows = kept.setdefault(derivation.entity.name, {})
            for row in derivation.derive(payload):
                if row.key not in rows or rows[row.key].changed_at <= row.changed_at:
                    rows[row.key] = row
    return kept


def mapped(rows: dict[str, dict[str, SourceRow]], **changes: Any) -> dict[str, Mapped]:
    """Record key -> what becomes of it."""
    chosen = settings(events=events_block(**changes))
    return {
        f"{flow.name} {row.key}": flow.map(Record(row.key, row.changed_at, row.payload))
        for flow in inward.flows(chosen, "nordic", TARGET)
        for row in rows.get(flow.entity, {}).values()
    }


def posted(events: Iterable[bytes], **changes: Any) -> list[dict[str, Any]]:
    """The bodies that would be sent."""
    return [
        dict(wish.body) for wish in mapped(landed(events, **changes), **changes).values() if isinstance(wish, Desired)
    ]


def totals(bodies: Iterable[dict[str, Any]]) -> dict[str, Decimal]:
    """Account -> debit less credit."""
    sums: Counter[str] = Counter()
    for body in bodies:
        for one in body["members"][LINES]:
            amount = Decimal(one.get("debitAmountInCurrency", 0)) - Decimal(one.get("creditAmountInCurrency", 0))
            sums[one["accountNumber"]] += amount  # type: ignore[assignment]
    return {account: Decimal(amount) for account, amount in sums.items() if amount}


@calm()
@given(invoices(), st.sampled_from(["immediate", "deferred"]))
def test_every_transaction_balances(invoice: dict[str, Any], policy: str) -> None:
    """The document's, and that of each of its months; afterwards nothing is deferred."""
    bodies = posted([event(0, {"invoice": invoice})], policy=policy)
    assert all(sum(totals([body]).values()) == 0 for body in bodies)
    if policy == "deferred":
        assert ACCOUNTS["deferred"] not in totals(bodies)
    assert totals(bodies).get("1530", 0) == Decimal(invoice["total"]) / 100


@calm(max_examples=40)
@given(credited(), st.randoms(use_true_random=False))
def test_credit_notes_over_all_of_it_return_every_account_to_zero(documents: list[dict[str, Any]], mix: Any) -> None:
    """However they share it, whenever they come, and in whatever order, and how often, events tell of it: the same
    transactions, and nothing left in any account."""
    events = events_of(documents)
    once = posted(events)
    assert totals(once) == {}
    several = [*events, *mix.choices(events, k=3)]
    mix.shuffle(several)
    again = posted(several)
    assert sorted(map(orjson.dumps, again)) == sorted(map(orjson.dumps, once))
    references = [body["reference"] for body in once]
    assert len(set(references)) == len(references)
    assert all(len(reference) <= 15 for reference in references)


@calm()
@given(invoices(), st.booleans(), st.booleans(), st.booleans())
def test_what_is_voided_or_deleted_returns_to_zero(
    invoice: dict[str, Any], deleted: bool, note: bool, late: bool
) -> None:
    """Invoices and credit notes, also when the older event comes last."""
    end = {"deleted": True} if deleted else {"status": "voided", "voided_at": invoice["date"] + 100 * DAY}
    ended = {**invoice, **end, "updated_at": invoice["date"] + 100 * DAY, "resource_version": 2 * 10**12}
    name = "credit_note" if note else "invoice"
    events = [event(0, {name: invoice}), event(1, {name: ended}, f"{name}_updated")]
    assert totals(posted(reversed(events) if late else events)) == {}


# --- what is for people ----------------------------------------------------------------------------------------------

START = at("2026-11-01T00:00:00")
YEAR = at("2027-10-31T23:59:59")


def only(wishes: dict[str, Mapped], flow: str = "journals") -> Mapped:
    (wish,) = (wish for key, wish in wishes.items() if key.startswith(f"{flow} "))
    return wish


def made_of(content: dict[str, Any], **changes: Any) -> dict[str, Mapped]:
    return mapped(landed([event(0, content)], **changes), **changes)


def test_a_note_without_lines_is_not_guessed_at() -> None:
    """What of it is VAT or deferred is not known; where there is neither, it is posted."""
    note = document([], START, id="CN-1", total=12_500, type="adjustment")
    refused = only(made_of({"credit_note": note}))
    assert isinstance(refused, Reject)
    assert "no lines" in refused.reason
    plain = {"policy": "immediate", "vat_codes": {}, "accounts": {"receivable": "1530", "revenue": "3000"}}
    assert isinstance(only(made_of({"credit_note": note}, **plain)), Desired)


@pytest.mark.parametrize("more", [{"reason_code": "write_off"}, {"type": "store"}, {"reference_invoice_id": "VN-1"}])
def test_notes_that_no_rule_fits_are_shown_once_and_their_months_with_them(more: dict[str, Any]) -> None:
    """A write-off, a store credit, a credit on what came from Visma: rejected; the months are skipped, not failed."""
    note = document([line(1, 12_000, START, YEAR)], START, id="CN-1", **more)
    wishes = made_of({"credit_note": note})
    assert isinstance(only(wishes), Reject)
    months = [wish for key, wish in wishes.items() if key.startswith("recognitions ")]
    assert len(months) == 12
    assert all(isinstance(wish, Skip) and wish.rule == "posted by hand" for wish in months)


def test_which_line_a_credit_takes_back_makes_it_no_other_document() -> None:
    """It says where the credit stands, and not what it is: it is not posted again, and not told as changed."""
    lines = [line(1, 12_000, START, YEAR)]
    notes = [
        document(lines, START, id="CN-1", type="adjustment", reference_invoice_id="INV-1")
        for lines in (lines, [{**lines[0], "reference_line_item_id": "li_7"}])
    ]
    bare, naming = (only(made_of({"credit_note": note})) for note in notes)
    assert isinstance(bare, Desired)
    assert isinstance(naming, Desired)
    assert (bare.basis, bare.body["originals"], naming.body["originals"]) == (naming.basis, {}, {"li_1": "li_7"})
    assert bare.needs == naming.needs
    assert bare.needs["original"].key == "invoice/INV-1"


def test_a_voided_invoice_counts_only_credit_notes_that_stand() -> None:
    """A credit note that is void itself took nothing back."""
    notes = [{"cn_id": "CN-1", "cn_total": 10_000, "cn_status": "voided"}]
    void = {"status": "voided", "voided_at": START, "adjustment_credit_notes": notes}
    wishes = made_of({"invoice": document([line(1, 10_000, START, START)], START, **void)})
    assert isinstance(wishes["journals void/INV-1"], Desired)


def test_voiding_what_was_never_posted_reverses_nothing() -> None:
    """The invoice is older than `from`: it is for people to reverse, wherever it stands; its months likewise."""
    void = {"status": "voided", "voided_at": START + 40 * DAY}
    invoice = document([line(1, 12_000, START, YEAR)], START, **void)
    wishes = made_of({"invoice": invoice}, **{"from": "2026-12-01"})
    old, reversal = wishes["journals invoice/INV-1"], wishes["journals void/INV-1"]
    assert (isinstance(old, Skip), isinstance(reversal, Reject)) == (True, True)
    assert "reverse it there" in reversal.reason  # type: ignore[union-attr]
    assert all(isinstance(wish, Skip) for key, wish in wishes.items() if key.startswith("recognitions "))
    assert isinstance(made_of({"invoice": invoice})["journals void/INV-1"], Desired)


def test_a_credit_note_has_its_own_rate() -> None:
    """It stands in a list there; a rate that is none is said."""
    note = document([line(1, 10_000, START, START)], START, id="CN-1", currency_code="EUR")
    rates = [{"currency_code": "NOK", "rate": 11.7315}]
    wish = only(made_of({"credit_note": {**note, "exchange_rates": rates}}))
    assert isinstance(wish, Desired)
    assert wish.body["members"]["exchangeRate"] == 11.7315
    for rate in ("abc", 0, -1, True):
        broken = only(made_of({"invoice": {**note, "exchange_rate": rate}}))
        assert isinstance(broken, Reject)
        assert "exchange rate" in broken.reason


def test_months_carry_no_vat_code() -> None:
    """The invoice told the tax authorities already. A rate of nothing has its code there."""
    free = line(1, 12_000, START, YEAR, tax_amount=0)
    wishes = made_of({"invoice": document([free], START)}, rules=[{"vat_code": "52"}])
    months = [wish.body for key, wish in wishes.items() if key.startswith("rec") and isinstance(wish, Desired)]
    assert len(months) == 12
    assert all("vatCodeId" not in one for body in months for one in body["members"][LINES])
    invoice = only(made_of({"invoice": document([free], START)}, vat_codes={"MVA": "6"}))
    assert isinstance(invoice, Desired)
    codes = {one["accountNumber"]: one.get("vatCodeId") for one in invoice.body["members"][LINES]}
    assert codes == {"1530": None, "2970": "6"}


def test_the_vat_code_of_a_rule_is_on_the_lines_that_it_fits() -> None:
    """And on their VAT, whatever code the tax has; other lines have the one of their tax."""
    both = [line(1, 12_000, START, YEAR, tax_amount=3_000), line(2, 4_000, START, YEAR, tax_amount=1_000)]
    both[1]["entity_id"] = "other"
    rule = {"entity_id": "lisens", "vat_code": "52"}
    invoice = only(made_of({"invoice": document(both, START)}, rules=[rule], vat_codes={"MVA": "3"}))
    assert isinstance(invoice, Desired)
    codes = {(one.get("note"), one["accountNumber"]): one.get("vatCodeId") for one in invoice.body["members"][LINES]}
    deferred, vat = ACCOUNTS["deferred"], "2700"
    named = {("li_1", deferred): "52", ("li_1", vat): "52", ("li_2", deferred): "3", ("li_2", vat): "3"}
    assert codes == {(None, "1530"): None, **named}


def test_posting_at_once_needs_no_deferred_account() -> None:
    """The months are not rejected for the lack of one."""
    plain = {"policy": "immediate", "vat_codes": {}, "accounts": {"receivable": "1530", "revenue": "3000"}}
    wishes = made_of({"invoice": document([line(1, 12_000, START, YEAR)], START)}, **plain)
    assert not any(isinstance(wish, Reject) for wish in wishes.values())


def test_a_document_without_an_id_is_seen_all_the_same() -> None:
    """Under the name of its event."""
    wish = made_of({"invoice": {"total": 1}})["journals invoice/of event ev_0"]
    assert isinstance(wish, Reject)
    assert "no id" in wish.reason or "no customer_id" in wish.reason


def test_a_pending_invoice_is_none_yet() -> None:
    assert made_of({"invoice": document([line(1, 1, START, START)], START, status="pending")}) == {}


@pytest.mark.parametrize("text", ["{document!r}", "{period:d}", "{document.id}", "{else}", "{"])
def test_a_description_that_would_fail_is_refused_at_once(text: str) -> None:
    with pytest.raises(ValidationError, match=r"expected|not known"):
        EventsSettings.model_validate(events_block(description=text))


# --- never raises ----------------------------------------------------------------------------------------------------

scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=8)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
NAMES = sorted(document([line(1, 1, 1, 2, tax_amount=1)], 1))
MORE = [
    "exchange_rate",
    "exchange_rates",
    "deleted",
    "type",
    "voided_at",
    "updated_at",
    "taxes",
    "issued_credit_notes",
    "price_type",
    "reference_invoice_id",
]


@calm()
@given(invoices(), st.dictionaries(st.sampled_from(NAMES + MORE), anything, max_size=4), st.sampled_from(list("abc")))
@example(document([], 1), {"total": 2**64 - 1}, "a")
@example(document([line(1, 0, 1, 2)], 1), {"line_items": [line(1, -(2**63), 1, 2, discount_amount=2**63 - 1)]}, "b")
@example(document([], 1), {"line_items": [{"id": "1", "amount": 1, "date_from": 1, "date_to": 2**62}]}, "a")
@example(document([], 1), {"issued_credit_notes": [{"cn_total": 1e308}], "status": "voided", "voided_at": 1}, "a")
def test_no_document_is_too_odd(invoice: dict[str, Any], odd: dict[str, Any], where: str) -> None:
    """Rows and outcomes for everything; nothing raises."""
    resource = {**invoice, **odd}
    content = {"a": {"invoice": resource}, "b": {"credit_notes": [resource, odd, 1]}, "c": {"invoices": [odd], **odd}}
    wishes = made_of(content[where])
    assert all(isinstance(wish, Desired | Skip | Reject) for wish in wishes.values())


@calm()
@given(anything | st.binary(max_size=20))
@example({"month": "x", "document": {}, "parts": []})
def test_no_payload_is_too_odd(payload: Any) -> None:
    """Neither as an event nor as a landed row."""
    raw = payload if isinstance(payload, bytes) else orjson.dumps(payload)
    landed([raw, event(0, payload) if not isinstance(payload, bytes) else raw])
    for flow in inward.flows(settings(), "nordic", TARGET):
        assert isinstance(flow.map(Record("x", datetime.now(UTC), raw)), Desired | Skip | Reject)
