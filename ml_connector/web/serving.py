"""Serves the receiver until it is told to end."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable

import uvicorn

from ml_connector.errors import ConfigurationProblem
from ml_connector.home import OpenHome
from ml_connector.web.doorkeeper import can_authenticate, webhook_targets
from ml_connector.web.receiver import create_app

BACKLOG = 1024


def serve(home: OpenHome, host: str, port: int, listening_now: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM; what was begun is finished. Raises `ConfigurationProblem` before it starts.

    `listening_now` is called as soon as calls are taken.
    """
    targets = webhook_targets(home)
    if not targets:
        raise ConfigurationProblem(
            "No target in the configuration sends webhooks.",
            "The receiver was not started: it would refuse every call.",
            "Give a Chargebee target a block `events`; docs/chargebee.md shows one.",
        )
    if not any(can_authenticate(home, target) for target in targets):
        raise ConfigurationProblem(
            f"No user name and password for webhooks are stored for {', '.join(target.id for target in targets)}.",
            "The receiver was not started: it would refuse every call.",
            f"Run `ml-connector credentials set {targets[0].id}`, and enter the same at {targets[0].system.title}.",
        )
    listening = _bind(host, port)
    listening_now()
    config = uvicorn.Config(
        create_app(home), log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=20
    )
    signal.signal(signal.SIGTERM, _in_good_order)
    uvicorn.Server(config).run(sockets=[listening])


def _in_good_order(*_: object) -> None:
    """The server has ended by itself when it raises the signal again: that is no reason to die of it."""


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise ConfigurationProblem(
            f"The receiver cannot listen on {host}:{port} ({error.strerror}).",
            "It was not started.",
            "End the program that uses the port, or choose another one with --port.",
        ) from None
    return listening
