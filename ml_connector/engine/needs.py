"""What a record needs of other flows' objects: looked up in the ledger, and put into the body before it is compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ml_connector.engine.claims import natural
from ml_connector.engine.records import Desired, Mapped, Need
from ml_connector.store.links import Link, Links

DEPENDENCY: Final = "dependency"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A wish with what it needs.

    Attributes:
        body: the body, completed as far as possible.
        lacking: what is not there.
        reason: why not, for people.
    """

    body: Mapping[str, Any]
    lacking: Sequence[Need] = ()
    reason: str | None = None


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
        lacking = {
            key: [need for need in wish.needs.values() if need not in found and not need.optional]
            for key, wish in wishes.items()
        }
        reasons = self._reasons(need for needs in lacking.values() for need in needs)
        return {
            key: Resolved(
                {**wish.body, **{name: found[need] for name, need in wish.needs.items() if need in found}},
                lacking[key],
                " ".join(reasons[need] for need in lacking[key]) or None,
            )
            for key, wish in wishes.items()
        }

    def _found(self, needs: Iterable[Need]) -> dict[Need, Any]:
        """Need -> the fact that it is about, for those that are there."""
        wanted: dict[tuple[str, bool], list[Need]] = {}
        for need in dict.fromkeys(needs):
            wanted.setdefault((need.flow, need.alias), []).append(need)
        found: dict[Need, Any] = {}
        for (flow, by_alias), group in wanted.items():
            held = self._candidates(flow, [need.identity for need in group], by_alias)
            for need in group:
                fitting = [link for link in held.get(need.identity, ()) if _fits(link, need)]
                if fitting:
                    found[need] = min(fitting, key=lambda link: natural(link.key)).facts[need.fact]
        return found

    def _candidates(self, flow: str, identities: Sequence[str], by_alias: bool) -> Mapping[str, Sequence[Link]]:
        """Identity, or another name -> the objects that have it. Of several the one whose record comes first counts."""
        if by_alias:
            return self._links.called(flow, identities)
        return {identity: [link] for identity, link in self._links.held(flow, identities).items()}

    def _reasons(self, needs: Iterable[Need]) -> dict[Need, str]:
        """Need -> why it is not there."""
        wanted: dict[str, list[Need]] = {}
        for need in dict.fromkeys(needs):
            wanted.setdefault(need.flow, []).append(need)
        reasons: dict[Need, str] = {}
        for flow, group in wanted.items():
            told = self._links.told(flow, [need.key for need in group if need.key is not None])
            for need in group:
                last = told.get(need.key) if need.key is not None else None
                why = "is not delivered"
                if last is not None:
                    detail = last.reason or last.rule
                    why += f" ({last.outcome}{f': {detail}' if detail else ''})"
                reasons[need] = f"Waits for {need.key or need.identity} of {flow}, which {why}."
        return reasons


def _fits(link: Link, need: Need) -> bool:
    return link.facts.get(need.fact) is not None and (need.unless is None or not link.facts.get(need.unless))
