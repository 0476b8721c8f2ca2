"""The files of `deploy/`, read as the tools that use them read them."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import yaml

PROJECT = Path(__file__).parents[2]
DEPLOY = PROJECT / "deploy"


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def compose() -> dict[str, Any]:
    return read(DEPLOY / "compose.yaml")


def instructions() -> list[tuple[str, str]]:
    """The instructions of the Dockerfile, continued lines joined."""
    lines = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def command(text: str) -> list[str]:
    """A command in either form, as words."""
    found: list[str] = json.loads(text) if text.startswith("[") else shlex.split(text)
    return found


def service_commands() -> dict[str, list[str]]:
    """What each service of ours runs, and its health check."""
    found = {}
    for name, service in compose()["services"].items():
        if "build" in service:
            found[name] = service["command"]
            kind, *check = service["healthcheck"]["test"]
            assert kind == "CMD"
            found[f"{name}, health check"] = check
    return found
