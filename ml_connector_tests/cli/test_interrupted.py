"""Ctrl-C in the middle of the work: the command ends soon, and the next one does what is missing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ml_connector.cli.interruption import interruptible
from ml_connector.home import Home
from ml_connector_tests.cli.conftest import CUSTOMERS, Cli, World
from ml_connector_tests.cli.test_processes import ends, family, running


class Interruption(BaseException):
    """As Dagster raises it in the place of a KeyboardInterrupt."""


def end_as_dagster_does() -> None:
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise Interruption from None


def test_an_interruption_of_another_kind_counts_as_ctrl_c() -> None:
    """Else it would end the command with a traceback."""
    with pytest.raises(KeyboardInterrupt), interruptible(print):
        end_as_dagster_does()


@pytest.mark.parametrize(
    ("command", "system", "path"),
    [
        (("check",), "mailchimp", "/lists/"),
        (("preview", "nordic/mailchimp"), "visma", "/v1/customer"),
        (("sync", "nordic"), "visma", "/v1/customer"),
        (("sync", "nordic"), "mailchimp", "/members/"),
    ],
)
def test_an_interrupted_command_ends_with_130_and_the_next_sync_does_everything(
    cli: Cli, ready: Home, world: World, command: tuple[str, ...], system: str, path: str
) -> None:
    """Here while calls hang, in a read or in a delivery, which Dagster would wait for.

    A terminal sends the signal to everything that the command started, too.
    """
    world.faults(system, {"fault": "slow", "seconds": 90, "path": path, "after": 1})
    process = subprocess.Popen(
        [sys.executable, "-m", "ml_connector.cli", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    rules = world.by_name[system]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not rules.control("faults")["rules"][0]["fired"]:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    began = time.monotonic()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert time.monotonic() - began < 30

    world.no_faults()
    assert cli("sync", "nordic", "--json").code == 0
    assert len(world.members("subscribed")) == CUSTOMERS


def test_an_interrupted_demo_stops_its_simulators(tmp_path: Path) -> None:
    """In the middle of its first sync."""
    with running("demo", folder=tmp_path) as process:
        deadline = time.monotonic() + 120
        database = tmp_path / ".demo" / "ml_connector.db-wal"
        while time.monotonic() < deadline and not (tmp_path / ".demo" / "landings").exists():
            time.sleep(0.05)
        assert database.exists()
        started = family(process)
        assert len(started) >= 2
        process.send_signal(signal.SIGINT)
        assert ends(process, started) == 130
