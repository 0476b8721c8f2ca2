"""Which properties are written to a record that HubSpot holds already; pure.

| behaviour    | a new record | one that is there                    |
| ------------ | ------------ | ------------------------------------ |
| `overwrite`  | written      | written                              |
| `fill_empty` | written      | written where nothing stands there   |
| `never`      | written      | left alone                           |

The lifecycle stage only ever moves forward, whatever is configured (HubSpot reference, section 11).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ml_connector.systems.hubspot.settings import LIFECYCLE

OVERWRITE: Final = "overwrite"
FILL_EMPTY: Final = "fill_empty"
NEVER: Final = "never"

STAGES: Final = (
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
)
"""In their order. Stages that an account made itself have no place in it, so they are left alone."""


def for_new(wanted: Mapping[str, str]) -> dict[str, str]:
    """What a new record gets: an empty text would only clear what is empty."""
    return {name: value for name, value in wanted.items() if value}


def for_ours(wanted: Mapping[str, str], rules: Mapping[str, str]) -> dict[str, str]:
    """What a record gets that we wrote before and of which nothing was read."""
    return {
        name: value for name, value in wanted.items() if name != LIFECYCLE and rules.get(name, OVERWRITE) == OVERWRITE
    }


def for_present(
    wanted: Mapping[str, str], rules: Mapping[str, str], there: Mapping[str, Any], *, ours: bool
) -> dict[str, str]:
    """What a record gets that was read; one that is not ours yet keeps what we have nothing for."""
    return {
        name: value
        for name, value in wanted.items()
        if (value or ours) and _is_written(name, value, rules.get(name, OVERWRITE), there.get(name))
    }


def is_forward(stage: Any, wanted: str) -> bool:
    """Whether the wanted lifecycle stage lies ahead of the one that is there."""
    if not stage:
        return True
    return stage in STAGES and wanted in STAGES and STAGES.index(stage) < STAGES.index(wanted)


def _is_written(name: str, value: str, rule: str, there: Any) -> bool:
    if name == LIFECYCLE:
        return is_forward(there, value)
    return rule == OVERWRITE or (rule == FILL_EMPTY and there in (None, ""))
