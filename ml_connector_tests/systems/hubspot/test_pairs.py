"""Links by batch, where the whole call is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from ml_connector.http import Action, Answer, BatchRefused, Decision, RecordRefused
from ml_connector.systems.hubspot.pairs import associate, associated


class Routes:
    def associate(self, one: str, other: str) -> str:
        return f"{one}-{other}"

    def associations(self, one: str, other: str, action: str) -> str:
        return f"{one}-{other}-{action}"


@dataclass
class Refusing:
    """A client whose calls are refused as a whole, as far as they hold a bad id."""

    status: int
    bad: str = "777"
    routes: Routes = field(default_factory=Routes)
    calls: int = 0

    def link(self, path: str, body: Mapping[str, Any]) -> Answer:
        self.calls += 1
        if path.endswith("read"):
            raise RecordRefused(Decision(Action.REJECT_RECORD, "not found", "Nothing is there."), self.status)
        if any(one["from"]["id"] == self.bad for one in body["inputs"]):
            raise BatchRefused(Decision(Action.BISECT, "validation", "It is bad."), self.status)
        return Answer(200, {}, b"", {"results": list(body["inputs"])}, None, None)


def test_what_is_linked_to_nothing_may_be_told_as_not_found() -> None:
    """As records are, where none of a call is there; any other refusal is one."""
    assert associated(Refusing(404), "invoices", "line_items", ["1", "2"]) == {}  # type: ignore[arg-type]
    with pytest.raises(RecordRefused):
        associated(Refusing(400), "invoices", "line_items", ["1", "2"])  # type: ignore[arg-type]


@pytest.mark.parametrize(("count", "further"), [(100, 14), (2_000, 22)])
def test_one_bad_link_costs_few_calls_and_no_other_link(count: int, further: int) -> None:
    """Wherever it stands."""
    for place in range(0, count, 33):
        client = Refusing(400, str(place))
        pairs = [(str(one), "1") for one in range(count)]
        replies = associate(client, "invoices", "companies", pairs)  # type: ignore[arg-type]
        assert [pair for pair, reply in replies.items() if reply.decision] == [(str(place), "1")]
        assert client.calls - 1 <= further
