"""Named places between two steps at which a test may end the process, to prove that what comes after can be missed.

`ML_CONNECTOR_DIE_AT="deliver: sent#3"` kills the process with SIGKILL when it comes by for the third time. Unset, as in
every real run, a checkpoint costs one comparison.
"""

from __future__ import annotations

import os
import signal
from typing import Final

CHECKPOINTS: Final = (
    "poll: landing file complete",
    "poll: landing known",
    "poll: everything landed",
    "poll: vanished records marked",
    "poll: coverage advanced",
    "deliver: flow opened",
    "deliver: intents written",
    "deliver: answered",
    "deliver: outcomes recorded",
    "deliver: pass ended",
    "deliver: everything taken up",
    "deliver: counted",
)
INWARD_CHECKPOINTS: Final = (
    "told: events landed",
    "told: inbox noted",
    "derive: everything landed",
    "derive: taken up",
    "visma: document created",
)
"""Between what a webhook told, what is made of it, and what then stands in the books."""
INVOICE_CHECKPOINTS: Final = (
    "hubspot: invoices written",
    "hubspot: line items written",
    "hubspot: invoices linked",
)
"""Within one record's delivery, where a system makes an object of several calls."""
CHARGEBEE_CHECKPOINTS: Final = (
    "chargebee: customer half changed",
    "chargebee: invoice imported",
    "chargebee: payment taken off",
    "chargebee: invoice voided",
    "chargebee: details changed",
    "chargebee: payment recorded",
    "chargebee: credit note imported",
)
"""Likewise, where an invoice is followed by several calls."""

_place = ""
_left = 0


def arm(place: str) -> None:
    """Die at this checkpoint from now on: `NAME`, or `NAME#3` for the third time."""
    global _place, _left
    _place, _, times = place.partition("#")
    _left = int(times or 1)


def reached(checkpoint: str) -> None:
    """The process came by this checkpoint."""
    if _place:
        _count(checkpoint)


def _count(checkpoint: str) -> None:
    global _left
    if checkpoint != _place:
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


arm(os.environ.get("ML_CONNECTOR_DIE_AT", ""))
