"""Webhooks that are really sent: attempts, back-off, what befalls them on demand (Chargebee reference, section 5)."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import heapq
import random
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import orjson

from ml_connector.simulators.chargebee.sender import Address, Sender
from ml_connector.simulators.chargebee.settings import ChargebeeSettings

if TYPE_CHECKING:
    from ml_connector.simulators.chargebee.events import Event

RETRIES = (120, 360, 1800, 3600, 18_000, 86_400, 172_800)
"""Seconds from each attempt to the next; the last is about 3 days and 7 hours after the event (section 5.3)."""
MOST_TARGETS = 5
LOG_LENGTH = 5000
LONGEST_PAUSE = 0.2  # the clock may be moved meanwhile

Credentials = tuple[str, str] | None
Kind = Literal["genuine", "duplicate", "resent", "forged"]


@dataclass(frozen=True)
class Target:
    """A URL that wants events, and its Basic credentials."""

    id: str
    url: str
    auth: Credentials

    @functools.cached_property
    def address(self) -> Address:
        return Address.of(self.url, self.auth)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One call to make.

    Attributes:
        event: None for a forged one, whose body is `body`.
        attempt: 0 for the first one.
    """

    target: Target
    event: Event | None
    kind: Kind
    body: bytes = b""
    attempt: int = 0


@dataclass
class Webhooks:
    """The site's URLs, and the webhooks that are under way.

    A webhook that is not answered with 2xx is tried seven more times, on the site's clock.
    """

    settings: ChargebeeSettings
    targets: list[Target] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=LOG_LENGTH))

    def __post_init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._later: list[tuple[float, int, Delivery]] = []
        self._ready: deque[Delivery] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._scheduled = 0
        self._forged = 0
        self._task: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._random = random.Random(self.settings.seed)

    def clear(self) -> None:
        """No URLs, nothing under way, nothing counted."""
        if self._task is not None:
            self._task.cancel()
        self.targets = []
        self.counts.clear()
        self.log.clear()
        self._begin()

    def configure(self, targets: Sequence[tuple[str, Credentials]]) -> None:
        """Send events to these URLs from now on."""
        self.targets = [Target(f"whv2_{number}", url, auth) for number, (url, auth) in enumerate(targets, 1)]

    def as_json(self) -> dict[str, Any]:
        return {
            "targets": [{"id": target.id, "url": target.url} for target in self.targets],
            "counts": dict(self.counts),
            "waiting": len(self._ready),
            "retrying": len(self._later),
            "in_flight": len(self._under_way),
            "log": list(self.log),
        }

    # --- what is to be sent ------------------------------------------------------------------------------------------

    def offer(self, event: Event) -> None:
        """A new event: send it to every URL."""
        for target in self.targets:
            event.webhooks[target.id] = "scheduled"
            self._queue(Delivery(target, event, "genuine"))

    def resend(self, event: Event) -> None:
        """What a person asks for in the console; it can come at any time (section 5.3)."""
        for target in self.targets:
            self._queue(Delivery(target, event, "resent"))

    def forge(self, body: bytes, auth: Credentials | Literal["right"] = "right") -> None:
        """An event that somebody made up, sent with the right credentials, with others, or with none."""
        for target in self.targets:
            used = target if auth == "right" else replace(target, auth=auth)
            self._queue(Delivery(used, None, "forged", body))

    def _queue(self, delivery: Delivery) -> None:
        self._ready.append(delivery)
        self.wake()

    def wake(self) -> None:
        """Look again for what is due; starts the sender with the first webhook."""
        if self._task is None or self._task.done():
            if not (self._ready or self._later):
                return
            self._wake = asyncio.Event()  # it belongs to one loop
            self._task = asyncio.get_running_loop().create_task(self._run())
        self._wake.set()

    # --- sending -----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        sender, under_way = Sender(), self._under_way
        try:
            while True:
                free = self.settings.webhook_connections - len(under_way)
                while free > 0 and (delivery := self._next()) is not None:
                    task = asyncio.create_task(self._send(sender, delivery))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                    task.add_done_callback(lambda _task: self._wake.set())
                    free -= 1
                self._wake.clear()
                await self._pause()
        finally:
            for task in under_way:
                task.cancel()
            sender.close()

    async def _pause(self) -> None:
        """Until there may be something to do."""
        waiting = bool(self._later) or (bool(self._ready) and self.settings.webhook_hold)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), LONGEST_PAUSE if waiting else None)

    def _next(self) -> Delivery | None:
        """The next webhook to send, after chance had its turn."""
        if self.settings.webhook_hold:
            return None
        now = self._now()
        while self._later and self._later[0][0] <= now:
            self._ready.append(heapq.heappop(self._later)[2])
        while self._ready:
            delivery = self._draw()
            if delivery.kind != "genuine" or delivery.attempt or not self._befallen(delivery):
                return delivery
        return None

    def _draw(self) -> Delivery:
        window = min(self.settings.webhook_disorder, len(self._ready))
        place = self._random.randrange(window) if window > 1 else 0
        delivery = self._ready[place]
        del self._ready[place]
        return delivery

    def _befallen(self, delivery: Delivery) -> bool:
        """Lets things happen to a webhook; True when it is lost."""
        settings, event, draw = self.settings, delivery.event, self._random.random
        if event is None:
            return False
        for _ in range(int(settings.webhook_forgeries + draw())):
            self._forged += 1
            body = orjson.loads(orjson.dumps(event.view())) | {"id": f"ev_forged{self._forged:06}"}
            self._ready.append(Delivery(delivery.target, None, "forged", orjson.dumps(body)))
        if draw() < settings.webhook_losses:
            self.counts["lost"] += 1
            event.webhooks[delivery.target.id] = "failed"
            return True
        if draw() < settings.webhook_duplicates:
            self._ready.append(replace(delivery, kind="duplicate"))
        return False

    async def _send(self, sender: Sender, delivery: Delivery) -> None:
        event, target = delivery.event, delivery.target
        body = delivery.body if event is None else orjson.dumps(event.view())
        status: int | None = None
        with contextlib.suppress(OSError, TimeoutError):
            status = await sender.post(target.address, body, self.settings.webhook_timeout_seconds)
        self._note(delivery, status)

    def _note(self, delivery: Delivery, status: int | None) -> None:
        """Record the outcome; whatever is not 2xx is a failure, and comes again."""
        event, target, kind = delivery.event, delivery.target, delivery.kind
        done = status is not None and 200 <= status < 300
        self.counts[kind] += 1
        self.counts["succeeded" if done else "refused"] += 1
        event_id = orjson.loads(delivery.body).get("id") if event is None else event.id
        self.log.append({"event": event_id, "kind": kind, "attempt": delivery.attempt, "status": status})
        if event is None or kind != "genuine":
            return
        if done:
            event.webhooks[target.id] = "succeeded"
        elif delivery.attempt >= len(RETRIES):
            event.webhooks[target.id] = "failed"
            self.counts["given_up"] += 1
        else:
            event.webhooks[target.id] = "re_scheduled"
            wait = RETRIES[delivery.attempt] * self.settings.webhook_retry_scale
            self._scheduled += 1
            again = replace(delivery, attempt=delivery.attempt + 1)
            heapq.heappush(self._later, (self._now() + wait, self._scheduled, again))

    def _now(self) -> float:
        return self.settings.now().timestamp()


def targets_of(body: Mapping[str, Any]) -> list[tuple[str, Credentials]]:
    """The URLs of a control call; ValueError where they make no sense."""
    found: list[tuple[str, Credentials]] = []
    for target in body.get("targets", [body]):
        url, name, word = target.get("url"), target.get("username"), target.get("password", "")
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise ValueError(
                'expected {"url": "http://...", "username": ..., "password": ...}, or several as "targets"'
            )
        found.append((url, None if name is None else (str(name), str(word))))
    if len(found) > MOST_TARGETS:
        raise ValueError(f"a site has {MOST_TARGETS} webhook URLs at most")
    return found
