"""What a write does to a member: checked whole first, then done whole (Mailchimp reference, sections 6 and 8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ml_connector.simulators.mailchimp import errors
from ml_connector.simulators.mailchimp.addresses import check_address, subscriber_hash
from ml_connector.simulators.mailchimp.audience import COMPLIANCE_ORIGINS, Audience, Member, stored
from ml_connector.simulators.mailchimp.merge_values import MergeValue, Refused, clean, is_complete_address

RARE_KEYS = (
    "email_type",
    "interests",
    "language",
    "vip",
    "location",
    "ip_signup",
    "timestamp_signup",
    "ip_opt",
    "timestamp_opt",
)
"""Written as they are, and kept only for members who have them."""

StatusRule = Callable[[Member | None], str]
"""The status that a write leaves a member with; None stands for a new member. Raises Problem."""


@dataclass(frozen=True, slots=True)
class Write:
    """One write: the checked body, where it came from, and how strict it is."""

    body: Mapping[str, Any]
    via: str
    skip_merge_validation: bool = False
    replace_tags: bool = False


def write(audience: Audience, member: Member | None, wanted: Write, status_rule: StatusRule) -> Member:
    """Create a member (None) or change one. Raises Problem, and then nothing has changed."""
    body = wanted.body
    email = body.get("email_address", member.email if member else "")
    if member is None or email.lower() != member.email.lower():
        _check_new_address(audience, email)
    status = status_rule(member)
    merge = _merged(audience, member, wanted)

    if member is None:
        member = audience.add(email)
    changed = _set_email(audience, member, email)
    changed |= _set_tags(audience, member, body.get("tags"), replace=wanted.replace_tags)
    changed |= _set_rare(member, body)
    if merge != member.merge or status != member.status:
        member.merge = merge
        changed = True
    audience.called(member, wanted.via, status, body.get("status"))
    if changed:
        member.last_changed = member.history[-1].at
    return member


def put_status(audience: Audience, body: Mapping[str, Any]) -> StatusRule:
    """PUT: `status_if_new` for a new member alone; without `status` an existing one keeps the status."""

    def rule(member: Member | None) -> str:
        status: str | None = body.get("status")
        if member is None:
            if status is None and "status_if_new" not in body:
                raise errors.invalid(("", "Required fields were not provided: status_if_new"))
            return str(body.get("status_if_new", status))
        if status is not None:
            return _allowed(member, status)
        if member.status == "archived" and audience.settings.archived_on_put == "status_if_new":
            return str(body.get("status_if_new", member.status))
        return member.status

    return rule


def body_status(_audience: Audience, body: Mapping[str, Any]) -> StatusRule:
    """POST and PATCH: the body's `status`; without one an existing member keeps the status."""

    def rule(member: Member | None) -> str:
        status: str | None = body.get("status")
        if member is None:
            return str(status)
        return member.status if status is None else _allowed(member, status)

    return rule


def set_tags(audience: Audience, member: Member, changes: Sequence[Mapping[str, str]], via: str) -> None:
    """Give and take tags by name; an unknown one is created when it is given."""
    before = set(member.tags or ())
    for change in changes:
        if change["status"] == "active":
            _set_tags(audience, member, [change["name"]])
        elif member.tags:
            member.tags.pop(audience.tags.get(change["name"], 0), None)
    member.tags = member.tags or None
    audience.called(member, via, member.status, None)
    if before != set(member.tags or ()):
        member.last_changed = member.history[-1].at


def _check_new_address(audience: Audience, email: str) -> None:
    check_address(email)
    key = subscriber_hash(email)
    if key in audience.forgotten:
        raise errors.forgotten(email)
    if key in audience.members:
        raise errors.member_exists(email)


def _allowed(member: Member, status: str) -> str:
    """`subscribed` is refused to people who left or bounced; those whom an API or an administrator took off get it.

    An archived member does not keep that protection (Mailchimp reference, section 6, rule 5).
    """
    protected = member.origin in COMPLIANCE_ORIGINS and member.status != "archived"
    if status == "subscribed" and protected:
        raise errors.compliance_state(member.email)
    return status


def _merged(audience: Audience, member: Member | None, wanted: Write) -> bytes:
    """The member's merge values after the write, as they are stored; every wrong one is reported at once."""
    values = member.merge_values() if member else {}
    sent: Mapping[str, object] = wanted.body.get("merge_fields") or {}
    settings = audience.settings
    wrong: list[tuple[str, str]] = []
    for merge_field in audience.merge_fields.values():
        if merge_field.tag in sent:
            try:
                value = clean(merge_field, sent[merge_field.tag], refuse_long_text=settings.long_text == "refuse")
                _store(values, merge_field.key, value)
            except Refused as refused:
                wrong.append((merge_field.tag, str(refused)))
                continue
        if merge_field.type == "address" and merge_field.key in values:
            excused = wanted.skip_merge_validation and settings.incomplete_address_with_skip == "accept"
            if not excused and not is_complete_address(values[merge_field.key]):
                wrong.append((merge_field.tag, "Please enter a complete address"))
        elif merge_field.required and not wanted.skip_merge_validation and merge_field.key not in values:
            wrong.append((merge_field.tag, "Please enter a value"))
    if wrong:
        raise errors.invalid_merge_fields(wrong)
    return stored(values)


def _store(values: dict[str, MergeValue], key: str, value: MergeValue) -> None:
    if value == "":
        values.pop(key, None)
    else:
        values[key] = value


def _set_email(audience: Audience, member: Member, email: str) -> bool:
    if email == member.email:
        return False
    audience.move(member, email)
    return True


def _set_tags(audience: Audience, member: Member, names: Sequence[str] | None, *, replace: bool = False) -> bool:
    before = member.tags or {}
    wanted = {audience.tag_id(name) for name in names or ()}
    kept = {number: at for number, at in before.items() if not replace or number in wanted}
    after = kept | {number: audience.now() for number in wanted if number not in kept}
    member.tags = after or None
    return after.keys() != before.keys()


def _set_rare(member: Member, body: Mapping[str, Any]) -> bool:
    before = member.extra or {}
    after = before | {key: body[key] for key in RARE_KEYS if body.get(key) is not None}
    member.extra = after or None
    return after != before
