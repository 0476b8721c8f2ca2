"""What a command starts ends with it: simulators, Dagster, and whatever they started themselves."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ml_connector.cli.processes import HOST, Processes, free_ports, require_free
from ml_connector.cli.simulators import names
from ml_connector.errors import ConfigurationProblem, Problem
from ml_connector_tests.cli.conftest import Cli
from ml_connector_tests.loopback import HTTP

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("ready", flush=True)
time.sleep(60)
"""


@contextlib.contextmanager
def running(*arguments: str, folder: Path | None = None) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own, started as a script's background job is: deaf to SIGINT at first."""
    process = subprocess.Popen(
        ["bash", "-c", f"trap '' INT; exec {sys.executable} -m ml_connector.cli {' '.join(arguments)}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        left = family(process) if process.poll() is None else []  # each leads a group of its own
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        for child in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        process.communicate()


def port_base() -> int:
    """A port that is free like its neighbours, one for each system, below those that the machine gives out itself."""
    while True:
        base = random.randrange(20_000, 30_000)
        with contextlib.suppress(ConfigurationProblem):
            for port in range(base, base + len(names())):
                require_free(port)
            return base


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    children: list[psutil.Process] = psutil.Process(process.pid).children(recursive=True)
    return children


def first_document(process: subprocess.Popen[str]) -> list[dict[str, str]]:
    """The JSON document that a command prints before it goes on working."""
    assert process.stdout is not None
    text = ""
    while True:
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else ""
        text += line
        with contextlib.suppress(ValueError):
            document: list[dict[str, str]] = json.loads(text)
            return document


def ends(process: subprocess.Popen[str], started: list[psutil.Process]) -> int:
    """The exit code, once the process and everything that it started are gone."""
    code = process.wait(30)
    _, alive = psutil.wait_procs(started, timeout=5)
    assert not alive
    return code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_simulators_run_until_they_are_told_to_stop_and_leave_nothing_behind(number: signal.Signals) -> None:
    """Ctrl-C, a supervisor's stop, a closed terminal: also for a job that was started in the background."""
    base = port_base()
    with running("simulate", "--json", "--customers", "5", "--port-base", str(base)) as process:
        shown = first_document(process)
        assert [one["system"] for one in shown] == ["chargebee", "hubspot", "mailchimp", "visma"]
        for one in shown:
            assert HTTP.get(f"{one['base_url']}/_simulator/health").json() == {"status": "ok"}
        started = family(process)
        assert len(started) == 4
        process.send_signal(number)
        assert ends(process, started) == 130
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_the_credentials_that_are_shown_are_accepted() -> None:
    """Whoever wants to try the program by hand needs nothing else."""
    base = port_base()
    with running("simulate", "--json", "--customers", "5", "--port-base", str(base)) as process:
        _, hubspot, mailchimp, visma = first_document(process)
        bearer = {"Authorization": f"Bearer {hubspot['credentials']['access_token']}"}  # type: ignore[index]
        details = HTTP.get(f"{hubspot['base_url']}/account-info/v3/details", headers=bearer)
        assert details.status_code == 200
        key = mailchimp["credentials"]["api_key"]  # type: ignore[index]
        assert HTTP.get(f"{mailchimp['base_url']}/3.0/ping", auth=("any", key)).status_code == 200
        form = {"grant_type": "client_credentials", "scope": "vismanet_erp_service_api:read"}
        answer = HTTP.post(f"{visma['base_url']}/connect/token", data=form | visma["credentials"])  # type: ignore[operator]
        assert answer.status_code == 200


def test_faults_strike_the_system_that_they_are_meant_for() -> None:
    """`SYSTEM/NAME` for one of them."""
    base = port_base()
    arguments = ["simulate", "--json", "--customers", "5", "--port-base", str(base), "--fault", "visma/slow:seconds=9"]
    with running(*arguments) as process:
        rules = [HTTP.get(f"{one['base_url']}/_simulator/faults").json()["rules"] for one in first_document(process)]
        assert [[rule["fault"] for rule in each] for each in rules] == [[], [], [], ["slow"]]


def test_a_port_in_use_is_a_sentence_and_nothing_is_left_running(cli: Cli) -> None:
    """Whoever listens there would have answered in the simulator's place."""
    before = psutil.Process().children()  # other tests of this process may keep some
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        ran = cli("simulate", "--port-base", str(port))
        assert ran.code == 2
        assert ran.parts[0] == f"Error: Port {port} on {HOST} is in use by another program."
        ran = cli("simulate", "--port-base", str(port - 1))
        assert ran.code == 2
    assert psutil.Process().children() == before


def test_a_child_that_does_not_want_to_stop_is_killed_with_its_own_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """After it was asked and given some time."""
    monkeypatch.setattr("ml_connector.cli.processes.GRACE", 0.5)
    with Processes() as processes:
        child = processes.start("A stubborn child", [sys.executable, "-c", STUBBORN])
        while "ready" not in child.words():
            time.sleep(0.05)
        family = [psutil.Process(child.process.pid), *psutil.Process(child.process.pid).children()]
        assert len(family) == 2
    _, alive = psutil.wait_procs(family, timeout=5)
    assert not alive


def test_a_child_that_ends_at_once_is_reported_with_its_own_words() -> None:
    """Not with a timeout half a minute later."""
    (port,) = free_ports(1)
    program = "import sys; sys.exit('the disk is full')"
    with Processes() as processes:
        child = processes.start("A child", [sys.executable, "-c", program])
        with pytest.raises(ConfigurationProblem, match="A child ended by itself with exit code 1: the disk is full"):
            processes.wait_until_serving(child, port)


def test_a_child_that_never_serves_is_given_up() -> None:
    """With what it printed until then."""
    (port,) = free_ports(1)
    program = "import time; print('busy', flush=True); time.sleep(60)"
    with Processes() as processes:
        child = processes.start("A child", [sys.executable, "-c", program])
        with pytest.raises(Problem, match="A child did not start within 1 seconds") as caught:
            processes.wait_until_serving(child, port, seconds=1)
    assert "busy" in caught.value.meaning


def test_the_handlers_of_signals_are_as_they_were_afterwards() -> None:
    """A command does not change what Ctrl-C means to the one that called it."""
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with pytest.raises(KeyboardInterrupt), Processes():
        signal.raise_signal(signal.SIGTERM)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before
