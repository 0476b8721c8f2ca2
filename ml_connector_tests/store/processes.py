"""Real second processes for the store's tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

READY = "ready"  # a child prints it when it has come to where the test waits for it


@contextmanager
def python(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a piece of Python in a process of its own; it is killed at the end of the block if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def await_ready(process: subprocess.Popen[str]) -> None:
    """Wait until the process has printed READY."""
    assert process.stdout
    assert process.stderr
    if process.stdout.readline().strip() != READY:
        raise AssertionError(process.stderr.read())


def go_on(process: subprocess.Popen[str]) -> None:
    """Send a line to a process that waits for one."""
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()
