"""Code server, webserver and daemon as processes of their own, started as `deploy/compose.yaml` starts them."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

from ml_connector_tests.deploy.files import DEPLOY, service_commands
from ml_connector_tests.loopback import HTTP

BIN = Path(sys.executable).parent
PATIENCE = 120.0
MISSED = "not trying to catch up"  # the scheduler, where a tick's minute went by; the next tick does what was missed


@contextmanager
def running(folder: Path, environment: Mapping[str, str]) -> Iterator[Dagster]:
    """All three, each when the one before it is healthy; `folder` becomes DAGSTER_HOME and takes what they print."""
    code, web = free_port(), free_port()
    (folder / "dagster.yaml").write_text((DEPLOY / "dagster.postgres.yaml").read_text())
    workspace = (DEPLOY / "workspace.yaml").read_text()
    (folder / "workspace.yaml").write_text(
        workspace.replace("host: code", "host: 127.0.0.1").replace("4000", str(code))
    )
    ports = {"0.0.0.0": "127.0.0.1", "4000": str(code), "3000": str(web)}
    commands = {name: [ports.get(word, word) for word in words] for name, words in service_commands().items()}
    dagster = Dagster(folder, {**os.environ, **environment, "DAGSTER_HOME": str(folder)}, commands, web)
    with ExitStack() as stack:
        stack.enter_context(dagster.process("code"))
        until(lambda: dagster.run("code, health check").returncode == 0)
        stack.enter_context(dagster.process("webserver"))
        stack.enter_context(dagster.process("daemon"))
        until(dagster.answers)
        yield dagster


class Dagster:
    """The three processes, and Dagster's GraphQL."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str], commands: Mapping[str, Sequence[str]], port: int
    ) -> None:
        self.folder = folder
        self.environment = environment
        self.commands = commands
        self.url = f"http://127.0.0.1:{port}"

    @contextmanager
    def process(self, name: str) -> Iterator[None]:
        """Run a service until the block ends, and whatever it started itself."""
        words = self.commands[name]
        with (self.folder / f"{name}.log").open("wb") as printed:
            started = subprocess.Popen(
                [BIN / words[0], *words[1:]],
                cwd=self.folder,
                env=dict(self.environment),
                stdout=printed,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield
        finally:
            started.terminate()
            with suppress(subprocess.TimeoutExpired):
                started.wait(20)
            kill_group(started.pid)
            started.wait()

    def run(self, name: str) -> subprocess.CompletedProcess[bytes]:
        """Run a command of the compose file to its end."""
        words = self.commands[name]
        return subprocess.run(
            [BIN / words[0], *words[1:]],
            cwd=self.folder,
            env=dict(self.environment),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )

    def answers(self) -> bool:
        try:
            return HTTP.get(f"{self.url}/server_info", timeout=5).is_success
        except httpx.TransportError:
            return False

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of a GraphQL query; an error in it fails the test."""
        body = {"query": query, "variables": variables}
        answer = HTTP.post(f"{self.url}/graphql", json=body, timeout=60).raise_for_status().json()
        assert "errors" not in answer, answer
        (data,) = answer["data"].values()
        assert data.get("__typename") not in ("PythonError", "UnauthorizedError"), data
        return data

    def warnings(self) -> list[str]:
        """What the processes, and the runs they started, warned of, but for a minute that the machine stood still."""
        printed = [line for log in self.folder.glob("*.log") for line in log.read_text().splitlines()]
        warned = [line for line in printed if re.search("warning|deprecat", line, re.IGNORECASE)]
        return [line for line in warned if MISSED not in line]

    def runs(self, job: str) -> list[dict[str, Any]]:
        """The runs of a job, the newest first."""
        query = """query ($job: String!) {
          runsOrError(filter: {pipelineName: $job}) { ... on Runs { results { runId status tags { key value } } } }
        }"""
        found: list[dict[str, Any]] = self.ask(query, job=job)["results"]
        return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(holds: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Wait until something holds, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.5)
    raise AssertionError(f"waited {seconds:.0f} seconds in vain")


def kill_group(leader: int) -> None:
    """Kill what is left of the group that a process led."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
