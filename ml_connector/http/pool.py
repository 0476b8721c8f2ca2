"""Several calls at once, over a lazy iterable, in bounded memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def concurrently(
    work: Callable[[T], R],
    items: Iterable[T],
    connections: int,
    ahead: int = 0,
    dropped: Callable[[T], None] | None = None,
) -> Iterator[R]:
    """Do the work for every item, `connections` at a time; results come as they are ready, in any order.

    Items are pulled in the caller's thread, as many as keep the workers busy and `ahead` more. After an exception of
    the work nothing more is pulled or started: what is running is finished, every finished result is yielded, and then
    the first exception is raised; items that were pulled and not started are dropped, and `dropped` is told of each.
    After an exception of the iterable what was pulled is still done.
    """
    stopped = threading.Event()

    def guarded(item: T) -> tuple[R, ...]:
        if stopped.is_set():
            if dropped is not None:
                dropped(item)
            return ()
        try:
            return (work(item),)
        except BaseException:
            stopped.set()
            raise

    done: SimpleQueue[Future[tuple[R, ...]]] = SimpleQueue()
    source = iter(items)
    outstanding = 0
    failure: BaseException | None = None
    executor = ThreadPoolExecutor(connections, thread_name_prefix="call")
    try:
        while True:
            try:
                while outstanding < connections + ahead and not stopped.is_set():
                    pulled = list(islice(source, 1))
                    if not pulled:
                        break
                    executor.submit(guarded, pulled[0]).add_done_callback(done.put)
                    outstanding += 1
            except Exception as error:
                failure, source = failure or error, iter(())
            if not outstanding:
                break
            future = done.get()
            outstanding -= 1
            if (problem := future.exception()) is not None:
                failure = failure or problem
            else:
                yield from future.result()
    finally:
        stopped.set()
        executor.shutdown(wait=True, cancel_futures=True)
    if failure is not None:
        raise failure
