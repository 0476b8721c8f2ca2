"""The block in connections.yaml, and the credentials."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from ml_connector.systems.mailchimp import SYSTEM
from ml_connector.systems.mailchimp.fields import DEFAULT_FIELDS
from ml_connector.systems.mailchimp.flows import MembersFlow
from ml_connector.systems.mailchimp.settings import Credentials
from ml_connector_tests.systems.mailchimp.support import settings


def complaint(members: dict[str, Any] | None = None, **others: Any) -> tuple[str, str]:
    """Where the only mistake is, and what is said about it."""
    with pytest.raises(ValidationError) as caught:
        settings(members, **others)
    (error,) = caught.value.errors()
    return ".".join(str(part) for part in error["loc"]), error["msg"].removeprefix("Value error, ")


def test_what_is_left_out_has_a_default() -> None:
    """Only the audience and the consent of new members must be given."""
    chosen = settings()
    assert (chosen.connections, chosen.batch_above, chosen.batch_size) == (8, 200, 500)
    assert chosen.settle == timedelta(minutes=2)
    assert chosen.on_rejected == "keep"
    assert {tag: source.text for tag, source in chosen.flows.members.sources.items()} == DEFAULT_FIELDS


def test_the_consent_of_new_members_must_be_decided_by_a_person() -> None:
    """There is no default that would be right for everybody."""
    with pytest.raises(ValidationError) as caught:
        SYSTEM.settings.model_validate({"audience": "a1b2c3d4e5", "flows": {"members": {}}})
    assert [(error["loc"], error["type"]) for error in caught.value.errors()] == [
        (("flows", "members", "new_member_status"), "missing")
    ]


def test_own_fields_go_over_the_defaults_and_null_takes_one_out() -> None:
    """`fields` names only what differs."""
    chosen = settings({"fields": {"ADDRESS": None, "CITY": "invoice_address.city", "CURRENCY": "currency_id"}})
    sources = chosen.flows.members.sources
    assert "ADDRESS" not in sources
    assert sources["CITY"].text == "invoice_address.city"
    assert sources["CURRENCY"].text == "currency_id"
    assert sources["FNAME"].text == "contact.first_name"


@pytest.mark.parametrize(
    ("fields", "place", "words"),
    [
        ({"CITY": "main_adress.city"}, "CITY", "did you mean main_address.city?"),
        ({"FNAME": "contact.firstname"}, "FNAME", "did you mean contact.first_name?"),
        ({"KIND": "class.descripton"}, "KIND", "did you mean class.description?"),
        ({"PLACE": "{main_address.citty} {number}"}, "PLACE", "did you mean main_address.city?"),
        ({"PLACE": "{main_address}"}, "PLACE", "a whole address cannot stand in a template"),
        ({"PLACE": "{number"}, "PLACE", "expected a path like main_address.city, or a template"),
        ({"PLACE": "{}"}, "PLACE", "expected the path of a value"),
        ({"customer": "number"}, "customer.[key]", "at most 10 capital letters, digits and underscores"),
        ({"ELEVENCHARS": "number"}, "ELEVENCHARS.[key]", "at most 10 capital letters"),
        ({"EMAIL": "number"}, "EMAIL.[key]", "the address is always sent"),
    ],
)
def test_a_field_that_cannot_be_is_named_with_what_was_probably_meant(
    fields: dict[str, str], place: str, words: str
) -> None:
    """A misspelt path is found when the configuration is read, not when the first customer is mapped."""
    where, said = complaint({"fields": fields})
    assert where == f"flows.members.fields.{place}"
    assert words in said


@pytest.mark.parametrize("path", ["main_address", "{number}", "klass"])
def test_a_selection_goes_by_the_path_of_one_value(path: str) -> None:
    """`where` compares values, and an address or a template is none."""
    where, _ = complaint({"where": {path: ["B2B"]}})
    assert where == f"flows.members.where.{path}.[key]"


@pytest.mark.parametrize(
    ("others", "place"),
    [
        ({"audience": ""}, "audience"),
        ({"audience": "../lists"}, "audience"),
        ({"connections": 9}, "connections"),
        ({"connections": 0}, "connections"),
        ({"batch_size": 1001}, "batch_size"),
        ({"base_url": "https://us19.api.mailchimp.com/3.0"}, "base_url"),
        ({"settle": "two minutes"}, "settle"),
        ({"on_rejected": "stop"}, "on_rejected"),
        ({"audiance": "a1b2c3d4e5"}, "audiance"),
    ],
)
def test_a_setting_that_cannot_be_is_named(others: dict[str, Any], place: str) -> None:
    """More than eight connections would starve the account's other programs (Mailchimp reference, section 3)."""
    assert complaint(**others)[0] == place


def test_lengths_of_time_are_written_with_their_unit() -> None:
    """`90s` and `2m` are easier to read than a number."""
    assert settings(settle="90s").settle == timedelta(seconds=90)


@pytest.mark.parametrize("values", [{}, {"api_key": "x-us1", "access_token": "y"}, {"api_key": ""}])
def test_credentials_are_a_key_or_a_token(values: dict[str, str]) -> None:
    """Neither or both leaves open which account is meant."""
    with pytest.raises(ValidationError, match="give either api_key or access_token"):
        Credentials.model_validate(values)


def test_a_credential_does_not_show_itself() -> None:
    """Its repr is masked, so that no traceback or log holds it."""
    assert "geheim" not in repr(Credentials(api_key=SecretStr("geheim-us1")))


@pytest.mark.parametrize(
    ("members", "others"),
    [
        ({"fields": {"CITY": None}}, {}),
        ({"where": {"class": ["B2C"]}}, {}),
        ({"terminated": "archive"}, {}),
        ({"new_member_status": "pending"}, {}),
        ({}, {"audience": "ffffffffff"}),
    ],
)
def test_what_changes_the_mapping_changes_the_fingerprint(members: dict[str, Any], others: dict[str, Any]) -> None:
    """So everybody is mapped again."""
    assert MembersFlow(settings(members, **others)).fingerprint != MembersFlow(settings()).fingerprint


def test_what_does_not_change_the_mapping_leaves_the_fingerprint() -> None:
    """Other connections, or a default written out, map nobody again."""
    spelt_out = settings({"fields": {"CITY": "main_address.city"}}, connections=3, batch_above=0)
    assert MembersFlow(spelt_out).fingerprint == MembersFlow(settings()).fingerprint


def test_the_flow_says_what_it_does() -> None:
    """Its fields for people, its withdrawal, and whether a rejected record fails its window."""
    (flow,) = SYSTEM.flows(settings(on_rejected="fail"))
    assert flow.fields["EMAIL"] == "main_contact.email"
    assert flow.fields["CUSTCLASS"] == "class.id"
    assert flow.withdrawal == {"status": "unsubscribed"}
    assert flow.on_rejected_fail
    (leaving,) = SYSTEM.flows(settings({"no_mass_mail": "leave"}))
    assert leaving.withdrawal is None
