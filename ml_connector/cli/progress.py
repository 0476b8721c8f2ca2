"""What a person sees while something takes its time: a bar on a terminal, and why nothing happens for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from ml_connector.cli import output
from ml_connector.cli.interruption import Say, interruptible, nothing

if TYPE_CHECKING:
    from stamina.instrumentation import RetryDetails


@contextmanager
def progress(tidy_up: Callable[[], None] = nothing) -> Iterator[Say]:
    """A bar while something runs whose end nobody knows; the function that it gives changes the words beside it.

    Everything goes to standard error. Off a terminal there is no bar, and only retries are mentioned. Ctrl-C ends the
    work in any case; `tidy_up` is called before it has to be ended by force.
    """
    printer = output.console(error=True)
    columns = (BarColumn(bar_width=20), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=printer, transient=True, disable=not printer.is_terminal) as bars:
        task = bars.add_task("Starting", total=None)
        with _retries_told(printer.print), interruptible(partial(_describe, bars, task), tidy_up) as say:
            yield say


def _describe(bars: Progress, task: TaskID, text: str) -> None:
    bars.update(task, description=text)


@contextmanager
def _retries_told(tell: Say) -> Iterator[None]:
    """Say that a call is made again, and why; without this it would be logged on standard output."""
    from stamina.instrumentation import get_on_retry_hooks, set_on_retry_hooks

    def hook(details: RetryDetails) -> None:
        tell(f"{str(details.caused_by).rstrip('.')}; trying again in {details.wait_for:.0f} s")

    before = get_on_retry_hooks()
    set_on_retry_hooks([hook])
    try:
        yield
    finally:
        set_on_retry_hooks(before)
