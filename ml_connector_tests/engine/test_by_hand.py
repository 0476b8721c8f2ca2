"""Rejected records that a person took care of."""

from __future__ import annotations

import pytest

from ml_connector.engine.by_hand import mark, rejected
from ml_connector_tests.engine.conftest import TARGET, Sync
from ml_connector_tests.engine.test_deliver import counts


def take_care(sync: Sync, *keys: str) -> None:
    at = sync.clock()
    mark(sync.flow, sync.ledger, TARGET, "world", keys, "done by Kari", run_id="by-hand", at=at)


def said(sync: Sync, key: str = "1") -> tuple[str, str | None, str | None]:
    state = sync.state(key)
    return state.outcome, state.rule, state.reason


@pytest.fixture
def refused(sync_on_both: Sync) -> Sync:
    """One record that the mapping rejects."""
    sync_on_both.world.put("1", email="a@x", broken=True)
    assert counts(sync_on_both.sync().total) == {"read": 1, "rejected": 1}
    return sync_on_both


def test_it_stays_handled_whatever_becomes_of_the_mapping(refused: Sync) -> None:
    take_care(refused, "1")
    refused.remap("2")
    assert counts(refused.sync().total) == {"read": 1, "skipped": 1}
    assert said(refused) == ("skipped", "handled by hand", "done by Kari")
    entries = [recorded.entry for recorded in refused.ledger.audit(TARGET).entries(key="1")]
    assert [(entry.outcome, "done by Kari" in (entry.message or "")) for entry in entries] == [
        ("rejected", False),
        ("skipped", True),
    ]
    assert refused.ledger.audit(TARGET).verify().ok


def test_another_version_and_a_replay_are_judged_anew(refused: Sync) -> None:
    take_care(refused, "1")
    assert counts(refused.deliver(only=["1"]).total) == {"read": 1, "rejected": 1}
    take_care(refused, "1")
    refused.world.put("1", broken=False)
    assert counts(refused.sync().total) == {"read": 1, "created": 1}


def test_only_what_is_rejected_and_not_in_doubt_can_be_handled(refused: Sync) -> None:
    """A write that nobody answered may still take effect."""
    refused.world.put("2", email="b@x")
    refused.world.put("3", email="c@x")
    refused.account.faults = ["lost"]
    refused.sync()
    in_doubt = next(key for key in ("2", "3") if refused.state(key).outcome == "failed")
    refused.world.put(in_doubt, broken=True)
    refused.sync()
    assert refused.state(in_doubt).outcome == "rejected"
    assert rejected([refused.flow], refused.ledger, TARGET, ["1", "2", "3", "4"]) == {"1"}
    take_care(refused, "1", "2", "3", "4")
    assert refused.state(in_doubt).outcome == "rejected"
