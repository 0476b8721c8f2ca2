"""What a merge field accepts, and what it makes of it (Mailchimp reference, section 8)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

MergeValue = str | int | float | dict[str, str]
TEXT_BYTES = 255
REQUIRED_ADDRESS_PARTS = ("addr1", "city", "state", "zip")
ADDRESS_PARTS = ("addr1", "addr2", "city", "state", "zip", "country")


@dataclass(slots=True, kw_only=True)
class MergeField:
    """One merge field of an audience; `key` is how members store its value, so that a new tag keeps the values."""

    merge_id: int
    tag: str
    name: str
    type: str
    required: bool = False
    default_value: str = ""
    public: bool = True
    display_order: int = 0
    help_text: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    key: str = field(init=False)

    def __post_init__(self) -> None:
        self.key = str(self.merge_id)


class Refused(Exception):
    """A value that its field does not take; the message is the one for `errors[].message`."""


def clean(merge_field: MergeField, value: object, *, refuse_long_text: bool) -> MergeValue:
    """The value as the field keeps it: `""` when it is cleared. Raises Refused."""
    if value == "":
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float | dict):
        raise Refused("Schema describes string, number or object")
    if merge_field.type == "address":
        return _address(value)
    if isinstance(value, dict):
        raise Refused("Schema describes string, object found instead")
    if merge_field.type == "number":
        return _number(value)
    text = _CLEANERS[merge_field.type](str(value), merge_field)
    if len(text.encode()) <= TEXT_BYTES:
        return text
    if refuse_long_text:
        raise Refused(f"Please enter a value of at most {TEXT_BYTES} bytes")
    return text.encode()[:TEXT_BYTES].decode(errors="ignore")


def is_complete_address(value: object) -> bool:
    """Whether every required part of a stored address is there."""
    return isinstance(value, dict) and all(value.get(part) for part in REQUIRED_ADDRESS_PARTS)


def _address(value: str | int | float | dict[str, Any]) -> dict[str, str]:
    if isinstance(value, str):
        parts = value.split("  ")
        value = dict(zip((*REQUIRED_ADDRESS_PARTS, "country"), parts, strict=False))
    if not isinstance(value, dict):
        raise Refused("Please enter a complete address")
    address = {part: value.get(part, "") for part in ADDRESS_PARTS}
    if not all(isinstance(part, str) for part in address.values()):
        raise Refused("Schema describes string for every part of an address")
    address["country"] = address["country"] or "US"
    return address


def _number(value: str | int | float) -> int | float:
    if isinstance(value, str):
        if not re.fullmatch(r"\s*[+-]?\d+(\.\d+)?\s*", value):
            raise Refused("Please enter a number")
        value = float(value)
    return int(value) if value == int(value) else value


def _text(value: str, _: MergeField) -> str:
    return value


def _phone(value: str, merge_field: MergeField) -> str:
    if merge_field.options.get("phone_format") == "US" and not re.fullmatch(r"\(?\d{3}\)?[ -]?\d{3}-?\d{4}", value):
        raise Refused("Please enter a valid phone number")
    return value


def _date(value: str, merge_field: MergeField) -> str:
    slashed = "%d/%m/%Y" if merge_field.options.get("date_format") == "DD/MM/YYYY" else "%m/%d/%Y"
    return _as_date(value, ("%Y-%m-%d", slashed), "%Y-%m-%d", "Please enter a valid date")


def _birthday(value: str, _: MergeField) -> str:
    # A leap year in front, so that 02/29 is a birthday.
    return _as_date(f"2000/{value}", ("%Y/%m/%d",), "%m/%d", "Please enter a month and a day (MM/DD)")


def _as_date(value: str, forms: tuple[str, ...], kept: str, message: str) -> str:
    for form in forms:
        try:
            return datetime.strptime(value, form).strftime(kept)  # noqa: DTZ007 - a date without a time
        except ValueError:
            continue
    raise Refused(message)


def _matching(pattern: str, message: str) -> Callable[[str, MergeField], str]:
    compiled = re.compile(pattern)

    def check(value: str, _: MergeField) -> str:
        if not compiled.fullmatch(value):
            raise Refused(message)
        return value

    return check


def _choice(value: str, merge_field: MergeField) -> str:
    if value not in merge_field.options.get("choices", ()):
        raise Refused("Please choose one of the field's options")
    return value


_url = _matching(r"https?://[^\s/]+\.[^\s]+", "Please enter a complete URL")

_CLEANERS: dict[str, Callable[[str, MergeField], str]] = {
    "text": _text,
    "phone": _phone,
    "date": _date,
    "birthday": _birthday,
    "zip": _matching(r"\d{5}", "Please enter a zip code of 5 digits"),
    "url": _url,
    "imageurl": _url,
    "radio": _choice,
    "dropdown": _choice,
}

TYPES = (*_CLEANERS, "number", "address")
