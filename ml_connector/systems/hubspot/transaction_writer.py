"""Delivers transactions to the custom object, or to the properties of their invoices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ml_connector.engine.records import Change, Outcome, Result
from ml_connector.http import Stopped, to_json
from ml_connector.systems.hubspot.batches import Input, Reply, Write
from ml_connector.systems.hubspot.client import HubSpotClient
from ml_connector.systems.hubspot.drafts import Halted, sentence
from ml_connector.systems.hubspot.errors import NOT_FOUND
from ml_connector.systems.hubspot.heirs import associate_or_heirs, is_gone
from ml_connector.systems.hubspot.in_groups import InGroups
from ml_connector.systems.hubspot.merging import for_new
from ml_connector.systems.hubspot.properties import COMPANIES, INVOICES
from ml_connector.systems.hubspot.transaction_settings import TransactionsSettings
from ml_connector.systems.hubspot.transaction_store import Store, require_store
from ml_connector.systems.hubspot.transactions import COMPANY, INVOICE

NO_PLACE = "no custom object, and no invoice"


class TransactionsWriter(InGroups[Store]):
    """A `Writer` of transactions."""

    def __init__(self, client: HubSpotClient, settings: TransactionsSettings) -> None:
        super().__init__(client)
        self._settings = settings

    def _prepare(self) -> Store:
        """Where transactions go."""
        return require_store(self._client, self._settings)

    def _write(self, group: Sequence[Change], ready: Store) -> list[Result]:
        return _Group(self._client, self._settings, ready, [_Draft(change) for change in group]).run()

    def _connections(self, ready: Store) -> int:
        """On invoices, one group after the other: two batches may concern the same one."""
        return super()._connections(ready) if ready.is_object else 1


@dataclass(slots=True)
class _Draft:
    """One change on its way; `wrong` is why it is not done, `whole`: empty values are sent, too.

    `missing`: names in the body of what HubSpot does not know any more.
    """

    change: Change
    reply: Reply = field(default_factory=Reply)
    wrong: Reply | None = None
    where: str = ""
    uncertain: bool = False
    whole: bool = False
    missing: list[str] = field(default_factory=list)

    @property
    def is_linked(self) -> bool:
        return self.change.target_id == self.change.claim

    def ids(self, begin: str) -> dict[str, str]:
        """Name in the body -> id, of the companies or invoices that came into it."""
        return {name: str(value) for name, value in self.change.body.items() if name.startswith(begin)}

    def note(self, reply: Reply, where: str) -> None:
        if reply.decision is not None and self.wrong is None:
            self.wrong, self.where = reply, where
        self.uncertain |= reply.uncertain


@dataclass(slots=True)
class _Group:
    client: HubSpotClient
    settings: TransactionsSettings
    store: Store
    drafts: list[_Draft]

    def run(self) -> list[Result]:
        """One result per change. Raises Halted."""
        try:
            if self.store.type_id is not None:
                self._to_object(self.store.type_id)
            else:
                self._to_invoices()
        except Stopped as problem:
            raise Halted([self._result(draft) for draft in self.drafts if draft.wrong], problem) from None
        return [self._result(draft) for draft in self.drafts]

    def _to_object(self, type_id: str) -> None:
        for operation, create in (("upsert", True), ("update", False)):
            drafts = [draft for draft in self.drafts if draft.change.create is create]
            self._write(type_id, operation, drafts)
            # A run that died had made these: what has no value any more is to be cleared there as well.
            made = [one for one in drafts if one.wrong is None and not one.reply.new and not one.is_linked]
            for draft in made:
                draft.whole = True
            self._write(type_id, operation, [one for one in made if not all(one.change.body["properties"].values())])
        for kind, begin, where in ((COMPANIES, COMPANY, "its company: "), (INVOICES, INVOICE, "its invoice: ")):
            self._link(type_id, kind, begin, where)

    def _link(self, type_id: str, kind: str, begin: str, where: str) -> None:
        pairs = {
            (str(draft.reply.id), other): (draft, name)
            for draft in self.drafts
            if draft.wrong is None
            for name, other in draft.ids(begin).items()
        }
        replies, heirs = associate_or_heirs(self.client, type_id, kind, list(pairs))
        for pair, reply in replies.items():
            draft, name = pairs[pair]
            if is_gone(reply) or pair in heirs:  # so that the ledger hears of it
                draft.missing.append(name)
            draft.note(reply, where)

    def _write(self, type_id: str, operation: str, drafts: Sequence[_Draft]) -> None:
        named = {str(place): draft for place, draft in enumerate(drafts)}
        inputs = [Input(trace, one.change.claim, self._sent(one), self._key) for trace, one in named.items()]
        for trace, reply in Write(self.client, self.client.routes.batch(type_id, operation)).send(inputs).items():
            named[trace].reply = reply
            named[trace].note(reply, "")

    def _to_invoices(self) -> None:
        """An id may stand once in a call, so what concerns the same invoice goes one after the other."""
        wanted = [(draft, name, id_) for draft in self.drafts for name, id_ in draft.ids(INVOICE).items()]
        while wanted:
            turn: dict[str, tuple[_Draft, str]] = {}
            later = []
            for draft, name, id_ in wanted:
                if id_ in turn:
                    later.append((draft, name, id_))
                else:
                    turn[id_] = draft, name
            inputs = [Input(id_, id_, one.change.body["invoice"]) for id_, (one, _) in turn.items()]
            replies = Write(self.client, self.client.routes.batch(INVOICES, "update")).send(inputs)
            for id_, reply in replies.items():
                draft, name = turn[id_]
                draft.reply = reply
                if is_gone(reply):
                    draft.missing.append(name)
                draft.note(reply, "its invoice: ")
            wanted = later

    @property
    def _key(self) -> str:
        return self.settings.transaction_key

    def _sent(self, draft: _Draft) -> dict[str, str]:
        properties: Mapping[str, str] = draft.change.body["properties"]
        whole = dict(properties) if draft.is_linked or draft.whole else for_new(properties)
        return whole | {self._key: draft.change.claim}

    def _result(self, draft: _Draft) -> Result:
        change, wrong = draft.change, draft.wrong
        if not self.store.is_object and not draft.ids(INVOICE):
            reason = f"It posted no invoice that is at HubSpot. {self.store.why}"
            return Result(change.key, Outcome.SKIPPED, kind=NO_PLACE, reason=reason)
        sent = {"properties": self._sent(draft)} if self.store.is_object else {"invoice": change.body["invoice"]}
        payload = to_json({**change.body, **sent})
        if wrong is None or wrong.decision is None:
            is_new = draft.reply.new or (not self.store.is_object and not draft.is_linked)
            facts: dict[str, Any] = {"id": draft.reply.id} if self.store.is_object else {"invoice": draft.reply.id}
            return Result(
                change.key,
                Outcome.CREATED if is_new else Outcome.UPDATED,
                target_id=change.claim,
                facts=facts,
                status=draft.reply.status,
                correlation_id=draft.reply.correlation_id,
                payload=payload,
                uncertain=draft.uncertain,
                missing=tuple(draft.missing),
            )
        if wrong.decision.kind == NOT_FOUND and not change.create and not draft.where:
            reason = "HubSpot has no transaction with our key."
            return Result(change.key, Outcome.SKIPPED, kind=change.rule, reason=reason, status=wrong.status)
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
