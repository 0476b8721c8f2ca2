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


def test_the_system_offers_three_entities() -> None:
    """Customers are delivered; contacts and classes serve them."""
    assert {entity.name: (entity.secondary, entity.windowed) for entity in SYSTEM.entities} == {
        "visma.customers": (False, True),
        "visma.contacts": (True, True),
        "visma.customer_classes": (True, False),
    }
