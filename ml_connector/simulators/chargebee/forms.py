"""Form bodies with brackets, taken apart (Chargebee reference, section 1: encoding).

    first_name=Kari                       scalars["first_name"]
    billing_address[city]=Oslo            objects["billing_address"]["city"]
    line_items[amount][1]=4900            arrays["line_items"][1]["amount"]
    coupon_ids[0]=A                       arrays["coupon_ids"][0][""]

Keys come in any order; an index may lack attributes, and indexes may have gaps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from ml_connector.simulators.chargebee.errors import Problem, wrong_value

_KEY = re.compile(r"(?P<name>[^\[\]]+)(?:\[(?P<first>[^\[\]]+)\])?(?:\[(?P<second>\d+)\])?")
MEDIA_TYPE = "application/x-www-form-urlencoded"


@dataclass
class Form:
    """The parameters of a write; values are texts as they came."""

    scalars: dict[str, str] = field(default_factory=dict)
    objects: dict[str, dict[str, str]] = field(default_factory=dict)
    arrays: dict[str, dict[int, dict[str, str]]] = field(default_factory=dict)


def pairs_of(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """The pairs of a body; 400 when it is no form."""
    if not body:
        return []
    if not content_type.lower().startswith(MEDIA_TYPE):
        raise Problem(400, "invalid_request", f"the content type must be {MEDIA_TYPE}, not {content_type or 'missing'}")
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
    except (UnicodeDecodeError, ValueError) as error:
        raise Problem(400, "invalid_request", "the body is no URL-encoded form in UTF-8") from error


def form_of(pairs: Iterable[tuple[str, str]]) -> Form:
    """The pairs regrouped; 400 for a key whose brackets make no sense."""
    form = Form()
    for key, value in pairs:
        match = _KEY.fullmatch(key)
        if match is None:
            raise wrong_value(key, "is no parameter name")
        name, first, second = match["name"], match["first"], match["second"]
        if first is None:
            form.scalars[name] = value
        elif second is not None:
            form.arrays.setdefault(name, {}).setdefault(int(second), {})[first] = value
        elif first.isdigit():
            form.arrays.setdefault(name, {}).setdefault(int(first), {})[""] = value
        else:
            form.objects.setdefault(name, {})[first] = value
    return form
