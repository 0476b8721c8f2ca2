"""Up to a hundred invoices, from what is wished to what became of each.

| step         | call                                   | what a process that dies after it leaves                     |
| ------------ | -------------------------------------- | ------------------------------------------------------------ |
| the invoices | upsert by our key                      | invoices without lines: the next run finds them by the key   |
| their lines  | upsert by our key, or create what lacks | lines, perhaps without their link: as before                |
| payments     | the same                               | the same                                                     |
| links        | to company, contact and deal           | linking twice is harmless                                    |

Only when all of it is done is an invoice confirmed. What fails on the way fails the invoice, and is due again whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ml_connector.engine.checkpoints import reached
from ml_connector.engine.records import Change, Outcome, Result
from ml_connector.http import CallProblem, Stopped, to_json
from ml_connector.systems.hubspot.associations import Pair
from ml_connector.systems.hubspot.batches import Input, Reply, Write, refused
from ml_connector.systems.hubspot.children import Children, Parent
from ml_connector.systems.hubspot.client import HubSpotClient
from ml_connector.systems.hubspot.deals import DEALS, Choice, Deals, Sought
from ml_connector.systems.hubspot.drafts import Halted, sentence
from ml_connector.systems.hubspot.errors import NOT_FOUND
from ml_connector.systems.hubspot.heirs import associate_or_heirs, is_gone
from ml_connector.systems.hubspot.merging import for_new
from ml_connector.systems.hubspot.pairs import associate, part
from ml_connector.systems.hubspot.properties import COMPANIES, CONTACTS, INVOICES, LINE_ITEMS, OPTIONAL, PAYMENTS
from ml_connector.systems.hubspot.searching import postponed

LINE_TO_INVOICE, PAYMENT_TO_INVOICE = 410, 542
"""Types of associations (HubSpot reference, section 7)."""
READ_ONLY = "READ_ONLY_VALUE"
OWN = frozenset(OPTIONAL[INVOICES])
"""What is never worth an invoice: all of it stands in properties of our own."""
FACTS = {COMPANIES: "company", CONTACTS: "contact", DEALS: "deal"}
"""Kinds that an invoice is linked to, and the name under which their ids stand in the facts."""


@dataclass(slots=True)
class Ways:
    """How invoices are written at this account.

    Attributes:
        key: the unique property that holds our key.
        line_key, payment_key: the same of what hangs on them; None: lines have none, payments are not written.
        writable: HubSpot's own properties that the account lets us write, of those that may not be.
        deals: finds deals; None: there is no rule.
    """

    key: str
    line_key: str | None
    payment_key: str | None
    writable: set[str]
    deals: Deals | None = None


@dataclass(slots=True)
class Draft:
    """One change on its way.

    Attributes:
        id: HubSpot's id of the invoice, once it is written.
        reply: of the upsert.
        bare: without HubSpot's own properties that it may not take.
        wrong: why it is not done.
        uncertain: something of it may still happen.
        linked: kind -> the id of what it is to be linked to, or None for nothing.
        gone: kinds of which HubSpot does not know any more what it was linked to before.
        missing: names of what HubSpot does not know any more.
    """

    change: Change
    trace: str
    id: str = ""
    reply: Reply = field(default_factory=Reply)
    bare: bool = False
    wrong: Reply | None = None
    where: str = ""
    uncertain: bool = False
    note: str | None = None
    sent: Mapping[str, str] = field(default_factory=dict)
    linked: dict[str, str | None] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)

    def fail(self, reply: Reply, where: str) -> None:
        if reply.decision is not None and self.wrong is None:
            self.wrong, self.where = reply, where
        self.uncertain |= reply.uncertain


@dataclass(slots=True)
class InvoiceGroup:
    """Some invoices that are written together."""

    client: HubSpotClient
    ways: Ways
    drafts: list[Draft]

    @classmethod
    def of(cls, client: HubSpotClient, ways: Ways, changes: Iterable[Change]) -> InvoiceGroup:
        return cls(client, ways, [Draft(change, str(place)) for place, change in enumerate(changes)])

    def run(self) -> list[Result]:
        """One result per change. Raises Halted with those that are known to have ended badly."""
        try:
            self._write([draft for draft in self.drafts if draft.change.create], "upsert")
            self._write([draft for draft in self.drafts if not draft.change.create], "update")
            reached("hubspot: invoices written")
            self._children(LINE_ITEMS, self.ways.line_key, LINE_TO_INVOICE, "lines")
            reached("hubspot: line items written")
            if self.ways.payment_key is not None:
                self._children(PAYMENTS, self.ways.payment_key, PAYMENT_TO_INVOICE, "payments")
            self._find_deals([draft for draft in self._open() if not _keeps_deal(draft)])
            for kind, name in FACTS.items():
                self._link(kind, name, self._open())
            gone = [draft for draft in self._open() if DEALS in draft.gone]
            self._find_deals(gone)
            self._link(DEALS, FACTS[DEALS], gone)
            reached("hubspot: invoices linked")
        except Stopped as problem:
            raise Halted([_result(draft) for draft in self.drafts if draft.wrong is not None], problem) from None
        return [_result(draft) for draft in self.drafts]

    def _open(self) -> list[Draft]:
        return [draft for draft in self.drafts if draft.wrong is None]

    def _write(self, drafts: Sequence[Draft], operation: str) -> None:
        """The invoices themselves; where the account refuses what it has as its own properties, once more without."""
        if not drafts:
            return
        self._send(drafts, operation, _is_linked)
        again = [one for one in drafts if one.wrong is not None and _spoilt_by_own(one)]
        for draft in again:
            if draft.wrong is not None and draft.wrong.decision is not None:
                if draft.wrong.decision.vendor_code == READ_ONLY:
                    self.ways.writable = set()  # so nobody else's is sent either
                draft.bare, draft.wrong = True, None
        self._send(again, operation, _is_linked)
        # A run that died had made these: what has no value any more is to be cleared there as well.
        before = [one for one in drafts if one.wrong is None and not one.reply.new and not _is_linked(one)]
        self._send(before, operation, lambda _: True)

    def _send(self, drafts: Sequence[Draft], operation: str, whole: Callable[[Draft], bool]) -> None:
        """`whole`: whether empty values are sent too, to clear what stands there."""
        if not drafts:
            return
        for draft in drafts:
            kept_back = OWN if draft.bare else OWN - self.ways.writable
            wanted = draft.change.body["properties"]
            wanted = {name: value for name, value in wanted.items() if name not in kept_back}
            draft.sent = (wanted if whole(draft) else for_new(wanted)) | {self.ways.key: draft.change.claim}
        inputs = [Input(one.trace, one.change.claim, one.sent, self.ways.key) for one in drafts]
        replies = Write(self.client, self.client.routes.batch(INVOICES, operation)).send(inputs)
        for draft in drafts:
            draft.reply = replies[draft.trace]
            draft.id = draft.reply.id or ""
            draft.fail(draft.reply, "")

    def _children(self, kind: str, key: str | None, type_id: int, name: str) -> None:
        drafts = {draft.id: draft for draft in self._open()}
        parents = [
            Parent(draft.id, draft.change.claim, draft.reply.new, draft.change.body.get(name, {}))
            for draft in drafts.values()
        ]
        if not parents:
            return
        children = Children(self.client, kind, key, type_id)
        try:
            children.bring(parents)
        finally:
            for id_, reply in children.wrong.items():
                drafts[id_].fail(reply, f"its {name}: ")
            for id_ in children.uncertain:
                drafts[id_].uncertain = True

    def _find_deals(self, drafts: Sequence[Draft]) -> None:
        deals = self.ways.deals
        if deals is None or not drafts:
            return
        sought = {
            draft.trace: Sought(str(draft.change.body.get("deal") or ""), str(draft.change.body.get("company") or ""))
            for draft in drafts
        }
        try:
            chosen = deals.find(sought)
        except CallProblem as problem:
            chosen = dict.fromkeys(sought, Choice(wrong=postponed(problem)))
        for draft in drafts:
            choice = chosen.get(draft.trace, Choice())
            draft.linked[DEALS] = choice.id
            draft.note = choice.note or (draft.note if choice.id is None else None)
            if choice.wrong is not None:
                draft.fail(choice.wrong, "its deal: ")

    def _link(self, kind: str, name: str, drafts: Sequence[Draft]) -> None:
        """Link what it belongs to; what it belonged to before is taken off, if something else is known now.

        A deal that was linked before is linked again: people may have deleted it, or the invoice, which is new then.
        """
        again = kind == DEALS and self.ways.deals is not None
        old: list[tuple[str, str]] = []
        pairs: dict[tuple[str, str], Draft] = {}
        for draft in drafts:
            if draft.wrong is not None:
                continue
            if kind != DEALS and (wanted := draft.change.body.get(name)):
                draft.linked[kind] = str(wanted)
            before = None if kind in draft.gone else draft.change.facts.get(name)
            if kind not in draft.linked:  # nobody says that it belongs to something else
                draft.linked[kind] = before if again or not draft.reply.new else None
                if not again:
                    continue
            elif before and before != draft.linked[kind]:
                old.append((draft.id, str(before)))
            if (now := draft.linked[kind]) is not None:
                pairs[draft.id, now] = draft
        try:
            part(self.client, INVOICES, kind, old)
        except CallProblem as problem:
            parted = {one for one, _ in old}
            self._fail(lambda draft: draft.id in parted, refused(problem), f"its {name}: ")
        replies, heirs = self._associate(kind, list(pairs))
        for pair, reply in replies.items():
            draft = pairs[pair]
            if pair in heirs:
                draft.linked[kind] = heirs[pair]
            if is_gone(reply) or pair in heirs:  # so that the ledger hears of it
                draft.missing.append(name)
            if is_gone(reply) and kind != COMPANIES:  # people deleted what it can do without
                if draft.change.facts.get(name) == pair[1]:
                    draft.gone.add(kind)
                draft.linked[kind] = None
                draft.note = f"No {name} was linked: HubSpot does not know {pair[1]} any more."
            else:
                draft.fail(reply, f"its {name}: ")

    def _associate(self, kind: str, pairs: Sequence[Pair]) -> tuple[Mapping[Pair, Reply], Mapping[Pair, str]]:
        if kind == DEALS:  # one that was merged away is looked for by the rule
            return associate(self.client, INVOICES, kind, pairs), {}
        return associate_or_heirs(self.client, INVOICES, kind, pairs)

    def _fail(self, concerned: Callable[[Draft], bool], reply: Reply, where: str) -> None:
        for draft in self.drafts:
            if concerned(draft):
                draft.fail(reply, where)


def _result(draft: Draft) -> Result:
    change, wrong = draft.change, draft.wrong
    payload = to_json({**change.body, "properties": draft.sent}) if draft.sent else None
    if wrong is None or wrong.decision is None:
        return Result(
            change.key,
            Outcome.CREATED if draft.reply.new else Outcome.UPDATED,
            target_id=change.claim,
            facts=_facts(draft),
            reason=draft.note,
            status=draft.reply.status,
            correlation_id=draft.reply.correlation_id,
            payload=payload,
            uncertain=draft.uncertain,
            missing=tuple(draft.missing),
        )
    if wrong.decision.kind == NOT_FOUND and not change.create and not draft.id:
        reason = "HubSpot has no invoice with our key."
        return Result(change.key, Outcome.SKIPPED, kind=change.rule, reason=reason, status=wrong.status)
    # What a part of it refuses, or does not find, may be another's doing: the invoice is not refused for good by that
    # while a link is missing whose other end somebody deleted.
    lost = bool(draft.where) and wrong.decision.kind == NOT_FOUND
    return Result(
        change.key,
        Outcome.REJECTED if wrong.is_refused and not lost else Outcome.FAILED,
        kind=wrong.decision.kind,
        reason=sentence(f"{draft.where}{wrong.decision.reason}"),
        vendor_code=wrong.decision.vendor_code,
        status=wrong.status,
        correlation_id=wrong.correlation_id,
        payload=payload,
        uncertain=draft.uncertain,
        missing=tuple(draft.missing) if lost else (),
    )


def _facts(draft: Draft) -> dict[str, Any]:
    """HubSpot's ids, and by which reference the deal was found."""
    facts = {"id": draft.id, **{FACTS[kind]: id_ for kind, id_ in draft.linked.items() if id_}}
    if "deal" in facts and draft.change.body.get("deal"):
        facts["reference"] = draft.change.body["deal"]
    return facts


def _keeps_deal(draft: Draft) -> bool:
    """Whether the deal that it was linked to stays: as long as the reference does."""
    facts = draft.change.facts
    return bool(facts.get("deal")) and facts.get("reference", "") == str(draft.change.body.get("deal") or "")


def _is_linked(draft: Draft) -> bool:
    return draft.change.target_id == draft.change.claim


def _spoilt_by_own(draft: Draft) -> bool:
    """Whether the invoice was refused for one of HubSpot's own properties that it may not take."""
    wrong = draft.wrong
    if wrong is None or wrong.decision is None or not wrong.is_refused or not OWN & draft.sent.keys():
        return False
    return wrong.decision.vendor_code == READ_ONLY or any(name in wrong.decision.reason for name in OWN)
