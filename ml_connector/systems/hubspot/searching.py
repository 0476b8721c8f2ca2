"""Finding records by the values of a property (HubSpot reference, sections 5 and 6).

A property with unique values is read; any other is searched for, because nothing else serves there. The index of a
search lags, so what it names is read before anything is done with it. One value that HubSpot refuses, or that no search
can hold, stands for itself alone: the others are found all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from ml_connector.http import Action, CallProblem, Decision, RecordRefused
from ml_connector.systems.hubspot.batches import Reply, grouped, halves, read, records_of, refused
from ml_connector.systems.hubspot.client import BATCH, HubSpotClient

VALUES: Final = 50
"""Values of one search at most."""
SPACE: Final = 2_600
"""Bytes that the values of one search may take, of the 3,000 characters that its body may have."""
PAGE: Final = 200
TOO_LONG: Final = "too long"

Values = Mapping[str, Sequence[str]]
"""Value -> how it may be written at HubSpot; searches need lower case, and keep quiet about anything else."""


@dataclass(slots=True)
class Finder:
    """One look for records by the values of a property. Raises CallProblem about what is no value's fault, Stopped.

    Attributes:
        wrong: value -> why it could not be looked for.
    """

    client: HubSpotClient
    kind: str
    name: str
    wrong: dict[str, Reply] = field(default_factory=dict)

    def read(self, values: Values, asked: Sequence[str]) -> list[Mapping[str, Any]]:
        """The records with these values of a unique property."""

        def call(some: Values) -> list[Mapping[str, Any]]:
            written = [form for forms in some.values() for form in forms]
            return list(read(self.client, self.kind, written, asked, unique=self.name).values())

        return [one for group in grouped(list(values), BATCH) for one in self._each(_only(values, group), call)]

    def search(self, values: Values, asked: Sequence[str]) -> list[Mapping[str, Any]]:
        """The records that the index has under these values, as they are now."""
        ids = [id_ for group in self._filled(values) for id_ in self._each(group, self._search)]
        return list(read(self.client, self.kind, ids, asked).values())

    def _each(self, values: Values, call: Callable[[Values], list[Any]]) -> list[Any]:
        """What the call finds; of a refused one the halves are asked, until what spoils it stands alone."""
        try:
            return call(values)
        except RecordRefused as problem:
            if len(values) > 1:
                return [one for half in halves(list(values)) for one in self._each(_only(values, half), call)]
            self.wrong |= dict.fromkeys(values, postponed(problem))
            return []

    def _filled(self, values: Values) -> Iterator[Values]:
        """Groups of values that one search can hold."""
        group: dict[str, Sequence[str]] = {}
        left = SPACE
        for value, forms in values.items():
            size = sum(len(orjson.dumps(form)) + 1 for form in forms)
            if size > SPACE:
                reason = f"the value for the {self.name} is too long to be searched for at HubSpot; correct it"
                self.wrong[value] = Reply(decision=Decision(Action.REJECT_RECORD, TOO_LONG, reason))
                continue
            if group and (size > left or len(group) == VALUES):
                yield group
                group, left = {}, SPACE
            group[value] = forms
            left -= size
        if group:
            yield group

    def _search(self, values: Values) -> list[str]:
        """Ids of all pages."""
        written = list(dict.fromkeys(form for forms in values.values() for form in forms))
        ids: list[str] = []
        after = "0"
        while after:
            body = {
                "filterGroups": [{"filters": [{"propertyName": self.name, "operator": "IN", "values": written}]}],
                "sorts": [],
                "properties": [self.name],
                "limit": PAGE,
                "after": after,
            }
            data = self.client.search(self.client.routes.search(self.kind), body).data
            ids += [record["id"] for record in records_of(data["results"])]
            after = str(((data.get("paging") or {}).get("next") or {}).get("after") or "")
        return ids


def postponed(problem: CallProblem) -> Reply:
    """That a look was refused is no record's fault: it fails, and is due again."""
    reply = refused(problem)
    return replace(reply, decision=replace(problem.decision, action=Action.FAIL_RECORD))


def _only(values: Values, some: Sequence[str]) -> Values:
    return {value: values[value] for value in some}
