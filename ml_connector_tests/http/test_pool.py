"""Several calls at once over a lazy iterable."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml_connector.http import concurrently


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 40), st.integers(1, 5), st.integers(0, 5))
def test_every_item_is_done_once(count: int, connections: int, ahead: int) -> None:
    """Whatever the sizes, what goes in comes out."""
    assert sorted(concurrently(lambda n: n * 2, range(count), connections, ahead)) == [n * 2 for n in range(count)]


def test_the_iterable_is_pulled_only_as_far_as_needed() -> None:
    """Memory does not grow with the number of items: connections and `ahead`, no more."""
    pulled = 0

    def items() -> Iterator[int]:
        nonlocal pulled
        while pulled < 100:
            pulled += 1
            yield pulled

    results = concurrently(lambda n: n, items(), 3, ahead=2)
    assert pulled == 0
    for taken in range(1, 20):
        next(results)
        assert pulled <= taken + 3 + 2
    results.close()  # type: ignore[attr-defined]


def test_workers_are_busy_while_the_caller_is_not() -> None:
    """As many run at once as there are connections."""
    together = threading.Barrier(4, timeout=5)
    assert len(list(concurrently(lambda _: together.wait(), range(8), 4))) == 8


def test_results_come_as_they_are_ready() -> None:
    """A slow item does not hold back the quick ones."""
    gate = threading.Event()
    results = concurrently(lambda n: (gate.wait(5) if n == 0 else None, n)[1], range(3), 2)
    assert [next(results), next(results)] == [1, 2]
    gate.set()
    assert list(results) == [0]


@pytest.mark.parametrize("connections", [1, 3])
def test_after_a_failure_nothing_is_started_and_no_result_is_lost(connections: int) -> None:
    """What was running is yielded first, then the failure is raised; what was only pulled is not begun."""
    begun: list[int] = []

    def work(n: int) -> int:
        begun.append(n)
        if n == 3:
            raise RuntimeError("no more")
        time.sleep(0.01)
        return n

    pulled = iter(range(100))
    dropped: list[int] = []
    results = concurrently(work, pulled, connections, ahead=10, dropped=dropped.append)
    got: list[int] = []
    with pytest.raises(RuntimeError, match="no more"):
        got.extend(results)
    assert sorted([*got, 3]) == sorted(begun)
    assert sorted([*begun, *dropped]) == list(range(next(pulled)))
    assert len(begun) <= 4 + 2 * connections


def test_an_iterable_that_fails_is_a_failure_too() -> None:
    """Results of what it gave before come first."""

    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("torn")

    results = concurrently(lambda n: n, items(), 2)
    got: list[int] = []
    with pytest.raises(ValueError, match="torn"):
        got.extend(results)
    assert sorted(got) == [1, 2]


def test_who_stops_listening_leaves_no_thread_behind() -> None:
    """Closing the results ends the workers."""
    before = threading.active_count()
    results = concurrently(lambda n: n, range(1000), 4, ahead=4)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
