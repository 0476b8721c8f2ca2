"""Where things are: one setting, the version, decides it for all of them."""

from __future__ import annotations

import pytest

from ml_connector.systems.hubspot.routes import Routes


@pytest.mark.parametrize("version", ["2026-03", "2026-09"])
def test_a_dated_version_has_every_route_under_its_date(version: str) -> None:
    """HubSpot reference, section 1."""
    routes = Routes(version)
    assert routes.objects("companies") == f"/crm/objects/{version}/companies"
    assert routes.properties("companies") == f"/crm/properties/{version}/companies"
    assert routes.associations("deals", "invoices", "read") == f"/crm/associations/{version}/deals/invoices/batch/read"
    assert routes.pipelines("deals") == f"/crm/pipelines/{version}/deals"


def test_the_numbered_family_has_its_associations_under_a_number_of_their_own() -> None:
    routes = Routes("v3")
    assert routes.objects("companies") == "/crm/v3/objects/companies"
    assert routes.associations("deals", "invoices", "read") == "/crm/v4/associations/deals/invoices/batch/read"
    assert routes.pipelines("deals") == "/crm/v3/pipelines/deals"
