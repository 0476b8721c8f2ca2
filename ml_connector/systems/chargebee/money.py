"""Minor and major units (Chargebee reference, section 1, money and time)."""

from __future__ import annotations

from decimal import Context, Decimal

WHOLE = frozenset({"JPY", "KRW", "XAF", "XOF"})
"""Currencies that Chargebee counts in whole units."""
UNVERIFIED = frozenset(
    {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
    | {"BIF", "CLP", "DJF", "GNF", "ISK", "KMF", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XPF"}
)
"""Currencies without two decimals (ISO 4217) of which nothing tells how Chargebee counts them: they are refused."""


LARGEST = 10**12
_EXACT = Context(prec=4_000)
"""So many digits as nothing that can be read has: nothing is rounded on the way."""


class NotMoney(ValueError):
    """An amount that cannot be told exactly in this currency."""


def decimals(currency: str) -> int:
    """Raises `NotMoney` for currencies of which nobody knows."""
    if currency in UNVERIFIED:
        raise NotMoney(f"How Chargebee counts {currency}, which has not two decimals, is not known.")
    return 0 if currency in WHOLE else 2


def major(minor: int, currency: str) -> str:
    """Minor units as decimal text: 1234 NOK is `12.34`. Raises `NotMoney`."""
    places = decimals(currency)
    return format(Decimal(minor).scaleb(-places), f".{places}f")


def minor(amount: Decimal, currency: str) -> int:
    """Decimal to minor units. Raises `NotMoney` where that is not exact."""
    places = decimals(currency)
    if not amount.is_finite() or abs(amount) >= LARGEST:
        raise NotMoney(f"The amount is {LARGEST:,} {currency} or more, which no invoice is.")
    scaled = amount.scaleb(places, _EXACT)
    if scaled != scaled.to_integral_value():
        raise NotMoney(f"{amount} {currency} is no whole number of its smallest unit.")
    return int(scaled)
