"""What `check` says about a company."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from ml_connector.systems.registry import Finding
from ml_connector.systems.visma.listings import LISTINGS
from ml_connector_tests.systems.visma.conftest import CUSTOMERS, Visma

NEEDED = ("visma.customers", "visma.contacts", "visma.customer_classes")


def findings(visma: Visma, entities: Sequence[str] = NEEDED, **settings: Any) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in visma.account(**settings).check(entities):
        found.setdefault(finding.subject, []).append(finding)
        assert finding.what
        assert finding.ok or (finding.meaning and finding.action)
    return found


def test_a_company_that_is_set_up_rightly_is_all_green(visma: Visma) -> None:
    """Everything is looked at, with few calls."""
    visma.start_over(awkward=False)
    found = findings(visma, company_id="1234567")
    assert all(finding.ok for each in found.values() for finding in each)
    assert set(found) == {"credentials", "company id", "rights", "quota", "clock", "time zone"}
    assert f"there are {CUSTOMERS:,}" in found["rights"][0].what
    assert len(found["rights"]) == 3
    assert len(visma.log("/v1/")) == 4


@pytest.mark.parametrize(
    ("simulated", "settings", "subject", "words"),
    [
        ({"client_secret": "changed"}, {}, "credentials", "client secret is wrong"),
        ({"tenant_id": "changed"}, {}, "credentials", "tenant id is unknown"),
        ({"require_company_id": True}, {"company_id": "7"}, "company id", "fault 12002"),
        ({"clock_offset_seconds": 1000}, {}, "clock", "a clock is far off"),
        ({}, {"base_url": "http://127.0.0.1:9"}, "connection", "cannot be reached"),
    ],
)
def test_what_ends_everything_is_said_once(
    visma: Visma, simulated: dict[str, Any], settings: dict[str, Any], subject: str, words: str
) -> None:
    """The first call decides; nothing is asked after it."""
    visma.configure(**simulated)
    found = findings(visma, **settings)
    assert list(found) == [subject]
    assert words in found[subject][0].what


def test_a_right_that_is_missing_is_named(visma: Visma) -> None:
    """The others are looked at all the same."""
    visma.faults({"fault": "forbidden_empty", "path": "/v1/contact"})
    ok = [finding.ok for finding in findings(visma)["rights"]]
    assert ok == [True, False, True]


@pytest.mark.parametrize("name", [name for name in LISTINGS if name != "visma.customers"])
def test_a_missing_right_to_anything_that_is_needed_is_named(visma: Visma, name: str) -> None:
    """Before the first read, with one call; and nothing is asked for that no flow needs."""
    visma.faults({"fault": "forbidden_empty", "path": LISTINGS[name].path})
    bad = [finding for finding in findings(visma, [name, "visma.customers"])["rights"] if not finding.ok]
    assert len(bad) == 1
    assert bad[0].what.startswith(f"{LISTINGS[name].entity.title} cannot be read.")


def test_everything_that_can_be_read_is_asked_for_with_one_call_each(visma: Visma) -> None:
    visma.start_over(awkward=False)
    found = findings(visma, list(LISTINGS))["rights"]
    assert all(finding.ok for finding in found)
    assert len(found) == len(LISTINGS)
    assert len(visma.log("/v")) <= len(LISTINGS) + 1


def test_a_quota_that_is_not_enough_is_named(visma: Visma) -> None:
    """What is left is compared with what a full read needs."""
    visma.start_over(rate_limit=10)
    assert findings(visma)["quota"][0].ok
    visma.start_over(rate_limit=10)
    assert not findings(visma, page_size=20)["quota"][0].ok


def test_a_zone_that_puts_changes_into_the_future_is_named(visma: Visma) -> None:
    """A customer that was just changed in Oslo, read as if the clock were London's."""
    visma.start_over(awkward=False)
    visma.patch("10001", modified_at=datetime.now(UTC).isoformat())
    assert findings(visma, timezone="Europe/Oslo")["time zone"][0].ok
    wrong = findings(visma, timezone="UTC")["time zone"][0]
    assert not wrong.ok
    assert "10001" in wrong.what
