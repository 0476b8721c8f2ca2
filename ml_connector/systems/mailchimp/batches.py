"""Asynchronous batches: hand calls over, wait, read what became of each (Mailchimp reference, section 10).

`finished` does not mean success, and results come in no order: each is matched by its operation id, which says enough
to tell the outcome without the change itself. So a later process can read what an earlier one handed over.
"""

from __future__ import annotations

import tarfile
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import IO, Any, NamedTuple, cast

import orjson

from ml_connector.engine.records import Change
from ml_connector.http import Action, Answer, CallProblem, Decision, Uncertain, stop, stopping
from ml_connector.systems.mailchimp.client import SLACK, MailchimpClient
from ml_connector.systems.mailchimp.consent import MAY_HAVE_SAID_NO
from ml_connector.systems.mailchimp.errors import ERRORS, NAME, UNREADABLE
from ml_connector.systems.mailchimp.exchange import (
    ABSENT,
    ARCHIVES,
    GONE,
    TAGGED,
    Kind,
    Reply,
    Step,
    is_member,
    known_no,
    moment,
    tag_given,
    tag_wanted,
)

FIRST_WAIT = 0.2
LONGEST_WAIT = 15.0
GROWTH = 1.6
PATIENCE = 3600.0
"""Seconds after which the run that handed a batch over leaves it to the next one."""
READINGS = 3
"""Times that the results are fetched; their address is short-lived, so each time it is asked for anew."""

_FIELDS = "id,status,submitted_at,response_body_url"


class ResultsUnreadable(Exception):
    """The results of a finished batch could not be read; they stay at Mailchimp for about a week."""


class BatchUnknown(Exception):
    """Mailchimp does not know the batch, or no more."""


class OperationId(NamedTuple):  # made once per record: a frozen dataclass takes four times as long
    """What an operation's id says: what its call does, whether calls follow it, and, hashed, whose record it is.

    Attributes:
        last_known: see `known_no`.
    """

    kind: Kind
    followed: bool
    record: str
    last_known: str | None = None

    @classmethod
    def of(cls, change: Change, kind: Kind, audience: str) -> OperationId:
        followed = kind in TAGGED and tag_wanted(change) != tag_given(change, audience)
        return cls(kind, followed, hashed(change.key), known_no(change))

    @classmethod
    def parse(cls, text: str) -> OperationId | None:
        """None for an id that is not ours."""
        kind, _, rest = text.partition(".")
        followed, _, rest = rest.partition(".")
        record, _, last_known = rest.partition(".")
        if kind not in list(Kind) or followed not in ("last", "first") or not record:
            return None
        if last_known and last_known not in MAY_HAVE_SAID_NO:
            return None
        return cls(Kind(kind), followed == "first", record, last_known or None)

    def __str__(self) -> str:
        parts = [self.kind, "first" if self.followed else "last", self.record, self.last_known]
        return ".".join(part for part in parts if part)


def hashed(key: str) -> str:
    """A business key in a form that is safe in an operation id."""
    return blake2b(key.encode("utf-8", "replace"), digest_size=12).hexdigest()


@dataclass(slots=True)
class Batch:
    """A batch on its way.

    Attributes:
        id: Mailchimp's.
        since: a moment of the server's clock before which none of its calls was carried out.
        look_at: when to look at it again, monotonic.
    """

    id: str
    since: datetime
    begun: float = field(default_factory=time.monotonic)
    wait: float = FIRST_WAIT
    look_at: float = 0.0

    def __post_init__(self) -> None:
        self.look_at = self.begun + self.wait

    @classmethod
    def submit(cls, client: MailchimpClient, operations: Mapping[str, Step]) -> Batch:
        """Hand calls over, by operation id. Raises: CallProblem, Stopped."""
        body = {"operations": [_operation(name, step) for name, step in operations.items()]}
        answer = client.post("/batches", body, {"fields": _FIELDS})
        batch_id = answer.data.get("id")
        if not isinstance(batch_id, str):
            raise Uncertain(UNREADABLE, answer.status, answer.correlation_id)
        return cls(batch_id, _since(answer.data, client))

    @classmethod
    def handed_over(cls, client: MailchimpClient, batch_id: str) -> Batch:
        """A batch that an earlier process handed over. Raises: BatchUnknown, Stopped."""
        data = _look(client, batch_id)
        batch = cls(batch_id, _since(data, client))
        batch.look_at = batch.begun
        return batch

    @property
    def is_due(self) -> bool:
        """Whether it is time to look at it again."""
        return time.monotonic() >= self.look_at

    def is_finished(self, client: MailchimpClient, patience: float | None = PATIENCE) -> bool:
        """Wait until it is time to look, and look. Raises: BatchUnknown, Stopped (also when patience is at its end)."""
        time.sleep(max(0.0, self.look_at - time.monotonic()))
        if _results_url(_look(client, self.id)):
            return True
        waited = time.monotonic() - self.begun
        if patience is not None and waited > patience:
            raise stop(
                NAME,
                "batch",
                f"the batch {self.id} is still not finished after {waited / 60:.0f} minutes",
                "Nothing has to be done: the next run asks for its results again.",
            )
        self.wait = min(self.wait * GROWTH, LONGEST_WAIT)
        self.look_at = time.monotonic() + self.wait
        return False

    def results(self, client: MailchimpClient) -> dict[str, Mapping[str, Any]]:
        """What became of each operation, by its id. Raises: ResultsUnreadable, BatchUnknown, Stopped."""
        for _ in range(READINGS):
            try:
                with client.results(_results_url(_look(client, self.id))) as chunks:
                    return {str(result.get("operation_id")): result for result in _unpack(chunks)}
            except (CallProblem, tarfile.TarError, EOFError, zlib.error, OSError, TypeError, ValueError):
                continue
        raise ResultsUnreadable

    def settle(self, result: Mapping[str, Any], kind: Kind) -> Reply | Decision:
        """What one operation's result says: a reply that settles its call, or else what is to be done about it."""
        status, response = result.get("status_code"), result.get("response")
        if not isinstance(status, int) or not isinstance(response, str):
            return UNREADABLE
        if (status == 204 and kind in ARCHIVES) or (status in GONE and kind in ABSENT):
            return Reply(status, None, None, self.since, self.id)
        if 200 <= status < 300:
            data = _parsed(response)
            return Reply(status, data, None, self.since, self.id) if is_member(data) else UNREADABLE
        decision = ERRORS.decide(status, {"content-type": "application/problem+json"}, response.encode())
        if decision.action is Action.REJECT_RECORD:
            return Reply(status, None, decision, self.since, self.id)
        return decision


def unfinished(client: MailchimpClient) -> list[datetime]:
    """When the batches of the account that are not finished were handed over. Raises Stopped."""
    moments, offset, total = [], 0, 1
    while offset < total:
        params = {"fields": "batches.status,batches.submitted_at,total_items", "count": 500, "offset": offset}
        with stopping(NAME, "looking for batches that are still at work"):
            data = client.get("/batches", params).data
        rows = [row for row in data.get("batches") or () if isinstance(row, Mapping)]
        moments += [moment(row.get("submitted_at")) for row in rows if row.get("status") != "finished"]
        total = int(data.get("total_items") or 0) if rows else 0
        offset += len(rows)
    return [submitted for submitted in moments if submitted is not None]


def _look(client: MailchimpClient, batch_id: str) -> Mapping[str, Any]:
    with stopping(NAME, f"asking for the batch {batch_id}"):
        answer: Answer = client.get(f"/batches/{batch_id}", {"fields": _FIELDS}, allow=(404,))
    if answer.status == 404:
        raise BatchUnknown
    return cast(Mapping[str, Any], answer.data)


def _results_url(batch: Mapping[str, Any]) -> str:
    """Where the results are; empty until there are any."""
    return str(batch.get("response_body_url") or "") if batch.get("status") == "finished" else ""


def _since(batch: Mapping[str, Any], client: MailchimpClient) -> datetime:
    submitted = moment(batch.get("submitted_at"))
    return client.moment() if submitted is None else submitted - SLACK


def _operation(name: str, step: Step) -> dict[str, Any]:
    operation: dict[str, Any] = {"operation_id": name, "method": step.method, "path": step.path}
    if step.params:
        operation["params"] = step.params
    if step.content is not None:
        operation["body"] = step.content.decode()
    return operation


def _unpack(chunks: Iterator[bytes]) -> Iterator[Mapping[str, Any]]:
    """The results in a gzip tar of one or more JSON files, each an array."""
    with tarfile.open(fileobj=cast(IO[bytes], _Reader(chunks)), mode="r|gz") as archive:
        for entry in archive:
            content = archive.extractfile(entry) if entry.isfile() and entry.name.endswith(".json") else None
            for result in orjson.loads(content.read()) if content else ():
                if isinstance(result, dict):
                    yield result


class _Reader:
    """Chunks as a file that can only be read on."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def read(self, size: int) -> bytes:
        parts: list[bytes] = [self._rest]
        length = len(self._rest)
        while length < size and (chunk := next(self._chunks, None)) is not None:
            parts.append(chunk)
            length += len(chunk)
        whole = b"".join(parts)
        self._rest = whole[size:]
        return whole[:size]


def _parsed(response: str) -> Any:
    try:
        return orjson.loads(response)
    except orjson.JSONDecodeError:
        return None
