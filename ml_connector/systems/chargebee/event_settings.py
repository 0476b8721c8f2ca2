"""The block `events`: what becomes of Chargebee's events in Visma's general ledger."""

from __future__ import annotations

import string
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from ml_connector.systems.chargebee.setting_types import Account, Block, Project, Zone
from ml_connector.systems.visma.named import Named

PLACES = ("document", "kind", "customer", "subscription", "period")
"""What a description may name in braces."""


def _description(text: str) -> str:
    try:
        parts = [part for part in string.Formatter().parse(text) if part[1] is not None]
    except ValueError as error:
        raise ValueError(f"expected a text with names in braces, like {{document}}; {error}") from None
    if any(form or conversion for _, _, form, conversion in parts):
        raise ValueError("expected names in braces without `:` or `!`")
    if unknown := [name for _, name, _, _ in parts if name not in PLACES]:
        raise ValueError(f"{{{unknown[0]}}} is not known; expected {', '.join(f'{{{name}}}' for name in PLACES)}")
    return text


def _segments(segments: dict[int, str]) -> dict[int, str]:
    if any(number < 1 for number in segments):
        raise ValueError("expected the segments of a subaccount by their number, from 1 on")
    return segments


Subaccount = Annotated[dict[int, str], AfterValidator(_segments)]


class Accounts(Block):
    """Where amounts are posted."""

    receivable: Account = Field(description="what customers owe; an account that takes manual entries")
    revenue: Account = Field(description="revenue, where no rule says otherwise")
    deferred: Account | None = Field(None, description="revenue that is not earned yet; needed by policy deferred")
    vat: dict[str, Account] = Field({}, description="name of the tax at Chargebee -> account of the VAT")
    rounding: Account | None = Field(None, description="rounding differences")


class LineRule(Block):
    """Lines that are posted elsewhere; the first rule that fits counts."""

    entity_type: str | None = Field(None, description="of the line, like plan_item_price; none fits all")
    entity_id: str | None = Field(None, description="of the line, like the id of an item price; none fits all")
    revenue: Account | None = Field(None, description="revenue of such lines")
    deferred: Account | None = Field(None, description="deferred revenue of such lines")
    subaccount: Subaccount | None = Field(None, description="segment number -> value, all segments")
    project: Project | None = Field(None, description="project of such lines; the task is then the rule's, too")
    project_task: Project | None = Field(None, description="task of such lines, in their project")
    vat_code: str | None = Field(None, description="Visma's VAT code of such lines")


class EventsSettings(Block):
    """What comes back: events become transactions of Visma's general ledger."""

    from_: date = Field(alias="from", description="a date, like 2026-11-01; documents dated earlier are left alone")
    post: Literal["journals", "invoices"] = Field(
        "journals", description="journals: transactions of the general ledger; invoices: invoices and credit notes"
    )
    policy: Literal["immediate", "deferred"] = Field(
        description="immediate: revenue at once; deferred: over the days that a line is for"
    )
    timezone: Zone = Field(description="the time zone of the Chargebee site, which cuts its days")
    accounts: Accounts = Field(description="the accounts of the general ledger")
    vat_codes: dict[str, str] = Field({}, description="name of the tax at Chargebee -> Visma's VAT code")
    rules: list[LineRule] = Field([], description="lines that are posted elsewhere")
    subaccount: Subaccount | None = Field(None, description="segment number -> value, all segments; of every line")
    project: Project | None = Field(None, description="the project in Visma; of every line")
    project_task: Project | None = Field(None, description="its task; of every line")
    branch: str | None = Field(None, description="the branch in Visma; its main branch by default")
    ledger: str | None = Field(None, description="the ledger in Visma; its main ledger by default")
    description: Annotated[str, AfterValidator(_description)] = Field(
        "Chargebee {kind} {document}", max_length=200, description="of a transaction, names in braces"
    )
    release: bool = Field(False, description="post at once; by default transactions are on hold")
    types: list[str] | None = Field(None, description="event types that count; by default all that carry a document")

    @model_validator(mode="after")
    def _deferring_needs_an_account(self) -> Self:
        if self.policy == "deferred" and self.accounts.deferred is None:
            raise ValueError("policy: deferred needs accounts.deferred")
        if self.policy == "deferred" and self.post == "invoices":
            raise ValueError("post: invoices needs policy: immediate, because an invoice posts its revenue at once")
        return self

    @model_validator(mode="after")
    def _tasks_are_of_a_project(self) -> Self:
        if self.project_task is not None and self.project is None:
            raise ValueError("project_task needs project: in Visma a task is a part of a project. Set project as well")
        for place, rule in enumerate(self.rules, 1):
            if rule.project_task is not None and rule.project is None and self.project is None:
                raise ValueError(
                    f"rule {place}: project_task needs project: in Visma a task is a part of a project. Set project in "
                    "the rule, or in events for every line"
                )
            if self.post == "invoices" and rule.project not in (None, self.project):
                raise ValueError(
                    f"rule {place}: with post: invoices a rule can have no project of its own, because an invoice in "
                    "Visma has one project, and its lines have tasks. Set project in events and project_task in the "
                    "rule, or post: journals"
                )
        return self

    @property
    def deferred_accounts(self) -> set[str]:
        """The accounts that hold deferred revenue."""
        named = (self.accounts.deferred, *(rule.deferred for rule in self.rules))
        return {account for account in named if account is not None}

    @property
    def named(self) -> Named:
        """What documents are posted to in Visma."""
        rules = [(f"rule {place}", rule) for place, rule in enumerate(self.rules, 1)]
        codes = {code: f"tax {name}" for name, code in self.vat_codes.items()}
        subaccounts = [(self.subaccount, "every line"), *((rule.subaccount, place) for place, rule in rules)]
        places = [(self.project, self.project_task, "every line")]
        places += [(rule.project or self.project, rule.project_task, place) for place, rule in rules]
        return Named(
            accounts=self._accounts(),
            vat_codes=codes | {rule.vat_code: place for place, rule in rules if rule.vat_code},
            branches={self.branch: "every line"} if self.branch else {},
            ledgers={self.ledger: "every transaction"} if self.ledger else {},
            subaccounts=[(segments, purpose) for segments, purpose in subaccounts if segments],
            projects={rule.project: place for place, rule in rules if rule.project}
            | ({self.project: "every line"} if self.project else {}),
            tasks=[(project, task, purpose) for project, task, purpose in places if project and task],
        )

    def _accounts(self) -> dict[str, str]:
        """Every account that may be posted to -> what for."""
        own = self.accounts
        found = {own.revenue: "revenue"} | ({own.receivable: "receivable"} if self.post == "journals" else {})
        found |= {own.deferred: "deferred"} if own.deferred else {}
        found |= {own.rounding: "rounding"} if own.rounding else {}
        found |= {account: f"VAT {name}" for name, account in own.vat.items()}
        for rule in self.rules:
            found |= {rule.revenue: "revenue of a rule"} if rule.revenue else {}
            found |= {rule.deferred: "deferred of a rule"} if rule.deferred else {}
        return found
