"""What is said about one change: a generator that yields calls, is sent replies, and returns what became of the change.

It does no I/O, so the same exchange is carried out by calls one after the other (`writer.py`) or has its first call
travel in a batch (`batches.py`). A change whose outcome rests on one call needs nothing but that call's kind and reply,
so it can be told from a batch's results by a process that never saw the change.

Calls of one change:

| change                         | calls                                                                              |
| ------------------------------ | ---------------------------------------------------------------------------------- |
| may be created                 | PUT                                                                                |
| must not be created            | PATCH; nobody there: skipped                                                       |
| archive                        | DELETE; nobody there: done before, or skipped                                      |
| moved to another address       | PATCH of the old member, wherever an unanswered write may have left it; nobody is  |
|                                | there, or the new address is taken: as above                                       |
| new address, old one is shared | GET of the old member, for who said no there says no here; then as above           |
| tag given or taken             | POST of the tags, after any of the above                                           |

Whom PUT would create is made `unsubscribed` if the last that is known of them is that they left, wherever that was: the
member may have been archived or deleted since, or this may be another audience.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from ml_connector.engine.records import Change, Operation, Outcome, Result
from ml_connector.http import CallProblem, Decision, Uncertain
from ml_connector.systems.mailchimp.consent import MAY_HAVE_SAID_NO, UNSUBSCRIBED, encoded
from ml_connector.systems.mailchimp.errors import MEMBER_EXISTS

NOT_A_MEMBER = "terminated, and not a member"
NOBODY_THERE = "said no, and not a member"
ARCHIVED = "archived earlier, and left alone"

ANSWERED_FIELDS = "id,status,last_changed,timestamp_opt"
"""The members of an answer that are used; the whole one is twenty times as long."""

GONE = (404, 405)
"""Answers to a call about a member who is not on the list, or, for DELETE, is archived already (section 6)."""


class Kind(StrEnum):
    """What a call does, as far as the outcome depends on it."""

    CREATE = "create"  # PUT, nothing known of the member
    UPDATE = "update"  # PUT of a member whom we delivered, for this record or another
    KEEP = "keep"  # a member whom we archived: PUT might put somebody back on the list who had left it
    PATCH = "patch"  # a member who must not be created
    LEAVE = "leave"  # the same, and takes the member off the list
    WITHDRAW = "withdraw"  # takes off somebody who said no
    ARCHIVE = "archive"  # a member whom we delivered
    DISCARD = "discard"  # a member, if there is one


ABSENT: Mapping[Kind, str | None] = {
    Kind.KEEP: ARCHIVED,
    Kind.PATCH: NOT_A_MEMBER,
    Kind.LEAVE: NOT_A_MEMBER,
    Kind.DISCARD: NOT_A_MEMBER,
    Kind.WITHDRAW: NOBODY_THERE,
    Kind.ARCHIVE: None,
}
"""The rule by which a change is skipped when nobody is there; None: it was done before."""

TAKES_OFF = frozenset({Kind.LEAVE, Kind.WITHDRAW})
ARCHIVES = frozenset({Kind.ARCHIVE, Kind.DISCARD})
EVERYWHERE = ARCHIVES | {Kind.WITHDRAW}
"""What is done wherever an unanswered write may have put the member."""
TAGGED = frozenset({Kind.CREATE, Kind.UPDATE, Kind.PATCH, Kind.LEAVE})
_ON_THE_LIST = {Kind.CREATE: Kind.UPDATE}
"""What a call turns out to be when it found the member."""


class Step(NamedTuple):
    """One call about a member.

    Attributes:
        path: below `/3.0`.
        content: the body, as it is sent.
        absent: the call may find nobody; otherwise 404 means that the audience is not there.
    """

    method: str
    path: str
    params: Mapping[str, str]
    content: bytes | None = None
    absent: bool = False


class Reply(NamedTuple):
    """A reply that settles a call: it worked, it found nobody, or it was refused for good.

    Attributes:
        status: HTTP status.
        data: the body, parsed.
        refusal: why it was refused, or None.
        since: a moment of the server's clock at which the call cannot have been carried out yet.
        correlation_id: the vendor's request id.
        repeated: an earlier try of the call got no answer, and may still take effect.
    """

    status: int
    data: Any
    refusal: Decision | None
    since: datetime
    correlation_id: str | None = None
    repeated: bool = False

    @property
    def is_gone(self) -> bool:
        return self.status in GONE


Exchange = Generator[Step, Reply, Result]


def exchange(change: Change, kind: Kind, audience: str) -> Exchange:
    """The calls about one change of this kind; returns its result."""
    last_known = known_no(change)
    if change.operation is Operation.MOVE and change.target_id is not None and kind not in ARCHIVES:
        for place in (change.target_id, *change.astray):
            step = _patch(audience, place, {**_member(change), "email_address": _email(change)})
            reply = yield step
            if not reply.is_gone:
                break
        taken = reply.refusal is not None and reply.refusal.vendor_code == MEMBER_EXISTS
        if not taken and not reply.is_gone:
            return (yield from _ending(change, _ON_THE_LIST.get(kind, kind), audience, change.claim, step, reply))
    elif change.old_is_shared and change.target_id is not None and kind is Kind.CREATE:
        step = Step("GET", member_path(audience, change.target_id), {"fields": ANSWERED_FIELDS}, absent=True)
        old = yield step
        if old.refusal is not None:
            return refusal(change.key, old, step.content)
        if not old.is_gone and old.data["status"] in MAY_HAVE_SAID_NO:
            last_known = old.data["status"]
    status_if_new = UNSUBSCRIBED if last_known else change.body.get("status_if_new")
    place = _place(change, kind)
    step = _main_step(change, kind, audience, place, status_if_new)
    reply = yield step
    for stray in change.astray if kind in EVERYWHERE and reply.refusal is None else ():
        other = _main_step(change, kind, audience, stray, status_if_new)
        found = yield other
        if found.refusal is not None or reply.is_gone:
            place, step, reply = stray, other, found
    return (yield from _ending(change, kind, audience, place, step, reply))


def _ending(change: Change, kind: Kind, audience: str, place: str, step: Step, reply: Reply) -> Exchange:
    """The tags, if they are to be changed, and the result."""
    if reply.refusal is not None:
        return refusal(change.key, reply, step.content)
    given = tag_given(change, audience)
    wanted = tag_wanted(change) if kind in TAGGED and not reply.is_gone else given
    if wanted != given:
        tags = [{"name": given, "status": "inactive"}] if given else []
        tags += [{"name": wanted, "status": "active"}] if wanted else []
        tagged = yield Step("POST", f"{member_path(audience, place)}/tags", {}, encoded({"tags": tags}))
        if tagged.refusal is not None:
            return refusal(change.key, tagged, step.content)
    return concluded(
        change.key,
        kind,
        reply,
        audience,
        last_known=known_no(change),
        place=place,
        tag=wanted,
        payload=step.content,
    )


def concluded(
    key: str,
    kind: Kind,
    reply: Reply,
    audience: str,
    *,
    last_known: str | None = None,
    place: str | None = None,
    tag: str | None = None,
    payload: bytes | None = None,
) -> Result:
    """What became of a change whose last call was not refused; `last_known`: see `known_no`.

    PUT does not say whether it created the member, and asking before would double the calls. A member whom we never
    delivered counts as created when the opt-in lies within the call (to the second), because nothing else sets that
    time. A member who never opted in (pending, transactional) has none: there the last change counts instead, so one
    who stood on the list before counts as created, too.
    """
    rule = ABSENT.get(kind)
    if reply.is_gone and rule is not None:
        kept = "archived" if kind is Kind.KEEP else last_known  # a member who is gone takes no *no* along
        return Result(
            key,
            Outcome.SKIPPED,
            kind=rule,
            reason="Nobody with this address is on the list.",
            status=reply.status,
            correlation_id=reply.correlation_id,
            payload=payload,
            facts=_facts(audience, kept, kind, tag) if kept else {},
        )
    archived = kind in ARCHIVES
    facts = _facts(audience, "archived" if archived else reply.data["status"], kind, tag)
    if not archived and (opted_in := _opted_in_before(reply)) is not None:
        facts["opted_in"] = opted_in.isoformat()
    created = not archived and _is_created(kind, reply)
    return Result(
        key,
        Outcome.CREATED if created else Outcome.UPDATED,
        target_id=place or (None if archived else reply.data["id"]),
        facts=facts,
        status=reply.status,
        correlation_id=reply.correlation_id,
        payload=payload,
    )


def _facts(audience: str, status: str, kind: Kind, tag: str | None) -> dict[str, str | None]:
    sent = UNSUBSCRIBED if kind in TAKES_OFF else None
    return {"list_id": audience, "status": status, "sent_status": sent, "tag": tag}


def refusal(key: str, reply: Reply, payload: bytes | None = None) -> Result:
    """What became of a change that Mailchimp refuses for good."""
    decision = reply.refusal
    assert decision is not None  # noqa: S101  the caller looked
    return Result(
        key,
        Outcome.REJECTED,
        kind=decision.kind,
        reason=_sentence(decision.reason),
        vendor_code=decision.vendor_code,
        status=reply.status,
        correlation_id=reply.correlation_id,
        payload=payload,
    )


def failed(
    key: str, problem: CallProblem | Decision, *, payload: bytes | None = None, uncertain: bool = False
) -> Result:
    """What became of a change that did not get through."""
    call = problem if isinstance(problem, CallProblem) else None
    decision = problem.decision if isinstance(problem, CallProblem) else problem
    return Result(
        key,
        Outcome.FAILED,
        kind=decision.kind,
        reason=_sentence(decision.reason),
        vendor_code=decision.vendor_code,
        status=call.status if call else None,
        correlation_id=call.correlation_id if call else None,
        payload=payload,
        uncertain=uncertain or isinstance(call, Uncertain),
    )


def kind_of(change: Change) -> Kind:
    """What the change's main call does."""
    if change.operation is Operation.WITHDRAW:
        return Kind.WITHDRAW
    if change.body.get("archive"):
        is_there = change.operation is Operation.MOVE or change.target_id == change.claim
        return Kind.ARCHIVE if is_there else Kind.DISCARD
    if not change.create:
        return Kind.LEAVE if "status" in change.body else Kind.PATCH
    is_ours = change.target_id == change.claim or (change.target_id is None and "status" in change.facts)
    if is_ours and change.facts.get("status") == "archived":
        return Kind.KEEP
    return Kind.UPDATE if is_ours else Kind.CREATE  # another record's facts show that it holds the member


def known_no(change: Change) -> str | None:
    """The status that was last known, if it is one of those whom no call of ours may put on a list."""
    status = change.facts.get("status")
    return status if status in MAY_HAVE_SAID_NO else None


def tag_wanted(change: Change) -> str | None:
    """The tag that the member should carry."""
    tags = change.body.get("tags", ())
    return next((str(tag["name"]) for tag in tags if tag["status"] == "active"), None) if tags else None


def tag_given(change: Change, audience: str) -> str | None:
    """The tag that we gave the member in this audience, so that an ordinary load costs no call for tags."""
    return change.facts.get("tag") if change.facts.get("list_id") == audience else None


def member_path(audience: str, place: str) -> str:
    return f"/lists/{audience}/members/{place}"


def is_member(data: Any) -> bool:
    """Whether an answer holds what is needed of a member."""
    return isinstance(data, dict) and isinstance(data.get("id"), str) and isinstance(data.get("status"), str)


def _place(change: Change, kind: Kind) -> str:
    """Whom the main call is about: archiving and taking off hit the member who is there, whatever the new address."""
    there = kind is Kind.WITHDRAW or (kind in ARCHIVES and change.operation is Operation.MOVE)
    return (change.target_id if there else None) or change.claim


def _main_step(change: Change, kind: Kind, audience: str, place: str, status_if_new: str | None) -> Step:
    path = member_path(audience, place)
    if kind in ARCHIVES:
        return Step("DELETE", path, {}, absent=True)
    if kind in (Kind.CREATE, Kind.UPDATE):
        body = {**_member(change), "email_address": _email(change), "status_if_new": status_if_new}
        return Step("PUT", path, _PARAMS, encoded(body))
    return _patch(audience, place, _member(change))


def _patch(audience: str, place: str, body: Mapping[str, Any]) -> Step:
    return Step("PATCH", member_path(audience, place), _PARAMS, encoded(body), absent=True)


# Fields that the audience requires are the business of its sign-up form; a customer without a first name is still a
# customer. What is sent is checked all the same (Mailchimp reference, section 6).
_PARAMS = {"fields": ANSWERED_FIELDS, "skip_merge_validation": "true"}


def _member(change: Change) -> dict[str, Any]:
    """What the body says of the member himself."""
    return {name: change.body[name] for name in ("status", "merge_fields") if name in change.body}


def _email(change: Change) -> str:
    return str(change.body["email_address"])


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:]}."


def _is_created(kind: Kind, reply: Reply) -> bool:
    if kind is not Kind.CREATE:
        return False
    born = moment(reply.data.get("timestamp_opt")) or moment(reply.data.get("last_changed"))
    return born is not None and born >= reply.since


def _opted_in_before(reply: Reply) -> datetime | None:
    """When somebody who is on the list signed up, if that was before our call; the check on consent asks for it."""
    opted_in = moment(reply.data.get("timestamp_opt")) if reply.data["status"] == "subscribed" else None
    return opted_in if opted_in is not None and opted_in < reply.since else None


def moment(text: Any) -> datetime | None:
    """A time of an answer, aware UTC; None where it is unset or cannot be read."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
