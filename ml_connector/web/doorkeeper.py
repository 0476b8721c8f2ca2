"""Whose calls are let in: those with the Basic credentials that the vault holds for the target."""

from __future__ import annotations

import time
from typing import Any

from ml_connector.accounts import credentials
from ml_connector.config import Target
from ml_connector.errors import ConfigurationProblem
from ml_connector.home import OpenHome
from ml_connector.systems.registry import Webhook

REMEMBERED = 5.0
"""Seconds for which credentials are not read again: a change of them counts after that."""


class Doorkeeper:
    """Knows the targets that send webhooks."""

    def __init__(self, home: OpenHome) -> None:
        self._home = home
        self._targets = {target.id: target for target in webhook_targets(home)}
        self._known: dict[str, tuple[float, Any]] = {}

    def target(self, company: str, name: str, authorization: str | None) -> tuple[Target, Webhook] | None:
        """The target of a call that is let in; None for everybody else.

        A target that does not exist takes as long, and is answered in the same way, as wrong credentials.
        """
        target = self._targets.get(f"{company}/{name}")
        chosen = target or next(iter(self._targets.values()))
        webhook = _webhook(chosen)
        let_in = webhook.authenticate(authorization, self._credentials(chosen))
        return (target, webhook) if target is not None and let_in else None

    def _credentials(self, target: Target) -> Any:
        read_at, held = self._known.get(target.id, (float("-inf"), None))
        if time.monotonic() - read_at > REMEMBERED:
            try:
                held = credentials(self._home, target)
            except ConfigurationProblem:
                held = None
            self._known[target.id] = (time.monotonic(), held)
        return held


def webhook_targets(home: OpenHome) -> list[Target]:
    """The targets whose systems send webhooks, and of which something comes back."""
    return [
        target
        for company in home.config.companies.values()
        for target in company.targets.values()
        if any(source.target == target.name for source in company.inward) and _sends(target)
    ]


def _sends(target: Target) -> bool:
    return target.system.inward is not None and target.system.inward.webhook is not None


def _webhook(target: Target) -> Webhook:
    inward = target.system.inward
    if inward is None or inward.webhook is None:
        raise ValueError(f"{target.id} sends no webhooks")
    return inward.webhook
