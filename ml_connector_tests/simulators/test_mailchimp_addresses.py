"""Which e-mail addresses the Mailchimp simulator refuses (reference, section 4)."""

from __future__ import annotations

import pytest

from ml_connector.simulators.people import company
from ml_connector_tests.simulators.mailchimp_support import KARI, OLA, Mailchimp, field_errors, refusal

pytest_plugins = "ml_connector_tests.simulators.mailchimp_fixtures"


@pytest.mark.parametrize(
    "email",
    [
        "",
        "kari",
        "kari@",
        "@nordfisk.no",
        "kari@nordfisk",
        "ka ri@nordfisk.no",
        " kari@nordfisk.no",
        "a..b@nordfisk.no",
        "kari@nordfisk.no;ola@nordfisk.no",
        "kari@-nordfisk.no",
        f"{'k' * 250}@nordfisk.no",
    ],
)
def test_malformed_addresses_are_named_by_field(mailchimp: Mailchimp, email: str) -> None:
    """Two addresses in one field, blanks, and halves of addresses are no addresses."""
    answer = mailchimp.put(email)
    assert refusal(answer) == (400, "Invalid Resource")
    assert field_errors(answer).keys() == {"email_address"}


@pytest.mark.parametrize("email", ["kari@example.com", "kari@looks-fake.no", "Test@nordfisk.no", "noreply@nordfisk.no"])
def test_fake_looking_addresses_are_refused_without_fields(mailchimp: Mailchimp, email: str) -> None:
    """The detail carries the reason, there is no `errors` array."""
    answer = mailchimp.put(email)
    assert refusal(answer) == (400, "Invalid Resource")
    assert answer.json()["detail"] == f"{email} looks fake or invalid, please enter a real email address."
    assert "errors" not in answer.json()


def test_busy_addresses_are_refused_for_now(mailchimp: Mailchimp) -> None:
    """The brake for addresses that join many lists."""
    answer = mailchimp.put("kari@mange-lister.no")
    assert refusal(answer) == (400, "Invalid Resource")
    assert "has signed up to a lot of lists very recently" in answer.json()["detail"]


def test_forgotten_addresses_cannot_come_back(mailchimp: Mailchimp) -> None:
    """Everybody at glemt.no was deleted for good earlier."""
    assert refusal(mailchimp.put("kari@glemt.no")) == (400, "Forgotten Email Not Subscribed")


def test_a_move_checks_the_new_address(mailchimp: Mailchimp) -> None:
    """PATCH cannot smuggle in what PUT refuses, and then the member stays where it was."""
    mailchimp.put(KARI)
    assert mailchimp.patch(KARI, email_address="kari@example.com").status_code == 400
    assert mailchimp.patch(KARI, email_address="nobody").status_code == 400
    assert mailchimp.get(KARI).status_code == 200


def test_ordinary_addresses_are_taken(mailchimp: Mailchimp) -> None:
    """Role addresses that companies really use, plus signs, and every generated company's."""
    emails = [KARI, OLA, "post@fjordbygg.no", "faktura+2026@nord-fisk.co.uk", "o'hara@nordfisk.no", "kari@blåbær.no"]
    emails += [company(7, index).email for index in range(50)]
    for email in emails:
        assert mailchimp.put(email).status_code == 200, email
