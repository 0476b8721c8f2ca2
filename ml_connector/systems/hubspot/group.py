"""Up to a hundred changes of one kind of object, from what is wished to what became of each.

What is known of the object decides how it is written:

| known                                               | written                                                  |
| --------------------------------------------------- | -------------------------------------------------------- |
| nothing, or that it is ours                         | upsert by our key                                        |
| it must not be created                              | update by our key; nobody there: skipped                 |
| the same person has another address now             | update of the old contact by its id; else as above       |
| the same business has a company already             | update by its id, which gives it our key, too            |
| people made it, and it was found (`matching.py`)    | likewise: it is adopted                                  |
| people made a contact with the address (409)        | the same                                                 |
| that contact has another key of ours already        | update by its id, key and address left as they are       |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ml_connector.engine.records import Change, Operation, Outcome, Result
from ml_connector.http import Action, CallProblem, Decision, Stopped
from ml_connector.systems.hubspot.batches import Input, Reply, Write, read, refused, survivors
from ml_connector.systems.hubspot.client import HubSpotClient
from ml_connector.systems.hubspot.drafts import Draft, Halted, Kind, conclude
from ml_connector.systems.hubspot.errors import MISSING, NOT_FOUND, existing_id
from ml_connector.systems.hubspot.mapping import COUNTERPART, JOINED, TWIN
from ml_connector.systems.hubspot.matching import Found, Matcher
from ml_connector.systems.hubspot.merging import OVERWRITE, for_new, for_ours, for_present
from ml_connector.systems.hubspot.settings import EMAIL, LIFECYCLE

VANISHED = Reply(
    decision=Decision(
        Action.FAIL_RECORD, "in doubt", "a record at HubSpot that was in the way is gone; it is sent again"
    )
)


MERGED = Reply(decision=Decision(Action.REJECT_RECORD, NOT_FOUND, "HubSpot does not know the record any more"))


@dataclass(slots=True)
class Group:
    """Some changes that are written together."""

    client: HubSpotClient
    kind: Kind
    drafts: list[Draft]

    @classmethod
    def of(cls, client: HubSpotClient, kind: Kind, changes: Iterable[Change]) -> Group:
        return cls(client, kind, [Draft(change, str(place)) for place, change in enumerate(changes)])

    def run(self) -> list[Result]:
        """One result per change. Raises Halted."""
        try:
            self._look()
            self._rename([draft for draft in self._open() if _is_same_person(draft.change)])
            self._update_by_id([draft for draft in self._open() if draft.id is not None])
            self._update_by_key([draft for draft in self._open() if not draft.change.create])
            self._upsert(self._open())
        except Stopped as problem:
            raise Halted([draft.result for draft in self.drafts if draft.result], problem) from None
        return [draft.result for draft in self.drafts if draft.result]

    def _open(self) -> list[Draft]:
        return [draft for draft in self.drafts if draft.result is None]

    def _look(self) -> None:
        """Read what has to be known before writing, and find what people made."""
        for draft in self.drafts:
            facts = draft.change.facts if draft.is_linked else {}
            if facts.get("shared"):
                draft.id, draft.ours = facts["id"], False
            elif facts.get(JOINED) or (facts and draft.change.body.get(COUNTERPART) == facts.get("id")):
                draft.id, draft.joined = draft.change.body.get(TWIN) or facts["id"], True
        apart = [draft for draft in self.drafts if draft.id is None and draft.change.body.get(COUNTERPART)]
        self._meet([draft for draft in apart if draft.is_linked])
        if self.kind.rules:
            self._read_by_id([draft for draft in self._open() if draft.id is not None])
        self._join([draft for draft in self._open() if not draft.is_linked and draft.change.body.get(TWIN)])
        unknown = [draft for draft in self._open() if draft.id is None and not draft.is_linked and draft.change.create]
        matcher = self.kind.matcher
        named = [draft for draft in self._open() if draft.id is None]
        staged = [draft for draft in unknown if LIFECYCLE in draft.wanted]
        trial = bool(staged) and self.kind.knowledge.is_doubtful()
        self.kind.knowledge.tried += trial
        by_key = named if self.kind.rules else unknown if matcher else staged if trial else []
        if by_key and not self._read(by_key):
            return
        if trial and any(draft.known for draft in staged):
            self.kind.knowledge.gaps = True
        if matcher is not None:
            self._match(matcher, [draft for draft in unknown if draft.result is None and not draft.there])

    def _meet(self, drafts: Sequence[Draft]) -> None:
        """People may have merged both sides' companies since."""
        if not drafts:
            return
        try:
            found = read(self.client, self.kind.name, [draft.change.claim for draft in drafts], [], self.kind.key)
        except CallProblem as problem:
            for draft in drafts:
                draft.result = conclude(draft, refused(problem))
            return
        for draft in drafts:
            there = str(found.get(draft.change.claim, {}).get("id"))
            if there == draft.change.body[COUNTERPART]:
                draft.id, draft.joined = there, True

    def _join(self, drafts: Sequence[Draft]) -> None:
        """The other side's company, if no other record of ours has it already."""
        if not drafts:
            return
        for draft in drafts:
            draft.id = str(draft.change.body[TWIN])
        self._read_by_id(drafts)
        self._follow([draft for draft in drafts if draft.result is None and not draft.there])
        for draft in drafts:
            if draft.result is not None:
                continue
            taken = (draft.there or {}).get(self.kind.key) not in (None, "", draft.change.claim)
            if (
                not draft.there
                or taken
                or self.kind.joined.setdefault(str(draft.id), draft.change.key) != draft.change.key
            ):
                draft.id, draft.there = None, None
            else:
                draft.joined = True

    def _follow(self, drafts: Sequence[Draft]) -> None:
        """People may have merged the other side's company into another one: that is read instead (section 5)."""
        if not drafts:
            return
        try:
            ids = [str(draft.id) for draft in drafts]
            found = survivors(self.client, self.kind.name, ids, [self.kind.key, *self._asked()])
        except CallProblem as problem:
            for draft in drafts:
                draft.result = conclude(draft, refused(problem))
            return
        for draft in drafts:
            if (record := found.get(str(draft.id))) is not None:
                draft.id, draft.there = str(record["id"]), record["properties"]

    def _read(self, drafts: Sequence[Draft]) -> bool:
        """Read these by our key; all of them failed where that does not work."""
        try:
            found = read(
                self.client, self.kind.name, [one.change.claim for one in drafts], self._asked(), self.kind.key
            )
        except CallProblem as problem:
            for draft in drafts:
                draft.result = conclude(draft, refused(problem))
            return False
        for draft in drafts:
            draft.there = found.get(draft.change.claim, {}).get("properties", {})
            draft.known = bool(draft.there)
        return True

    def _read_by_id(self, drafts: Sequence[Draft]) -> None:
        try:
            ids = [str(draft.id) for draft in drafts]
            found = read(self.client, self.kind.name, ids, [self.kind.key, *self._asked()])
        except CallProblem as problem:
            for draft in drafts:
                draft.result = conclude(draft, refused(problem))
            return
        for draft in drafts:
            draft.there = found.get(str(draft.id), {}).get("properties", {})

    def _asked(self) -> list[str]:
        """The properties of which it matters what stands there."""
        return [LIFECYCLE, *(name for name, rule in self.kind.rules.items() if rule != OVERWRITE)]

    def _match(self, matcher: Matcher, drafts: Sequence[Draft]) -> None:
        values = {draft.change.key: draft.change.body.get("match", {}) for draft in drafts}
        written = {name for draft in drafts for name in draft.wanted}
        found = matcher.find(values, self._asked(), written)
        for draft in drafts:
            match found.get(draft.change.key):
                case Found(id=id_, properties=properties):
                    draft.id, draft.there = id_, properties
                case Reply() as wrong:
                    draft.result = conclude(draft, wrong)

    def _rename(self, drafts: Sequence[Draft]) -> None:
        """The same person with another address; where that is not possible, it goes on as if nothing were known."""
        self._write_by_id(drafts, {draft.trace: str(draft.change.facts["id"]) for draft in drafts})
        for draft in drafts:
            if draft.result is not None and draft.result.outcome is Outcome.REJECTED:
                draft.result = None

    def _update_by_id(self, drafts: Sequence[Draft]) -> None:
        self._write_by_id(drafts, {draft.trace: str(draft.id) for draft in drafts})
        for draft in drafts:
            if draft.result is not None and _is_gone(draft.result):
                draft.id, draft.there, draft.ours, draft.joined, draft.result = None, None, True, False, None

    def _write_by_id(self, drafts: Sequence[Draft], ids: Mapping[str, str]) -> None:
        """An update of an id that was merged away is not answered (section 5): it goes to the other record."""
        replies = self._write(drafts, "update", ids, unique=None)
        lost = {draft.trace: draft for draft in drafts if replies[draft.trace].decision is MISSING}
        if not lost:
            return
        try:
            found = survivors(self.client, self.kind.name, [ids[trace] for trace in lost], [self.kind.key])
        except CallProblem:
            return  # they failed, and are sent again
        heirs: dict[str, str] = {}
        for trace, draft in lost.items():
            record = found.get(ids[trace])
            if record is not None and record["id"] == ids[trace]:
                continue
            change = draft.change
            free = (None, "", change.claim, change.target_id)
            if record is not None and (not draft.ours or record["properties"].get(self.kind.key) in free):
                heirs[trace] = str(record["id"])
            else:
                draft.result = conclude(draft, MERGED)
        self._write([lost[trace] for trace in heirs], "update", heirs, unique=None)

    def _update_by_key(self, drafts: Sequence[Draft]) -> None:
        self._write(drafts, "update", {draft.trace: draft.change.claim for draft in drafts}, unique=self.kind.key)

    def _upsert(self, drafts: Sequence[Draft]) -> None:
        replies = self._write(
            drafts, "upsert", {draft.trace: draft.change.claim for draft in drafts}, unique=self.kind.key
        )
        self._complete([draft for draft in drafts if replies[draft.trace].new], replies)
        self._clear([draft for draft in drafts if _was_there(replies[draft.trace]) and not draft.has_key])
        self._adopt({draft.trace: id_ for draft in drafts if (id_ := _in_the_way(replies[draft.trace]))}, drafts)

    def _complete(self, created: Sequence[Draft], replies: Mapping[str, Reply]) -> None:
        """Somebody had deleted what was ours: the new one gets what is only written to new ones, too."""
        short = [draft for draft in created if for_new(draft.wanted).keys() - draft.sent.keys()]
        before = {draft.trace: draft.result for draft in short}
        for draft in short:
            draft.there = {}
        self._write(short, "update", {draft.trace: str(replies[draft.trace].id) for draft in short}, unique=None)
        for draft in short:
            if draft.result is not None and draft.result.outcome is Outcome.UPDATED:
                draft.result = before[draft.trace]

    def _clear(self, drafts: Sequence[Draft]) -> None:
        """The ledger did not know these, but they have our key: what has no value any more is cleared there as well."""
        for draft in drafts:
            draft.there, draft.known = None, True
            self.kind.knowledge.gaps = True
        again = [draft for draft in drafts if self._properties(draft).keys() - draft.sent.keys()]
        doubtful = {draft.trace for draft in again if draft.result is not None and draft.result.uncertain}
        self._write(again, "upsert", {draft.trace: draft.change.claim for draft in again}, unique=self.kind.key)
        for draft in again:
            if draft.result is not None and draft.trace in doubtful:
                draft.result = draft.result._replace(uncertain=True)

    def _adopt(self, ids: Mapping[str, str], drafts: Sequence[Draft]) -> None:
        """People made a contact with the address: it gets our key, unless it has one already."""
        in_the_way = [draft for draft in drafts if draft.trace in ids]
        if not in_the_way:
            return
        for draft in in_the_way:
            draft.id, draft.result = ids[draft.trace], None
        self._read_by_id(in_the_way)
        given: set[str | None] = set()  # two addresses may be those of one contact: it gets the first one's key
        for draft in in_the_way:
            key = (draft.there or {}).get(self.kind.key)
            draft.ours = key == draft.change.claim or (key in (None, "") and draft.id not in given)
            given.add(draft.id)
        self._update_by_id([draft for draft in in_the_way if draft.result is None])
        for draft in in_the_way:
            draft.result = draft.result or conclude(draft, VANISHED)

    def _write(
        self, drafts: Sequence[Draft], operation: str, ids: Mapping[str, str], *, unique: str | None
    ) -> Mapping[str, Reply]:
        """Send these, and conclude each. What was answered before a stop is concluded, too. Raises Stopped."""
        if not drafts:
            return {}
        for draft in drafts:
            draft.sent = self._properties(draft)
        inputs = [Input(draft.trace, ids[draft.trace], draft.sent, unique) for draft in drafts]
        write = Write(self.client, self.client.routes.batch(self.kind.name, operation))
        try:
            write.send(inputs)
        finally:
            for draft in drafts:
                if draft.trace in write.replies:
                    draft.result = conclude(draft, write.replies[draft.trace])
        return write.replies

    def _properties(self, draft: Draft) -> dict[str, str]:
        """What is written, by what is known of the object."""
        rules = self.kind.rules
        if draft.there:
            properties = for_present(draft.wanted, rules, draft.there, ours=draft.has_key and draft.ours)
        elif (draft.has_key and draft.there is None) or _is_same_person(draft.change):
            properties = for_ours(draft.wanted, rules)
        else:
            properties = for_new(draft.wanted)
        if draft.id is not None:
            properties.pop(EMAIL, None)  # it has the address already, perhaps as a second one
        if not draft.ours:
            return {name: value for name, value in properties.items() if value}
        return properties | {self.kind.key: draft.change.claim}


def _in_the_way(reply: Reply) -> str | None:
    return existing_id(reply.decision) if reply.decision is not None else None


def _was_there(reply: Reply) -> bool:
    return reply.decision is None and not reply.new


def _is_gone(result: Result) -> bool:
    return result.outcome is Outcome.SKIPPED or (result.outcome is Outcome.REJECTED and result.kind == NOT_FOUND)


def _is_same_person(change: Change) -> bool:
    """Whether the contact of the old address is to be renamed: it is ours alone, and the same person's."""
    person = change.body.get("person")
    return (
        change.operation is Operation.MOVE
        and change.create
        and person is not None
        and change.facts.get("person") == person
        and "id" in change.facts
        and not change.facts.get("shared")
    )
