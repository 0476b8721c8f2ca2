"""The settings that every company, source and target has; what belongs to one system stands in its `settings.py`."""

from __future__ import annotations

import keyword
import re
from datetime import date, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from ml_connector.config.cron import Cron
from ml_connector.config.mistakes import nearest

# Windows that a cron expression can stand for, because Dagster's partitions are defined by one.
WINDOWS = {f"{minutes}m": minutes for minutes in (15, 20, 30)}
WINDOWS |= {f"{hours}h": hours * 60 for hours in (1, 2, 3, 4, 6, 8, 12)} | {"1d": 1440}
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")  # no double underscore: Dagster joins names with it
# Dagster keeps these for itself, and Python's keywords.
RESERVED = {"context", "conf", "config", "meta", "arg_dict", "dict", "input_arg_dict", "output_arg_dict"}
RESERVED |= {"int", "str", "float", "bool", "input", "output", "type", *keyword.kwlist}
LONGEST_NAME = 48


def name_mistake(name: str, kind: str, taken: frozenset[str] = frozenset()) -> str | None:
    """Why this cannot be the name of a company or target, as the end of a sentence; None where it can."""
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME:
        return (
            f"is no name for a {kind}; expected at most {LONGEST_NAME} small letters, digits and single underscores "
            "that begin with a letter, because Dagster's assets bear it"
        )
    if name in RESERVED:
        return f"is no name for a {kind}: Dagster keeps this word for itself"
    if name in taken:
        return f"is no name for a {kind}: the source of the company bears it"
    return None


def _zone(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("expected the name of a time zone, like Europe/Oslo")
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        meant = nearest(value, available_timezones())
        raise ValueError(f"expected the name of a time zone, like {meant or 'Europe/Oslo'}") from None


def _duration(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"(?:(\d{1,3})d)?(?:(\d{1,4})h)?(?:(\d{1,5})m)?", value) if isinstance(value, str) else None
    if not match or not value:
        raise ValueError('expected a length of time, like "90m", "2h5m" or "1d"')
    days, hours, minutes = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes)


def _window(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or value not in WINDOWS:
        raise ValueError(f"expected one of {', '.join(WINDOWS)}")
    return timedelta(minutes=WINDOWS[value])


def _cron(value: str) -> str:
    return Cron.parse(value).text


Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
Window = Annotated[timedelta, BeforeValidator(_window)]
Schedule = Annotated[str, AfterValidator(_cron)]


class Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CompanyBlock(Block):
    """A company, without its source and its targets."""

    timezone: Zone = Field(description="the name of a time zone, like Europe/Oslo")
    window: Window = Field(timedelta(hours=1), description="the length of a partition")
    start: date = Field(description="the day of the first partition, like 2026-11-01")


class SourceBlock(Block):
    """What every source has."""

    poll: Schedule = Field("*/10 * * * *", description="when to ask for changes")
    overlap: Duration = Field(timedelta(hours=2, minutes=5), description="how far to ask back, for rows committed late")
    full: Schedule = Field("0 3 * * 0", description="when to read everything again")
    brake: float = Field(0.05, gt=0, le=1, description="the share of records that may vanish at once")


class TargetBlock(Block):
    """What every target has."""

    system: str = Field(description="the system's name")
    deliver: Schedule | None = Field(None, description="when to deliver; by default as soon as something landed")
