"""Ctrl-C in the middle of long work.

Dagster takes the signal for itself, fails the step and lets the program go on; and what waits for calls in flight ends
no sooner than they do. So a thread watches for the signal, and ends the process where that takes too long: what was
recorded stays, and the next run does what is missing.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Say = Callable[[str], None]

GRACE = 5.0  # seconds in which a run may end in order, so that Dagster shows it as ended
HEARD = 0.5  # seconds within which the thread has heard of a signal
INTERRUPTED = 130  # exit code
ENDING = (signal.SIGINT, signal.SIGTERM)


def nothing() -> None:
    """There is nothing to tidy up."""


@contextmanager
def interruptible(say: Say, tidy_up: Callable[[], None] = nothing) -> Iterator[Say]:
    """Let a signal end the block: with `KeyboardInterrupt` at its next word or at its end, or else the process itself.

    Args:
        say: what the block tells a person through; it gets a wrapped one.
        tidy_up: called before the process is ended.
    """
    interrupted, left = threading.Event(), threading.Event()
    reading, writing = socket.socketpair()
    writing.setblocking(False)

    def watch() -> None:
        while arrived := reading.recv(1):
            if arrived[0] in ENDING:
                interrupted.set()
                if not left.wait(GRACE):
                    tidy_up()
                    os._exit(INTERRUPTED)

    def say_unless_interrupted(text: str) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        say(text)

    watcher = threading.Thread(target=watch, name="interruption", daemon=True)
    watcher.start()
    before = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    try:
        yield say_unless_interrupted
    except BaseException as error:
        if not isinstance(error, Exception) and interrupted.wait(HEARD):  # Dagster raises an interruption of its own
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.set_wakeup_fd(before)
        left.set()
        writing.close()
        watcher.join()
        reading.close()
    if interrupted.is_set():
        raise KeyboardInterrupt
