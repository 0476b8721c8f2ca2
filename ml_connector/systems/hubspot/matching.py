"""Finding companies that people made, at the first contact with an account that has data (`match:`).

In the configured order: a property with unique values is read, a hundred values a call; any other is searched for,
because nothing else serves there, at the pace of searches. The search index lags (HubSpot reference, section 6), so
what it names is read before anything is done with it. Exactly one company is adopted; several are a rejection that
names their ids; values and names stay out of it, because reasons stand in plain text in the ledger.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Final, NamedTuple

from ml_connector.engine.claims import natural
from ml_connector.http import Action, CallProblem, Decision
from ml_connector.systems.hubspot.batches import Reply
from ml_connector.systems.hubspot.client import HubSpotClient
from ml_connector.systems.hubspot.searching import Finder, postponed

NAMED = 5
"""So many of several companies are named in a rejection."""
AMBIGUOUS: Final = "ambiguous match"

DOMAIN: Final = "domain"
WEBSITE: Final = "website"
"""HubSpot makes the domain of it."""
PHONES: Final = frozenset({"phone", "mobilephone"})
PROVIDERS: Final = re.compile(
    r"(?:aol|gmail|gmx|googlemail|hotmail|icloud|live|msn|outlook|proton|protonmail|rocketmail|tuta|tutanota|windowslive"
    r"|yahoo|yandex|ymail)\.(?:[a-z]{2,3}|com?\.[a-z]{2})"
)
"""Providers of mail that have a domain in many countries: what they have says nothing about a company."""
FREE_MAIL: Final = frozenset(
    {
        "fastmail.com", "inbox.com", "mac.com", "mail.com", "mail.ru",
        "me.com", "pm.me", "web.de", "zoho.com",
        "bluezone.no", "broadpark.no", "c2i.net", "frisurf.no", "getmail.no",
        "lyse.net", "online.no", "start.no",
        "bredband.net", "comhem.se", "glocalnet.net", "home.se", "passagen.se",
        "spray.se", "swipnet.se", "tele2.se", "telia.com",
        "get2net.dk", "jubii.dk", "mail.dk", "mail.tele.dk", "ofir.dk",
        "post.tele.dk", "privat.dk", "stofanet.dk", "webspeed.dk", "youmail.dk",
        "elisanet.fi", "kolumbus.fi", "luukku.com", "pp.inet.fi", "saunalahti.fi",
        "suomi24.fi",
    }
)  # fmt: skip
"""Other domains that say as little."""


@dataclass(frozen=True, slots=True)
class Found:
    """A company that people made.

    Attributes:
        id: HubSpot's id.
        properties: as they were read.
    """

    id: str
    properties: Mapping[str, Any]


class Taken(NamedTuple):
    """A company that is another record's."""

    id: str
    by: str


@dataclass(slots=True)
class Matcher:
    """Finds companies; thread-safe. Raises Stopped.

    Attributes:
        kind: of the object.
        key: the unique property that holds our key: who has one belongs to a record already.
        unique: property -> whether its values are unique, in the order in which they are tried.
    """

    client: HubSpotClient
    kind: str
    key: str
    unique: Mapping[str, bool]
    _adopted: dict[str, str] = field(default_factory=dict)  # HubSpot's id -> the record that takes it in this run
    _lock: Lock = field(default_factory=Lock)

    def find(
        self, values: Mapping[str, Mapping[str, str]], asked: Sequence[str], written: Set[str] = frozenset()
    ) -> dict[str, Found | Reply]:
        """Record -> the company that is its own, or why none can be; records without a match are left out.

        Of several records that want one company, the one with the lowest key takes it.

        Args:
            values: record -> property -> value.
            asked: properties that are needed of a company.
            written: properties that we write ourselves: that a record's company has the value says nothing, because it
                may be from us. Elsewhere people have put it there, and nobody else gets a second company beside it.
        """
        decided: dict[str, Found | Reply] = {}
        for name, is_unique in self.unique.items():
            sought = {
                key: text
                for key, wanted in values.items()
                if key not in decided and normal(name, text := wanted.get(name, "").strip())
            }
            if not sought:
                continue
            finder = Finder(self.client, self.kind, name)
            try:
                by_value = self._companies(finder, sorted(set(sought.values())), is_unique, asked)
            except CallProblem as problem:
                decided |= dict.fromkeys(sought, postponed(problem))
                continue
            shared = name in written or (name == DOMAIN and WEBSITE in written)
            for key, text in sorted(sought.items(), key=lambda one: natural(one[0])):
                if wrong := finder.wrong.get(text if is_unique else normal(name, text)):
                    decided[key] = wrong
                elif companies := by_value.get(normal(name, text)):
                    decision = self._decide(key, name, companies)
                    if isinstance(decision, Taken):
                        if shared:
                            continue
                        decision = _ambiguous(
                            f"{decision.id}, which has the {name} of {key} at HubSpot, is {decision.by}'s. Write the "
                            f"key of {key} into the {self.key} of a company of its own."
                        )
                    decided[key] = decision
        return decided

    def _companies(
        self, finder: Finder, texts: Sequence[str], is_unique: bool, asked: Sequence[str]
    ) -> dict[str, list[Found]]:
        """Value in its normal form -> the companies that have it."""
        name = finder.name
        needed = [*asked, self.key, name]
        wanted = {normal(name, text) for text in texts}
        if is_unique:
            records = finder.read({text: [text] for text in texts}, needed)  # as it is written, capitals and all
        else:
            records = finder.search({value: spellings(name, value) for value in sorted(wanted)}, needed)
        found: dict[str, list[Found]] = {}
        for record in records:
            properties = record["properties"]
            value = normal(name, str(properties.get(name) or ""))
            if value in wanted:
                found.setdefault(value, []).append(Found(record["id"], properties))
        return found

    def _decide(self, key: str, name: str, companies: Sequence[Found]) -> Found | Taken | Reply:
        """Which company it is; whose it is, where none is free."""
        free = [one for one in companies if not one.properties.get(self.key)]
        if len(free) > 1:
            named = ", ".join(one.id for one in free[:NAMED])
            more = f" and {len(free) - NAMED} more" if len(free) > NAMED else ""
            return _ambiguous(
                f"{len(free)} {self.kind} at HubSpot have this customer's {name}: {named}{more}. Merge them at "
                f"HubSpot, or write this customer's key into the {self.key} of the right one."
            )
        if not free:
            return Taken(companies[0].id, str(companies[0].properties[self.key]))
        with self._lock:
            taken_by = self._adopted.setdefault(free[0].id, key)
        return free[0] if taken_by == key else Taken(free[0].id, taken_by)


def _ambiguous(reason: str) -> Reply:
    return Reply(decision=Decision(Action.REJECT_RECORD, AMBIGUOUS, reason))


def normal(name: str, value: str) -> str:
    """A value in the form in which two are compared; empty where it says nothing."""
    text = value.strip().lower()
    if name == DOMAIN:
        return _domain(text)
    if name in PHONES:
        return re.sub(r"[^\d+]", "", text)
    return text


def spellings(name: str, value: str) -> list[str]:
    """How a value may be written at HubSpot; in lower case, because the index keeps quiet about others."""
    if name == DOMAIN:
        return [value, f"www.{value}"]
    if name in PHONES and value.startswith("+") and len(value) > 8:
        return [value, f"{value[:3]} {value[3:]}", value[3:]]
    return [value]


def _domain(text: str) -> str:
    """Of an address, a web page or a plain domain."""
    host = text.rpartition("@")[2] if "@" in text else re.sub(r"^[a-z]+://", "", text)
    host = re.split(r"[/:?#\s]", host, maxsplit=1)[0].removeprefix("www.").strip(".")
    return "" if "." not in host or host in FREE_MAIL or PROVIDERS.fullmatch(host) else host
