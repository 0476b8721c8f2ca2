"""Who owns an identity at the target when several records want the same one.

A record stands to the identity that it claims in one of three ways: `firm` (it wants it), `weak` (it only keeps up what
is there already, like a terminated customer), `veto` (the person behind it said no, for everybody). A firm one goes
before a weak one, then the lowest key owns; a veto withholds the identity from all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ml_connector.engine.records import Desired, Mapped, Skip
from ml_connector.store.deliveries import Claimant

FIRM: Final = "firm"
WEAK: Final = "weak"
VETO: Final = "veto"


class Standing(NamedTuple):
    """How one record stands to the identity that it wants.

    Attributes:
        vetoed_by: another record that withholds it, or None.
        owner: the record that comes first; the record itself where nobody comes before it.
        holder: another record that is linked to it now, or None.
        old_is_shared: another record wants the identity that this one is linked to now.
    """

    vetoed_by: str | None
    owner: str
    holder: Claimant | None
    old_is_shared: bool


@dataclass(slots=True)
class Claims:
    """The claims on some identities: the recorded ones, overlaid by what the records at hand want now."""

    _wanted: dict[str, dict[str, str]] = field(default_factory=dict)  # identity -> key -> stance
    _held: dict[str, Claimant] = field(default_factory=dict)

    @classmethod
    def of(cls, recorded: Iterable[Claimant], mapped: dict[str, Mapped]) -> Claims:
        claims = cls()
        for claimant in recorded:
            if claimant.claim is not None and claimant.key not in mapped:
                claims._wanted.setdefault(claimant.claim, {})[claimant.key] = claimant.stance
            if claimant.target_id is not None:
                claims._held[claimant.target_id] = claimant
        for key, wish in mapped.items():
            claim, stance = wish_of(wish)
            if claim is not None and stance is not None:
                claims._wanted.setdefault(claim, {})[key] = stance
        return claims

    def standing(self, key: str, claim: str, linked_to: str | None) -> Standing:
        wanted = self._wanted.get(claim, {})
        if not (wanted.keys() - {key}) and claim not in self._held and linked_to in (None, claim):
            return Standing(vetoed_by=None, owner=key, holder=None, old_is_shared=False)  # nobody else, as mostly
        vetoes = [other for other, stance in wanted.items() if stance == VETO and other != key]
        contenders = [other for other, stance in wanted.items() if stance != VETO] or [key]
        holder = self._held.get(claim)
        return Standing(
            vetoed_by=min(vetoes, key=natural) if vetoes else None,
            owner=min(contenders, key=lambda other: (wanted.get(other) == WEAK, natural(other))),
            holder=holder if holder is not None and holder.key != key else None,
            old_is_shared=self.is_wanted(linked_to, besides=key) if linked_to not in (None, claim) else False,
        )

    def is_wanted(self, identity: str | None, besides: str) -> bool:
        return identity is not None and any(key != besides for key in self._wanted.get(identity, {}))


def wish_of(mapped: Mapped) -> tuple[str | None, str | None]:
    """The identity that a mapped record wants, and its stance."""
    match mapped:
        case Desired():
            return mapped.claim, FIRM if mapped.create else WEAK
        case Skip(claim=str() as claim, veto=True):
            return claim, VETO
        case _:
            return None, None


def first_in_line(key: str, wanted: Mapping[str, str]) -> str | None:
    """Why a record that is linked to nothing does not get an identity that these want, by stance; None: it does."""
    if vetoes := [other for other, stance in wanted.items() if stance == VETO and other != key]:
        return f"withheld through {min(vetoes, key=natural)}"
    owner = min(wanted, key=lambda other: (wanted[other] == WEAK, natural(other)))
    return None if owner == key else f"same address as {owner}"


def natural(key: str) -> tuple[int, int, str]:
    """The order of business keys: numbers by value and before words, so that 9999 comes before 10001."""
    return (0, int(key), key) if key.isascii() and key.isdigit() else (1, 0, key)
