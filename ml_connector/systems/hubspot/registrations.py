"""Registration numbers of businesses, and whether one can be trusted to name a single business; pure.

What people type where they have no number (`000000000`, `123456789`) would join strangers, so a number counts only with
a country, with three different digits at least, and, where the country gives check digits, with the right one.
"""

from __future__ import annotations

import re
from typing import Final

_SHORTEST: Final = 6
_LONGEST: Final = 64
_FEWEST_DIGITS: Final = 3
_SHAPES: Final = {
    "NO": re.compile(r"(?:NO)?(\d{9})(?:MVA)?"),
    "DK": re.compile(r"(?:DK)?(\d{8})"),
    "SE": re.compile(r"(?:SE)?(?:16)?(\d{10})(?:01)?"),
    "FI": re.compile(r"(?:FI)?(\d{8})"),
}
"""How numbers are written there, once blanks and punctuation are gone; in VAT numbers there is more around them."""


def normalized(number: str, country: str) -> str | None:
    """The number as it is compared, `987654325`; None for what names no business for sure."""
    text = re.sub(r"[\W_]", "", number).upper()
    country = country.upper()
    if not country or not _SHORTEST <= len(text) <= _LONGEST:
        return None
    if (shape := _SHAPES.get(country)) is not None:
        found = shape.fullmatch(text)
        if found is None or not found[1].isascii() or not _is_checked(found[1], country):
            return None
        text = found[1]
    return text if len({char for char in text if char.isdigit()}) >= _FEWEST_DIGITS else None


def _is_checked(number: str, country: str) -> bool:
    digits = [int(char) for char in number]
    if country == "NO":
        return _weighed(digits, (3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0
    if country == "DK":
        return _weighed(digits, (2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0
    if country == "FI":
        return _weighed(digits, (7, 9, 10, 5, 8, 4, 2, 1)) % 11 == 0
    doubled = (digit * (2 - place % 2) for place, digit in enumerate(digits))  # Luhn
    return sum(one // 10 + one % 10 for one in doubled) % 10 == 0


def _weighed(digits: list[int], weights: tuple[int, ...]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=True))
