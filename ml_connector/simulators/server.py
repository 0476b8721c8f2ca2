"""Serves a simulator on loopback: in a thread of this process (`serve`), or as the process (`run`)."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HOST = "127.0.0.1"


class PortInUse(OSError):
    """Somebody else listens on the port."""

    def __init__(self, port: int) -> None:
        super().__init__(errno.EADDRINUSE, f"port {port} on {HOST} is in use by another program")
        self.port = port


@dataclass(frozen=True)
class Served:
    """A simulator that is being served."""

    app: Starlette
    port: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


class _Protocol(HttpToolsProtocol):
    """Hands the connection's transport to the app, for the faults that cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def bind(port: int = 0) -> socket.socket:
    """A socket bound to the port on loopback (0: a free one); PortInUse when it is taken."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, port))
        sock.listen(128)  # SO_REUSEADDR lets two sockets bind; only one of them can listen
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(port) from error
        raise
    return sock


def _server(app: Starlette) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,  # the call log's middleware sends the simulator's own clock
        timeout_keep_alive=60,
    )
    return uvicorn.Server(config)


@contextlib.contextmanager
def serve(app: Starlette, port: int = 0) -> Iterator[Served]:
    """Serve in a thread until the block ends. Calls that are still open then are dropped.

    Raises PortInUse.
    """
    sock = bind(port)
    served = Served(app, sock.getsockname()[1])
    server = _server(app)
    thread = threading.Thread(target=server.run, args=([sock],), name=f"simulator-{served.port}", daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the simulator's server did not start")
            time.sleep(0.002)
        yield served
    finally:
        server.force_exit = True
        server.should_exit = True
        thread.join()


def run(app: Starlette, port: int) -> None:
    """Serve until SIGINT or SIGTERM; prints nothing unless something is wrong. Raises PortInUse."""
    server = _server(app)
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[bind(port)])
