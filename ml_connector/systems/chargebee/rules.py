"""Where a line is posted, by the settings and their rules: account, VAT code, subaccount, project and task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ml_connector.systems.chargebee.documents import Tax
from ml_connector.systems.chargebee.event_settings import EventsSettings, LineRule

NO_DEFERRED = "Deferred revenue has no account: set accounts.deferred."
NO_RULE = LineRule()
"""What is said of every line counts."""


class Missing(ValueError):
    """A setting that a document needs."""


def rule_for(entity_type: str | None, entity_id: str | None, settings: EventsSettings) -> LineRule:
    """The first rule that fits a line; one that says nothing where none does."""
    return next(
        (
            rule
            for rule in settings.rules
            if rule.entity_type in (None, entity_type) and rule.entity_id in (None, entity_id)
        ),
        NO_RULE,
    )


def revenue_of(rule: LineRule, settings: EventsSettings) -> str:
    return rule.revenue or settings.accounts.revenue


def subaccount_of(rule: LineRule, settings: EventsSettings) -> dict[str, Any]:
    """As a member of a line of Visma's update models."""
    segments = rule.subaccount or settings.subaccount
    if not segments:
        return {}
    return {"subaccount": [{"segmentId": at, "segmentValue": value} for at, value in sorted(segments.items())]}


def project_of(rule: LineRule, settings: EventsSettings) -> tuple[str | None, str | None]:
    """Project and task. A rule's own project has no task of another one's."""
    if rule.project:
        return rule.project, rule.project_task
    return settings.project, rule.project_task or settings.project_task


def deferred_of(rule: LineRule, settings: EventsSettings) -> str:
    """Raises `Missing`."""
    account = rule.deferred or settings.accounts.deferred
    if account is None:
        raise Missing(NO_DEFERRED)
    return account


def vat_account(tax: Tax, settings: EventsSettings) -> str:
    """Where a tax is posted. A credit note may leave its name out: then it is the only one. Raises `Missing`."""
    known = settings.accounts.vat
    account = _only(known) if tax.name == "" else known.get(tax.name)
    if account is None:
        what = f"The tax {tax.name} has no account" if tax.name else "A tax has no name, and several could be meant"
        raise Missing(f"{what}: set accounts.vat{f'.{tax.name}' if tax.name else ''}.")
    return account


def code_of(tax: Tax, settings: EventsSettings) -> str | None:
    """Visma's VAT code of a tax, where one is configured."""
    return _only(settings.vat_codes) if tax.name == "" else settings.vat_codes.get(tax.name)


def _only(named: Mapping[str, str]) -> str | None:
    values = set(named.values())
    return values.pop() if len(values) == 1 else None
