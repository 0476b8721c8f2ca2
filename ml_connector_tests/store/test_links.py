"""What one flow sees of another one's links, the same on both databases."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from ml_connector.store.database import Database
from ml_connector.store.links import Links, Told
from ml_connector.store.tables import alias, record_state, source_row, waiting
from ml_connector_tests.store.test_bulk import NOW, state

FLOW, OTHER = "companies", "invoices"


@pytest.fixture
def links(database: Database) -> Links:
    return Links(database, "nordic", "hubspot")


def put(database: Database, *states: dict[str, Any]) -> None:
    rows = [state(**{"target": "hubspot", "flow": FLOW, **one}) for one in states]
    with database.begin() as connection:
        for row in rows:
            database.upsert(connection, record_state, [row])


def linked(key: str, claim: str | None, target_id: str | None, **others: Any) -> dict[str, Any]:
    return {"key": key, "claim": claim, "target_id": target_id, "facts": f'{{"id": "of {key}"}}', **others}


def due(database: Database) -> dict[str, Any]:
    with database.connect() as connection:
        return {row.key: row.due_at for row in connection.execute(select(record_state)) if row.flow == OTHER}


def test_who_is_linked_to_an_identity_is_found_whatever_it_wants_now(database: Database, links: Links) -> None:
    """By its claim where that is what it is linked to, and by the link where it wants another one, or none."""
    put(
        database,
        linked("1", "a", "a"),
        linked("2", "c", "b"),
        linked("3", None, "d"),
        linked("4", "e", None),
        linked("5", "f", "f", flow=OTHER),
        linked("6", "g", "g", company="other"),
    )
    held = links.held(FLOW, list("abcdefg"))
    assert {identity: (one.key, one.target_id) for identity, one in held.items()} == {
        "a": ("1", "a"),
        "b": ("2", "b"),
        "d": ("3", "d"),
    }
    assert held["b"].facts == {"id": "of 2"}
    assert links.held(FLOW, []) == {}


def test_more_identities_than_a_statement_takes_are_found(database: Database, links: Links) -> None:
    """SQLite and PostgreSQL have different limits of variables; neither is met."""
    put(database, *(linked(str(one), f"id {one}", f"id {one}") for one in range(0, 40_000, 1_000)))
    assert len(links.held(FLOW, [f"id {one}" for one in range(40_000)])) == 40


def test_the_object_of_a_record_is_the_one_that_it_wants(database: Database, links: Links) -> None:
    """Whoever is linked to it: two records that want one identity both have it."""
    put(database, linked("1", "a", "a"), linked("2", "a", None), linked("3", "b", None), linked("4", None, None))
    found = links.of_records(FLOW, ["1", "2", "3", "4", "5"])
    assert {key: one.key for key, one in found.items()} == {"1": "1", "2": "1"}


def test_a_name_leads_to_everybody_who_gave_it(database: Database, links: Links) -> None:
    """What a record calls itself replaces what it did before; who is not linked is not found."""
    put(database, linked("1", "a", "a"), linked("2", "b", "b"), linked("3", "c", None))
    with database.begin() as connection:
        links.call(connection, FLOW, {"1": ["x", "y", "x"], "2": ["old"], "3": ["x"]})
        links.call(connection, FLOW, {"2": ["x"]})
        links.call(connection, OTHER, {"1": ["z"]})
        links.call(connection, FLOW, {})
    found = links.called(FLOW, ["x", "y", "z", "old"])
    assert {name: sorted(one.key for one in those) for name, those in found.items()} == {"x": ["1", "2"], "y": ["1"]}
    with database.begin() as connection:
        links.call(connection, FLOW, {"1": []})
    with database.connect() as connection:
        assert sorted(connection.execute(select(alias.c.flow, alias.c.key, alias.c.alias)).tuples()) == [
            (FLOW, "2", "x"),
            (FLOW, "3", "x"),
            (OTHER, "1", "z"),
        ]


def test_who_waits_is_due_when_what_it_waits_for_is_delivered(database: Database, links: Links) -> None:
    """Noted twice it waits once; the others sleep on; somebody else's target is not woken."""
    put(database, *(linked(key, None, None, flow=OTHER) for key in "1234"))
    elsewhere = Links(database, "nordic", "crm")
    with database.begin() as connection:
        links.wait(connection, OTHER, [("1", FLOW, "a"), ("1", FLOW, "b"), ("2", FLOW, "a")])
        links.wait(connection, OTHER, [("1", FLOW, "a"), ("3", FLOW, "c")])
        links.wait(connection, OTHER, [])
        elsewhere.wait(connection, OTHER, [("4", FLOW, "a")])
    moment = NOW + timedelta(hours=1)
    with database.begin() as connection:
        links.wake(connection, FLOW, ["a", "nobody"], moment)
        links.wake(connection, FLOW, [], moment)
    assert due(database) == {"1": moment, "2": moment, "3": None, "4": None}
    with database.connect() as connection:
        left = connection.execute(select(waiting.c.target, waiting.c.key, waiting.c.needs_identity)).tuples()
        assert sorted(left) == [("crm", "4", "a"), ("hubspot", "1", "b"), ("hubspot", "3", "c")]


def test_a_rollback_wakes_nobody(database: Database, links: Links) -> None:
    """Waking belongs to the transaction that records the delivery."""
    put(database, linked("1", None, None, flow=OTHER))
    with database.begin() as connection:
        links.wait(connection, OTHER, [("1", FLOW, "a")])
    with suppress(ZeroDivisionError), database.begin() as connection:
        links.wake(connection, FLOW, ["a"], NOW)
        raise ZeroDivisionError
    assert due(database) == {"1": None}


def test_what_was_not_attempted_yet_is_told_from_what_was(database: Database, links: Links) -> None:
    """New, behind the newest version, or due; and what became of the others."""
    place = {"landing_id": 2, "position": 0, "seq": 2, "seen_by": 1}
    version = {"company": "nordic", "entity": "visma.customers", "changed_at": NOW, "digest": b"\0" * 16, **place}
    with database.begin() as connection:
        versions = [version | {"key": key} for key in ("new", "old", "due", "later", "done")]
        database.upsert(connection, source_row, versions)
    put(
        database,
        linked("old", None, None, seq=1),
        linked("due", None, None, seq=2, due_at=NOW, outcome="failed", reason="It is down."),
        linked("later", None, None, seq=2, due_at=NOW + timedelta(seconds=1)),
        linked("done", None, None, seq=2, rule="a rule", outcome="skipped"),
    )
    keys = ["new", "old", "due", "later", "done", "unknown"]
    assert sorted(links.unattempted(FLOW, "visma.customers", keys, NOW)) == ["due", "new", "old"]
    told = links.told(FLOW, ["due", "done", "new"])
    assert told == {"due": Told("failed", None, "It is down."), "done": Told("skipped", "a rule", None)}
