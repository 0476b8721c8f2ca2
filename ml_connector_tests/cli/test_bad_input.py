"""What is wrong before anything begins ends with a sentence, the right exit code, and nothing written anywhere."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from ml_connector.home import Home
from ml_connector.store.vault import new_key
from ml_connector_tests.cli.conftest import TARGET, Cli, Ran, World

COMMANDS = [
    ("check",),
    ("setup", TARGET, "--yes"),
    ("status",),
    ("preview", TARGET),
    ("sync", "nordic"),
    ("problems",),
    ("record", "nordic", "10001"),
    ("replay", TARGET, "--problems"),
    ("audit", "export"),
    ("audit", "verify"),
]
Look = Callable[[Path], dict[str, tuple[int, bytes]]]

every_command = pytest.mark.parametrize("command", COMMANDS, ids=" ".join)


def is_a_sentence_with_2(ran: Ran) -> None:
    """Three parts on standard error, nothing on standard output, no traceback."""
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith("Error: ")
    assert len(ran.parts) >= 3
    assert "Traceback" not in ran.err


@pytest.fixture
def untouched(home: Home, world: World, files: Look) -> Callable[[], None]:
    """Call it to see that neither the home nor one of the systems was written to since the test began."""
    before = files(home.path)
    world.forget_calls()

    def check() -> None:
        after = files(home.path)
        assert {name: size for name, (size, _) in after.items()} == {name: size for name, (size, _) in before.items()}
        assert after == before
        assert world.calls("visma") == []
        assert world.calls("mailchimp") == []

    return check


@every_command
@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("    timezone:", "    timezon:", "companies.nordic.timezon is not a setting."),
        ("subscribed", "5", "new_member_status is the number 5; expected subscribed, pending or transactional."),
    ],
    ids=["unknown key", "wrong type"],
)
def test_a_mistake_in_the_configuration(
    cli: Cli, home: Home, untouched: Callable[[], None], command: tuple[str, ...], old: str, new: str, sentence: str
) -> None:
    """Every command refuses to go on, with file and line."""
    right = home.config_path.read_text()
    home.config_path.write_text(right.replace(old, new, 1))
    ran = cli(*command)
    home.config_path.write_text(right)
    is_a_sentence_with_2(ran)
    assert sentence in ran.err
    assert f"{home.config_path}, line " in ran.parts[0]
    untouched()


@every_command
def test_another_vault_key(cli: Cli, home: Home, untouched: Callable[[], None], command: tuple[str, ...]) -> None:
    """It belongs to another home, or to a backup."""
    right = home.key_file.read_text()
    home.key_file.write_text(new_key() + "\n")
    ran = cli(*command)
    home.key_file.write_text(right)
    is_a_sentence_with_2(ran)
    assert "vault key" in ran.parts[0]
    untouched()


@every_command
def test_a_vault_key_that_others_can_read(cli: Cli, home: Home, command: tuple[str, ...]) -> None:
    """As after a careless copy."""
    home.key_file.chmod(0o644)
    ran = cli(*command)
    is_a_sentence_with_2(ran)
    assert "can be read by other users" in ran.parts[0]


@every_command
def test_a_home_that_is_not_there(
    cli: Cli, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """Nothing is made in its place."""
    monkeypatch.setenv("ML_CONNECTOR_HOME", str(tmp_path / "elsewhere"))
    ran = cli(*command)
    is_a_sentence_with_2(ran)
    assert ran.parts[0] == f"Error: There is no home at {tmp_path / 'elsewhere'}."
    assert not (tmp_path / "elsewhere").exists()


@every_command
def test_a_database_of_a_newer_version(cli: Cli, home: Home, world: World, command: tuple[str, ...]) -> None:
    """As after going back to an older ml-connector."""
    with sqlite3.connect(home.path / "ml_connector.db") as connection:
        connection.execute("UPDATE ml_connector_version SET version_num = '9999'")
    connection.close()
    ran = cli(*command)
    is_a_sentence_with_2(ran)
    assert "The database has version 9999" in ran.parts[0]
    assert world.calls("visma") == []
    assert world.calls("mailchimp") == []


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (None, "base_dir should be a directory"),
        ("storag: 5", 'unexpected config entry "storag"'),
        ("{:", "while parsing"),
    ],
    ids=["missing", "wrong key", "no YAML"],
)
def test_a_storage_of_dagster_that_cannot_be_opened(
    cli: Cli, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: str | None, sentence: str
) -> None:
    """DAGSTER_HOME leads elsewhere, or somebody edited dagster.yaml."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    if settings is not None:
        (tmp_path / "dagster").mkdir()
        (tmp_path / "dagster" / "dagster.yaml").write_text(settings)
    ran = cli("sync", "nordic")
    is_a_sentence_with_2(ran)
    assert ran.parts[0].startswith(f"Error: Dagster's own storage in {tmp_path / 'dagster'} cannot be opened: ")
    assert sentence in ran.parts[0]


@every_command
def test_a_database_that_is_none(cli: Cli, home: Home, command: tuple[str, ...]) -> None:
    """As when ML_CONNECTOR_DATABASE_URL names another file."""
    for path in home.path.glob("ml_connector.db*"):
        path.unlink()
    (home.path / "ml_connector.db").write_bytes(b"This is no database." * 100)
    ran = cli(*command)
    is_a_sentence_with_2(ran)
    assert "cannot be opened: file is not a database" in ran.parts[0]


@pytest.mark.parametrize("command", [("preview", TARGET), ("setup", TARGET, "--yes")], ids=" ".join)
def test_missing_credentials(cli: Cli, empty_home: Home, world: World, command: tuple[str, ...]) -> None:
    """The account is not asked."""
    ran = cli(*command)
    is_a_sentence_with_2(ran)
    assert ran.parts[0].startswith("Error: There are no credentials for nordic/")
    assert "ml-connector credentials set nordic/" in ran.err
    assert world.calls("visma") == []
    assert world.calls("mailchimp") == []


@pytest.mark.parametrize(
    "command",
    [
        ("check", "nordik"),
        ("setup", "nordic/visma"),
        ("status", "nordic/hubspot"),
        ("preview", "nordic"),
        ("sync", "nordik"),
        ("sync", "nordic/mailchip"),
        ("problems", "oslo"),
        ("record", "oslo", "1"),
        ("replay", "nordic/hubspot", "--problems"),
        ("replay", TARGET),
        ("replay", TARGET, "--problems", "--run", "x"),
        ("replay", TARGET, "--record", "nobody"),
        ("replay", TARGET, "--run", "no-such-run"),
        ("audit", "export", "--from", "yesterday"),
        ("audit", "export", "-o", "/no/such/folder/file.csv"),
        ("audit", "verify", "oslo"),
        ("sync",),
        ("synch", "nordic"),
        ("sync", "nordic", "--fast"),
        ("simulate", "--customers", "many"),
        ("simulate", "--fault", "no_such_fault"),
    ],
    ids=" ".join,
)
def test_words_that_make_no_command(
    cli: Cli, home: Home, untouched: Callable[[], None], command: tuple[str, ...]
) -> None:
    """Unknown names, options that contradict each other, values of a wrong kind."""
    is_a_sentence_with_2(cli(*command))
    untouched()


@every_command
def test_with_json_the_error_is_the_one_document(cli: Cli, home: Home, command: tuple[str, ...]) -> None:
    """A program reads what a person reads."""
    home.config_path.write_text("companies: {}\n")
    ran = cli(*command, "--json")
    error = ran.json["error"]
    assert ran.code == error["exit_code"] == 2
    assert [error["what"], error["meaning"], error["action"]] == "\n".join(ran.parts).removeprefix("Error: ").split(
        "\n"
    )
    assert json.loads(ran.out) == ran.json
