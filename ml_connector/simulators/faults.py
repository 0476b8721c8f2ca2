"""Faults by name and by schedule, as ASGI middleware in front of a simulator.

| fault              | what the client sees                                                                       |
| ------------------ | ------------------------------------------------------------------------------------------ |
| `slow`             | the call takes `seconds` (5) longer                                                        |
| `reset`            | the connection is cut before any answer; the call is not executed                          |
| `reset_body`       | headers and half of the body, then the connection is cut; the call is executed             |
| `lost_answer`      | the call is executed, the connection is cut without an answer                              |
| `late_commit`      | the connection is cut without an answer, the call is executed `seconds` (60) later         |
| `torn_json`        | 200 with half of the body, and a content length that agrees with it                        |
| `rate_limit`       | 429 in the vendor's shape                                                                  |
| `rate_limit_empty` | 429 without a body                                                                         |
| `forbidden_empty`  | 403 without a body                                                                         |
| `server_error`     | 500, in the vendor's shape where it has one                                                |
| `false_error`      | the same answer, although the call is executed                                             |
| `html_error`       | 502 with an HTML page, as a gateway sends it                                               |
| `expired_token`    | 401 in the vendor's shape                                                                  |
| `locked`           | 423, in the vendor's shape where it has one                                                |
| `migrating`        | 477 with `Retry-After`: the account is being moved; or as its vendor says it               |
| `empty_page`       | 200 with a page without rows, in the vendor's shape                                        |
| `rows_move`        | rows change their place before the call is answered (vendor's hook)                        |

A simulator adds its vendor's shapes to `FaultPlan.answers` and its hooks to `FaultPlan.hooks`.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ml_connector.simulators.fault_rules import Answer, FaultPlan, FaultRule, Hook, retry_after

__all__ = ["CONTROL_PATH", "FAULTS", "Answer", "FaultPlan", "FaultRule", "Faults", "Hook", "cut", "retry_after"]

CONTROL_PATH = "/_simulator"


@dataclass(frozen=True)
class Call:
    """One call on its way through the middleware."""

    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send
    plan: FaultPlan


class Faults:
    """Middleware that lets the plan's rules strike; control endpoints are never hit."""

    def __init__(self, app: ASGIApp, plan: FaultPlan) -> None:
        self.app = app
        self.plan = plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(CONTROL_PATH):
            call = Call(self.app, scope, receive, send, self.plan)
            for rule in [rule for rule in self.plan.rules if rule.strikes(scope)]:
                if await FAULTS[rule.fault](call, rule):
                    return
        await self.app(scope, receive, send)


async def _slow(_call: Call, rule: FaultRule) -> bool:
    await asyncio.sleep(rule.duration)
    return False


async def _rows_move(call: Call, rule: FaultRule) -> bool:
    call.plan.hooks["rows_move"](rule, call.scope)
    return False


async def _answer(call: Call, rule: FaultRule) -> bool:
    await _read_body(call.receive)  # an unread body would make the server close the connection
    await call.plan.answers[rule.fault](rule, call.scope)(call.scope, call.receive, call.send)
    return True


async def _reset(call: Call, _rule: FaultRule) -> bool:
    await _read_body(call.receive)  # a client that still writes would meet the reset there, and not read it
    await cut(call)
    return True


async def _reset_body(call: Call, _rule: FaultRule) -> bool:
    start, body = await _execute(call)
    if body:
        await call.send(start)
        await call.send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    await cut(call)
    return True


async def _torn_json(call: Call, _rule: FaultRule) -> bool:
    start, body = await _execute(call)
    torn = body[: len(body) // 2]
    headers = [(name, value) for name, value in start["headers"] if name != b"content-length"]
    headers.append((b"content-length", str(len(torn)).encode()))
    await call.send({"type": "http.response.start", "status": 200, "headers": headers})
    await call.send({"type": "http.response.body", "body": torn})
    return True


async def _lost_answer(call: Call, _rule: FaultRule) -> bool:
    await _execute(call)
    await cut(call)
    return True


async def _false_error(call: Call, rule: FaultRule) -> bool:
    await _execute(call)
    await call.plan.answers["server_error"](rule, call.scope)(call.scope, call.receive, call.send)
    return True


async def _late_commit(call: Call, rule: FaultRule) -> bool:
    body = await _read_body(call.receive)
    call.plan.later(rule.duration, lambda: call.app(dict(call.scope), _replay(body), _discard))
    await cut(call)
    return True


FAULTS: dict[str, Callable[[Call, FaultRule], Awaitable[bool]]] = {
    "slow": _slow,
    "reset": _reset,
    "reset_body": _reset_body,
    "lost_answer": _lost_answer,
    "late_commit": _late_commit,
    "torn_json": _torn_json,
    "rate_limit": _answer,
    "rate_limit_empty": _answer,
    "forbidden_empty": _answer,
    "server_error": _answer,
    "false_error": _false_error,
    "html_error": _answer,
    "expired_token": _answer,
    "locked": _answer,
    "migrating": _answer,
    "empty_page": _answer,
    "rows_move": _rows_move,
}
"""What each fault does; True means that the call has had its answer, or never gets one."""


async def cut(call: Call) -> None:
    """Reset the call's TCP connection, after what was already sent has left this process.

    Needs the transport that `server.py` puts into the scope: ASGI itself has no word for it.
    """
    transport = call.scope["state"]["transport"]
    while transport.get_write_buffer_size() and not transport.is_closing():
        await asyncio.sleep(0.002)
    if not transport.is_closing():
        linger_not = struct.pack("ii", 1, 0)  # RST instead of FIN
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not)
        transport.abort()
    while (await call.receive())["type"] != "http.disconnect":
        pass


async def _read_body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _discard(message: Message) -> None:
    pass


async def _execute(call: Call) -> tuple[Message, bytes]:
    """Execute the call and keep its answer: the start message and the whole body."""
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await call.app(call.scope, call.receive, keep)
    return messages[0], b"".join(message.get("body", b"") for message in messages[1:])
