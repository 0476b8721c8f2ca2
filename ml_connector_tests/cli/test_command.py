"""The command as a whole: help, start-up, errors, interruption."""

from __future__ import annotations

import io
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest
import typer

from ml_connector.cli import build, main
from ml_connector.home import Home
from ml_connector_tests.cli.conftest import TARGET, Cli

COMMANDS = [
    *(["init"], ["check"], ["setup"], ["status"], ["preview"], ["sync"], ["problems"], ["record"], ["replay"]),
    ["handled"],
    *(["simulate"], ["demo"], ["webhooks"], ["audit", "export"], ["audit", "verify"]),
    *(["credentials", name] for name in ("set", "list", "delete", "rotate-key")),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_help_text_explains_itself_with_an_example(cli: Cli, command: list[str]) -> None:
    """The example is a whole command line of this very command."""
    ran = cli(*command, "--help")
    assert ran.code == 0
    words = " ".join(ran.out.split())
    assert f"Example: ml-connector {' '.join(command)}" in words


def test_no_command_is_left_out_of_these_tests() -> None:
    """A new one gets an example, too."""
    app = typer.main.get_command(build())
    known = {name: getattr(command, "commands", {}) for name, command in app.commands.items()}
    found = [[name, inner] if inner else [name] for name, inner in _pairs(known)]
    assert sorted(found) == sorted(COMMANDS)


def _pairs(known: dict[str, dict[str, object]]) -> list[tuple[str, str | None]]:
    return [(name, inner) for name, commands in known.items() for inner in (commands or [None])]  # type: ignore[list-item]


def test_without_a_command_the_help_is_shown(cli: Cli) -> None:
    """It lists every command."""
    ran = cli()
    assert ran.code == 0
    assert all(command[0] in ran.out for command in COMMANDS)


def test_a_help_text_loads_neither_dagster_nor_the_store(tmp_path: Path) -> None:
    """Start-up is quick: what is slow is loaded by the commands that need it."""
    program = (
        "import sys; from ml_connector.cli import main; main(['sync', '--help']); "
        "print([name for name in ('dagster', 'sqlalchemy', 'pandas', 'pyarrow', 'httpx', 'alembic') "
        "if name in sys.modules], file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stderr.strip() == "[]"


def test_a_status_does_not_load_dagster(synced: Home) -> None:
    """The ten-second view takes one."""
    program = "import sys; from ml_connector.cli import main; main(['status']); sys.exit('dagster' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], stdout=subprocess.DEVNULL, check=True)


def test_an_error_that_nobody_thought_of_is_a_sentence_and_a_traceback_only_on_request(
    cli: Cli, synced: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here somebody took a table out of the database."""
    with closing(sqlite3.connect(synced.path / "ml_connector.db")) as connection, connection:
        connection.execute("DROP TABLE delivery")
    ran = cli("status")
    assert ran.code == 1
    assert ran.parts[0].startswith("Error: The command met an error that it has no answer to: ")
    assert "ML_CONNECTOR_DEBUG" in ran.parts[-1]
    assert "Traceback" not in ran.err
    monkeypatch.setenv("ML_CONNECTOR_DEBUG", "1")
    with pytest.raises(Exception, match="no such table"):
        main(["status"])


def test_a_full_disk_below_standard_output_is_a_sentence(
    synced: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the error itself has no place there."""
    with monkeypatch.context() as patch, suppress(OSError), open("/dev/full", "w", buffering=1) as full:
        patch.setattr("sys.stdout", full)
        assert main(["status", "--json"]) == 1
    assert capsys.readouterr().err.startswith("Error: A file cannot be written: No space left on device.\n")


def test_a_locale_without_nordic_letters_ends_no_command(synced: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service or a cron job often runs with LANG=C."""
    printed = io.BytesIO()
    with monkeypatch.context() as patch, io.TextIOWrapper(printed, encoding="ascii") as stream:
        patch.setattr("sys.stdout", stream)
        assert main(["audit", "export", "--payload"]) == 0
        stream.flush()
        assert "ø" in printed.getvalue().decode("utf-8")


def test_ctrl_c_ends_a_command_with_130_and_without_a_traceback(home: Home) -> None:
    """Here while it waits for a prompt's answer on standard input."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ml_connector.cli", "credentials", "set", TARGET],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    _until_it_reads(process)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == b""
    assert b"Traceback" not in err


def test_a_reader_that_has_seen_enough_is_no_error(synced: Home) -> None:
    """`ml-connector audit export | head -1`."""
    command = f"{sys.executable} -m ml_connector.cli audit export --payload | head -1"
    ran = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert ran.returncode == 0
    assert ran.stdout.startswith("company,target,number")
    assert ran.stderr == ""


def _until_it_reads(process: subprocess.Popen[bytes]) -> None:
    """Until a process sleeps in a read of its standard input."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        if "pipe" in Path(f"/proc/{process.pid}/wchan").read_text():
            return
        time.sleep(0.05)
