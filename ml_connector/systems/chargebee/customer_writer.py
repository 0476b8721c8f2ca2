"""Delivers customers: created by their own id, changed by two calls of which only those are made that are needed
(Chargebee reference, section 3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from ml_connector.engine.answered import AnsweredAtOnce, not_done
from ml_connector.engine.checkpoints import reached
from ml_connector.engine.digests import digest_of
from ml_connector.engine.ports import Delivery
from ml_connector.engine.records import Change, Operation, Outcome, Result
from ml_connector.http import CallProblem, RecordRefused, Uncertain, concurrently
from ml_connector.systems.chargebee.client import ChargebeeClient
from ml_connector.systems.chargebee.customers import VAT
from ml_connector.systems.chargebee.errors import DUPLICATE, MISSING
from ml_connector.systems.chargebee.fields import ADDRESS, VAT_NUMBER
from ml_connector.systems.chargebee.results import with_posts

REPLACED = ("vat_number", "vat_number_prefix", "registered_for_gst", "business_customer_without_vat_number")
"""What `update_billing_info` removes where it is left out, besides the address (section 3.3)."""
KEPT_OF_ADDRESS = (*ADDRESS, "state_code")


class CustomersWriter(AnsweredAtOnce[ChargebeeClient]):
    """An engine `Writer`. A change is one customer, so calls about one customer are never under way at once."""

    def deliver(self, changes: Iterable[Change], delivery: Delivery) -> Iterator[Result]:
        def delivered(change: Change) -> Result:
            return with_posts(self._client, change, self._delivered)

        return concurrently(delivered, changes, self._client.settings.connections)

    def _delivered(self, change: Change) -> Result:
        try:
            is_new = change.operation in (Operation.CREATE, Operation.MOVE)
            return self._created(change) if is_new else self._changed(change)
        except CallProblem as problem:
            return not_done(change, problem)

    def _created(self, change: Change) -> Result:
        """By our own id, in one call. One that is there already is ours, or a person's that shall be: it is changed."""
        if not change.create:
            return self._changed(change)
        body = change.body
        members = {"id": change.claim, **_given(body["customer"]), "auto_collection": "off"}
        billing = _given(body["billing"])
        address = _given(body["billing"]["billing_address"])
        members |= {**billing, "billing_address": address} if address else billing
        purpose = change.key if change.target_id is None else f"{change.key} again"  # it was deleted there
        try:
            answer = self._client.post("/customers", members, purpose=purpose)
        except RecordRefused as problem:
            if problem.decision.vendor_code != DUPLICATE:
                raise
            return self._changed(change, everything=True)
        return Result(
            change.key,
            Outcome.CREATED,
            target_id=change.claim,
            facts=_facts(change),
            status=answer.status,
            correlation_id=answer.correlation_id,
        )

    def _changed(self, change: Change, *, everything: bool = False) -> Result:
        """By the calls that are needed: what stands there decides, and what was confirmed, where that differs.

        What a call changed before another one failed is nowhere noted, so what was confirmed does not tell alone.
        """
        path, before = f"/customers/{quote(change.claim, safe='')}", {} if everything else change.facts
        if all(before.get(name) == value for name, value in _facts(change).items()):
            before = {}  # a replay, or a doubt: what was confirmed is sent again
        found = self._client.find(path)
        if found is None or found.data["customer"].get("deleted"):
            return self._absent(change, everything=everything)
        held, body = found.data["customer"], change.body
        status: int | None = None
        if before.get("customer") != _digest(body["customer"]) or _differs(held, body["customer"]):
            status = self._client.post(path, body["customer"]).status
            reached("chargebee: customer half changed")
        ours = {name: value for name, value in body["billing"].items() if name != "billing_address"}
        address = body["billing"]["billing_address"]
        if (
            before.get("billing") != _digest(body["billing"])
            or _differs(held, ours)
            or _differs(held.get("billing_address") or {}, address)
        ):
            whole = _whole_set(held, ours, address)
            try:
                status = self._client.post(f"{path}/update_billing_info", whole).status
            except CallProblem as problem:
                # With one of two calls made, what stands there is neither what was confirmed nor what is wanted.
                uncertain = status is not None or isinstance(problem, Uncertain)
                return not_done(change, problem)._replace(uncertain=uncertain)
        return Result(
            change.key,
            Outcome.UPDATED,
            target_id=change.claim,
            facts=_facts(change),
            status=status,
        )

    def _absent(self, change: Change, *, everything: bool) -> Result:
        if not change.create:
            return Result(change.key, Outcome.SKIPPED, status=MISSING, reason="It is not at Chargebee.")
        if everything:
            return Result(
                change.key,
                Outcome.REJECTED,
                facts=change.facts,
                kind="deleted there",
                status=MISSING,
                reason=f"{change.claim} was deleted at Chargebee, and its id stays taken. Choose another `prefix`.",
            )
        return self._created(change)


def _whole_set(held: Mapping[str, Any], ours: Mapping[str, Any], address: Mapping[str, Any]) -> dict[str, Any]:
    """What stands there, with ours over it: what is left out would be removed, also what people entered there."""
    stands = held.get("billing_address") or {}
    merged = {**{name: held.get(name) for name in REPLACED}, **ours}
    whole = {**{name: stands.get(name) for name in KEPT_OF_ADDRESS}, **address}
    return {**_given(merged), "billing_address": _given(whole)}


def _differs(held: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether what stands there is not what is wanted; an empty text is nothing."""
    return any(str(held.get(name) or "") != str(value or "") for name, value in wanted.items())


def _given(members: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty: a new customer has nothing to clear, and what is left out of a whole set is removed."""
    return {
        name: value for name, value in members.items() if value not in ("", None) and not isinstance(value, Mapping)
    }


def _facts(change: Change) -> dict[str, Any]:
    """What was confirmed, by digest."""
    body = change.body
    halves = {name: _digest(body[name]) for name in ("customer", "billing")}
    return {"id": change.claim, **halves, VAT: _digest({VAT_NUMBER: body["billing"].get(VAT_NUMBER, "")})}


def _digest(part: Mapping[str, Any]) -> str:
    return digest_of(part).hex()
