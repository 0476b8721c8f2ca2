"""Mailchimp's times: seconds since the epoch inside, `2021-04-16T02:43:14+00:00` outside, unset ones `""`."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

WRITTEN = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}|\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(Z|[+-]\d{2}:?\d{2})")
"""The forms a request may use (Mailchimp reference, section 2); the one without an offset is UTC."""


@lru_cache(maxsize=4096)
def _shown(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()


def shown(at: float) -> str:
    """The time as answers carry it; 0 is an unset one."""
    return _shown(int(at)) if at else ""


def parsed(text: str) -> float:
    """The time of a request's text, 0 for `""`; raises ValueError for any other form."""
    if not text:
        return 0.0
    if not WRITTEN.fullmatch(text):
        raise ValueError(text)
    time = datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
