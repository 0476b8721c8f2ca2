"""Child processes that end with the command that started them, also when it is interrupted or told to stop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import IO, Any

from ml_connector.errors import ConfigurationProblem, Problem

HOST = "127.0.0.1"
GRACE = 8.0  # seconds to stop by itself before it is killed
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Child:
    """A process that was started, and the file that takes what it prints."""

    name: str
    process: subprocess.Popen[bytes]
    printed: IO[bytes]

    def words(self) -> str:
        """The end of what it printed."""
        self.printed.seek(0)
        return self.printed.read()[-4000:].decode("utf-8", "replace").strip()


class Processes:
    """A group of children; leaving the block stops every one of them, and whatever they started themselves.

    Each child leads a process group of its own: a Ctrl-C on the terminal reaches this process alone, which then stops
    them in order. While the block is open, SIGTERM and SIGHUP end this process like a Ctrl-C.
    """

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Processes:
        # A handler of our own is reset in a child, while a signal that is ignored (`command &` in a script) stays
        # ignored there and would leave the child deaf to being stopped.
        self._handlers = {number: signal.signal(number, _interrupt) for number in ENDING}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number in ENDING:
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C does not leave a child behind
        self.stop()
        for ending, handler in self._handlers.items():
            signal.signal(ending, handler)

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> Child:
        """Start a child; what it prints is kept, to be shown should it fail."""
        printed = tempfile.TemporaryFile()  # noqa: SIM115  (open for as long as the child lives)
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            process_group=0,
        )
        child = Child(name, process, printed)
        self._children.append(child)
        return child

    def wait_until_serving(self, child: Child, port: int, seconds: float = 30.0) -> None:
        """Return once the child accepts connections. Raises `Problem` with its own words where it never does."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if child.process.poll() is not None:
                raise self.ended(child)
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex((HOST, port)) == 0:
                    return
            time.sleep(0.05)
        raise Problem(
            f"{child.name} did not start within {seconds:.0f} seconds.",
            f"Everything was stopped again. It printed: {child.words() or 'nothing'}",
            "Try again when the machine is less busy.",
        )

    def wait(self) -> None:
        """Until a child ends by itself, which raises `Problem`; or until this process is interrupted."""
        while True:
            for child in self._children:
                if child.process.poll() is not None:
                    raise self.ended(child)
            time.sleep(0.2)

    def ended(self, child: Child) -> Problem:
        words = child.words() or "It printed nothing."
        return ConfigurationProblem(
            f"{child.name} ended by itself with exit code {child.process.returncode}: {words}",
            "Everything that this command started was stopped again.",
            "Where a port is in use, stop the other program or choose another port; otherwise do as it says above.",
        )

    def stop(self) -> None:
        """Stop all of them: asked first, killed after a while, their own children included."""
        for child in reversed(self._children):
            _signal(child.process, signal.SIGTERM)
        deadline = time.monotonic() + GRACE
        for child in reversed(self._children):
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(max(0.0, deadline - time.monotonic()))
            _signal_group(child.process.pid, signal.SIGKILL)  # what is left of the group
            child.process.wait()
            child.printed.close()
        self._children.clear()


def free_ports(count: int) -> list[int]:
    """Ports on loopback that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def require_free(port: int) -> None:
    """Raises `ConfigurationProblem` where somebody listens on this port and would answer in our child's place."""
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:
            raise ConfigurationProblem(
                f"Port {port} on {HOST} is in use by another program.",
                "Nothing was started.",
                "Stop that program, or choose another port.",
            )


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(number)


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # nobody is left in it
        os.killpg(group, number)
