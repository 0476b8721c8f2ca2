"""A flood of webhooks, with duplicates and forgeries, while the receiver is killed twice."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import func, select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ml_connector.engine.told import Told
from ml_connector.home import Home
from ml_connector.simulators.server import serve
from ml_connector.store.tables import inbox
from ml_connector_tests.web.conftest import BASIC, TARGET, Receiver, make_home
from ml_connector_tests.web.test_simulator import read_again

WEBHOOKS, DUPLICATES, FORGERIES = 10_000, 0.2, 0.05
AT_ONCE = 64
KILLS = (0.3, 0.6)
AGAIN = 60
"""How often an event is sent that was not answered with 200; Chargebee does so over three days."""


def test_every_genuine_event_is_there_once_and_no_forged_one(
    start_receiver: Callable[..., Receiver], tmp_path: Path
) -> None:
    """failures.md 26: 10,000 of them, a fifth twice, one in twenty forged; what is not stored comes again.

    Half of the forgers know the password. Theirs are stored like the others, and refused when Chargebee is asked.
    """
    with serve(Starlette(routes=CHARGEBEE)) as chargebee:
        home = make_home(tmp_path / "home", chargebee.url)
        genuine, insiders = flooded(start_receiver, home)
        with home.open() as opened:
            assert read_again(opened)[0] == Told(taken=len(genuine), refused=len(insiders))
            known = opened.ledger("nordic").readings.known("chargebee.events", [*genuine, *insiders])
        assert set(known) == set(genuine)


def flooded(start_receiver: Callable[..., Receiver], home: Home) -> tuple[list[str], list[str]]:
    """Send the flood; returns the genuine events and the forged ones that are stored, each once."""
    first = start_receiver(home)
    dice = random.Random(7)
    genuine = [f"ev_{number}" for number in range(int(WEBHOOKS * (1 - DUPLICATES - FORGERIES)))]
    letters = [(one, BASIC) for one in genuine]
    letters += [(dice.choice(genuine), BASIC) for _ in range(int(WEBHOOKS * DUPLICATES))]
    insiders = [f"insider_{number}" for number in range(int(WEBHOOKS * FORGERIES / 2))]
    letters += [(one, BASIC) for one in insiders]
    letters += [(f"forged_{number}", "Basic Y2I6ZmFsc2s=") for number in range(int(WEBHOOKS * FORGERIES / 2))]
    dice.shuffle(letters)
    answered = asyncio.run(_flood(letters, first, lambda: start_receiver(home, first.port)))
    assert {*genuine, *insiders} == answered
    with home.open() as opened, opened.database.connect() as connection:
        rows = connection.execute(select(inbox.c.event_id, func.count()).group_by(inbox.c.event_id)).all()
    assert {row[0]: row[1] for row in rows} == dict.fromkeys([*genuine, *insiders], 1)
    return genuine, insiders


def event(event_id: str) -> dict[str, object]:
    return {"event": {"id": event_id, "object": "event", "api_version": "v2", "occurred_at": 1_790_000_000}}


async def listed(request: Request) -> Response:
    """Those of the events asked for that Chargebee sent."""
    asked = json.loads(request.query_params.get("id[in]", "[]"))
    return JSONResponse({"list": [event(one) for one in asked if one.startswith("ev_")]})


async def single(request: Request) -> Response:
    event_id = request.path_params["event_id"]
    if event_id.startswith("ev_"):
        return JSONResponse(event(event_id))
    return JSONResponse({"message": "not found", "api_error_code": "resource_not_found"}, 404)


CHARGEBEE = [Route("/api/v2/events", listed), Route("/api/v2/events/{event_id}", single)]


async def _flood(letters: list[tuple[str, str]], receiver: Receiver, restart: Callable[[], Receiver]) -> set[str]:
    """Send all of them; returns the events that were answered with 200."""
    answered: set[str] = set()
    kills = [int(len(letters) * share) for share in KILLS]
    waiting, running, done = iter(letters), receiver, 0

    async def sender() -> None:
        nonlocal running, done
        line = Line(receiver.port)
        for event_id, authorization in waiting:
            for _ in range(AGAIN):
                status = await line.post(f"/webhooks/{TARGET}", event_id, authorization)
                if status in (200, 401):
                    break
                await asyncio.sleep(0.2)
            if status == 200:
                answered.add(event_id)
            done += 1
            if kills and done >= kills[0]:
                kills.pop(0)
                running.kill()
                running = await asyncio.to_thread(restart)
        line.close()

    await asyncio.gather(*(sender() for _ in range(AT_ONCE)))
    return answered


class Line:
    """One connection that is kept: a client library would take longer than the receiver."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def post(self, path: str, event_id: str, authorization: str) -> int:
        """The status; 0 where no answer came."""
        body = json.dumps({"id": event_id, "object": "event", "api_version": "v2", "content": {}})
        head = f"POST {path} HTTP/1.1\r\nHost: receiver\r\nAuthorization: {authorization}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        try:
            if self._reader is None or self._writer is None:
                self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            self._writer.write((head + body).encode())
            answer = await self._reader.readuntil(b"\r\n\r\n")
            length = next(line for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await self._reader.readexactly(int(length.partition(b":")[2]))
            return int(answer.split(b" ", 2)[1])
        except (OSError, asyncio.IncompleteReadError):
            self.close()
            return 0

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None
