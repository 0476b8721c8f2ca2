"""`ml-connector check` and `setup`: the real systems are asked, what is wrong is named, and nothing is written."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ml_connector.home import Home
from ml_connector_tests.cli.conftest import TARGET, Cli, World, bring_over

WRITES = ("POST", "PUT", "PATCH", "DELETE")


def subjects(findings: list[dict[str, Any]], *, ok: bool) -> set[str]:
    return {finding["subject"] for finding in findings if finding["ok"] is ok}


def test_when_all_is_well_the_check_ends_with_0(cli: Cli, ready: Home) -> None:
    """Both systems answered, and the audience has every merge field."""
    ran = cli("check", "--json")
    assert ran.code == 0
    assert {finding["account"] for finding in ran.json} == {"nordic/visma", "nordic/mailchimp"}
    assert all(finding["ok"] for finding in ran.json)
    assert "NOT OK" not in cli("check").out


def test_a_start_long_ago_is_remarked_upon_before_the_first_read(cli: Cli, ready: Home) -> None:
    """Thousands of empty windows are no mistake, but nobody wants them; once something was read it is too late."""
    text = ready.config_path.read_text()
    ready.config_path.write_text(re.sub(r"start: .*", "start: 2020-01-01", text))
    ran = cli("check", "nordic/visma")
    assert ran.code == 0
    assert "ok, but" in ran.out
    assert "Set `start` to today" in ran.out
    bring_over(ready)
    assert "ok, but" not in cli("check", "nordic/visma").out


def test_what_the_target_lacks_is_named_in_three_parts_and_setup_creates_it(cli: Cli, home: Home) -> None:
    """1: a finding is not ok; after the setup 0."""
    ran = cli("check", TARGET)
    assert ran.code == 1
    assert "merge field CUSTNO" in ran.out
    assert "ml-connector setup" in ran.out

    shown = cli("setup", TARGET, "--json")
    assert shown.code == 0
    assert any("CUSTNO" in step["title"] for step in shown.json["steps"])
    assert not any(step["done"] for step in shown.json["steps"])
    assert cli("check", TARGET).code == 1

    done = cli("setup", TARGET, "--yes", "--json")
    assert all(step["done"] for step in done.json["steps"])
    assert cli("check", TARGET).code == 0
    assert cli("setup", TARGET).out == f"{TARGET} lacks nothing.\n"


def test_neither_check_nor_a_setup_without_yes_changes_anything(cli: Cli, home: Home, world: World) -> None:
    """The token is the only thing that is asked for by POST."""
    cli("check")
    cli("setup", TARGET)
    assert world.calls("mailchimp", *WRITES) == []
    assert set(world.calls("visma", *WRITES)) <= {"POST /connect/token"}


def test_one_account_can_be_checked_alone(cli: Cli, ready: Home, world: World) -> None:
    """The other system is not even asked."""
    assert cli("check", "nordic/visma").code == 0
    assert world.calls("mailchimp") == []


def test_missing_credentials_end_with_2_and_do_not_keep_the_others_from_being_checked(cli: Cli, ready: Home) -> None:
    """All that is wrong is known after one run."""
    cli("credentials", "delete", "nordic/visma")
    ran = cli("check", "--json")
    assert ran.code == 2
    assert {finding["what"] for finding in ran.json if not finding["ok"]} == {
        "There are no credentials for nordic/visma."
    }
    assert "audience" in subjects(ran.json, ok=True)
    assert "ml-connector credentials set nordic/visma" in cli("check").out


@pytest.mark.parametrize(
    ("system", "changes", "code", "words"),
    [
        ("mailchimp", {"api_key": "ffffffffffffffffffffffffffffffff-us19"}, 3, "key"),
        ("visma", {"client_secret": "another"}, 3, "client"),
        ("visma", {"tenant_id": "00000000-0000-0000-0000-000000000000"}, 3, "tenant"),
        ("visma", {"clock_offset_seconds": 3600.0}, 3, "clock"),
    ],
)
def test_what_the_other_side_refuses_is_said_in_plain_words(
    cli: Cli, ready: Home, world: World, system: str, changes: dict[str, Any], code: int, words: str
) -> None:
    """A revoked key, a changed secret, a tenant that is gone, a clock far off: it always ends with 3."""
    world.settings(system, **changes)
    ran = cli("check", "--json")
    wrong = [finding for finding in ran.json if not finding["ok"]]
    assert ran.code == code
    assert wrong
    assert any(words in f"{finding['subject']} {finding['what']}".lower() for finding in wrong)
    for finding in wrong:
        assert finding["what"]
        assert finding["meaning"]
        assert finding["action"]


def test_an_audience_that_is_not_there_is_said_to_be_missing(cli: Cli, ready: Home) -> None:
    """Its id was mistyped, or the key belongs to another account."""
    text = ready.config_path.read_text()
    ready.config_path.write_text(text.replace("a1b2c3d4e5", "ffffffffff"))
    ran = cli("check", TARGET)
    assert ran.code == 3
    assert "audience in connections.yaml" in ran.out.replace("`", "")


def test_a_token_of_the_customer_instead_of_the_company_is_explained(cli: Cli, ready: Home, world: World) -> None:
    """Visma gives it a token and then answers 401: nobody would guess why."""
    wrong = world.visma.settings["customer_tenant_id"]
    with ready.open() as opened:
        opened.vault.set_credentials("nordic/visma", world.visma.credentials | {"tenant_id": wrong})
    ran = cli("check", "nordic/visma")
    assert ran.code == 3
    assert "tenant" in ran.out


def test_a_system_that_is_down_is_said_to_be_down(
    cli: Cli, ready: Home, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command says why nothing happens for a while, on standard error alone."""
    world.faults("mailchimp", {"fault": "server_error"})
    ran = cli("check", TARGET, "--json")
    assert ran.code == 3
    assert "trying again in" in ran.err
    assert ran.json[0]["ok"] is False


def test_an_unknown_company_is_a_usage_error(cli: Cli, ready: Home, world: World) -> None:
    """Nobody is asked."""
    ran = cli("check", "nordik")
    assert ran.code == 2
    assert "Did you mean nordic?" in ran.err
    assert world.calls("visma") == []
