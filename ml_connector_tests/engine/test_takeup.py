"""What a flow may take up: no record whose contacts were not read after it landed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ml_connector.engine.preview import preview
from ml_connector.errors import NotReadProblem
from ml_connector_tests.engine.conftest import TARGET, Sync
from ml_connector_tests.engine.world import CONTACTS, CUSTOMERS


def test_nobody_is_created_while_the_contacts_were_never_read(sync: Sync) -> None:
    """The one who said no may be among them; the windows stay outstanding, and the next good poll heals it."""
    sync.world.put("1", email="a@x.no", name="A")
    sync.world.put("2", email="b@x.no", name="B")
    sync.world.put("c1", CONTACTS, of="1", no_mail=True)
    sync.read(CUSTOMERS)
    assert not sync.due
    report = sync.deliver()
    assert isinstance(report.stopped, NotReadProblem)
    assert "world.contacts was never read" in report.stopped.what
    assert report.stopped.meaning
    assert report.stopped.action
    assert report.unfinished
    assert sync.account.members == {}
    sync.read()
    assert sync.due
    assert sync.deliver().stopped is None
    assert set(sync.account.members) == {"b@x.no"}


def test_a_new_customer_waits_while_the_contacts_cannot_be_read(sync: Sync) -> None:
    """failures.md 40: the contacts' read breaks off, and a new customer whose contact says no is not created."""
    sync.world.put("1", email="a@x.no", name="A")
    sync.sync()
    sync.world.put("2", email="b@x.no", name="B")
    sync.world.put("c2", CONTACTS, of="2", no_mail=True)
    sync.clock.forward(minutes=10)
    sync.read(CUSTOMERS)
    assert not sync.due, "a sensor must not launch runs that can do nothing"
    assert sync.deliver().stopped is None
    assert sync.deliver(only=["2"]).total.read == 0, "not even if named"
    assert set(sync.account.members) == {"a@x.no"}
    sync.read(CONTACTS)
    assert sync.due
    sync.deliver()
    assert sync.state("2").rule == "no mass mail"
    assert set(sync.account.members) == {"a@x.no"}


def test_a_contact_that_landed_before_the_break_brings_no_waiting_customer_along(sync: Sync) -> None:
    """Half of the contacts are read, the flagged one is not: the related row does not let the customer through."""
    sync.sync()
    sync.world.put("2", email="b@x.no", name="B")
    sync.world.put("c1", CONTACTS, of="2")
    sync.world.put("c2", CONTACTS, of="2", no_mail=True)
    sync.world.page_size, sync.world.breaks_after = 1, 1
    with pytest.raises(Exception, match="broke off"):
        sync.read(CONTACTS)
    sync.read(CUSTOMERS)
    sync.deliver()
    assert sync.account.members == {}
    sync.sync()
    assert sync.account.members == {}
    assert sync.state("2").rule == "no mass mail"


def test_a_healthy_poll_delays_nothing(sync: Sync) -> None:
    """Customers are read before their contacts, so one poll is enough for both."""
    for number in range(3):
        sync.world.put("1", email="a@x.no", name=str(number))
        sync.world.put("c1", CONTACTS, of="1", title=f"{number} ")
        sync.clock.forward(minutes=10)
        sync.sync()
        assert sync.account.members["a@x.no"].body["NAME"] == f"1 {number} {number}"
        assert not sync.due


def test_other_records_go_on_while_some_wait(sync: Sync) -> None:
    """What landed before the last good read of the contacts is retried and delivered."""
    sync.world.put("1", email="a@x.no", name="A")
    sync.account.faults = ["fail"]
    sync.sync()
    sync.clock.forward(hours=1)
    sync.world.put("2", email="b@x.no", name="B")
    sync.read(CUSTOMERS)
    assert sync.due
    sync.deliver()
    assert set(sync.account.members) == {"a@x.no"}


def test_a_preview_tells_that_a_delivery_would_be_refused(sync: Sync) -> None:
    """It shows what would happen, and that is nothing."""
    sync.world.put("1", email="a@x.no", name="A")
    sync.read(CUSTOMERS)
    with pytest.raises(NotReadProblem):
        preview(sync.flow, sync.ledger, TARGET, clock=sync.clock)
    sync.read()
    sync.world.put("2", email="b@x.no", name="B")
    sync.clock.forward(minutes=1)
    sync.read(CUSTOMERS, overlap=timedelta())
    assert preview(sync.flow, sync.ledger, TARGET, clock=sync.clock).counts == {"create": 1}
