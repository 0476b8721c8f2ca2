"""How many webhooks a second the receiver holds, on SQLite: `python -m benchmarks --only webhooks`.

The receiver is a process of its own, as in service. Webhooks are sent on a fixed timetable, whether or not earlier ones
were answered, and a delay counts from the moment of the timetable: a receiver that falls behind cannot hide it. Every
webhook is a new event of the size of one with an invoice; a rate at which one is not answered with 200 is not held.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml
from sqlalchemy import func, select

from ml_connector.cli.processes import free_ports
from ml_connector.home import Home
from ml_connector.store.tables import inbox
from ml_connector.store.vault import new_key

GOAL, WITHIN = 200, 0.25
"""Webhooks a second to be held, and the seconds within which 99 of 100 are answered."""
STEPS = (100, 200, 300, 400, 500, 600, 800, 1000, 1200, 1500, 2000, 3000)
SECONDS = 10.0
CONNECTIONS = 64
BODY_BYTES = 5_000
BASIC = "Basic " + base64.b64encode(b"chargebee:secret").decode()
PATH = "/webhooks/nordic/chargebee"
ACCOUNTS = {"receivable": "1530", "revenue": "3000", "deferred": "2970", "rounding": "7740", "vat": {"MVA": "2700"}}


@dataclass(frozen=True, slots=True)
class Step:
    """What came of one rate. Times in seconds.

    Attributes:
        rate: webhooks a second that were asked for.
        answered: webhooks a second that were answered with 200.
        refused: webhooks that were not.
    """

    rate: int
    answered: float
    refused: int
    p50: float
    p99: float

    @property
    def held(self) -> bool:
        return not self.refused and self.p99 < WITHIN and self.answered >= 0.95 * self.rate


def measure(seconds: float = SECONDS) -> list[Step]:
    """Step up until a rate is not held; the last step is that one, if any. Exits where an answered event is missing."""
    steps: list[Step] = []
    with tempfile.TemporaryDirectory() as folder, receiving(Path(folder)) as (home, port):
        asyncio.run(_step(port, 50, 2.0, 0))  # what is loaded and opened with the first calls
        sent = int(50 * 2.0)
        for rate in STEPS:
            step = asyncio.run(_step(port, rate, seconds, sent))
            steps.append(step)
            sent += int(rate * seconds)
            if not step.held:
                break
        with home.open() as opened, opened.database.connect() as connection:
            stored = connection.execute(select(func.count()).select_from(inbox)).scalar_one()
        if stored < sent - sum(step.refused for step in steps):
            sys.exit(f"{sent} webhooks were sent, but {stored} are in the inbox.")
    return steps


async def _step(port: int, rate: int, seconds: float, first: int) -> Step:
    delays: list[float] = []
    numbers = iter(range(int(rate * seconds)))
    began = time.perf_counter()
    refused = 0

    async def sender() -> None:
        nonlocal refused
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in numbers:
            due = began + number / rate
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            writer.write(_call(first + number))
            status = await _status(reader)
            if status == 200:
                delays.append(time.perf_counter() - due)
            else:
                refused += 1
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    await asyncio.gather(*(sender() for _ in range(CONNECTIONS)))
    took = time.perf_counter() - began
    delays.sort()
    p50, p99 = (delays[int(len(delays) * share)] if delays else float("inf") for share in (0.5, 0.99))
    return Step(rate, len(delays) / took, refused, p50, p99)


async def _status(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))
    return int(head.split(b" ", 2)[1])


def _call(number: int) -> bytes:
    """One call, as bytes: a client library would take longer than the receiver."""
    content = {"invoice": {"id": f"INV-{number}", "notes": "x" * BODY_BYTES}}
    body = json.dumps({"id": f"ev_{number}", "object": "event", "api_version": "v2", "content": content})
    head = f"POST {PATH} HTTP/1.1\r\nHost: receiver\r\nAuthorization: {BASIC}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


@contextmanager
def receiving(folder: Path) -> Iterator[tuple[Home, int]]:
    """A receiver with a home of its own; yields the home and the port."""
    block = {"from": "2026-11-01", "policy": "deferred", "timezone": "Europe/Oslo", "accounts": ACCOUNTS}
    company = {
        "timezone": "Europe/Oslo",
        "start": "2026-11-01",
        "visma": {"company_id": "1234567"},
        "targets": {
            "chargebee": {"system": "chargebee", "site": "acme", "events": {**block, "vat_codes": {"MVA": "3"}}}
        },
    }
    (folder / "connections.yaml").write_text(yaml.safe_dump({"companies": {"nordic": company}}))
    (folder / "vault.key").write_text(new_key())
    (folder / "vault.key").chmod(0o600)
    home = Home.locate({}, folder)
    with home.open() as opened:
        opened.vault.set_credentials(
            "nordic/chargebee", {"api_key": "unused", "webhook_user": "chargebee", "webhook_password": "secret"}
        )
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "ml_connector.cli", "webhooks", "--port", str(port)]
    with subprocess.Popen(command, env={**os.environ, **home.environment()}, stdout=subprocess.DEVNULL) as process:
        try:
            _wait(process, port)
            yield home, port
        finally:
            process.send_signal(signal.SIGTERM)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(600):
        with suppress(httpx.TransportError):
            if httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5, trust_env=False).status_code == 200:
                return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    sys.exit("The receiver did not start.")
