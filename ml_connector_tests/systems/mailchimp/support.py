"""Customers as Visma gives them, changes as the engine makes them, and a target that delivers to the simulator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from ml_connector.engine.records import Change, Desired, Mapped, Operation, Record, Result
from ml_connector.http import Retries
from ml_connector.systems.mailchimp.account import MailchimpAccount
from ml_connector.systems.mailchimp.flows import MembersFlow
from ml_connector.systems.mailchimp.mapping import CLASSES, CONTACTS, subscriber_hash
from ml_connector.systems.mailchimp.settings import Settings
from ml_connector_tests.simulators.mailchimp_support import Mailchimp

QUICK = Retries(attempts=3, limits=6, first_pause=0.01, longest_pause=0.02, jitter=0.0, outages=100)
SENT_AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
AUDIENCE = "a1b2c3d4e5"
CHANGE_TIME = "2026-11-01T10:00:00"


def settings(
    members: Mapping[str, Any] | None = None, url: str = "https://us19.api.mailchimp.com", **others: Any
) -> Settings:
    """A target's block; `members` goes over the smallest block of the flow."""
    flow = {"new_member_status": "subscribed", **(members or {})}
    return Settings.model_validate({"audience": AUDIENCE, "base_url": url, "flows": {"members": flow}, **others})


def customer(number: str = "10001", email: str | None = "kari@nordfisk.no", **members: Any) -> dict[str, Any]:
    """A customer as Visma shows it."""
    row: dict[str, Any] = {
        "number": number,
        "internalId": 7,
        "name": "Nordfisk AS",
        "status": "Active",
        "mainAddress": {
            "addressLine1": "Sjøgata 1",
            "addressLine2": None,
            "postalCode": "9008",
            "city": "Tromsø",
            "country": {"id": "NO", "name": "Norge"},
            "county": None,
        },
        "mainContact": {"name": "Nordfisk AS", "email": email, "phone1": "+47 77 00 00 00"},
        "customerClass": {"id": "B2B", "description": None},
        "currencyId": "NOK",
        "lastModifiedDateTime": CHANGE_TIME,
    }
    return row | members


def contact(number: int = 1, email: str | None = "kari@nordfisk.no", **members: Any) -> dict[str, Any]:
    """A person contact as Visma shows it."""
    row = {"contactId": number, "active": True, "firstName": "Kari", "lastName": "Nordmann", "email": email}
    return row | {"businessAccount": "10001", "lastModifiedDateTime": CHANGE_TIME} | members


def record(row: Mapping[str, Any], *contacts: Mapping[str, Any], vanished: bool = False) -> Record:
    """A landed customer with the contacts that belong to it."""
    return Record(
        key=str(row["number"]),
        changed_at=SENT_AT,
        payload=orjson.dumps(row),
        secondary={
            CONTACTS: [orjson.dumps(one) for one in contacts],
            CLASSES: [orjson.dumps({"id": "B2B", "description": "Companies"})],
        },
        vanished=vanished,
    )


def mapped(
    row: Mapping[str, Any],
    *contacts: Mapping[str, Any],
    members: Mapping[str, Any] | None = None,
    vanished: bool = False,
) -> Mapped:
    return MembersFlow(settings(members)).map(record(row, *contacts, vanished=vanished))


def desired(
    row: Mapping[str, Any],
    *contacts: Mapping[str, Any],
    members: Mapping[str, Any] | None = None,
    vanished: bool = False,
) -> Desired:
    wish = mapped(row, *contacts, members=members, vanished=vanished)
    assert isinstance(wish, Desired), wish
    return wish


def change(
    wish: Desired,
    key: str = "10001",
    *,
    linked_to: str | None = None,
    facts: Mapping[str, Any] | None = None,
    old_is_shared: bool = False,
) -> Change:
    """The change that brings about what is wished, as the engine plans it; `linked_to` is an e-mail address."""
    target_id = subscriber_hash(linked_to) if linked_to else None
    operation = Operation.CREATE
    if target_id is not None:
        operation = Operation.UPDATE if target_id == wish.claim else Operation.MOVE
        operation = Operation.CREATE if old_is_shared else operation
    return Change(
        key=key,
        operation=operation,
        claim=wish.claim,
        target_id=target_id,
        body=wish.body,
        create=wish.create,
        rule=wish.rule,
        facts=facts or {},
        digest=b"of the body",
        old_is_shared=old_is_shared,
    )


def withdrawal(email: str, key: str = "10001", facts: Mapping[str, Any] | None = None) -> Change:
    """The change that takes off somebody who said no."""
    body = MembersFlow(settings()).withdrawal
    assert body is not None
    place = subscriber_hash(email)
    rule = "no mass mail"
    return Change(key, Operation.WITHDRAW, place, place, body, False, rule, facts or {}, b"of the body")


def customers(number: int, first: int = 0) -> list[Change]:
    """So many new customers."""
    return [
        change(desired(customer(str(20000 + index), f"post@kunde-{index}.no")), str(20000 + index))
        for index in range(first, first + number)
    ]


@dataclass
class Target:
    """An account at the simulator, and what its writer remembered."""

    mailchimp: Mailchimp
    account: MailchimpAccount
    remembered: dict[str, Sequence[str]] = field(default_factory=dict)

    def remember(self, keys: Sequence[str], reference: str) -> None:
        self.remembered[reference] = keys

    def results(self, *changes: Change) -> Iterator[Result]:
        return self.account.writer("members").deliver(iter(changes), self)

    def deliver(self, *changes: Change) -> dict[str, Result]:
        """Deliver, and check that every change has exactly one result and that nobody was subscribed again."""
        results = list(self.results(*changes))
        assert sorted(result.key for result in results) == sorted(one.key for one in changes)
        assert self.mailchimp.resubscriptions() == []
        return {result.key: result for result in results}

    def send(self, wish: Desired, **planned: Any) -> Result:
        return self.deliver(change(wish, **planned))["10001"]

    def calls(self) -> list[str]:
        """Methods and routes of the API calls since the last time, without looking for the audience."""
        log = self.mailchimp.control("calls")["log"]
        self.mailchimp.anonymous.delete("/_simulator/calls")
        calls = [f"{call['method']} {call['path'].removeprefix(self.mailchimp.list)}" for call in log]
        return [call for call in calls if call != "GET "]

    def faults(self, *rules: Mapping[str, Any]) -> None:
        self.mailchimp.control("faults", list(rules))
