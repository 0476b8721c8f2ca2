"""Where lines stand besides their accounts, and what follows them."""

from __future__ import annotations

from typing import Any

import pytest

from ml_connector.systems.visma.places import as_it_stands, following, of_both_lines, place_of, places_of

SEGMENTS = [{"segmentId": 1, "segmentValue": "10"}, {"segmentId": 2, "segmentValue": "0100"}]
SHOWN = [{**one, "segmentDescription": "Avdeling", "segmentValueDescription": "Salg"} for one in SEGMENTS]
READ: dict[str, Any] = {
    "subaccount": {"subaccountNumber": "10-0100", "segments": SHOWN},
    "project": {"internalId": 41, "id": "P", "description": "Abonnement"},
    "projectTask": {"internalId": 410, "id": "T", "description": "Lisenser"},
}
WRITTEN: dict[str, Any] = {"subaccount": SEGMENTS, "project": "P", "projectTask": "T"}


@pytest.mark.parametrize("line", [READ, WRITTEN])
def test_both_models_tell_the_same(line: dict[str, Any]) -> None:
    assert place_of({"accountNumber": "3000", **line}) == WRITTEN


@pytest.mark.parametrize("line", [{}, {"project": None, "projectTask": None, "subaccount": None}, {"subaccount": {}}])
def test_a_line_may_stand_nowhere_in_particular(line: dict[str, Any]) -> None:
    assert place_of(line) == {}


def test_only_lines_that_stand_elsewhere_are_named() -> None:
    """A line's VAT bears its name, and stands where every line does."""
    lines = [
        {"project": "P"},
        {"note": "a", "project": "Q"},
        {"note": "a", "project": "P"},
        {"note": "b", "project": "P"},
        {"note": "c"},
    ]
    assert places_of(lines) == {"": {"project": "P"}, "a": {"project": "Q"}, "c": {}}


def test_what_follows_stands_there_and_nowhere_else() -> None:
    """Each named line where its original stands; the rest where every line did; a line that follows none stays."""
    places = {"": {"project": "P"}, "a": {"subaccount": SEGMENTS}}
    lines = [{"project": "X"}, {"note": "1", "project": "X"}, {"note": "1", "project": "X"}, {"note": "2", **WRITTEN}]
    assert following(lines, places, {"1": "a"}) == [
        {"project": "P"},
        {"note": "1", "subaccount": SEGMENTS},
        {"note": "1", "project": "P"},
        {"note": "2", **WRITTEN},
    ]
    assert following(lines[:1], {"": {}}, {}) == [{}]


def test_both_lines_of_a_month_stand_together() -> None:
    places = {"": {"project": "P"}, "a": {"project": "Q"}}
    lines = [{"note": "a", "projectTask": "T"}, {"note": "a"}, {"note": "b"}]
    assert [line.get("project") for line in of_both_lines(lines, places)] == ["Q", "Q", "P"]
    assert all("projectTask" not in line for line in of_both_lines(lines, places))


@pytest.mark.parametrize("line", [{}, {"project": "Q", "subaccount": []}, WRITTEN])
def test_a_line_stands_where_visma_shows_it(line: dict[str, Any]) -> None:
    """Also at the subaccount that Visma took by itself."""
    assert as_it_stands({"note": "a", **line}, READ) == {"note": "a", **WRITTEN}
    assert as_it_stands(line, {"project": None, "projectTask": None, "subaccount": None}) == {}


def test_what_visma_does_not_show_stays_as_it_was_sent() -> None:
    assert as_it_stands({"note": "a", **WRITTEN}, {"project": {"id": "Q"}}) == {"note": "a", **WRITTEN, "project": "Q"}
