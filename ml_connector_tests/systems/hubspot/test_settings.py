"""A HubSpot block, and the flows that it switches on."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ml_connector.systems.hubspot import SYSTEM
from ml_connector.systems.hubspot.fields import COMPANY_FIELDS, CONTACT_FIELDS
from ml_connector.systems.hubspot.routes import Routes
from ml_connector.systems.hubspot.settings import Settings
from ml_connector_tests.systems.hubspot.support import settings


def test_the_smallest_block_delivers_companies() -> None:
    """Everything else has a default."""
    block = Settings.model_validate({"flows": {"companies": {}}})
    assert [flow.name for flow in SYSTEM.flows(block, "nordic")] == ["companies"]
    assert {name: source.text for name, source in block.flows.companies.sources.items()} == COMPANY_FIELDS


def test_contacts_come_with_their_links() -> None:
    """Links last: they need both ends."""
    assert [flow.name for flow in SYSTEM.flows(settings(), "nordic")] == ["companies", "contacts", "contact_companies"]


def test_fields_go_over_the_defaults() -> None:
    """Null leaves one out."""
    block = settings({"fields": {"phone": None, "industry": "class.description"}}, {"fields": {"jobtitle": None}})
    companies, contacts = block.flows.companies.sources, block.flows.contacts.sources  # type: ignore[union-attr]
    assert companies.keys() == COMPANY_FIELDS.keys() - {"phone"} | {"industry"}
    assert contacts.keys() == CONTACT_FIELDS.keys() - {"jobtitle"}


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"fields": {"Name": "name"}}, "internal name of a property"),
        ({"fields": {"city": "main_address.ctiy"}}, "did you mean main_address.city"),
        ({"fields": {"city": "{main_address.city"}}, "template"),
        ({"fields": {"lifecyclestage": "status"}}, "always written"),
        ({"fields": {"visma_customer_id": "number"}}, "holds our key"),
        ({"merge": {"industry": "never"}}, "not mapped"),
        ({"merge": {"name": "sometimes"}}, "overwrite"),
        ({"where": {"klass": ["B2B"]}}, "did you mean class"),
        ({"match": {"domain": "{number}"}}, "path of one value"),
        ({"customer_key": "Visma"}, "internal name"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_what_cannot_be_is_refused(block: dict[str, Any], said: str) -> None:
    """With what was expected."""
    with pytest.raises(ValidationError, match=said):
        settings(block)


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"api_version": "2026-04"}, "2026-03"),
        ({"api_version": "3"}, "version of the API"),
        ({"portal": "abc"}, "number of the HubSpot account"),
        ({"namespace": "a:b"}, "letters, digits"),
        ({"settle": "2"}, "length of time"),
        ({"url": "https://api.hubapi.com/crm"}, "scheme, host and port"),
    ],
)
def test_an_account_that_cannot_be_is_refused(others: dict[str, Any], said: str) -> None:
    """Likewise."""
    with pytest.raises(ValidationError, match=said):
        settings(**others)


def test_what_decides_about_bodies_decides_about_the_fingerprint() -> None:
    """A changed mapping maps again; how fast and where is no mapping. A flow is not concerned by another's fields."""

    def prints(*blocks: Any, **others: Any) -> list[str]:
        return [flow.fingerprint for flow in SYSTEM.flows(settings(*blocks, **others), "nordic")]

    plain = prints()
    assert prints(connections=2, settle="5m", api_version="v3", url="http://127.0.0.1:1") == plain
    assert prints({"fields": {"name": "number"}}) == [*prints({"fields": {"name": "number"}})[:1], *plain[1:]]
    assert prints(None, {"fields": {"phone": None}})[0] == plain[0]
    assert prints(None, {"fields": {"phone": None}})[1] != plain[1]
    for changed in (prints({"where": {"class": ["B2B"]}}), prints(portal="1"), prints(namespace="other")):
        assert not set(changed) & set(plain)


def test_reference_data_and_contacts_are_asked_for_only_where_they_are_used() -> None:
    """A changed class maps every customer again, so nobody should depend on it for nothing."""
    companies, contacts, links = SYSTEM.flows(settings(), "nordic")
    assert (companies.secondary, contacts.secondary, links.secondary) == ((), ("visma.contacts",), ("visma.contacts",))
    assert not companies.reference
    looking = {"fields": {"a": "class.description", "b": "contact.first_name"}}
    companies, *_ = SYSTEM.flows(settings(looking), "nordic")
    assert (companies.secondary, companies.reference) == (("visma.contacts",), ("visma.customer_classes",))


@pytest.mark.parametrize(
    ("version", "upsert", "links", "properties", "account"),
    [
        (
            "v3",
            "/crm/v3/objects/companies/batch/upsert",
            "/crm/v4/associations/contacts/companies/batch/associate/default",
            "/crm/v3/properties/companies",
            "/account-info/v3/details",
        ),
        (
            "2026-03",
            "/crm/objects/2026-03/companies/batch/upsert",
            "/crm/associations/2026-03/contacts/companies/batch/associate/default",
            "/crm/properties/2026-03/companies",
            "/account-info/2026-03/details",
        ),
    ],
)
def test_routes_are_those_of_the_version(version: str, upsert: str, links: str, properties: str, account: str) -> None:
    """Both families (HubSpot reference, section 1)."""
    routes = Routes(version)
    assert routes.batch("companies", "upsert") == upsert
    assert routes.associate("contacts", "companies") == links
    assert (routes.properties("companies"), routes.account) == (properties, account)
