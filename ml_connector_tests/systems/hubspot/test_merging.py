"""What is written to a record that HubSpot holds already."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.systems.hubspot.merging import STAGES, for_new, for_ours, for_present, is_forward

RULES = {"phone": "fill_empty", "industry": "never"}
WANTED = {"name": "N", "phone": "1", "industry": "FISH", "city": "", "lifecyclestage": "customer"}


def test_a_new_record_gets_everything_that_there_is() -> None:
    """An empty text would only clear what is empty."""
    assert for_new(WANTED) == {"name": "N", "phone": "1", "industry": "FISH", "lifecyclestage": "customer"}


def test_ours_gets_what_is_overwritten() -> None:
    """Unread, so nothing else can be known; what is empty is cleared; the stage was set when it was made."""
    assert for_ours(WANTED, RULES) == {"name": "N", "city": ""}


def test_what_people_wrote_is_left_alone_as_configured() -> None:
    """An empty one is filled in."""
    there = {"name": "Old", "phone": None, "industry": None, "city": "Bodø", "lifecyclestage": "lead"}
    assert for_present(WANTED, RULES, there, ours=False) == {"name": "N", "phone": "1", "lifecyclestage": "customer"}
    assert for_present(WANTED, RULES, {**there, "phone": "2"}, ours=True) == {
        "name": "N",
        "city": "",
        "lifecyclestage": "customer",
    }


@pytest.mark.parametrize("there", ["customer", "evangelist", "other", "a stage of their own"])
def test_a_lifecycle_stage_never_moves_back(there: str) -> None:
    """Nor does it move at all from a stage whose place nobody knows (HubSpot reference, section 11)."""
    assert not is_forward(there, "customer")


@given(st.sampled_from(STAGES), st.sampled_from(STAGES))
def test_of_two_stages_at_most_one_lies_ahead(one: str, other: str) -> None:
    """And exactly one if they differ."""
    assert is_forward(one, other) + is_forward(other, one) == (one != other)


texts = st.dictionaries(st.sampled_from(["a", "b", "c", "lifecyclestage"]), st.sampled_from(["", "1", "customer"]))
rules = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from(["overwrite", "fill_empty", "never"]))


@given(texts, rules, texts, st.booleans())
def test_nothing_is_written_that_a_rule_forbids(
    wanted: dict[str, str], given_rules: dict[str, str], there: dict[str, str], ours: bool
) -> None:
    """Whatever is wanted, and whatever is there."""
    for name, value in for_present(wanted, given_rules, there, ours=ours).items():
        assert wanted[name] == value
        assert given_rules.get(name) != "never"
        assert not (given_rules.get(name) == "fill_empty" and there.get(name))
        assert ours or value
