"""The Mailchimp simulator, and targets that deliver to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from pydantic import SecretStr

from ml_connector.systems.mailchimp.account import MailchimpAccount, connect
from ml_connector.systems.mailchimp.settings import Credentials
from ml_connector_tests.simulators.mailchimp_fixtures import mailchimp, mailchimp_server
from ml_connector_tests.simulators.mailchimp_support import Mailchimp
from ml_connector_tests.systems.mailchimp.support import QUICK, Target, settings

__all__ = ["mailchimp", "mailchimp_server"]

OpenTarget = Callable[..., Target]


@pytest.fixture(scope="session")
def account(mailchimp_server: Mailchimp) -> Iterator[MailchimpAccount]:
    """An account with the default settings, for all tests of the session."""
    credentials = Credentials(api_key=SecretStr(mailchimp_server.settings.api_key))
    with connect(settings(url=mailchimp_server.url), credentials, QUICK) as opened:
        yield opened


@pytest.fixture
def target(mailchimp: Mailchimp, account: MailchimpAccount) -> Target:
    """A target with the default settings; the audience has every merge field of the mapping."""
    return prepared(Target(mailchimp, account))


@pytest.fixture
def open_target(mailchimp: Mailchimp) -> Iterator[OpenTarget]:
    """Opens a target with these settings."""
    credentials = Credentials(api_key=SecretStr(mailchimp.settings.api_key))
    with ExitStack() as opened:

        def open_one(**others: Any) -> Target:
            retries = others.pop("retries", QUICK)
            block = settings(url=mailchimp.url, **others)
            return prepared(Target(mailchimp, opened.enter_context(connect(block, credentials, retries))))

        yield open_one


def prepared(target: Target) -> Target:
    for tag in ("COMPANY", "CITY", "COUNTRY", "CUSTNO", "CUSTCLASS", "BILLSTATUS"):
        target.mailchimp.add_field(tag)
    target.account.client._api.pace.first_pause = 0.01  # limits are met on purpose here
    target.calls()
    return target
