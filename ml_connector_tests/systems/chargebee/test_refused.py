"""What people see of events that were never sent."""

from __future__ import annotations

from ml_connector.store import reports
from ml_connector_tests.systems.chargebee.support import Sync


def test_a_forged_event_is_listed_with_the_reason_until_it_turns_up(sync: Sync) -> None:
    """failures.md 27; should Chargebee know it after all, polling finds it, and it is listed no more."""
    sync.chargebee.subscribe()
    inbox = sync.ledger.inbox("chargebee")
    inbox.store("ev_forged", b'{"id": "ev_forged"}', sync.now())
    sync.take_in()
    with sync.ledger.database.connect() as connection:
        (row,) = reports.refused_events(connection, "nordic", "chargebee")
        assert reports.refused_events(connection, "nordic", "other") == []
    assert (row["key"], row["outcome"], "forged" in row["reason"]) == ("ev_forged", "refused", True)
    assert inbox.body("ev_forged") == b'{"id": "ev_forged"}'
    inbox.found(["ev_forged"], "run", sync.now())
    with sync.ledger.database.connect() as connection:
        assert reports.refused_events(connection) == []
    assert inbox.body("ev_forged") is None
