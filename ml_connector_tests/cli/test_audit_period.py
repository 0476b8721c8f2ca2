"""`audit export --period`: what the accountant gets equals what stands in Visma, to the cent."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ml_connector.cli.audit_period import Posted
from ml_connector_tests.cli.conftest import Cli
from ml_connector_tests.cli.two_way import subscribe, two_way
from ml_connector_tests.systems.chargebee.support import BACK, COMPANY, Sync


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("books") / "home"


@pytest.fixture(scope="module")
def sync(folder: Path) -> Iterator[Sync]:
    """Two subscriptions, one cancelled after some months, posted and recognised for a year."""
    with two_way(folder) as sync:
        subscribe(sync, "S-1", 120_000)
        subscribe(sync, "S-2", 99_999)
        sync.sync_back()
        sync.later(days=100)
        sync.chargebee.control("subscriptions/S-1/cancel", {"when": "now", "credit": True})
        sync.sync_back()
        sync.wait(days=60)
        sync.sync_back()
        yield sync


@pytest.fixture(autouse=True)
def _at_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_CONNECTOR_HOME", str(folder))


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
        assert all(row["line"] for row in amounts if row["account"] in ("2970", "3000"))
        months = {row["schedule"] for row in amounts if row["account"] == "3000"}
        assert months <= {f"{period[:4]}-{period[4:]}"}
        assert {row["target"] for row in rows} == {BACK}


def test_the_deferred_balance_is_what_stands_on_the_account(cli: Cli, sync: Sync) -> None:
    """At the end of every month, all months before it included."""
    running = 0
    for period, accounts in sorted(sync.balances().items()):
        running += accounts.get("2970", 0)
        rows = exported(cli, f"{period[:4]}-{period[4:]}")
        assert [_cents(row) for row in rows if row["kind"] == "deferred balance"] == [running]


def test_what_is_undelivered_is_listed_and_told(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One posting was never answered: it stands in the books, and nobody shall take the sums for all there is."""
    home = tmp_path / "home"
    monkeypatch.setenv("ML_CONNECTOR_HOME", str(home))
    with two_way(home, policy="immediate") as sync:
        subscribe(sync, "S-1", 120_000)
        sync.visma.fault("lost_answer", path="journaltransaction$", method="POST", times=1)
        sync.sync_back()
        (invoice,) = sync.chargebee.listed("invoices")
        ran = cli("audit", "export", COMPANY, "--period", f"{sync.now():%Y-%m}", "--json")
        (row,) = ran.json
        assert (row["kind"], row["document"]) == ("undelivered", f"invoice/{invoice['id']}")
        assert row["text"].startswith("failed: ")
        assert f"{BACK}: undelivered, or not looked at yet, are 1 records" in " ".join(ran.err.split())
        sync.wait(minutes=10)
        sync.sync_back()
        ran = cli("audit", "export", COMPANY, "--period", f"{sync.now():%Y-%m}", "--json")
        assert {row["kind"] for row in ran.json} == {"amount", "total"}
        assert "undelivered" not in ran.err


def test_months_that_have_ended_and_are_not_posted_yet_are_told(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the end of a month and the next delivery, they are no problem, and missing all the same."""
    home = tmp_path / "home"
    monkeypatch.setenv("ML_CONNECTOR_HOME", str(home))
    with two_way(home) as sync:
        subscribe(sync, "S-1", 120_000)
        sync.sync_back()
        period = f"{sync.now():%Y-%m}"
        assert "months have ended" not in cli("audit", "export", COMPANY, "--period", period).err
        with closing(sqlite3.connect(home / "ml_connector.db")) as ledger, ledger:
            ended = "UPDATE record_state SET due_at = '2020-01-01 00:00:00.000000+00:00' WHERE due_at IS NOT NULL"
            assert ledger.execute(ended).rowcount > 0
        assert "months have ended" in cli("audit", "export", COMPANY, "--period", period).err


def test_a_month_that_is_not_over_is_told(cli: Cli, sync: Sync) -> None:
    """What has not been read cannot be in it; of a month that has been read whole, nothing is said."""
    past, coming = f"{sync.now().year - 2}-01", f"{sync.now().year + 1}-01"
    assert "is not complete" not in cli("audit", "export", COMPANY, "--period", past).err
    assert f"so {coming} is not complete" in " ".join(cli("audit", "export", COMPANY, "--period", coming).err.split())


def test_it_is_a_table_for_spreadsheets_by_default(cli: Cli, sync: Sync) -> None:
    period = min(sync.balances())
    ran = cli("audit", "export", f"{COMPANY}/{BACK}", "--period", f"{period[:4]}-{period[4:]}")
    table = list(csv.DictReader(io.StringIO(ran.out)))
    assert {row["kind"] for row in table} == {"amount", "total", "deferred balance"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["2026-13"], "a month"), (["0000-01"], "a month"), (["2026-11", "--run", "x"], "--period")],
)
def test_a_wrong_month_is_named(cli: Cli, sync: Sync, arguments: list[str], words: str) -> None:
    ran = cli("audit", "export", COMPANY, "--period", *arguments)
    assert (ran.code, words in " ".join(ran.parts)) == (2, True)


def test_a_batch_that_a_person_corrected_counts_as_it_was_found(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An invoice changed after it was posted; its batch was corrected in Visma, and the record replayed."""
    home = tmp_path / "home"
    monkeypatch.setenv("ML_CONNECTOR_HOME", str(home))
    with two_way(home, policy="immediate") as sync:
        subscribe(sync, "S-1", 120_000)
        sync.sync_back()
        (invoice,) = sync.chargebee.listed("invoices")
        lines = [{**invoice["line_items"][0], "amount": 80_000, "tax_amount": 20_000}]
        taxes = [{**invoice["line_item_taxes"][0], "tax_amount": 20_000}]
        changes = {"line_items": lines, "line_item_taxes": taxes, "total": 100_000}
        sync.chargebee.control(f"records/invoices/{invoice['id']}", {"set": changes})
        sync.chargebee.done(f"/invoices/{invoice['id']}/update_details", po_number="PO-1")
        assert sync.sync_back()["journals"].total.rejected == 1
        (batch,) = sync.batches()
        amounts = {"1530": ("debit", 1000.0), "3000": ("credit", 800.0), "2700": ("credit", 200.0)}
        for line in batch["journalTransactionLines"]:
            side, amount = amounts[line["accountNumber"]]
            line[f"{side}AmountInCurrency"] = line[f"{side}Amount"] = amount
        number = batch["batchNumber"]
        sync.visma.control("PATCH", f"journals/GL-{number}", {"lines": batch["journalTransactionLines"]})
        key = f"invoice/{invoice['id']}"
        assert sync.post("journals", only=[key])["journals"].total.updated == 1
        rows = exported(cli, f"{sync.now():%Y-%m}")
        totals = {row["account"]: _cents(row) for row in rows if row["kind"] == "total"}
        assert totals == {"1530": 100_000, "3000": -80_000, "2700": -20_000} == sync.totals()


def test_invoices_are_exported_with_what_they_post_on_revenue(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose answer was lost, and a credit note among them; receivables and VAT are Visma's own postings."""
    home = tmp_path / "home"
    monkeypatch.setenv("ML_CONNECTOR_HOME", str(home))
    with two_way(home, post="invoices", policy="immediate") as sync:
        sync.chargebee.control("customers", {"id": "V-10001", "auto_collection": "off"})
        subscribe(sync, "S-1", 120_000)
        sync.visma.fault("lost_answer", path="customerinvoice$", method="POST", times=1)
        sync.sync_back()
        (invoice,) = sync.chargebee.listed("invoices")
        sync.chargebee.control(f"invoices/{invoice['id']}/credit", {"amount": 30_000, "type": "adjustment"})
        sync.wait(minutes=10)
        sync.sync_back()
        rows = exported(cli, f"{sync.now():%Y-%m}")
        amounts = {row["document"].partition("/")[0]: row for row in rows if row["kind"] == "amount"}
        assert {name: _cents(row) for name, row in amounts.items()} == {"invoice": -120_000, "credit_note": 24_000}
        assert all(row["batch"] and row["reference"].startswith("CB") and row["events"] for row in amounts.values())
        (note,) = sync.chargebee.listed("credit_notes")
        ids = {"invoice": invoice["line_items"][0]["id"], "credit_note": note["line_items"][0]["id"]}
        assert {name: row["line"] for name, row in amounts.items()} == ids
        assert [_cents(row) for row in rows if row["kind"] == "total"] == [-96_000]


def test_sums_are_of_each_currency_apart(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Visma's batches are, each of one currency; and so is the deferred balance."""
    home = tmp_path / "home"
    monkeypatch.setenv("ML_CONNECTOR_HOME", str(home))
    with two_way(home) as sync:
        subscribe(sync, "S-1", 120_000)
        subscribe(sync, "S-2", 99_999, currency_code="EUR")
        sync.sync_back()
        sync.wait(days=70)
        sync.sync_back()
        wanted: dict[tuple[str, str, str], int] = {}
        for batch in sync.batches():
            for line in batch["journalTransactionLines"]:
                place = (batch["financialPeriod"], batch["currencyId"], line["accountNumber"])
                cents = round((line["debitAmountInCurrency"] - line["creditAmountInCurrency"]) * 100)
                wanted[place] = wanted.get(place, 0) + cents
        running: dict[str, int] = {}
        periods = sorted({period for period, _, _ in wanted})
        assert len(periods) > 1
        for period in periods:
            rows = exported(cli, f"{period[:4]}-{period[4:]}")
            totals = {(period, row["currency"], row["account"]): _cents(row) for row in rows if row["kind"] == "total"}
            assert totals == {place: cents for place, cents in wanted.items() if place[0] == period}
            for (_, currency, account), cents in totals.items():
                running[currency] = running.get(currency, 0) + (cents if account == "2970" else 0)
            balances = {row["currency"]: _cents(row) for row in rows if row["kind"] == "deferred balance"}
            assert balances == running
            assert balances.keys() == {"EUR", "NOK"}


@pytest.mark.parametrize("post", ["journals", "invoices"])
def test_every_amount_tells_where_it_stands(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, post: str
) -> None:
    """Subaccount, project and task; an invoice's line is of the invoice's project. Sums are of all projects."""
    home = tmp_path / "home"
    monkeypatch.setenv("ML_CONNECTOR_HOME", str(home))
    places: dict[str, Any] = {"subaccount": {1: "10", 2: "0100"}, "project": "P-ABO", "project_task": "LISENS"}
    with two_way(home, post=post, policy="immediate", **places) as sync:
        sync.chargebee.control("customers", {"id": "V-10001", "auto_collection": "off"})
        subscribe(sync, "S-1", 120_000)
        sync.sync_back()
        rows = exported(cli, f"{sync.now():%Y-%m}")
    found: dict[str, set[Any]] = {"amount": set(), "total": set()}
    for row in rows:
        found[row["kind"]].add((row["subaccount"], row["project"], row["project_task"]))
    assert found == {"amount": {("10-0100", "P-ABO", "LISENS")}, "total": {(None, None, None)}}


def _cents(row: dict[str, Any]) -> int:
    return int((Decimal(row["debit"] or 0) - Decimal(row["credit"] or 0)) * 100)


@pytest.mark.parametrize(
    ("segments", "shown"),
    [
        ([{"segmentId": 1, "segmentValue": "10"}, {"segmentId": 2, "segmentValue": "0100"}], "10-0100"),
        ([{"segmentId": 1, "segmentValue": "10"}, {"segmentId": 2}], "10-"),
        ([], None),
        (None, None),
    ],
)
def test_a_segment_without_a_value_is_empty(segments: Any, shown: str | None) -> None:
    """Visma may show one, of a transaction that was found."""
    line = {} if segments is None else {"subaccount": segments}
    assert Posted("2026-11", "invoice/1", "", "", line, "NOK", Decimal(1), {}).subaccount == shown
