"""The `visma:` block and the credentials."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ml_connector.systems.visma import SYSTEM
from ml_connector.systems.visma.settings import VismaCredentials, VismaSettings, zone_of


def test_nothing_has_to_be_set() -> None:
    """The defaults are the real addresses; the zone is the company's."""
    settings = VismaSettings()
    assert settings.base_url == "https://api.finance.visma.net"
    assert zone_of(settings, "Europe/Stockholm").key == "Europe/Stockholm"
    assert zone_of(VismaSettings(timezone="UTC"), "Europe/Stockholm").key == "UTC"


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": "https://api.finance.visma.net/v1"},
        {"base_url": "api.finance.visma.net"},
        {"token_url": "connect"},
        {"company_id": "12-34"},
        {"company_id": 1234567},
        {"timezone": "Oslo"},
        {"page_size": 0},
        {"connections": 9},
        {"retries": {"attempt": 3}},
        {"pagesize": 100},
    ],
)
def test_a_wrong_setting_is_refused(wrong: dict[str, object]) -> None:
    """Bad input: wrong types and unknown keys never reach Visma."""
    with pytest.raises(ValidationError):
        VismaSettings.model_validate(wrong)


def test_the_secret_has_no_plain_form() -> None:
    """Printing the credentials shows stars."""
    credentials = VismaCredentials(client_id="isv_1", client_secret="s3cret-w0rd", tenant_id="t")
    assert "s3cret-w0rd" not in repr(credentials) + str(credentials) + credentials.model_dump_json()


def test_what_is_delivered_and_what_serves_it() -> None:
    """Five kinds of records are delivered; contacts serve them, and so does master data, which is read whole."""
    by_kind: dict[tuple[bool, bool], set[str]] = {}
    for entity in SYSTEM.entities:
        by_kind.setdefault((entity.secondary, entity.windowed), set()).add(entity.name.removeprefix("visma."))
    assert by_kind == {
        (False, True): {
            "customers",
            "suppliers",
            "customer_invoices",
            "customer_credit_notes",
            "journal_transactions",
        },
        (True, True): {"contacts"},
        (True, False): {
            "customer_classes",
            "supplier_classes",
            "credit_terms",
            "accounts",
            "dimensions",
            "subaccounts",
            "branches",
            "ledgers",
            "vat_codes",
            "currencies",
        },
    }
