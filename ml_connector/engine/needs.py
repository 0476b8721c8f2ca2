"""What a record needs of other flows' objects: looked up in the ledger, and put into the body before it is compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from ml_connector.engine.claims import natural
from ml_connector.engine.records import LONGEST_NAME, Desired, Mapped, Need, Outcome, Reject, Skip, is_name
from ml_connector.store.links import Link, Links, Told

DEPENDENCY: Final = "dependency"
WITHHELD: Final = "what it needs is not selected"
_UNUSABLE: Final = f"cannot be used: it is longer than {LONGEST_NAME} characters, or has some that cannot be printed"


def storable_wish(mapped: Mapped) -> Mapped:
    """The wish, without names that the ledger cannot hold; a rejection where it cannot do without one of them."""
    match mapped:
        case Desired():
            return _storable_desired(mapped)
        case Skip(claim=str() as claim) if not is_name(claim):
            return replace(mapped, claim=None)
        case _:
            return mapped


def _storable_desired(wish: Desired) -> Mapped:
    if not is_name(wish.claim):
        return Reject(f"The name that it would have at the target {_UNUSABLE}.")
    unusable = [name for name, need in wish.needs.items() if not _is_nameable(need)]
    required = {wish.needs[name].flow for name in unusable if not wish.needs[name].optional}
    if required:
        return Reject(f"The name of what it needs of {' and '.join(sorted(required))} {_UNUSABLE}.")
    if unusable:
        wish = wish._replace(needs={name: need for name, need in wish.needs.items() if name not in unusable})
    if wish.aliases and not all(map(is_name, wish.aliases)):
        wish = wish._replace(aliases=[name for name in wish.aliases if is_name(name)])
    return wish


def _is_nameable(need: Need) -> bool:
    longest = LONGEST_NAME - 1 if need.record else LONGEST_NAME  # a record is noted with a space in front
    return is_name(need.identity, longest) and (need.key is None or is_name(need.key))


@dataclass(frozen=True, slots=True)
class Resolved:
    """A wish with what it needs.

    Attributes:
        body: the body, completed as far as possible.
        lacking: what is not there.
        reason: why not, for people.
        withheld: nothing that it lacks will come: rules keep those records back.
        missed: what is not there, and without which it is sent all the same.
        untried: what of that nobody attempted yet.
    """

    body: Mapping[str, Any]
    lacking: Sequence[Need] = ()
    reason: str | None = None
    withheld: bool = False
    missed: Sequence[Need] = ()
    untried: Sequence[Need] = ()


class Needs:
    """Resolves the needs of some records at once."""

    def __init__(self, links: Links) -> None:
        self._links = links

    def resolve(self, mapped: Mapping[str, Mapped]) -> dict[str, Resolved]:
        """Record -> its completed wish, for those that need anything."""
        wishes = {key: wish for key, wish in mapped.items() if isinstance(wish, Desired) and wish.needs}
        if not wishes:
            return {}
        found = self._found(need for wish in wishes.values() for need in wish.needs.values())
        absent = {key: [need for need in wish.needs.values() if need not in found] for key, wish in wishes.items()}
        told = self._told(need for needs in absent.values() for need in needs)
        return {key: _resolved(wish, found, absent[key], told) for key, wish in wishes.items()}

    def _found(self, needs: Iterable[Need]) -> dict[Need, Any]:
        """Need -> the fact that it is about, for those that are there."""
        wanted: dict[tuple[str, bool, bool], list[Need]] = {}
        for need in dict.fromkeys(needs):
            wanted.setdefault((need.flow, need.alias, need.record), []).append(need)
        found: dict[Need, Any] = {}
        for (flow, by_alias, by_record), group in wanted.items():
            held = self._candidates(flow, [need.identity for need in group], by_alias, by_record)
            for need in group:
                fitting = [link for link in held.get(need.identity, ()) if _fits(link, need)]
                if fitting:
                    found[need] = min(fitting, key=lambda link: natural(link.key)).facts[need.fact]
        return found

    def _candidates(
        self, flow: str, identities: Sequence[str], by_alias: bool, by_record: bool
    ) -> Mapping[str, Sequence[Link]]:
        """Identity, other name or record -> the objects that have it; of several the one whose record comes first."""
        if by_alias:
            return self._links.called(flow, identities)
        held = self._links.of_records(flow, identities) if by_record else self._links.held(flow, identities)
        return {identity: [link] for identity, link in held.items()}

    def _told(self, needs: Iterable[Need]) -> dict[Need, Told]:
        """Need -> what became last of the record that brings it, for those that were attempted."""
        wanted: dict[str, list[Need]] = {}
        for need in dict.fromkeys(needs):
            if need.key is not None:
                wanted.setdefault(need.flow, []).append(need)
        found: dict[Need, Told] = {}
        for flow, group in wanted.items():
            told = self._links.told(flow, [need.key for need in group if need.key is not None])
            found |= {need: told[need.key] for need in group if need.key in told}
        return found


def _fits(link: Link, need: Need) -> bool:
    return link.facts.get(need.fact) is not None and (need.unless is None or not link.facts.get(need.unless))


def _resolved(wish: Desired, found: Mapping[Need, Any], absent: Sequence[Need], told: Mapping[Need, Told]) -> Resolved:
    lacking = [need for need in absent if not need.optional or _comes_back(need, told)]
    missed = [need for need in absent if need not in lacking]
    return Resolved(
        {**wish.body, **{name: found[need] for name, need in wish.needs.items() if need in found}},
        lacking,
        " ".join(dict.fromkeys(_reason(need, told.get(need)) for need in lacking)) or None,
        bool(lacking) and all(need in told and told[need].outcome == Outcome.SKIPPED for need in lacking),
        missed,
        [need for need in missed if need.key is not None and need not in told],
    )


def _comes_back(need: Need, told: Mapping[Need, Told]) -> bool:
    return need.awaited and need in told and told[need].outcome == Outcome.FAILED


def _reason(need: Need, told: Told | None) -> str:
    """Why it is not there."""
    why = "is not delivered"
    if told is not None:
        detail = told.reason or told.rule
        why += f" ({told.outcome}{f': {detail}' if detail else ''})"
    return f"Waits for {need.key or need.identity} of {need.flow}, which {why}."
