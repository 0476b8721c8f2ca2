"""Posts webhooks over connections that stay open. A general client takes ten times as long for each of them."""

from __future__ import annotations

import asyncio
import base64
import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httptools

IDLE_AT_MOST = 64


@dataclass(frozen=True)
class Address:
    """Where a URL leads, and the head of every call to it."""

    host: str
    port: int
    tls: bool
    head: bytes

    @classmethod
    def of(cls, url: str, auth: tuple[str, str] | None) -> Address:
        parts = urlsplit(url)
        tls = parts.scheme == "https"
        lines = [
            f"POST {parts.path or '/'}{'?' + parts.query if parts.query else ''} HTTP/1.1",
            f"Host: {parts.netloc}",
            "User-Agent: ChargeBee",
            "Content-Type: application/json;charset=UTF-8",
        ]
        if auth is not None:
            lines.append(f"Authorization: Basic {base64.b64encode(':'.join(auth).encode()).decode()}")
        return cls(parts.hostname or "", parts.port or (443 if tls else 80), tls, "\r\n".join(lines).encode())


class _Connection(asyncio.Protocol):
    """One connection; one call at a time. It is the parser's listener, too."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.reusable = False
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"the answer is no HTTP: {error}"))

    def on_message_complete(self) -> None:
        self.reusable = self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(self._parser.get_status_code())

    def connection_lost(self, _error: Exception | None) -> None:
        self._fail(ConnectionError("the connection was closed without an answer"))

    def _fail(self, error: Exception) -> None:
        self.reusable = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    @property
    def open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    async def call(self, data: bytes) -> int:
        """The status of the answer; ConnectionError without one."""
        if self.transport is None:
            raise ConnectionError("there is no connection")
        self._parser = httptools.HttpResponseParser(self)
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(data)
        return await self._answer

    def close(self) -> None:
        self.reusable = False
        if self.transport is not None:
            self.transport.abort()


@dataclass
class Sender:
    """Connections that are free, by where they lead."""

    _idle: dict[tuple[str, int, bool], list[_Connection]] = field(default_factory=dict)

    async def post(self, address: Address, body: bytes, seconds: float) -> int:
        """The status of the answer. Raises OSError or TimeoutError."""
        place = (address.host, address.port, address.tls)
        free = self._idle.setdefault(place, [])
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(seconds):
                while free and not (connection := free.pop()).open:
                    connection = None
                if connection is None:
                    loop, context = asyncio.get_running_loop(), ssl.create_default_context() if address.tls else None
                    _, connection = await loop.create_connection(_Connection, *place[:2], ssl=context)
                head = b"%b\r\nContent-Length: %d\r\n\r\n" % (address.head, len(body))
                status = await connection.call(head + body)
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        if connection.reusable and connection.open and len(free) < IDLE_AT_MOST:
            free.append(connection)
        else:
            connection.close()
        return status

    def close(self) -> None:
        """Close what is free; what is in use closes with its call."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()
