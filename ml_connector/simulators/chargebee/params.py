"""What the parameters of a write may be: kinds of values, tables of parameters, and the check against them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from ml_connector.simulators.chargebee.errors import missing, wrong_value
from ml_connector.simulators.chargebee.forms import Form

Kind = Callable[[str, str], Any]
"""Takes the parameter's name and its text; gives the value, or raises Problem."""

_EMAIL = re.compile(r"(?:[\w'+\-]+\.)*[\w'+\-]*[\w+-]@(?:[A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}", re.ASCII)
_COUNTRY_CODES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD
CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF
GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN
KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA
NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI
SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI
VN VU WF WS XK YE YT ZA ZM ZW
"""
_COUNTRIES = frozenset(_COUNTRY_CODES.split())


@dataclass(frozen=True)
class Table:
    """The parameters of one operation.

    Attributes:
        scalars, objects, arrays: their kinds by name.
        required: scalars, and attributes of objects as `name[attr]`.
        required_items: attributes that each element of an array must have.
        custom_fields: whether `cf_*` is taken, with any text as value.
    """

    scalars: Mapping[str, Kind] = field(default_factory=dict)
    objects: Mapping[str, Mapping[str, Kind]] = field(default_factory=dict)
    arrays: Mapping[str, Mapping[str, Kind]] = field(default_factory=dict)
    required: Sequence[str] = ()
    required_items: Mapping[str, Sequence[str]] = field(default_factory=dict)
    custom_fields: bool = False


@dataclass
class Params:
    """Parameters that were checked. An empty text is None. Elements of arrays are found by the index that was sent."""

    scalars: dict[str, Any]
    objects: dict[str, dict[str, Any]]
    arrays: dict[str, dict[int, dict[str, Any]]]

    def get(self, name: str, default: Any = None) -> Any:
        value = self.scalars.get(name)
        return default if value is None else value

    def items(self, name: str) -> dict[int, dict[str, Any]]:
        """The elements of an array by index, in its order, without what was sent empty."""
        return {
            index: {key: value for key, value in element.items() if value is not None}
            for index, element in sorted(self.arrays.get(name, {}).items())
        }


def check(form: Form, table: Table, *, ignore_unknown: bool) -> Params:
    """The form's values by the table; 400 names the first parameter at fault."""
    scalars = {}
    for name, value in form.scalars.items():
        kind = table.scalars.get(name)
        if kind is None and table.custom_fields and name.startswith("cf_"):
            kind = text(250)
        if kind is not None:
            scalars[name] = kind(name, value) if value else None
        elif not ignore_unknown:
            raise _unknown(name)
    objects = {
        name: _values(f"{name}[{{}}]", values, table.objects.get(name), ignore_unknown)
        for name, values in form.objects.items()
    }
    arrays = {
        name: {
            index: _values(f"{name}[{{}}][{index}]", values, table.arrays.get(name), ignore_unknown)
            for index, values in elements.items()
        }
        for name, elements in form.arrays.items()
    }
    for name in table.required:
        outer, _, inner = name.rstrip("]").partition("[")
        if (objects.get(outer, {}).get(inner) if inner else scalars.get(name)) is None:
            raise missing(name)
    for name, needed in table.required_items.items():
        for index, element in sorted(arrays.get(name, {}).items()):
            for attribute in needed:
                if element.get(attribute) is None:
                    raise missing(f"{name}[{attribute}][{index}]")
    return Params(scalars, {k: v for k, v in objects.items() if v}, {k: v for k, v in arrays.items() if v})


def _values(path: str, values: Mapping[str, str], kinds: Mapping[str, Kind] | None, ignore: bool) -> dict[str, Any]:
    known = {}
    for attribute, value in values.items():
        name = path.format(attribute)
        kind = (kinds or {}).get(attribute)
        if kind is not None:
            known[attribute] = kind(name, value) if value else None
        elif not ignore:
            raise _unknown(name)
    return known


def _unknown(name: str) -> Exception:
    return wrong_value(name, "is no parameter of this operation")


def text(longest: int) -> Kind:
    """A text of so many characters at most."""

    def kind(name: str, value: str) -> str:
        if len(value) > longest:
            raise wrong_value(name, f"cannot be longer than {longest} characters")
        return value

    return kind


def whole(lowest: int | None = None, highest: int | None = None) -> Kind:
    """A whole number; amounts are minor units (Chargebee reference, section 1: money and time)."""

    def kind(name: str, value: str) -> int:
        if re.fullmatch(r"-?\d{1,18}", value, re.ASCII) is None:
            raise wrong_value(name, "should be a whole number")
        number = int(value)
        if (lowest is not None and number < lowest) or (highest is not None and number > highest):
            raise wrong_value(name, f"should be between {lowest} and {highest}")
        return number

    return kind


def choice(*values: str) -> Kind:
    def kind(name: str, value: str) -> str:
        if value not in values:
            raise wrong_value(name, f"should be one of {', '.join(values)}")
        return value

    return kind


def stamp(name: str, value: str) -> int:
    """Epoch seconds; milliseconds have too many digits."""
    if re.fullmatch(r"\d{1,10}", value, re.ASCII) is None:
        raise wrong_value(name, "should be a time in epoch seconds")
    return int(value)


def flag(name: str, value: str) -> bool:
    if value not in ("true", "false"):
        raise wrong_value(name, "should be true or false")
    return value == "true"


def rate(name: str, value: str) -> float:
    """A percentage."""
    if re.fullmatch(r"\d{1,3}(\.\d+)?", value, re.ASCII) is None or not 0 <= float(value) <= 100:
        raise wrong_value(name, "should be a number between 0 and 100")
    return float(value)


def email(name: str, value: str) -> str:
    if len(value) > 70 or _EMAIL.fullmatch(value) is None:
        raise wrong_value(name, "is not a valid email address")
    return value


def country(name: str, value: str) -> str:
    """ISO 3166 alpha-2; anything else is an error (Chargebee reference, section 3.1)."""
    if value not in _COUNTRIES:
        raise wrong_value(name, "is not a valid country code")
    return value


def json_value(name: str, value: str) -> Any:
    """One JSON text, not brackets; the repr of a Python dict is none (Chargebee reference, section 1: encoding)."""
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise wrong_value(name, "is not valid JSON") from error
