"""A process that ends at a checkpoint, in this one: nothing after that line is run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ml_connector_tests.engine.world import Died


@contextmanager
def dying_at(checkpoint: str, times: int) -> Iterator[None]:
    """The process dies when it comes by this checkpoint for the n-th time."""
    left = times

    def reached(name: str) -> None:
        nonlocal left
        left -= name == checkpoint
        if name == checkpoint and left == 0:
            raise Died

    with pytest.MonkeyPatch.context() as patch:
        for module in ("deliver", "derive", "poll", "told"):
            patch.setattr(f"ml_connector.engine.{module}.reached", reached)
        yield
