"""`ml-connector credentials`: values come by prompt or standard input, stay in the vault, and are never shown."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ml_connector.home import Home
from ml_connector.store.vault import new_key
from ml_connector_tests.cli.conftest import TARGET, Cli

SECRET = "s3cret-s3cret-s3cret"
VISMA = {"client_id": "isv_someone", "client_secret": SECRET, "tenant_id": "a-tenant"}


def stored(home: Home, name: str) -> dict[str, str] | None:
    with home.open() as opened:
        return opened.vault.credentials(name)


def test_credentials_are_read_from_standard_input_and_stored(cli: Cli, empty_home: Home) -> None:
    """As a script or a secrets manager gives them."""
    ran = cli("credentials", "set", "nordic/visma", stdin=json.dumps(VISMA))
    assert ran.code == 0
    assert stored(empty_home, "nordic/visma") == VISMA
    assert SECRET not in ran.out + ran.err
    assert "ml-connector check nordic/visma" in ran.out


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"client_id": "x", "client_secret": SECRET}, "tenant_id is missing"),
        (VISMA | {"secret": SECRET}, "secret is unknown"),
        (VISMA | {"tenant_id": ["x", SECRET]}, "tenant_id: Input should be a valid string"),
        (VISMA | {"client_secret": ""}, "client_secret: "),
    ],
)
def test_what_cannot_be_right_is_refused_without_showing_it(
    cli: Cli, empty_home: Home, values: dict[str, object], sentence: str
) -> None:
    """The sentence says which value is wrong, and nothing of what it is."""
    ran = cli("credentials", "set", "nordic/visma", stdin=json.dumps(values))
    assert ran.code == 2
    assert sentence in ran.parts[0]
    assert "client_id, client_secret, tenant_id" in ran.parts[2]
    assert SECRET not in ran.out + ran.err
    assert stored(empty_home, "nordic/visma") is None


def test_one_of_two_kinds_of_access_is_enough_and_both_are_too_many(cli: Cli, empty_home: Home) -> None:
    """What belongs together is the system's own matter."""
    assert cli("credentials", "set", TARGET, stdin=json.dumps({"api_key": f"{SECRET}-us1"})).code == 0
    assert stored(empty_home, TARGET) == {"api_key": f"{SECRET}-us1"}
    ran = cli("credentials", "set", TARGET, stdin=json.dumps({"api_key": SECRET, "access_token": SECRET}))
    assert ran.code == 2
    assert SECRET not in ran.out + ran.err


@pytest.mark.parametrize("text", ["", "not json", "[1]", '"x"'])
def test_anything_but_a_json_object_is_refused(cli: Cli, empty_home: Home, text: str) -> None:
    """Nothing of it is repeated: it may be the bare secret."""
    ran = cli("credentials", "set", TARGET, stdin=text)
    assert ran.code == 2
    assert ran.parts[0] == "Error: Standard input is not one JSON object."


def test_an_account_that_is_not_configured_is_refused(cli: Cli, empty_home: Home) -> None:
    """A misspelt name would leave the real account without its credentials."""
    ran = cli("credentials", "set", "nordic/mailchip", stdin="{}")
    assert ran.code == 2
    assert "Did you mean nordic/mailchimp?" in ran.err


def test_secrets_are_not_taken_as_arguments(cli: Cli, empty_home: Home) -> None:
    """Everybody on the machine can see the arguments of a process."""
    assert cli("credentials", "set", TARGET, "--api-key", SECRET).code == 2
    assert cli("credentials", "set", TARGET, SECRET).code == 2
    assert stored(empty_home, TARGET) is None


def test_on_a_terminal_values_are_asked_for_and_secrets_are_not_echoed(empty_home: Home) -> None:
    """In a real process on a real terminal; its arguments hold no secret either."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "ml_connector.cli", "credentials", "set", "nordic/visma"],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    seen = ""
    arguments = ""
    for prompt, answer in [("client_id", "isv_someone"), ("client_secret", SECRET), ("tenant_id", "a-tenant")]:
        while f"{prompt}: " not in seen:
            seen += os.read(leader, 1024).decode()
        arguments += Path(f"/proc/{process.pid}/cmdline").read_text() if Path("/proc").exists() else ""
        time.sleep(0.1)  # the prompt is there before the echo is switched off
        os.write(leader, f"{answer}\n".encode())
    try:
        while chunk := os.read(leader, 1024):
            seen += chunk.decode()
    except OSError:  # the process has ended and closed the terminal
        pass
    os.close(leader)
    assert process.wait(30) == 0
    assert "isv_someone" in seen
    assert SECRET not in seen + arguments
    assert stored(empty_home, "nordic/visma") == VISMA


def test_the_list_says_what_is_missing_and_shows_no_value(cli: Cli, empty_home: Home) -> None:
    """Also what is stored although nothing is configured for it any more."""
    cli("credentials", "set", "nordic/visma", stdin=json.dumps(VISMA))
    with empty_home.open() as opened:
        opened.vault.set_credentials("nordic/old", {"api_key": SECRET})
    ran = cli("credentials", "list", "--json")
    assert ran.json == [
        {"name": "nordic/mailchimp", "system": "mailchimp", "stored": False, "configured": True},
        {"name": "nordic/old", "system": None, "stored": True, "configured": False},
        {"name": "nordic/visma", "system": "visma", "stored": True, "configured": True},
    ]
    assert SECRET not in cli("credentials", "list").out


def test_deleted_credentials_are_gone(cli: Cli, home: Home) -> None:
    """And deleting them again is a mistake that is named."""
    assert cli("credentials", "delete", TARGET).code == 0
    assert stored(home, TARGET) is None
    ran = cli("credentials", "delete", TARGET)
    assert ran.code == 2
    assert "Stored are: nordic/visma." in ran.err


def test_a_broken_company_does_not_keep_the_others_from_their_credentials(cli: Cli, empty_home: Home) -> None:
    """Somebody may be in the middle of adding it."""
    with empty_home.config_path.open("a") as file:
        file.write("  baltic: {}\n")
    assert cli("credentials", "set", TARGET, stdin='{"api_key": "x-us1"}').code == 0
    ran = cli("credentials", "list", "--json")
    assert ran.code == 0
    assert {row["name"] for row in ran.json} == {"nordic/visma", TARGET}
    assert "baltic" in ran.err, "what is not listed is said, on standard error"


def test_a_new_vault_key_opens_what_the_old_one_sealed(cli: Cli, home: Home) -> None:
    """The old one opens nothing any more, and neither was shown."""
    before = home.key_file.read_text()
    ran = cli("credentials", "rotate-key")
    after = home.key_file.read_text()
    assert ran.code == 0
    assert before != after
    assert before.strip() not in ran.out + ran.err
    assert after.strip() not in ran.out + ran.err
    assert stored(home, TARGET) is not None
    assert home.key_file.stat().st_mode & 0o777 == 0o600
    home.key_file.write_text(before)
    assert cli("credentials", "list").code == 2


def test_a_key_from_the_environment_is_rotated_into_a_file(
    cli: Cli, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program cannot change where it came from, and a secret does not belong on a terminal."""
    monkeypatch.setenv("ML_CONNECTOR_VAULT_KEY", home.key_file.read_text())
    home.key_file.unlink()
    ran = cli("credentials", "rotate-key")
    new = home.path / "vault.key.new"
    assert ran.code == 0
    assert str(new) in ran.out
    assert new.read_text().strip() not in ran.out
    assert cli("credentials", "list").code == 2
    monkeypatch.setenv("ML_CONNECTOR_VAULT_KEY", new.read_text())
    assert cli("credentials", "list").code == 0


def test_an_interrupted_rotation_is_noticed_and_loses_no_key(cli: Cli, home: Home) -> None:
    """The new key is on disk before the vault needs it; whichever of the two fits is said how to find out."""
    waiting = home.path / "vault.key.new"
    waiting.write_text(new_key())
    ran = cli("credentials", "rotate-key")
    assert ran.code == 2
    assert ran.parts[0] == f"Error: {waiting} exists: an earlier rotation was interrupted."
    assert stored(home, TARGET) is not None


def test_a_rotation_that_was_interrupted_after_the_vault_changed_says_where_the_key_is(cli: Cli, home: Home) -> None:
    """The key that fits lies beside the one that no longer does."""
    before = home.key_file.read_text()
    cli("credentials", "rotate-key")
    home.key_file.rename(home.path / "vault.key.new")
    home.key_file.write_text(before)
    home.key_file.chmod(0o600)
    ran = cli("credentials", "list")
    assert ran.code == 2
    assert f"{home.key_file}.new" in ran.err
