"""`ml-connector demo`: a newcomer runs one command and sees everything work, as often as wanted."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from filelock import FileLock

from ml_connector.cli.demo_home import MARK
from ml_connector.cli.processes import HOST, free_ports
from ml_connector_tests.cli.conftest import Cli
from ml_connector_tests.cli.test_processes import ends, family, running
from ml_connector_tests.loopback import HTTP

CUSTOMERS = 300


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, as after a fresh clone, and another home in force that the demo must not touch."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ML_CONNECTOR_HOME", str(tmp_path / "real"))
    monkeypatch.setenv("ML_CONNECTOR_DATABASE_URL", f"sqlite:///{tmp_path}/real.db")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "real"))
    return tmp_path


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ml_connector.cli", "demo", "--customers", str(CUSTOMERS), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def test_the_demo_shows_both_rounds_and_runs_again(folder: Path) -> None:
    """Tables, a paragraph, where to look next; the second time as JSON, over the first one's home."""
    ran = demo()
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    header = next(line for line in ran.stdout.splitlines() if "Delivered" in line)
    assert header.split()[2:] == [
        *("Read", "Created", "Updated", "Unchanged", "Skipped", "Rejected", "Failed", "API", "calls", "Seconds")
    ]
    assert "All 4 members who unsubscribed stayed unsubscribed" in " ".join(ran.stdout.split())
    assert f"export ML_CONNECTOR_HOME={folder / '.demo'}" in ran.stdout
    left = [one for one in psutil.process_iter(["cwd"]) if one.info["cwd"] == str(folder) and one.pid != os.getpid()]
    assert left == []
    assert {path.name for path in folder.iterdir()} == {".demo"}

    again = demo("--json")
    assert again.returncode == 0, again.stderr
    document = json.loads(again.stdout)
    (first,), (second,) = (_flows(document, turn, "mailchimp") for turn in ("1", "2"))
    assert first["read"] == CUSTOMERS
    assert second["read"] == 30
    assert second["created"] == 0
    at_hubspot = {one["flow"]: one for one in _flows(document, "1", "hubspot")}
    for flow in ("companies", "suppliers", "contacts", "invoices", "credit_notes", "transactions"):
        assert at_hubspot[flow]["created"] > 0, flow
    assert set(document["left"].values()) == {"unsubscribed"}
    assert len(document["left"]) == 4
    back = {one["flow"]: one for one in _flows(document, "2", "chargebee_to_visma")}
    assert (back["journals"]["created"], back["recognitions"]["failed"]) == (1, 0)


def _flows(document: dict[str, Any], turn: str, target: str) -> list[dict[str, Any]]:
    (flows,) = [run["flows"] for run in document["rounds"][turn] if run["target"] == target]
    found: list[dict[str, Any]] = flows
    return found


def test_a_folder_that_is_not_a_demos_is_left_alone(cli: Cli, folder: Path) -> None:
    """The demo deletes what it made, and nothing else."""
    (folder / ".demo").mkdir()
    (folder / ".demo" / "precious").write_text("mine")
    ran = cli("demo")
    assert ran.code == 2
    assert "was not made by a demo" in ran.parts[0]
    assert (folder / ".demo" / "precious").read_text() == "mine"


def test_two_demos_in_one_folder_do_not_fight(cli: Cli, folder: Path) -> None:
    """The second one says that it is the second one."""
    (folder / ".demo").mkdir()
    with FileLock(folder / ".demo" / MARK):
        ran = cli("demo")
    assert ran.code == 3
    assert ran.parts[0] == f"Error: Another demo runs in {folder / '.demo'}."


def test_dagsters_pages_are_served_until_ctrl_c_and_nothing_stays_behind(folder: Path) -> None:
    """The addresses are printed, the code location loads, and every process ends."""
    (port,) = free_ports(1)
    with running("demo", "--up", "--customers", str(CUSTOMERS), "--port", str(port), folder=folder) as process:
        assert process.stdout is not None
        shown: list[str] = []
        while not shown or "ML_CONNECTOR_HOME" not in shown[-1]:
            shown.append(process.stdout.readline())
            assert shown[-1], process.stderr.read() if process.stderr else ""
        assert any(f"http://{HOST}:{port}" in line for line in shown)
        assert _location(port) == "LOADED"
        started = family(process)
        assert len(started) >= 5
        process.send_signal(signal.SIGINT)
        assert ends(process, started) == 130


def _location(port: int) -> str:
    entries = "locationEntries { loadStatus locationOrLoadError { __typename } }"
    query = f"{{ workspaceOrError {{ ... on Workspace {{ {entries} }} }} }}"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        answer = HTTP.post(f"http://{HOST}:{port}/graphql", json={"query": query}, timeout=60).json()
        (entry,) = answer["data"]["workspaceOrError"]["locationEntries"]
        if entry["loadStatus"] == "LOADED":
            assert entry["locationOrLoadError"]["__typename"] == "RepositoryLocation"
            return "LOADED"
        time.sleep(0.5)
    return "never"


def test_a_port_in_use_is_noticed_before_anything_is_started(cli: Cli, folder: Path) -> None:
    """Not after half a minute of preparation."""
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        ran = cli("demo", "--up", "--port", str(port))
    assert ran.code == 2
    assert ran.parts[0] == f"Error: Port {port} on {HOST} is in use by another program."
    assert not (folder / ".demo").exists()
