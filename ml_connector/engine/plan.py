"""Plans: what becomes of a record in a pass, a change to send or an outcome that needs no call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ml_connector.engine.records import (
    NOTHING,
    Change,
    Need,
    Outcome,
)
from ml_connector.store.backlog import Version
from ml_connector.store.deliveries import State


# Made once per record, and therefore not frozen: that takes four times as long.
@dataclass(slots=True, kw_only=True)
class Planned:
    """What is to happen to one record: `Send` or `Settle`.

    Attributes:
        version: which landed version it is about.
        state: what the ledger knew of the record.
        claim: the identity that it wants from now on.
        stance: how it stands to that claim.
        in_doubt: an earlier write was never answered: what the target holds is not known.
        astray: identities under which such writes may have put the object, besides the one it is linked to.
        lacking: what it needs of other flows, and is not there.
        brings: what of that is brought over before anything else happens to it.
    """

    version: Version
    state: State | None
    claim: str | None
    stance: str | None
    in_doubt: bool = False
    astray: tuple[str, ...] = ()
    lacking: Sequence[Need] = ()
    brings: Sequence[Need] = ()

    @property
    def key(self) -> str:
        return self.version.key

    @property
    def linked_to(self) -> str | None:
        return self.state.target_id if self.state else None

    def identities(self) -> set[str]:
        """Every identity at the target that this record concerns."""
        held = self.state.claim if self.state else None
        return {identity for identity in (self.claim, self.linked_to, held, *self.astray) if identity is not None}


@dataclass(slots=True, kw_only=True)
class Send(Planned):
    """A change to send.

    Attributes:
        displaces: the record that is linked to the claim now and loses it.
        aliases: see `Desired.aliases`.
        needs: see `Desired.needs`.
    """

    change: Change
    displaces: str | None = None
    aliases: Sequence[str] | None = None
    needs: Mapping[str, Need] = field(default_factory=lambda: NOTHING)

    @property
    def is_resumed(self) -> bool:
        """An earlier process carried it out up to the answer; what it was made of is not at hand."""
        return self.version.landing_id == 0


@dataclass(slots=True, kw_only=True)
class Settle(Planned):
    """An outcome that needs no call.

    Attributes:
        waits: it is tried again once an earlier write can no longer take effect.
        due_at: when its time comes; None: when something changes.
        aliases: see `Desired.aliases`.
    """

    outcome: Outcome
    rule: str | None = None
    kind: str | None = None
    reason: str | None = None
    waits: bool = False
    due_at: datetime | None = None
    aliases: Sequence[str] | None = None
