"""What a stop leaves of the change that a writer was at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ml_connector.engine.ports import Delivery
from ml_connector.http import Stopped


@contextmanager
def sending(delivery: Delivery, key: str) -> Iterator[None]:
    """Around a change's calls up to its first write: a stop that was certainly without effect leaves no doubt.

    A later call does not belong in here: that it was refused says nothing about the write before it.
    """
    try:
        yield
    except Stopped as stopped:
        if stopped.without_effect:
            delivery.not_sent(key)
        raise
