"""The guard that every body passes on its way out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.systems.mailchimp.consent import ConsentViolation, encoded

STATUSES = ["subscribed", "pending", "cleaned", "transactional", "archived", "active", "", None, 1]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("status", STATUSES)
def test_no_body_with_another_status_than_unsubscribed_leaves(status: object) -> None:
    """failures.md 12: somebody who unsubscribed is never subscribed again."""
    with pytest.raises(ConsentViolation):
        encoded({"email_address": "kari@nordfisk.no", "status": status})


@given(outside=json_values, wrap=st.sampled_from(["list", "dict", "tags"]), status=st.sampled_from(STATUSES))
def test_a_status_is_found_however_deep_it_lies(outside: Any, wrap: str, status: object) -> None:
    """failures.md 12: a batch, a list of members or a tag that is a member cannot smuggle one out."""
    member = {"email_address": "kari@nordfisk.no", "status": status}
    if wrap == "tags" and status == "active":
        return
    body = {"list": [outside, member], "dict": {"members": member}, "tags": {"tags": [member]}}[wrap]
    with pytest.raises(ConsentViolation):
        encoded(body)


def test_changing_existing_members_in_bulk_is_never_asked_for() -> None:
    """failures.md 12: `update_existing` rewrites the status of people whom an administrator took off."""
    with pytest.raises(ConsentViolation):
        encoded({"members": [], "update_existing": True})


@pytest.mark.parametrize(
    "body",
    [
        {"status": "unsubscribed"},
        {"email_address": "kari@nordfisk.no", "status_if_new": "subscribed"},
        {"tags": [{"name": "Terminated", "status": "active"}, {"name": "Old", "status": "inactive"}]},
        {"operations": [{"method": "PUT", "body": "{}"}]},
    ],
)
def test_what_may_leave_leaves(body: dict[str, Any]) -> None:
    """Taking off, what holds for new members only, and tags."""
    assert encoded(body)
