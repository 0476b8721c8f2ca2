"""`ml-connector handled`: what a person took care of is no problem any more, and the audit says who said so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ml_connector.home import Home
from ml_connector.store.deliveries import Intent
from ml_connector_tests.cli.conftest import FIRST, TARGET, Cli, World, bring_over

NOTE = "Rang her up, she wants no mail (Kari)"


def test_what_was_handled_by_hand_is_quiet_until_it_changes(
    cli: Cli, with_a_problem: str, synced: Home, world: World
) -> None:
    """No problem, green checks, a trace in the audit; a later version is judged anew."""
    assert "ml-connector handled" in cli("problems").out
    ran = cli("handled", TARGET, "--record", with_a_problem, "--note", NOTE, "--json")
    assert (ran.code, ran.json["handled"]) == (0, [FIRST])
    assert ran.json["checks"]
    assert all(check["passed"] for check in ran.json["checks"])
    assert cli("problems", "--json").json == []
    found = cli("record", "nordic", FIRST, "--json").json
    assert [(one["outcome"], one["rule"], one["reason"]) for one in found["flows"]] == [
        ("skipped", "handled by hand", NOTE)
    ]
    assert NOTE in found["audit"][-1]["message"]
    assert found["audit"][-1]["run_id"] == ran.json["run_id"]
    assert cli("audit", "verify").code == 0
    bring_over(synced)
    assert cli("problems", "--json").json == []
    world.change(FIRST, name="Another name")
    bring_over(synced)
    assert [problem["key"] for problem in cli("problems", "--json").json] == [FIRST]


@pytest.mark.parametrize(("key", "note"), [("10002", NOTE), ("nobody", NOTE), ("note", " ")])
def test_what_is_not_rejected_cannot_be_handled(cli: Cli, with_a_problem: str, key: str, note: str) -> None:
    """Nor without a word; nothing is marked, of several named ones neither."""
    ran = cli("handled", TARGET, "--record", with_a_problem, "--record", key, "--note", note)
    assert (ran.code, key in ran.parts[0]) == (2, True)
    assert [problem["key"] for problem in cli("problems", "--json").json] == [with_a_problem]


def test_what_was_never_answered_cannot_be_handled_yet(cli: Cli, with_a_problem: str, synced: Home) -> None:
    """It may still take effect; the refusal says so, and not that the record were fine."""
    unanswered = Intent(with_a_problem, "update", "claim", "firm", b"digest", None, datetime.now(UTC))
    with synced.open() as opened:
        book = opened.ledger("nordic").deliveries("mailchimp", "members", "visma.customers", ())
        with book.transaction() as connection:
            book.intend(connection, [unanswered], "a run that died")
    ran = cli("handled", TARGET, "--record", with_a_problem, "--note", NOTE)
    assert ran.code == 2
    assert f"A write of {with_a_problem} to {TARGET} was never answered" in ran.parts[0]
    assert [problem["key"] for problem in cli("problems", "--json").json] == [with_a_problem]
