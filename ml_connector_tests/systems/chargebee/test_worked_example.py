"""The worked example of docs/chargebee-accounting.md: its settings load, and give exactly the amounts that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
import yaml

from ml_connector.engine.records import Desired, Record
from ml_connector.systems.chargebee.derivation import documents, recognitions
from ml_connector.systems.chargebee.event_settings import EventsSettings
from ml_connector.systems.chargebee.journals import Origin, map_document
from ml_connector.systems.chargebee.recognition import map_recognition
from ml_connector.systems.visma.places import place_of
from ml_connector_tests.systems.chargebee.support import LINES

PAGE = Path(__file__).parents[3] / "docs" / "chargebee-accounting.md"
OSLO = ZoneInfo("Europe/Oslo")
ORIGIN = Origin("nordic", "chargebee")
Transaction = dict[str, float]
"""Account -> debit less credit."""


@pytest.fixture(scope="module")
def events() -> EventsSettings:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return EventsSettings.model_validate(yaml.safe_load(block)["companies"]["nordic"]["targets"]["chargebee"]["events"])


def at(day: str) -> int:
    return int(datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=OSLO).timestamp())


def document(kind: str, day: str, lines: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    taxes = [{"line_item_id": one["id"], "tax_name": "MVA", "tax_amount": one["tax_amount"]} for one in lines]
    total = sum(one["amount"] + one["tax_amount"] for one in lines)
    whole = {"id": f"{kind}-1", "customer_id": "C-1", "date": at(day), "currency_code": "NOK", "total": total}
    return {**whole, "status": "posted", "line_items": lines, "line_item_taxes": taxes, "resource_version": 1, **more}


def line(amount: int, tax: int, starts: str, ends: str, entity: str = "licence", **more: Any) -> dict[str, Any]:
    dates = {"date_from": at(starts), "date_to": at(ends)}
    return {"id": f"li_{entity}", "amount": amount, "tax_amount": tax, "entity_id": entity, **dates, **more}


LICENCE = line(1_200_000, 300_000, "2026-11-16", "2027-11-16")
INVOICE = document("invoice", "2026-11-16", [LICENCE])
CREDIT = document(
    "credit_note",
    "2027-04-16",
    [line(703_562, 175_891, "2027-04-16", "2027-11-16", reference_line_item_id="li_licence")],
    reference_invoice_id="invoice-1",
)


def transactions(kind: str, resource: dict[str, Any], events: EventsSettings) -> Iterator[tuple[str, dict[str, Any]]]:
    """Period -> members: of the document, and of its months."""
    payload = orjson.dumps({"id": "ev_1", "event_type": "x", "content": {kind: resource}})
    for rows, made in ((documents, map_document), (recognitions, map_recognition)):
        for row in rows(payload, events):
            wish = made(Record(row.key, row.changed_at, row.payload), events, ORIGIN, ("VN-",))
            assert isinstance(wish, Desired)
            yield wish.body["period"], wish.body["members"]


def sums(members: dict[str, Any]) -> Transaction:
    found: Transaction = {}
    for one in members[LINES]:
        amount = float(one.get("debitAmountInCurrency", 0)) - float(one.get("creditAmountInCurrency", 0))
        found[one["accountNumber"]] = round(found.get(one["accountNumber"], 0) + amount, 2)
    return found


def test_the_invoice_and_its_months_are_those_of_the_table(events: EventsSettings) -> None:
    (own, whole), *months = transactions("invoice", INVOICE, events)
    assert (own, sums(whole)) == ("2026-11", {"1530": 15_000, "2700": -3_000, "2970": -12_000})
    assert [period for period, _ in months] == [f"2026-{m}" for m in (11, 12)] + [f"2027-{m:02}" for m in range(1, 12)]
    assert sums(months[0][1]) == {"2970": 493.15, "3000": -493.15}
    assert sums(months[1][1]) == {"2970": 1_019.17, "3000": -1_019.17}
    assert round(sum(sums(one)["2970"] for _, one in months), 2) == 12_000
    every = {"subaccount": [{"segmentId": 1, "segmentValue": "10"}, {"segmentId": 2, "segmentValue": "0100"}]}
    every |= {"project": "SUBSCR", "projectTask": "LICENCES"}
    assert all(place_of(one) == every for members in (whole, *(m for _, m in months)) for one in members[LINES])


def test_the_cancellation_leaves_151_days_and_nothing_deferred(events: EventsSettings) -> None:
    """7,035.62 and its VAT are credited for 214 days; from the day of the credit on, months cancel each other out."""
    left: Transaction = {}
    by_month: dict[str, float] = {}
    for kind, resource in (("invoice", INVOICE), ("credit_note", CREDIT)):
        for period, members in transactions(kind, resource, events):
            for account, amount in sums(members).items():
                left[account] = round(left.get(account, 0) + amount, 2)
                if account == "3000":
                    by_month[period] = round(by_month.get(period, 0) + amount, 2)
    assert (left["3000"], left["2970"]) == (-4_964.38, 0)
    assert left["1530"] == round(15_000 - 7_035.62 - 1_758.91, 2)
    later = {period: amount for period, amount in by_month.items() if period > "2027-04"}
    assert all(abs(amount) <= 0.01 for amount in later.values())


def test_an_onboarding_is_a_fourth_line_elsewhere(events: EventsSettings) -> None:
    onboarding = line(400_000, 100_000, "2026-11-16", "2026-11-16", "onboarding")
    (_, whole), *_ = transactions("invoice", document("invoice", "2026-11-16", [LICENCE, onboarding]), events)
    (own,) = [one for one in whole[LINES] if one["accountNumber"] == "3100"]
    assert (own["creditAmountInCurrency"], own["project"], own["projectTask"]) == ("4000.00", "SUBSCR", "ONBOARDING")
    assert [one["segmentValue"] for one in own["subaccount"]] == ["20", "0100"]
    assert sorted(sums(whole)) == ["1530", "2700", "2970", "3100"]
