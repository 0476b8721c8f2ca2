"""Search at the HubSpot simulator: late, capped, and on a limit of its own."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ml_connector_tests.simulators.hubspot_support import V3, Hubspot, condition, link, refusal

pytest_plugins = "ml_connector_tests.simulators.hubspot_fixtures"


@pytest.fixture
def prompt(hubspot: Hubspot) -> Hubspot:
    """Search sees everything at once and may be asked often."""
    hubspot.configure(search_lag_seconds=0.0, search_per_second=1000)
    return hubspot


@pytest.fixture
def three(prompt: Hubspot) -> tuple[Hubspot, list[str]]:
    """Three companies."""
    rows: list[dict[str, Any]] = [
        {"name": "Nordfisk AS", "domain": "nordfisk.no", "annualrevenue": "900", "lifecyclestage": "customer"},
        {"name": "Fjordbygg AS", "domain": "fjordbygg.no", "annualrevenue": "1000", "lifecyclestage": "lead"},
        {"name": "Bergen Nord-Fisk", "city": "Bergen"},
    ]
    return prompt, [prompt.made("companies", **row) for row in rows]


def test_a_new_record_is_not_found_at_once(hubspot: Hubspot) -> None:
    """failures.md 8: search-then-create races with itself."""
    hubspot.configure(search_lag_seconds=0.4)
    made = hubspot.made("companies", name="Nordfisk AS")
    wanted = condition("name", value="Nordfisk AS")
    assert hubspot.found("companies", wanted) == []
    time.sleep(0.5)
    assert hubspot.found("companies", wanted) == [made]


def test_a_change_is_seen_late(hubspot: Hubspot) -> None:
    """Until then the old values are found, and shown; a helper of tests lets search catch up."""
    made = hubspot.made("companies", name="Nordfisk AS")
    hubspot.control("search-index", {})
    hubspot.patch("companies", made, name="Nordfisk Holding AS")
    answer = hubspot.search("companies", condition("name", value="nordfisk as"), properties=["name"]).json()
    assert [row["properties"]["name"] for row in answer["results"]] == ["Nordfisk AS"]
    hubspot.control("search-index", {})
    assert hubspot.found("companies", condition("name", value="Nordfisk Holding AS")) == [made]


def test_archived_records_are_never_found(prompt: Hubspot) -> None:
    """Nor merged ones."""
    made = prompt.made("companies", name="Nordfisk AS")
    prompt.http.delete(f"{V3}/companies/{made}")
    assert prompt.search("companies").json() == {"total": 0, "results": []}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (condition("name", value="nordfisk as"), [0]),
        (condition("name", "NEQ", "NORDFISK AS"), [1, 2]),
        (condition("lifecyclestage", value="Customer"), []),
        (condition("lifecyclestage", value="customer"), [0]),
        (condition("annualrevenue", "LT", "1000"), [0]),
        (condition("annualrevenue", "BETWEEN", "900", highValue="1000"), [0, 1]),
        (condition("annualrevenue", "HAS_PROPERTY"), [0, 1]),
        (condition("annualrevenue", "NOT_HAS_PROPERTY"), [2]),
        (condition("domain", "IN", values=["nordfisk.no", "fjordbygg.no"]), [0, 1]),
        (condition("domain", "IN", values=["Nordfisk.no"]), []),
        (condition("domain", "NOT_IN", values=["nordfisk.no"]), [1, 2]),
        (condition("name", "CONTAINS_TOKEN", "fisk"), [2]),
        (condition("name", "CONTAINS_TOKEN", "*fisk"), [0, 2]),
        (condition("name", "NOT_CONTAINS_TOKEN", "as"), [2]),
        (condition("createdate", "GTE", "2026-01-01"), [0, 1, 2]),
        (condition("hs_lastmodifieddate", "LT", "1577836800000"), []),
    ],
)
def test_operators(three: tuple[Hubspot, list[str]], told: dict[str, Any], expected: list[int]) -> None:
    """Texts whatever their case, but IN wants lower case and enumerations their own."""
    hubspot, made = three
    assert hubspot.found("companies", told) == [made[index] for index in expected]


def test_groups_are_alternatives(three: tuple[Hubspot, list[str]]) -> None:
    """Filters within one are conditions."""
    hubspot, made = three
    groups = [
        {"filters": [condition("city", value="bergen")]},
        {"filters": [condition("annualrevenue", "GT", "1"), condition("lifecyclestage", value="lead")]},
    ]
    assert hubspot.found("companies", filterGroups=groups) == [made[1], made[2]]


def test_free_text(three: tuple[Hubspot, list[str]]) -> None:
    """`query` looks at a few properties."""
    hubspot, made = three
    assert hubspot.found("companies", query="nord") == [made[0], made[2]]


def test_results_are_oldest_first_or_sorted_by_one_rule(three: tuple[Hubspot, list[str]]) -> None:
    """Two rules are refused."""
    hubspot, made = three
    rule = {"propertyName": "name", "direction": "DESCENDING"}
    assert hubspot.found("companies") == made
    assert hubspot.found("companies", sorts=[rule]) == [made[0], made[1], made[2]]
    assert hubspot.found("companies", sorts=["annualrevenue"]) == made
    assert hubspot.search("companies", sorts=[rule, rule]).status_code == 400


def test_pages_go_by_offset(three: tuple[Hubspot, list[str]]) -> None:
    """A number as text; the last page has no next one."""
    hubspot, made = three
    first = hubspot.search("companies", limit=2).json()
    assert (first["total"], first["paging"]["next"]["after"]) == (3, "2")
    second = hubspot.search("companies", limit=2, after="2").json()
    assert ([row["id"] for row in second["results"]], "paging" in second) == ([made[2]], False)


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"after": "9900", "limit": 200},
        {"after": "10000"},
        {"filterGroups": [{"filters": [condition("name", "HAS_PROPERTY")]}] * 6},
        {"filterGroups": [{"filters": [condition("name", "HAS_PROPERTY")] * 7}]},
        {"filterGroups": [{"filters": [condition("name", "HAS_PROPERTY")] * 5}] * 4},
        {"filterGroups": [{"filters": [condition("name", "LIKE", "x")]}]},
        {"filterGroups": [{"filters": [condition("nothing", value="x")]}]},
        {"filterGroups": [{"filters": [condition("name", "IN", values=["x" * 3000])]}]},
    ],
    ids=["limit", "over the cap", "at the cap", "groups", "in a group", "in all", "operator", "property", "length"],
)
def test_what_a_search_must_not_ask(prompt: Hubspot, body: dict[str, Any]) -> None:
    """200 a page, 10,000 in all, 5 groups, 6 filters in one, 18 in all, 3,000 characters."""
    assert refusal(prompt.search("companies", **body)) == (400, "VALIDATION_ERROR")


def test_most_filters_that_are_allowed(prompt: Hubspot) -> None:
    """Three groups of six; everything but filters may be left out."""
    groups = [{"filters": [condition("name", "HAS_PROPERTY")] * 6}] * 3
    assert prompt.search("companies", filterGroups=groups).status_code == 200


def test_by_association(prompt: Hubspot) -> None:
    """The pseudo-property `associations.company`."""
    company = prompt.made("companies", name="Nordfisk AS")
    kari = prompt.made("contacts", email="kari@nordfisk.no", associations=[link(company, 279)])
    prompt.made("contacts", email="ola@fjordbygg.no")
    assert prompt.found("contacts", condition("associations.company", value=company)) == [kari]


def test_five_searches_a_second_and_no_word_of_the_limit(hubspot: Hubspot) -> None:
    """The sixth is a 429 of another shape; search answers carry no rate headers and use none of the ten seconds."""
    answers = [hubspot.search("companies") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert not [name for answer in answers for name in answer.headers if "ratelimit" in name or name == "retry-after"]
    assert answers[5].json()["message"] == "You have reached your secondly limit."
    assert answers[5].json()["category"] == "RATE_LIMITS"
    left = hubspot.http.get(f"{V3}/companies").headers["X-HubSpot-RateLimit-Remaining"]
    assert left == "189"


def test_the_other_shape_of_the_search_limit(hubspot: Hubspot) -> None:
    """Other code expects a policy."""
    hubspot.configure(search_per_second=0, search_limit_body="policy")
    assert hubspot.search("companies").json()["policyName"] == "SECONDLY"
