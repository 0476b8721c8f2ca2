"""The control endpoints of the HubSpot simulator, and its settings."""

from __future__ import annotations

from typing import Any

import pytest

from ml_connector.simulators.server import bind
from ml_connector_tests.loopback import HTTP
from ml_connector_tests.simulators.hubspot_support import KEY, NOWHERE, V3, Hubspot, serve_hubspot, upsert_input
from ml_connector_tests.simulators.test_server import start, wait_until_healthy

pytest_plugins = "ml_connector_tests.simulators.hubspot_fixtures"


def refused(hubspot: Hubspot, path: str, body: Any) -> int:
    return hubspot.anonymous.post(f"/_simulator/{path}", json=body).status_code


def test_the_summary_counts(hubspot: Hubspot) -> None:
    """Records, associations, writes, refusals and calls."""
    company, contact = hubspot.made("companies", name="A"), hubspot.made("contacts", email="kari@nordfisk.no")
    hubspot.associate("contacts", contact, "companies", company)
    hubspot.create("contacts", email="kari@nordfisk.no")
    hubspot.http.delete(f"{V3}/companies/{company}")
    found = hubspot.control("summary")
    assert (found["records"]["companies"], found["archived"]["companies"], found["records"]["contacts"]) == (0, 1, 1)
    assert found["refusals"] == {"409 CONFLICT": 1}
    assert found["writes"]["contacts created"] == 1
    assert hubspot.control("call-classes") == {"record_create": 3, "association_write": 1, "record_archive": 1}
    hubspot.anonymous.delete("/_simulator/call-classes")
    assert hubspot.control("call-classes") == {}


def test_records_are_made_and_changed_past_all_checks(hubspot: Hubspot) -> None:
    """What people do in HubSpot, or HubSpot by itself."""
    made = hubspot.control("records/companies", {"name": "A", "hs_object_source_label": "CRM_UI"})
    changed = hubspot.control(f"records/companies/{made['id']}", {"lifecyclestage": "no such stage"})
    assert changed["properties"]["lifecyclestage"] == "no such stage"
    assert hubspot.control(f"records/companies/{made['id']}") == changed
    assert hubspot.control("records/companies") == {"records": [changed], "total": 1}
    hubspot.anonymous.delete(f"/_simulator/records/companies/{made['id']}")
    assert hubspot.get("companies", made["id"]).status_code == 404
    assert hubspot.anonymous.get(f"/_simulator/records/companies/{NOWHERE}").status_code == 404


def test_records_are_merged_and_associated(hubspot: Hubspot) -> None:
    """As people do."""
    one, two = (hubspot.control("records/companies", {"name": name})["id"] for name in "AB")
    contact = hubspot.control("records/contacts", {"email": "kari@nordfisk.no"})["id"]
    hubspot.control("associate", {"from": ["contacts", contact], "to": ["companies", two]})
    merged = hubspot.control("merge/companies", {"primary": one, "merged": two})
    assert merged["associations"] == {"contacts": [contact]}
    assert hubspot.control(f"records/companies/{two}")["mergedInto"] == one


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("records/companies", {"name": 1}),
        ("records/nothing", {}),
        ("merge/companies", {"primary": "1", "merged": "1"}),
        ("associate", {"from": ["contacts"]}),
        ("associate", {"from": ["contacts", "1"], "to": ["companies", "1"]}),
        ("usage", {"daily_used": "many"}),
        ("settings", {"plan": "gold"}),
        ("settings", {"burst": "many"}),
        ("faults", [{"fault": "rows_move"}]),
    ],
)
def test_control_calls_that_make_no_sense(hubspot: Hubspot, path: str, body: Any) -> None:
    """400 with a sentence."""
    assert refused(hubspot, path, body) == 400


def test_the_state_and_a_reset(hubspot: Hubspot) -> None:
    """Everything is shown, and gone afterwards: records, properties, quota, custom objects."""
    hubspot.add_key()
    hubspot.batch("companies", "upsert", upsert_input(1, name="A"))
    state = hubspot.control("state")
    assert state["properties"]["companies"] == [KEY]
    assert [row["properties"][KEY] for row in state["objects"]["companies"]] == ["1"]
    hubspot.control("reset", {})
    state = hubspot.control("state")
    assert (state["properties"]["companies"], state["objects"]["companies"], state["daily_used"]) == ([], [], 0)


def test_calls_are_logged_by_route(hubspot: Hubspot) -> None:
    """With the path's parts by name, each family for itself."""
    hubspot.http.get(f"{V3}/companies")
    hubspot.http.get("/crm/objects/2026-03/companies")
    routes = hubspot.control("calls")["by_route"]
    assert routes == {"GET /crm/v3/objects/{type}": 1, "GET /crm/objects/{version}/{type}": 1}


def test_the_same_portal_every_time() -> None:
    """Ids are the same for the same calls, so that a failure can be repeated."""
    found = []
    for _ in range(2):
        with serve_hubspot() as hubspot:
            hubspot.add_key()
            inputs = [upsert_input(number, name="A") for number in range(20)]
            found.append([row["id"] for row in hubspot.batch("companies", "upsert", *inputs).json()["results"]])
    assert found[0] == found[1]


def test_it_runs_as_a_process() -> None:
    """`python -m ml_connector.simulators hubspot`, with its settings as options."""
    with bind() as sock:
        port = sock.getsockname()[1]
    arguments = ["--port", str(port), "--plan", "free", "--no-payments", "--search-lag-seconds", "0"]
    process = start("hubspot", *arguments)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until_healthy(process, url)
        settings = HTTP.get(f"{url}/_simulator/settings").json()
        found = (settings["plan"], settings["payments"], settings["search_lag_seconds"])
        assert found == ("free", False, 0.0)
    finally:
        process.terminate()
        process.communicate(timeout=10)
