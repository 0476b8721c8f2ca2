"""`audit export --period`: what the accountant gets equals what stands in Visma, to the cent."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from ml_connector.home import Home
from ml_connector.store.vault import new_key
from ml_connector_tests.cli.conftest import Cli
from ml_connector_tests.simulators.chargebee_support import serve_chargebee
from ml_connector_tests.simulators.visma_support import serve_visma
from ml_connector_tests.systems.chargebee.support import BACK, COMPANY, Sync, open_sync, settings

YEARLY = {"billing_period": 1, "billing_period_unit": "year", "tax_rate": 25, "tax_name": "MVA"}


@pytest.fixture
def sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Two subscriptions, one cancelled after some months, posted and recognised for a year."""
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "vault.key").write_text(new_key())
    (folder / "vault.key").chmod(0o600)
    with serve_chargebee(plan="custom") as chargebee, serve_visma() as visma:
        visma.start_over()
        block = settings(chargebee.url).model_dump(mode="json", by_alias=True, exclude_defaults=True)
        company = {
            "timezone": "Europe/Oslo",
            "start": "2026-11-01",
            "visma": {"base_url": visma.url},
            "targets": {"chargebee": {"system": "chargebee", **block}},
        }
        (folder / "connections.yaml").write_text(yaml.safe_dump({"companies": {COMPANY: company}}))
        monkeypatch.setenv("ML_CONNECTOR_HOME", str(folder))
        home = Home.locate({"ML_CONNECTOR_HOME": str(folder)})
        with home.open() as opened, open_sync(opened.ledger(COMPANY), chargebee, visma) as sync:
            for number, price in ((1, 120_000), (2, 99_999)):
                sync.chargebee.subscribe(
                    f"S-{number}",
                    items=[{"item_price_id": "lisens", "item_type": "plan", "unit_price": price}],
                    **YEARLY,
                )
            sync.sync_back()
            sync.later(days=100)
            sync.chargebee.control("subscriptions/S-1/cancel", {"when": "now", "credit": True})
            sync.sync_back()
            sync.wait(days=60)
            sync.sync_back()
            yield sync


def exported(cli: Cli, period: str) -> list[dict[str, Any]]:
    ran = cli("audit", "export", COMPANY, "--period", period, "--json")
    assert ran.code == 0, ran.err
    rows: list[dict[str, Any]] = json.loads(ran.out)
    return rows


def test_the_sums_of_every_month_are_those_of_the_general_ledger(cli: Cli, sync: Sync) -> None:
    """Per account; and every amount names its document, line, batch and events."""
    balances = sync.balances()
    assert len(balances) >= 4
    for period, accounts in balances.items():
        rows = exported(cli, f"{period[:4]}-{period[4:]}")
        totals = {row["account"]: _cents(row) for row in rows if row["kind"] == "total"}
        assert totals == accounts
        amounts = [row for row in rows if row["kind"] == "amount"]
        assert all(row["document"] and row["batch"] and row["reference"] and row["events"] for row in amounts)
        assert {row["target"] for row in rows} == {BACK}


def test_the_deferred_balance_is_what_stands_on_the_account(cli: Cli, sync: Sync) -> None:
    """At the end of every month, all months before it included."""
    running = 0
    for period, accounts in sorted(sync.balances().items()):
        running += accounts.get("2970", 0)
        rows = exported(cli, f"{period[:4]}-{period[4:]}")
        assert [_cents(row) for row in rows if row["kind"] == "deferred balance"] == [running]


def test_it_is_a_table_for_spreadsheets_by_default(cli: Cli, sync: Sync) -> None:
    period = min(sync.balances())
    ran = cli("audit", "export", f"{COMPANY}/{BACK}", "--period", f"{period[:4]}-{period[4:]}")
    table = list(csv.DictReader(io.StringIO(ran.out)))
    assert {row["kind"] for row in table} == {"amount", "total", "deferred balance"}


@pytest.mark.parametrize(("arguments", "words"), [(["2026-13"], "a month"), (["2026-11", "--run", "x"], "--period")])
def test_a_wrong_month_is_named(cli: Cli, sync: Sync, arguments: list[str], words: str) -> None:
    ran = cli("audit", "export", COMPANY, "--period", *arguments)
    assert (ran.code, words in " ".join(ran.parts)) == (2, True)


def _cents(row: dict[str, Any]) -> int:
    return int((Decimal(row["debit"] or 0) - Decimal(row["credit"] or 0)) * 100)
