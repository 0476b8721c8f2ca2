"""What the blocks of a Chargebee target's settings have in common."""

from __future__ import annotations

import re
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict

_ACCOUNT = re.compile(r"[A-Za-z0-9.-]{1,20}")
_PROJECT = re.compile(r"\S(.{0,28}\S)?")
_CUSTOM_FIELD = re.compile(r"cf_[a-z0-9_]{1,47}")


class Block(BaseModel):
    """Unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _account(number: str) -> str:
    if not _ACCOUNT.fullmatch(number):
        raise ValueError('expected the number of an account of the general ledger, in quotes, like "3000"')
    return number


def _project(name: str) -> str:
    if not _PROJECT.fullmatch(name):
        raise ValueError("expected the id of a project or a task as Visma shows it, in quotes, at most 30 characters")
    return name


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("expected the name of a time zone, like Europe/Oslo") from None


def _custom_field(name: str) -> str:
    if not _CUSTOM_FIELD.fullmatch(name):
        raise ValueError("expected the API name of a custom field, like cf_visma_number")
    return name


Account = Annotated[str, AfterValidator(_account)]
Project = Annotated[str, AfterValidator(_project)]
Zone = Annotated[str, AfterValidator(_zone)]
CustomField = Annotated[str, AfterValidator(_custom_field)]
