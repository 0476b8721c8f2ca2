"""Visma's moments: offset-less wall clock stamps, stamps with an offset, and the values that filters take.

A row is compared by its wall clock, as the vendor's database would: within the repeated hour of October two different
moments have the same wall clock (Visma reference, section 5). Wall clocks are whole microseconds since
1970-01-01T00:00:00 of the server's own zone.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from ml_connector.simulators.visma.errors import ApiError

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall clock has no zone
_MICROSECOND = timedelta(microseconds=1)
_VALUE = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d:\d\d(\.\d{1,3})?)?", re.ASCII)
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?(Z|[+-]\d\d:\d\d)?", re.ASCII)


def stored(moment: datetime) -> datetime:
    """The moment as the database keeps it: UTC, in steps of a three-hundredth of a second (.000, .003, .007 ...)."""
    steps = round(moment.microsecond * 300 / 1_000_000)
    milliseconds = round(steps * 1000 / 300)
    return moment.astimezone(UTC).replace(microsecond=0) + timedelta(milliseconds=milliseconds)


def wall(moment: datetime, zone: ZoneInfo) -> int:
    """The wall clock of an aware moment; of a moment without a zone, the moment itself."""
    local = moment.astimezone(zone).replace(tzinfo=None) if moment.tzinfo else moment
    return (local - _EPOCH) // _MICROSECOND


def plain(moment: datetime, zone: ZoneInfo) -> str:
    """The stamp without an offset, fraction without trailing zeros: `2026-03-01T09:30:00.53`."""
    return _trimmed(moment.astimezone(zone).replace(tzinfo=None).isoformat())


def with_offset(moment: datetime, zone: ZoneInfo) -> str:
    """The stamp with an offset: `2026-03-01T09:30:00.53+01:00`."""
    text = moment.astimezone(zone).isoformat()
    return _trimmed(text[:-6]) + text[-6:]


def wall_of_stamp(text: str, zone: ZoneInfo) -> int:
    """The wall clock of a stamp with 0 to 7 digits of fraction (the seventh is dropped), with or without offset."""
    match = _STAMP.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no stamp")
    seconds, fraction, offset = match.groups()
    moment = datetime.fromisoformat(f"{seconds}.{(fraction or '0')[:6]:0<6}{offset or ''}")
    return wall(moment, zone)


def wall_of_day(text: str) -> int:
    """The wall clock of a date in a date-time's clothing (`2025-01-27T00:00:00`), which has no zone."""
    return wall_of_stamp(text, ZoneInfo("UTC"))


def check_stamp(text: str) -> None:
    """ValueError when the text is no stamp."""
    wall_of_stamp(text, ZoneInfo("UTC"))


def wall_of_value(parameter: str, text: str) -> int:
    """The wall clock of a filter value: `yyyy-MM-dd`, with ` HH:mm:ss` or `THH:mm:ss`, with up to `.FFF`; else 400."""
    if _VALUE.fullmatch(text):
        try:
            return (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND
        except ValueError:
            pass
    raise ApiError(400, f"The value '{text}' is not valid for {parameter}. Use yyyy-MM-dd HH:mm:ss.FFF.")


def condition(parameter: str, text: str, strict_greater: bool) -> Callable[[int, int], bool]:
    """What an operator means, as a function of a row's wall clock and the filter's; 400 for an unknown one."""
    meanings = {
        ">": operator.gt if strict_greater else operator.ge,
        ">=": operator.ge,
        "<": operator.lt,
        "<=": operator.le,
    }
    if text not in meanings:
        raise ApiError(400, f"The condition '{text}' is not valid for {parameter}. Use one of >, <, >=, <=.")
    return meanings[text]


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
