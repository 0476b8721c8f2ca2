"""Opening an account, checking it, and setting its audience up."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from ml_connector.errors import ConfigurationProblem, StoppedProblem
from ml_connector.systems.mailchimp import SYSTEM
from ml_connector.systems.mailchimp.account import MailchimpAccount, connect
from ml_connector.systems.mailchimp.client import MailchimpClient
from ml_connector.systems.mailchimp.settings import Credentials, Settings
from ml_connector.systems.registry import Finding, targets
from ml_connector_tests.simulators.mailchimp_support import Mailchimp
from ml_connector_tests.systems.mailchimp.support import QUICK, change, customer, desired, settings


def key(text: str) -> Credentials:
    return Credentials(api_key=SecretStr(text))


def token(text: str) -> Credentials:
    return Credentials(access_token=SecretStr(text))


def without_base_url(**others: Any) -> Settings:
    return Settings.model_validate(settings().model_dump(exclude={"base_url"}) | others)


def findings(mailchimp: Mailchimp, **others: Any) -> dict[str, Finding]:
    with connect(settings(url=mailchimp.url, **others), key(mailchimp.settings.api_key), QUICK) as account:
        return {finding.subject: finding for finding in account.check()}


def set_up(account: MailchimpAccount) -> list[str]:
    steps = account.setup()
    for step in steps:
        step.apply()
    return [step.title for step in steps]


def test_the_system_registers_itself() -> None:
    """Nothing else names it."""
    assert targets()["mailchimp"] is SYSTEM


@pytest.mark.parametrize(
    ("api_key", "host"),
    [("0123-us19", "us19.api.mailchimp.com"), ("a-b-us1", "us1.api.mailchimp.com")],
)
def test_the_data_centre_is_what_follows_the_last_hyphen(api_key: str, host: str) -> None:
    """Of the key (Mailchimp reference, section 1)."""
    with MailchimpClient(without_base_url(), key(api_key)) as client:
        assert httpx.URL(str(client._api._http.base_url)).host == host


@pytest.mark.parametrize("api_key", ["0123456789", "0123-", "0123-evil.example/x", "0123-us19.evil.no", "0123-US19"])
def test_a_key_without_a_data_centre_is_not_sent_anywhere(api_key: str) -> None:
    """A cut key must not make the host; it does not show in the problem either."""
    with pytest.raises(ConfigurationProblem) as caught:
        MailchimpClient(without_base_url(), key(api_key))
    assert "-us19" in caught.value.what
    assert api_key not in str(caught.value)


def test_a_token_is_asked_where_its_account_lives(mailchimp: Mailchimp) -> None:
    """By the login host, and then it opens the account as a key does."""
    block = without_base_url(login_url=mailchimp.url)
    with connect(block, token(mailchimp.settings.access_token), QUICK) as account:
        assert next(account.check()).ok
    assert [call["path"] for call in mailchimp.control("calls")["log"]] == ["/oauth2/metadata", "/3.0/"]


def test_a_token_that_is_refused_stops(mailchimp: Mailchimp) -> None:
    """The login host says so with status 200 (Mailchimp reference, section 1)."""
    with (
        pytest.raises(StoppedProblem, match="access token was refused") as caught,
        connect(without_base_url(login_url=mailchimp.url), token("geheim"), QUICK),
    ):
        pass
    assert "geheim" not in str(caught.value)


def test_a_token_works_at_a_given_address(mailchimp: Mailchimp) -> None:
    """`base_url` serves both kinds of credentials; nobody is asked."""
    with connect(settings(url=mailchimp.url), token(mailchimp.settings.access_token), QUICK) as account:
        assert next(account.check()).ok
    assert [call["path"] for call in mailchimp.control("calls")["log"]] == ["/3.0/"]


def test_a_new_audience_lacks_merge_fields(mailchimp: Mailchimp) -> None:
    """Mailchimp would ignore their values without a word."""
    found = findings(mailchimp)
    missing = found["merge field COMPANY"]
    assert not missing.ok
    assert "setup" in missing.action
    assert found["merge field FNAME"].ok
    assert found["merge field ADDRESS"].what == "Of the type address."
    assert found["credentials"].what == "Account Nordic Supplies AS; plan: monthly; 0 subscribed people."
    assert found["audience"].what == "a1b2c3d4e5 is Nordic customers, with 0 subscribed members."


def test_setup_creates_what_is_missing_and_a_second_time_nothing(mailchimp: Mailchimp) -> None:
    """Not public, so that customers do not see their class on a form."""
    block = settings({"fields": {"DELIVERY": "delivery_address"}}, url=mailchimp.url)
    with connect(block, key(mailchimp.settings.api_key), QUICK) as account:
        steps = account.setup()
        assert "create the merge field DELIVERY (DELIVERY, address)" in [step.title for step in steps]
        assert not mailchimp.control("state")["merge_fields"][4:]
        for step in (*steps, *steps):
            step.apply()
        assert account.setup() == []
        assert all(finding.ok for finding in account.check())
    there = mailchimp.http.get(f"{mailchimp.list}/merge-fields", params={"count": 100}).json()["merge_fields"]
    made = {field["tag"]: field for field in there}
    assert sorted(made) == sorted(
        [
            "FNAME",
            "LNAME",
            "ADDRESS",
            "PHONE",
            "COMPANY",
            "CITY",
            "COUNTRY",
            "CUSTNO",
            "CUSTCLASS",
            "BILLSTATUS",
            "DELIVERY",
        ]
    )
    assert (made["CUSTNO"]["type"], made["CUSTNO"]["name"], made["CUSTNO"]["public"]) == (
        "text",
        "Customer number",
        False,
    )
    assert made["DELIVERY"]["type"] == "address"


def test_what_setup_created_is_what_the_mapping_sends(mailchimp: Mailchimp) -> None:
    """Nothing of a delivered customer is lost."""
    with connect(settings(url=mailchimp.url), key(mailchimp.settings.api_key), QUICK) as account:
        set_up(account)

        class Nothing:
            def remember(self, keys: Any, reference: str) -> None: ...

        wish = desired(customer())
        list(account.writer("members").deliver([change(wish)], Nothing()))
    sent = {tag: value for tag, value in wish.body["merge_fields"].items() if value != ""}
    stored = mailchimp.known("kari@nordfisk.no")["merge_fields"]
    assert {tag: stored[tag] for tag in sent if tag != "ADDRESS"} == {
        tag: sent[tag] for tag in sent if tag != "ADDRESS"
    }
    assert stored["ADDRESS"].items() >= sent["ADDRESS"].items()


def test_a_field_of_the_wrong_type_is_found(mailchimp: Mailchimp) -> None:
    """Its type can never change, so setup leaves it alone."""
    mailchimp.add_field("COMPANY", "address")
    mailchimp.add_field("CUSTNO", "number")
    found = findings(mailchimp)
    assert not found["merge field COMPANY"].ok
    assert "cannot be changed" in found["merge field COMPANY"].action
    assert found["merge field CUSTNO"].ok
    assert "another form are refused" in found["merge field CUSTNO"].what


def test_an_audience_without_room_for_the_fields_is_found(mailchimp: Mailchimp) -> None:
    """Before setup fails half way."""
    for number in range(24):
        assert mailchimp.add_field(f"OWN{number}").status_code == 200
    found = findings(mailchimp)
    assert not found["merge fields limit"].ok
    assert found["merge fields limit"].what.startswith("The audience has 28 merge fields and 6 are missing")


@pytest.mark.parametrize(
    ("status", "double_optin", "words"),
    [
        ("subscribed", False, "every customer must have given consent"),
        ("subscribed", True, "double opt-in does not hold"),
        ("pending", True, "when they confirm"),
        ("transactional", False, "get no campaigns"),
    ],
)
def test_check_says_what_becomes_of_new_members(
    mailchimp: Mailchimp, status: str, double_optin: bool, words: str
) -> None:
    """A decision about people is said aloud."""
    mailchimp.configure(double_optin=double_optin)
    assert words in findings(mailchimp, members={"new_member_status": status})["consent of new members"].what


def test_check_ends_with_a_wrong_key(mailchimp: Mailchimp) -> None:
    """There is nothing more to ask."""
    with (
        connect(settings(url=mailchimp.url), key("wrong-us19"), QUICK) as account,
        pytest.raises(StoppedProblem, match="refused") as caught,
    ):
        list(account.check())
    assert "wrong-us19" not in str(caught.value)


def test_check_ends_with_a_wrong_audience(mailchimp: Mailchimp) -> None:
    """The key works, and the audience is not there."""
    wrong = settings(url=mailchimp.url, audience="ffffffffff")
    with connect(wrong, key(mailchimp.settings.api_key), QUICK) as account:
        checking = account.check()
        assert next(checking).ok
        with pytest.raises(StoppedProblem, match="the audience does not exist"):
            next(checking)


def test_an_account_that_cannot_be_reached_stops() -> None:
    """With one sentence, not a traceback."""
    with (
        connect(settings(url="http://127.0.0.1:9"), key("x-us19"), QUICK) as account,
        pytest.raises(StoppedProblem, match="cannot be reached"),
    ):
        list(account.check())
