"""What the command line tells of events: how the inbox stands, and which events a document came with."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ml_connector.home import Home
from ml_connector_tests.cli.conftest import Cli
from ml_connector_tests.cli.two_way import subscribe, two_way
from ml_connector_tests.pages import ROOT, rows, sections
from ml_connector_tests.systems.chargebee.support import BACK, COMPANY, Sync


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("events") / "home"


@pytest.fixture(scope="module")
def sync(folder: Path) -> Iterator[Sync]:
    """One subscription whose first event a webhook told of, a forged one, and one that waits."""
    with two_way(folder) as sync:
        subscribe(sync, "S-1", 120_000)
        inbox = sync.ledger.inbox("chargebee")
        inbox.store(_with_invoice(sync)[0]["id"], b"{}", sync.now())
        inbox.store("ev_forged", b"{}", sync.now())
        sync.take_in()
        sync.sync_back()
        inbox.store("ev_waiting", b"{}", sync.now() - timedelta(hours=3))
        yield sync


@pytest.fixture(autouse=True)
def _at_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ML_CONNECTOR_HOME", str(folder))


def _with_invoice(sync: Sync) -> list[dict[str, Any]]:
    """The events that carry the invoice, in the order in which they occurred: by the second, and then by their id."""
    found = [dict(event) for event in sync.chargebee.events() if "invoice" in event["content"]]
    return sorted(found, key=lambda event: (event["occurred_at"], event["id"]))


def test_status_shows_how_the_inbox_stands(cli: Cli, sync: Sync) -> None:
    """What waits and since when, what was refused, and what no webhook brought."""
    (inbox,) = cli("status", "--json").json[0]["inboxes"]
    told = len(sync.chargebee.events())
    assert (inbox["target"], inbox["waiting"], inbox["refused"]) == (f"{COMPANY}/chargebee", 1, 1)
    assert inbox["found_by_poll"] == told - 1
    assert inbox["oldest_waiting"] < inbox["last_webhook"]
    shown = cli("status").out
    assert "Last webhook" in shown
    assert "ml-connector problems" in shown


def test_the_keys_are_those_of_the_documentation(cli: Cli, sync: Sync) -> None:
    """Programs are written after the table of `docs/configuration.md`."""
    table = {row[0]: row[1] for row in rows(sections(ROOT / "docs/configuration.md")["`--json`"])}
    (company,) = cli("status", "--json").json
    flows = [flow for target in company["targets"] for flow in target["flows"]]
    listed = [company, company["source"], *company["source"]["entities"], *company["targets"], *flows]
    written = set(re.findall(r'"(\w+)"', table["`status`"]))
    assert written == {key for one in [*listed, *company["inboxes"]] for key in one}
    found = cli("record", COMPANY, "ev_forged", "--json").json
    assert {*found, *found["events"][0]} <= set(re.findall(r'"(\w+)"', table["`record`"]))


def test_a_preview_before_the_first_sync_shows_what_will_be_posted(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events are read live, and what is made of them is previewed; nothing is written anywhere."""
    monkeypatch.setenv("ML_CONNECTOR_HOME", str(tmp_path / "home"))
    with two_way(tmp_path / "home") as sync:
        subscribe(sync, "S-1", 120_000)
        with Home.locate({"ML_CONNECTOR_HOME": str(tmp_path / "home")}).open() as home:
            home.vault.set_credentials(f"{COMPANY}/chargebee", {"api_key": sync.chargebee.settings.api_key})
        flows = {flow["flow"]: flow for flow in cli("preview", f"{COMPANY}/{BACK}", "--json").json["flows"]}
        assert flows["journals"]["counts"] == {"create": 1}
        assert set(flows["recognitions"]["counts"]) == {"skipped"}
        assert flows["subscriptions"]["counts"] == {"skipped": 1}
        assert "active" in flows["subscriptions"]["records"][0]["why"]
        assert sync.batches() == []
        assert {entity["covered_until"] for entity in cli("status", "--json").json[0]["source"]["entities"]} == {None}


@pytest.mark.parametrize(("selection", "shown"), [("chargebee", True), (BACK, False)])
def test_status_of_one_target_shows_its_own_inbox(cli: Cli, sync: Sync, selection: str, shown: bool) -> None:
    (company,) = cli("status", f"{COMPANY}/{selection}", "--json").json
    assert bool(company["inboxes"]) is shown


def test_a_document_is_shown_with_its_events(cli: Cli, sync: Sync) -> None:
    """In the order in which they occurred, with how each was found; so is the part of a month."""
    told = [event["id"] for event in _with_invoice(sync)]
    invoice = _with_invoice(sync)[0]["content"]["invoice"]["id"]
    found = cli("record", COMPANY, f"invoice/{invoice}", "--json").json
    assert [event["event_id"] for event in found["events"]] == told
    assert [event["origin"] for event in found["events"]] == ["webhook", *["poll"] * (len(told) - 1)]
    assert all(event["changed_at"] for event in found["events"])
    assert told[0] in cli("record", COMPANY, f"invoice/{invoice}").out
    month = cli("record", COMPANY, f"invoice/{invoice}/{sync.now():%Y-%m}", "--json").json
    assert [event["event_id"] for event in month["events"]] == told


def test_an_event_is_shown_with_what_became_of_it(cli: Cli, sync: Sync) -> None:
    (event,) = cli("record", COMPANY, "ev_forged", "--json").json["events"]
    assert (event["state"], event["origin"], "forged" in event["reason"]) == ("refused", "webhook", True)
    assert "ev_waiting" in cli("record", COMPANY, "ev_waiting").out
    assert cli("record", COMPANY, "ev_never").code != 0


def test_a_refused_event_is_taken_off_the_problems_by_hand(cli: Cli, sync: Sync) -> None:
    """With a trace in the audit; told of again, it stays so."""
    target = f"{COMPANY}/chargebee"
    sync.ledger.inbox("chargebee").store("ev_other", b"{}", sync.now())
    sync.ledger.inbox("chargebee").refuse(["ev_other"], "forged", "run", sync.now())
    ran = cli("handled", target, "--record", "ev_other", "--note", "asked Chargebee (Kari)", "--json")
    assert (ran.code, ran.json["handled"]) == (0, ["ev_other"])
    assert [problem["key"] for problem in cli("problems", target, "--json").json] == ["ev_forged"]
    sync.ledger.inbox("chargebee").store("ev_other", b"{}", sync.now())
    (event,) = cli("record", COMPANY, "ev_other", "--json").json["events"]
    assert (event["state"], "Kari" in event["reason"]) == ("handled", True)
    assert "Kari" in cli("audit", "export", target).out
    assert cli("handled", target, "--record", "ev_never", "--note", "x").code == 2
