"""What the command line tells of a subscription: its status and amount, of which nothing is posted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ml_connector_tests.cli.conftest import Cli
from ml_connector_tests.cli.two_way import subscribe, two_way
from ml_connector_tests.systems.chargebee.support import BACK, COMPANY, Sync

SUBSCRIPTION = "S-1"


@pytest.fixture
def sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sync]:
    """A yearly subscription of 1,200 kroner, whose invoice is posted."""
    monkeypatch.setenv("ML_CONNECTOR_HOME", str(tmp_path / "home"))
    with two_way(tmp_path / "home") as sync:
        subscribe(sync, SUBSCRIPTION, 120_000)
        sync.sync_back()
        yield sync


def record(cli: Cli) -> dict[str, Any]:
    """What is told of the subscription, in JSON."""
    found: dict[str, Any] = cli("record", COMPANY, SUBSCRIPTION, "--json").json
    return found


def told(cli: Cli) -> str:
    """What people see of how it stands."""
    (line,) = (line for line in cli("record", COMPANY, SUBSCRIPTION).out.splitlines() if " subscriptions " in line)
    return line


def change(sync: Sync, act: str, **body: Any) -> None:
    sync.later(days=1)
    sync.chargebee.control(f"subscriptions/{SUBSCRIPTION}/{act}", body)
    sync.sync_back()


def nothing_posted(found: dict[str, Any]) -> None:
    """Nothing of the subscription itself went to Visma, or stands there."""
    (flow,) = found["flows"]
    how = {name: flow[name] for name in ("target", "flow", "outcome", "rule", "target_id")}
    expected = {"target": BACK, "flow": "subscriptions", "outcome": "skipped", "rule": "no money"}
    assert how == {**expected, "target_id": None}
    assert found["audit"]
    assert {entry["outcome"] for entry in found["audit"]} == {"skipped"}
    assert all(entry["status"] is None and entry["target_id"] is None for entry in found["audit"])


def test_a_subscription_is_shown_with_status_and_amount(cli: Cli, sync: Sync) -> None:
    """To programs and to people; the events with which it came are listed, and nothing was posted of it."""
    found = record(cli)
    nothing_posted(found)
    assert found["flows"][0]["reason"] == "active, 100.00 NOK a month"
    assert "no money: active, 100.00 NOK a month" in told(cli)
    carried = {event["id"] for event in sync.chargebee.events() if "subscription" in event["content"]}
    assert {event["event_id"] for event in found["events"]} == carried


def test_an_event_without_money_changes_what_is_shown_and_posts_nothing(cli: Cli, sync: Sync) -> None:
    """A cancellation at the end of the term."""
    before = sync.batches()
    change(sync, "cancel", when="term_end")
    found = record(cli)
    nothing_posted(found)
    assert (found["flows"][0]["reason"] or "").startswith("non_renewing")
    assert "non_renewing" in told(cli)
    assert sync.batches() == before


def test_a_subscription_that_changes_twice_is_shown_as_it_is_by_now(cli: Cli, sync: Sync) -> None:
    """With every state that it had, in its order; the newest is the one that counts."""
    before = sync.batches()
    for price in (240_000, 60_000):
        items = [{"item_price_id": "lisens", "item_type": "plan", "unit_price": price}]
        change(sync, "change", items=items, prorate=False)
    found = record(cli)
    nothing_posted(found)
    assert found["flows"][0]["reason"] == "active, 50.00 NOK a month"
    assert "50.00 NOK" in told(cli)
    amounts = [entry["message"] for entry in found["audit"]]
    assert amounts == [f"no money: active, {amount}.00 NOK a month" for amount in (100, 200, 50)]
    assert sync.batches() == before
