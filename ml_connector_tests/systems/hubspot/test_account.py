"""Opening an account, checking it, and setting it up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from ml_connector.errors import ConfigurationProblem, StoppedProblem
from ml_connector.systems.hubspot import SYSTEM
from ml_connector.systems.hubspot.account import HubSpotAccount, connect
from ml_connector.systems.hubspot.settings import Credentials
from ml_connector.systems.registry import Finding, targets
from ml_connector_tests.systems.hubspot.support import QUICK, HubSpot, settings

Open = Callable[..., HubSpotAccount]


def findings(account: HubSpotAccount) -> dict[str, Finding]:
    return {finding.subject: finding for finding in account.check()}


def set_up(account: HubSpotAccount) -> list[str]:
    steps = account.setup()
    for step in steps:
        step.apply()
    return [step.title for step in steps]


def make(account: HubSpotAccount, kind: str, name: str, **others: Any) -> None:
    client = account.client
    client.post(client.routes.groups(kind), {"name": "people", "label": "People"})
    body = {"name": name, "label": name, "groupName": "people", "type": "string", "fieldType": "text", **others}
    client.post(client.routes.properties(kind), body)


def test_the_system_registers_itself() -> None:
    """Nothing else names it."""
    assert targets()["hubspot"] is SYSTEM


@pytest.mark.parametrize("version", ["v3", "2026-03"])
def test_setup_creates_what_is_missing_and_a_second_time_nothing(
    open_account: Open, hubspot: HubSpot, version: str
) -> None:
    """The group, the keys with unique values, and every property of the mapping."""
    account = open_account(api_version=version)
    steps = account.setup()
    titles = [step.title for step in steps]
    assert titles[0] == "create the property group Visma.net of companies"
    assert "create the property visma_customer_id of companies (Visma.net customer id, unique)" in titles
    assert "create the property visma_contact_key of contacts (Visma.net contact key, unique)" in titles
    assert "create the property visma_is_customer of companies (Visma.net customer, bool)" in titles
    assert not [title for title in titles if " name " in title or " email " in title]
    for step in (*steps, *steps):
        step.apply()
    assert account.setup() == []
    assert all(finding.ok for finding in account.check())


def test_a_property_that_is_not_unique_is_never_our_key(open_account: Open) -> None:
    """failures.md 8: HubSpot never makes it unique later; another name is to be chosen, and nothing was created."""
    account = open_account()
    make(account, "companies", "visma_customer_id")
    with pytest.raises(ConfigurationProblem, match="visma_customer_id of companies already") as caught:
        account.setup()
    assert "customer_key" in caught.value.action
    assert not findings(account)["companies: visma_customer_id"].ok
    other = open_account(companies={"customer_key": "visma_key"})
    assert "create the property visma_key of companies (Visma key, unique)" in set_up(other)


def test_a_property_that_somebody_makes_meanwhile_is_no_problem(open_account: Open) -> None:
    """Unless it is to be our key and is not unique."""
    account = open_account()
    steps = account.setup()
    make(account, "companies", "visma_vat_number")
    make(account, "contacts", "visma_contact_key")
    for step in steps:
        if "visma_contact_key" not in step.title:
            step.apply()
    (key,) = (step for step in steps if "visma_contact_key" in step.title)
    with pytest.raises(ConfigurationProblem, match="visma_contact_key of contacts"):
        key.apply()


def test_a_new_account_lacks_properties(open_account: Open) -> None:
    """Nothing is delivered before they are there."""
    found = findings(open_account())
    missing = found["companies: visma_customer_id"]
    assert not missing.ok
    assert "setup" in missing.action
    assert found["companies: name"].ok
    assert found["contacts: email"].ok


def test_check_says_whose_account_it_is(open_account: Open, hubspot: HubSpot) -> None:
    """Type, time zone, currency, and the calls that are left."""
    what = findings(open_account())["credentials"].what
    assert what.startswith(f"Account {hubspot.settings.portal_id} (")
    assert "Europe/Oslo, NOK" in what
    assert "calls left today" in what


def test_a_scope_that_is_missing_is_named(open_account: Open, hubspot: HubSpot) -> None:
    """Before the first delivery meets it."""
    lacking = {"crm.objects.contacts.write", "crm.schemas.companies.write"}
    hubspot.configure(scopes=[scope for scope in hubspot.settings.scopes if scope not in lacking])
    found = findings(open_account())["scopes"]
    assert not found.ok
    assert all(scope in found.what for scope in lacking)
    hubspot.configure(scopes=list(hubspot.settings.scopes))
    assert findings(open_account())["scopes"].ok


def test_a_service_key_serves_like_the_token_of_a_private_app(open_account: Open, hubspot: HubSpot) -> None:
    """Also if HubSpot does not tell its scopes at the address of private apps (HubSpot reference, section 2)."""
    hubspot.faults({"fault": "expired_token", "path": "access-token-info"})
    account = open_account()
    set_up(account)
    found = findings(account)
    assert all(finding.ok for finding in found.values())
    assert found["scopes"].what.startswith("HubSpot does not say what the token may do")


def test_a_right_that_is_missing_stops_the_setup(open_account: Open, hubspot: HubSpot) -> None:
    """With the scope's name, as HubSpot gives it."""
    hubspot.configure(scopes=[one for one in hubspot.settings.scopes if one != "crm.schemas.companies.write"])
    with pytest.raises(StoppedProblem, match=r"crm\.schemas\.companies\.write"):
        set_up(open_account())


def test_a_wrong_token_stops_and_does_not_show(hubspot: HubSpot) -> None:
    """Neither in the problem nor in how anything looks."""
    secret = Credentials(access_token=SecretStr("pat-eu1-secret"))
    with (
        pytest.raises(StoppedProblem, match="access token was refused") as caught,
        connect(settings(url=hubspot.url), secret, QUICK) as account,
    ):
        list(account.check())
    assert "secret" not in f"{caught.value}{secret}"


def test_another_account_than_the_configured_one_is_told(open_account: Open) -> None:
    """The token decides where everything goes."""
    with pytest.raises(StoppedProblem, match="says `portal: 99`"):
        findings(open_account(portal="99"))


def test_a_read_only_property_is_told(open_account: Open) -> None:
    """HubSpot's own list says which they are."""
    found = findings(open_account(companies={"fields": {"hs_object_id": "number"}}))["companies: hs_object_id"]
    assert not found.ok
    assert "null" in found.action


def test_a_property_to_match_by_must_be_there(open_account: Open) -> None:
    """A typing error would mean that nobody is ever found."""
    found = findings(open_account(companies={"match": {"erp_nmber": "number", "domain": "main_contact.email"}}))
    assert not found["match: erp_nmber"].ok
    assert found["match: domain"].what == "Companies are searched for."


WITH_INVOICES = {"companies": {}, "contacts": {}, "invoices": {"payments": "records"}}


def test_setup_creates_what_invoices_need_and_a_second_time_nothing(open_account: Open) -> None:
    """Keys with unique values of three objects, and properties for amounts and days."""
    account = open_account(flows=WITH_INVOICES)
    titles = set_up(account)
    for kind, name in (("invoices", "invoice"), ("line_items", "line"), ("commerce_payments", "payment")):
        assert f"create the property visma_{name}_key of {kind} (Visma.net {name} key, unique)" in titles
    assert "create the property visma_balance of invoices (Visma balance, number)" in titles
    assert "create the property visma_due_date of invoices (Visma due date, date)" in titles
    assert account.setup() == []
    assert all(finding.ok for finding in account.check())


def test_a_token_that_may_not_touch_lines_is_told_so(open_account: Open, hubspot: HubSpot) -> None:
    """Line items have no schema scope of their own (HubSpot reference, section 2)."""
    hubspot.configure(scopes=[scope for scope in hubspot.settings.scopes if scope != "crm.objects.line_items.write"])
    account = open_account(flows=WITH_INVOICES)
    set_up(account)
    assert findings(account)["scopes"].what == "The token lacks crm.objects.line_items.write."


def test_an_account_without_payments_is_told_so(open_account: Open, hubspot: HubSpot) -> None:
    """HubSpot payments or Stripe have to be set up for payment records."""
    hubspot.configure(payments=False)
    account = open_account(flows=WITH_INVOICES)
    set_up(account)
    found = findings(account)["payments"]
    assert not found.ok
    assert "`payments: properties`" in found.action


def test_a_property_of_deals_that_does_not_exist_is_told(open_account: Open) -> None:
    """Before the first delivery."""
    flows = {"companies": {}, "invoices": {"deals": {"property": "order_number"}, "line_key": None}}
    account = open_account(flows=flows)
    set_up(account)
    found = findings(account)
    assert not found["deals: order_number"].ok
    assert found["line items"].ok


def test_a_line_key_that_is_not_unique_is_never_our_key(open_account: Open) -> None:
    """failures.md 8: the same line could become two."""
    account = open_account(flows=WITH_INVOICES)
    make(account, "line_items", "visma_line_key")
    with pytest.raises(ConfigurationProblem, match="visma_line_key of line_items already, and it is not unique"):
        account.setup()
