"""What each type of property takes, and in which form it is kept (HubSpot reference, sections 4 and 8)."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from ml_connector.simulators.hubspot.definitions import Definition
from ml_connector.simulators.hubspot.times import date_value, datetime_value

_EMAIL = re.compile(r"[^@\s,;<>()]+@[^@\s,;<>()]+\.[^@\s,;<>().]{2,}")


class ValueProblem(Exception):
    """A value that a property does not take; has the error's code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def kept(definition: Definition, value: object) -> str:
    """The value as it is kept; `""` clears. Raises ValueProblem."""
    if type(value) is str:
        text = value
    elif value is None:
        return ""
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, int | float):
        text = str(value)
    else:
        raise ValueProblem("INVALID_STRING", f"{value} is not a text.")
    kind = definition.type
    if not text or (kind == "string" and definition.name != "email"):
        return text
    return _KEPT[kind](definition, text) if kind in _KEPT else _email(text) if definition.name == "email" else text


def _number(_definition: Definition, text: str) -> str:
    try:
        number = Decimal(text)
    except InvalidOperation as error:
        raise ValueProblem("INVALID_INTEGER", f"{text} was not a valid number.") from error
    if not number.is_finite():
        raise ValueProblem("INVALID_INTEGER", f"{text} was not a valid number.")
    return text


def _date(_definition: Definition, text: str) -> str:
    try:
        return date_value(text)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueProblem("INVALID_DATE", f"{text} was not a valid date.") from error


def _datetime(_definition: Definition, text: str) -> str:
    try:
        return datetime_value(text)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueProblem("INVALID_DATE", f"{text} was not a valid date and time.") from error


def _option(definition: Definition, text: str) -> str:
    allowed = [option["value"] for option in definition.options]
    parts = text.split(";") if definition.many else [text]
    for part in parts:
        if part not in allowed and not (definition.many and not part):
            message = f"{part} was not one of the allowed options: [{', '.join(allowed)}]"
            raise ValueProblem("INVALID_OPTION", message)
    return text


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text):
        raise ValueProblem("INVALID_EMAIL", f"Email address {text} is invalid")
    return text.lower()


_KEPT = {"number": _number, "date": _date, "datetime": _datetime, "enumeration": _option, "bool": _option}
