"""Ctrl-C in the middle of the work: the command ends at once, and the next one does what is missing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from ml_connector.home import Home
from ml_connector_tests.cli.conftest import CUSTOMERS, Cli, World


@pytest.mark.parametrize(("system", "path"), [("visma", "/v1/customer$"), ("mailchimp", "/members/")])
def test_an_interrupted_sync_ends_with_130_and_the_next_one_finishes(
    cli: Cli, ready: Home, world: World, system: str, path: str
) -> None:
    """Here while a call hangs, in the read or in the delivery."""
    world.faults(system, {"fault": "slow", "seconds": 60, "path": path, "after": 1})
    process = subprocess.Popen(
        [sys.executable, "-m", "ml_connector.cli", "sync", "nordic"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not any(call.endswith(path.strip("$")) or path in call for call in world.calls(system)):
        time.sleep(0.1)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    out, err = process.communicate(timeout=60)
    print(out.decode(), err.decode(), time.monotonic() - began)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert time.monotonic() - began < 10

    world.no_faults()
    assert cli("sync", "nordic", "--json").code == 0
    assert len(world.members("subscribed")) == CUSTOMERS
