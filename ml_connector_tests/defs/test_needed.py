"""A company's poll reads what its flows deliver and look up, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import dagster as dg

from ml_connector.engine.ports import Entity
from ml_connector_tests.defs.place import Place


def source_assets(definitions: dg.Definitions) -> set[str]:
    keys = {spec.key.to_user_string() for spec in definitions.resolve_all_asset_specs()}
    return {key for key in keys if key.startswith("nordic/visma/")}


def test_a_company_with_mailchimp_alone_asks_for_customers_contacts_and_classes(
    place: Place, instance: dg.DagsterInstance
) -> None:
    """What others could need is neither shown nor read: not one call more is made."""
    assert source_assets(place.definitions()) == {
        "nordic/visma/customers",
        "nordic/visma/contacts",
        "nordic/visma/customer_classes",
    }
    place.ask("visma", "DELETE", "calls")
    assert place.poll(instance).success
    routes = place.ask("visma", "GET", "calls")["by_route"]
    assert {route: count for route, count in routes.items() if "token" not in route} == {
        "GET /v1/customer": 1,
        "GET /v1/contact": 1,
        "GET /v1/customer/customerClass": 1,
    }


def test_what_no_flow_names_is_not_read(place: Place) -> None:
    """Whatever else the source offers."""
    company = place.company
    system = replace(company.source.system, entities=[*company.source.system.entities, Entity("visma.more", "More")])
    with_more = replace(company, source=replace(company.source, system=system))
    assert list(with_more.entities) == list(company.entities) == list(company.source.system.entities)
