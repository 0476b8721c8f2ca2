"""Bringing a record over through its own flow, because a record of another flow needs it first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ml_connector.engine.deliver import deliver
from ml_connector.engine.ports import Clock, Flow, Writer
from ml_connector.engine.windows import Windows
from ml_connector.store.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Bringer:
    """A `Bring` of one target in one run.

    Attributes:
        flows: all flows of the target, by name, those that the run does not deliver too.
        writer: opens a writer for a flow.
    """

    flows: Mapping[str, Flow]
    writer: Callable[[str], Writer]
    ledger: Ledger
    target: str
    system: str
    windows: Windows
    run_id: str
    clock: Clock

    def __call__(self, flow: str, keys: Sequence[str]) -> None:
        other = self.flows.get(flow)
        if other is None:
            return
        keys = self.ledger.links(self.target).unattempted(flow, other.entity, keys, self.clock())
        if not keys:
            return
        report = deliver(
            other,
            self.writer(flow),
            self.ledger,
            self.target,
            self.system,
            self.windows,
            run_id=self.run_id,
            clock=self.clock,
            only=keys,
            bring=self,
        )
        if report.stopped is not None:
            raise report.stopped
